//! Drives and times the batcher directly: a single prompt, or a batch that only decodes. Must not
//! know what the times are compared with.

use std::sync::Arc;
use std::time::Duration;

use inference::batcher::{Batcher, kv_bytes_needed};
use inference::error::LoadError;
use inference::model::Model;
use inference::request::{BatchOptions, Event, Fault, Request, StepReport};
use inference::sampling::Sampling;

use super::{BenchError, Settings};
use crate::measure::Clock;

/// An engine that is idle between measurements.
pub(super) struct Bench {
    batcher: Batcher,
    events: Vec<Event>,
    clock: Clock,
    prompt: usize,
    steps: usize,
}

/// Steps of pure decode.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decoded {
    /// Time of all steps.
    pub(super) total: Duration,
    /// Part of that time outside the passes, in which the scheduler composes them and delivers
    /// tokens.
    pub(super) scheduling: Duration,
}

impl Bench {
    /// With cache for the largest measurement, otherwise with the engine's own limits.
    pub(super) fn new(
        model: Arc<Model>,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, LoadError> {
        let own = BatchOptions::default();
        let largest = settings.batches.iter().copied().max().unwrap_or(1);
        let (prompt, steps) = (settings.decode_prompt, settings.decode_steps);
        let decode = kv_bytes_needed(
            model.config(),
            own.kv_format,
            largest,
            prompt + outputs(largest, prompt, steps, own.prefill_chunk),
        );
        let prefill = kv_bytes_needed(model.config(), own.kv_format, 1, settings.prompt + 1);
        let options = BatchOptions {
            kv_bytes: decode.max(prefill),
            max_batch: largest,
            max_queue: largest.max(own.max_queue),
            ..own
        };
        let mut batcher = Batcher::new(model, options)?;
        batcher.touch_cache();
        Ok(Self {
            batcher,
            events: Vec::with_capacity(4 * largest),
            clock,
            prompt,
            steps,
        })
    }

    /// Time from a prompt's submission to its first token.
    pub(super) fn prefill(&mut self, tokens: usize) -> Result<Duration, BenchError> {
        self.submit(0, tokens, 1)?;
        let start = self.clock.now();
        while !self.batcher.is_idle() {
            self.step()?;
        }
        Ok(self.clock.now() - start)
    }

    /// Time of the decode steps after all prompts of a batch are in the cache. Prompts enter chunk
    /// by chunk while earlier ones already decode, so contexts exceed the prompt's length by up to
    /// the number of chunks.
    pub(super) fn decode(&mut self, batch: usize) -> Result<Decoded, BenchError> {
        let chunk = self.batcher.options().prefill_chunk;
        let outputs = outputs(batch, self.prompt, self.steps, chunk);
        for id in 0..batch {
            if let Err(refusal) = self.submit(id, self.prompt, outputs) {
                self.clear(batch);
                return Err(refusal);
            }
        }
        for _ in 0..(batch * self.prompt).div_ceil(chunk) {
            if let Err(spoilt) = self.step() {
                self.clear(batch);
                return Err(spoilt);
            }
        }
        let decoded = self.timed(batch);
        self.clear(batch);
        decoded
    }

    fn timed(&mut self, batch: usize) -> Result<Decoded, BenchError> {
        let (mut computing, start) = (Duration::ZERO, self.clock.now());
        for _ in 0..self.steps {
            self.events.clear();
            self.batcher.begin_step(&mut self.events);
            let before = self.clock.now();
            self.batcher.compute();
            computing += self.clock.now() - before;
            let report = self.batcher.finish_step(&mut self.events);
            finite(&self.events)?;
            let advanced = if report.prefill_tokens == 0 {
                tokens(&self.events)
            } else {
                0
            };
            if advanced != batch {
                return Err(BenchError::Uneven { batch, advanced });
            }
        }
        let total = self.clock.now() - start;
        Ok(Decoded {
            total,
            scheduling: total.saturating_sub(computing),
        })
    }

    fn step(&mut self) -> Result<StepReport, BenchError> {
        self.events.clear();
        let report = self.batcher.step(&mut self.events);
        finite(&self.events).map(|()| report)
    }

    fn submit(&mut self, id: usize, tokens: usize, outputs: usize) -> Result<(), BenchError> {
        let vocabulary = self.batcher.model().config().vocab_size;
        // Speed does not depend on the tokens; different tokens prevent equal rows from staying in
        // the caches.
        let prompt = (0..tokens)
            .map(|i| ((i * 7919 + id * 104_729 + 1) % vocabulary) as u32)
            .collect();
        let request = Request {
            id: id as u64,
            prompt,
            max_new_tokens: outputs,
            sampling: Sampling::Greedy,
            stop_on_eos: false,
        };
        Ok(self.batcher.submit(request)?)
    }

    fn clear(&mut self, batch: usize) {
        for id in 0..batch {
            self.batcher.cancel(id as u64);
        }
    }
}

/// Fails if a request failed because of a value that the model computed.
pub(super) fn finite(events: &[Event]) -> Result<(), BenchError> {
    match events.iter().any(|event| {
        matches!(
            event,
            Event::Failed {
                fault: Fault::NonFiniteLogits,
                ..
            }
        )
    }) {
        true => Err(BenchError::NotFinite),
        false => Ok(()),
    }
}

fn tokens(events: &[Event]) -> usize {
    events
        .iter()
        .filter(|event| matches!(event, Event::Token { .. }))
        .count()
}

/// Number of tokens a request must be able to generate: those of the timed steps, and those that
/// the first request generates while the last prompt is processed.
fn outputs(batch: usize, prompt: usize, steps: usize, chunk: usize) -> usize {
    (batch * prompt).div_ceil(chunk) + steps + 1
}
