//! Continuous batching: which requests enter, which tokens make up a pass, and the result of each
//! request. First come, first served. A request enters only with all the pages it can ever need, so
//! every request that entered also finishes and none is preempted. Must not know kernels, threads
//! or time.
//!
//! A request goes Waiting → (pages reserved) → Prefilling → Decoding → finished;
//! [`Batcher::cancel`] ends it in any state, and a logit that is not finite ends it after a pass.

mod memory;
mod sequence;

pub use memory::{kv_bytes_needed, memory_needed};

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use sequence::Sequence;

use crate::error::LoadError;
use crate::forward::Engine;
use crate::kv::{KvCache, pages_for};
use crate::model::Model;
use crate::pass::Batch;
use crate::request::{BatchOptions, Event, Fault, FinishReason, Refusal, Request, StepReport};
use crate::sampling::{Sampler, Sampling};

/// Greatest number of requests for which memory is allocated in advance.
const MAX_ROOM: usize = 1 << 16;

/// Hashed with fixed keys, so that every process does the same work.
type Ids = HashSet<u64, BuildHasherDefault<DefaultHasher>>;

/// Requests in flight on one engine.
pub struct Batcher {
    engine: Engine,
    options: BatchOptions,
    waiting: VecDeque<Request>,
    running: Vec<Sequence>,
    /// Ids of all requests waiting or running.
    ids: Ids,
    batch: Batch,
    /// Indices into `running`, in the order of the pass's logit rows.
    due: Vec<usize>,
    choices: Vec<Option<u32>>,
    sampler: Sampler,
    report: StepReport,
}

/// Pages a request may need: all its tokens except the last are kept.
fn pages_needed(request: &Request) -> usize {
    pages_for(request.prompt.len() + request.max_new_tokens - 1)
}

impl Batcher {
    /// A batcher with its own cache and threads.
    ///
    /// # Errors
    /// When the engine's threads cannot be started.
    pub fn new(model: Arc<Model>, options: BatchOptions) -> Result<Self, LoadError> {
        let max_batch = options.max_batch.max(1);
        let options = BatchOptions {
            max_batch,
            prefill_chunk: options.prefill_chunk.max(1),
            ..options
        };
        let cache = KvCache::new(model.config(), options.kv_format, options.kv_bytes);
        let tokens = max_batch + options.prefill_chunk;
        // Sequences that share pages each list all of them.
        let longest = pages_for(model.config().context).min(cache.total());
        let pages = if options.prefix_reuse {
            max_batch * longest
        } else {
            cache.total()
        };
        let vocab = model.config().vocab_size;
        let queue = options.max_queue.min(MAX_ROOM);
        Ok(Self {
            engine: Engine::new(model, cache, tokens, max_batch)?,
            options,
            waiting: VecDeque::with_capacity(queue),
            running: Vec::with_capacity(max_batch),
            // Twice the greatest number of entries: the set is then cleaned up in place instead of
            // growing.
            ids: Ids::with_capacity_and_hasher(
                2 * (queue + max_batch),
                BuildHasherDefault::default(),
            ),
            batch: Batch::with_capacity(tokens, pages),
            due: Vec::with_capacity(max_batch),
            choices: vec![None; max_batch],
            sampler: Sampler::new(vocab),
            report: StepReport::default(),
        })
    }

    /// Touches the memory of the cache, so that no request waits for the system to provide it. Call
    /// it before the first step.
    pub fn touch_cache(&mut self) {
        self.engine.cache.touch();
    }

    /// Forgets the contents of pages, so that later results do not depend on earlier requests. Call
    /// it between steps.
    pub fn forget_prefixes(&mut self) {
        self.engine.cache.pool.forget_all();
        self.running
            .iter_mut()
            .for_each(|sequence| sequence.known = None);
    }

    /// The model in use.
    pub fn model(&self) -> &Model {
        self.engine.model()
    }

    /// The limits in use.
    pub fn options(&self) -> &BatchOptions {
        &self.options
    }

    /// Adds a request to the end of the queue.
    ///
    /// # Errors
    /// When it can never be served, or the queue is full.
    pub fn submit(&mut self, request: Request) -> Result<(), Refusal> {
        self.check(&request)?;
        self.ids.insert(request.id);
        self.waiting.push_back(request);
        Ok(())
    }

    /// Drops a request in any state and frees its pages; no event follows. Returns false if there
    /// is no such request.
    pub fn cancel(&mut self, id: u64) -> bool {
        if !self.ids.remove(&id) {
            return false;
        }
        if let Some(index) = self.waiting.iter().position(|request| request.id == id) {
            self.waiting.remove(index);
            return true;
        }
        let index = self
            .running
            .iter()
            .position(|sequence| sequence.request.id == id);
        let index = index.expect("an id in the set is of a request waiting or running");
        let sequence = self.running.remove(index);
        self.engine.cache.give_back(&sequence.pages);
        true
    }

    /// Whether nothing is left to do.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// One step: [`Batcher::begin_step`], [`Batcher::compute`], then [`Batcher::finish_step`].
    pub fn step(&mut self, events: &mut Vec<Event>) -> StepReport {
        self.begin_step(events);
        self.compute();
        self.finish_step(events)
    }

    /// Admits requests and composes the next pass. Emits `Started` before any work on a request, so
    /// that the caller can read its clock in between. Call [`Batcher::compute`] and
    /// [`Batcher::finish_step`] next, without cancelling in between.
    pub fn begin_step(&mut self, events: &mut Vec<Event>) {
        self.admit();
        self.batch.clear();
        self.due.clear();
        let (held, kv_pages_held) = (self.running.len(), self.engine.cache.used());
        self.report = StepReport {
            held,
            kv_pages_held,
            ..StepReport::default()
        };
        self.plan_decode();
        self.plan_prefill(events);
    }

    /// Computes the pass: everything in a step except the scheduler's work.
    pub fn compute(&mut self) {
        if self.batch.len() > 0 {
            self.engine.forward(&self.batch);
            self.engine.greedy(&mut self.choices[..self.due.len()]);
        }
    }

    /// Delivers the tokens of the pass, emits the outcomes of requests, and frees requests that
    /// ended.
    pub fn finish_step(&mut self, events: &mut Vec<Event>) -> StepReport {
        if self.batch.len() > 0 {
            (0..self.due.len()).for_each(|row| self.settle(row, events));
            self.retire();
        }
        StepReport {
            running: self.running.len(),
            waiting: self.waiting.len() + self.running.iter().filter(|s| s.computed == 0).count(),
            kv_pages_used: self.engine.cache.used(),
            kv_pages_total: self.engine.cache.total(),
            ..self.report
        }
    }

    fn check(&self, request: &Request) -> Result<(), Refusal> {
        let config = self.engine.model().config();
        let (vocabulary, limit) = (config.vocab_size, config.context);
        if request.prompt.is_empty() {
            return Err(Refusal::EmptyPrompt);
        }
        if request.max_new_tokens == 0 {
            return Err(Refusal::NothingAsked);
        }
        if let Some(&token) = request
            .prompt
            .iter()
            .find(|&&token| token as usize >= vocabulary)
        {
            return Err(Refusal::TokenOutOfRange { token, vocabulary });
        }
        if !request.sampling.is_valid() {
            return Err(Refusal::BadSampling);
        }
        let asked = request.prompt.len().saturating_add(request.max_new_tokens);
        if asked > limit {
            return Err(Refusal::ContextOverflow { asked, limit });
        }
        let (asked, total) = (pages_needed(request), self.engine.cache.total());
        if asked > total {
            return Err(Refusal::CannotEverFit { asked, total });
        }
        self.check_room(request.id)
    }

    fn check_room(&self, id: u64) -> Result<(), Refusal> {
        if self.ids.contains(&id) {
            return Err(Refusal::DuplicateId { id });
        }
        let limit = self.options.max_queue;
        if self.waiting.len() >= limit {
            Err(Refusal::QueueFull { limit })
        } else {
            Ok(())
        }
    }

    /// Admits requests in order of arrival, as far as slots and pages allow; none overtakes
    /// another.
    fn admit(&mut self) {
        while self.running.len() < self.options.max_batch
            && let Some(first) = self.waiting.front()
            && let Some(pages) = self.engine.cache.take(pages_needed(first))
        {
            let request = self.waiting.pop_front().expect("the front was just seen");
            self.running.push(Sequence::new(request, pages));
        }
    }

    fn plan_decode(&mut self) {
        for (index, sequence) in self
            .running
            .iter_mut()
            .enumerate()
            .filter(|(_, s)| !s.prefilling())
        {
            self.batch
                .push(&[sequence.last], sequence.computed, &sequence.pages, 1);
            sequence.computed += 1;
            self.due.push(index);
        }
        self.report.decode_tokens = self.due.len();
    }

    fn plan_prefill(&mut self, events: &mut Vec<Event>) {
        let mut budget = self.options.prefill_chunk;
        for (index, sequence) in self.running.iter_mut().enumerate() {
            if budget == 0 {
                break;
            }
            let reuse = self.options.prefix_reuse;
            if reuse && sequence.computed == 0 {
                sequence.adopt(&mut self.engine.cache.pool);
                self.report.prefix_hit_tokens += sequence.computed;
                if sequence.computed > 0 {
                    events.push(Event::Started {
                        id: sequence.request.id,
                    });
                }
            }
            // Sequences that decode in this pass have no prompt left, so they are not counted
            // twice.
            let rest =
                &sequence.request.prompt[sequence.computed.min(sequence.request.prompt.len())..];
            let count = rest.len().min(budget);
            if count == 0 {
                continue;
            }
            if sequence.computed == 0 {
                events.push(Event::Started {
                    id: sequence.request.id,
                });
            }
            let last = count == rest.len();
            self.batch.push(
                &rest[..count],
                sequence.computed,
                &sequence.pages,
                usize::from(last),
            );
            if last {
                self.due.push(index);
            }
            sequence.computed += count;
            sequence.register(&mut self.engine.cache.pool);
            budget -= count;
        }
        self.report.prefill_tokens = self.options.prefill_chunk - budget;
    }

    /// Chooses the token of one logit row and emits its consequences for the request.
    fn settle(&mut self, row: usize, events: &mut Vec<Event>) {
        let sequence = &mut self.running[self.due[row]];
        let request = &sequence.request;
        let id = request.id;
        let choice = match request.sampling {
            Sampling::Greedy => self.choices[row],
            Sampling::Seeded {
                temperature,
                top_k,
                top_p,
                ..
            } => {
                let logits = self.engine.logits(row);
                self.sampler
                    .draw(logits, temperature, top_k, top_p, &mut sequence.stream)
            }
        };
        let Some(token) = choice else {
            sequence.ended = true;
            events.push(Event::Failed {
                id,
                fault: Fault::NonFiniteLogits,
            });
            return;
        };
        if request.stop_on_eos && self.engine.model().config().eos.contains(&token) {
            sequence.ended = true;
            events.push(Event::Finished {
                id,
                reason: FinishReason::Eos,
            });
            return;
        }
        events.push(Event::Token { id, token });
        sequence.last = token;
        sequence.generated += 1;
        if sequence.generated == request.max_new_tokens {
            sequence.ended = true;
            events.push(Event::Finished {
                id,
                reason: FinishReason::Length,
            });
        }
    }

    /// Frees requests that ended, keeping the order of the others.
    fn retire(&mut self) {
        for sequence in self.running.iter().filter(|sequence| sequence.ended) {
            self.engine.cache.give_back(&sequence.pages);
            self.ids.remove(&sequence.request.id);
        }
        self.running.retain(|sequence| !sequence.ended);
    }
}
