//! Engines that answer one request in one call. Owns the trait and the thread pool that makes an
//! engine of it: one thread for each request that may be in flight.
//!
//! ```text
//! submit ─→ waiting ─a thread is free→ answering ─answered, failed, cancelled→ ended
//!                        └─ cancelled meanwhile ────────────────────────────→ ended
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use contract::spec::Demand;

use super::super::{
    Counters, Ending, Engine, EngineError, EngineEvent, EngineRequest, ErrorKind, StepLoad,
    StepSink, WindowStart,
};
use super::{Facts, LinkedEngine, OpenError, Setting, Start, Tokenize, encoder};

/// An engine that answers one request in one call. Calls come from several threads at a time.
pub trait BlockingEngine: LinkedEngine + Sync {
    /// Answers a request: passes each token to `answer` as soon as it is there, until there are
    /// `max_new_tokens`, also past an end-of-sequence token, so that all builds do the same work.
    /// Returns early when [`Answer::token`] returns false.
    ///
    /// # Errors
    /// Why the request failed.
    fn answer(&self, request: &EngineRequest, answer: &mut Answer<'_>) -> Result<(), ErrorKind>;

    /// The measured window begins: drop what the warm-up left, for example a prompt cache.
    fn begin_window(&self) {}
}

/// Receives the tokens of one request.
pub struct Answer<'a> {
    tell: &'a dyn Fn(EngineEvent),
    index: u32,
    left: u32,
    cancelled: &'a AtomicBool,
}

/// An engine before its threads are started.
pub(super) struct Pool<E>(E);

struct Threads {
    encode: super::super::threaded::Encode,
    shared: Arc<Shared>,
    begin_window: Box<dyn Fn() + Send>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    bell: Condvar,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<EngineRequest>,
    /// Stored here, so that submitting never waits for a sink.
    peak_waiting: u32,
    /// Requests that wait or are being answered, and whether each is to end.
    held: BTreeMap<u32, Arc<AtomicBool>>,
    down: bool,
    over: bool,
}

/// One lock, so that events are stamped in the order in which they are reported.
struct Told {
    sink: Box<dyn StepSink>,
    counters: Counters,
    /// A thread has panicked: no further event is reported.
    down: bool,
}

impl Answer<'_> {
    /// Adds a token. Returns false if the answer is complete or was cancelled.
    pub fn token(&mut self, token: u32) -> bool {
        if self.left == 0 || self.cancelled.load(Ordering::Relaxed) {
            return false;
        }
        self.left -= 1;
        (self.tell)(EngineEvent::Token {
            index: self.index,
            token,
        });
        self.left > 0
    }
}

impl<E: BlockingEngine> LinkedEngine for Pool<E> {
    const NAME: &'static str = E::NAME;
    type Options = E::Options;

    fn open(
        options: E::Options,
        setting: &Setting,
        phase: &mut dyn FnMut(&'static str),
    ) -> Result<Self, OpenError> {
        E::open(options, setting, phase).map(Self)
    }

    fn facts(&self) -> Facts {
        self.0.facts()
    }

    fn tokenizer(&self) -> Result<Tokenize, OpenError> {
        self.0.tokenizer()
    }
}

impl<E: BlockingEngine> Start for Pool<E> {
    fn start(
        self,
        tokenize: Tokenize,
        sink: Box<dyn StepSink>,
        demand: Demand,
    ) -> std::io::Result<Box<dyn Engine>> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            bell: Condvar::new(),
            told: Mutex::new(Told {
                sink,
                counters: Counters::default(),
                down: false,
            }),
        });
        let engine = Arc::new(self.0);
        let window = Arc::clone(&engine);
        // If a thread could not be started, dropping the pool ends those that were.
        let mut pool = Threads {
            encode: Box::new(encoder(tokenize)),
            shared: Arc::clone(&shared),
            begin_window: Box::new(move || window.begin_window()),
            threads: Vec::with_capacity(demand.concurrency as usize),
        };
        for _ in 0..demand.concurrency.max(1) {
            let (engine, shared) = (Arc::clone(&engine), Arc::clone(&shared));
            let thread = std::thread::Builder::new().name("engine".to_owned());
            pool.threads
                .push(thread.spawn(move || serve(&*engine, &shared))?);
        }
        Ok(Box::new(pool))
    }
}

fn serve<E: BlockingEngine>(engine: &E, shared: &Shared) {
    while let Some((request, cancelled)) = shared.next() {
        let index = request.index;
        if cancelled.load(Ordering::Relaxed) {
            shared.ended(index, Ending::Cancelled);
            continue;
        }
        shared.started(index);
        let mut answer = Answer {
            tell: &|event| shared.token(event),
            index,
            left: request.max_new_tokens,
            cancelled: &cancelled,
        };
        let call = AssertUnwindSafe(|| engine.answer(&request, &mut answer));
        let Ok(outcome) = catch_unwind(call) else {
            lock(&shared.queue).down = true;
            let mut told = lock(&shared.told);
            told.tell(EngineEvent::Down);
            told.down = true;
            return;
        };
        let ending = match outcome {
            _ if cancelled.load(Ordering::Relaxed) && answer.left > 0 => Ending::Cancelled,
            Ok(()) if answer.left == 0 => Ending::Finished,
            // The engine returned success with too few tokens.
            Ok(()) => Ending::Failed(ErrorKind::Internal),
            Err(kind) => Ending::Failed(kind),
        };
        shared.ended(index, ending);
    }
}

impl Shared {
    /// Waits for the next request to answer; `None` when the pool ends.
    fn next(&self) -> Option<(EngineRequest, Arc<AtomicBool>)> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.over {
                return None;
            }
            if let Some(request) = queue.waiting.pop_front() {
                let cancelled = queue.held.get(&request.index).map(Arc::clone);
                return Some((request, cancelled.unwrap_or_default()));
            }
            queue = self
                .bell
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn started(&self, index: u32) {
        let queue = lock(&self.queue);
        let running = saturated(queue.held.len() - queue.waiting.len());
        drop(queue);
        let mut told = lock(&self.told);
        told.counters.see(StepLoad {
            running,
            ..StepLoad::default()
        });
        told.sink.begins();
        told.tell(EngineEvent::Started { index });
    }

    /// Each token is its own step, because requests share none.
    fn token(&self, event: EngineEvent) {
        let mut told = lock(&self.told);
        told.tell(event);
        told.counters.step(StepLoad::default());
    }

    fn ended(&self, index: u32, ending: Ending) {
        lock(&self.queue).held.remove(&index);
        lock(&self.told).tell(EngineEvent::Ended { index, ending });
    }
}

impl Told {
    fn tell(&mut self, event: EngineEvent) {
        if !self.down {
            self.sink.happened(&[event]);
        }
    }
}

impl Engine for Threads {
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError> {
        let mut queue = lock(&self.shared.queue);
        if queue.down {
            return Err(EngineError::Down);
        }
        let mut refused = Vec::new();
        for request in batch.drain(..) {
            match request.prompt.is_empty() || request.max_new_tokens == 0 {
                true => refused.push(request.index),
                false => {
                    queue.held.insert(request.index, Arc::default());
                    queue.waiting.push_back(request);
                }
            }
        }
        queue.peak_waiting = queue.peak_waiting.max(saturated(queue.waiting.len()));
        drop(queue);
        self.shared.bell.notify_all();
        for index in refused {
            self.shared
                .ended(index, Ending::Refused(ErrorKind::Invalid));
        }
        Ok(())
    }

    fn cancel(&mut self, index: u32) {
        if let Some(cancelled) = lock(&self.shared.queue).held.get(&index) {
            cancelled.store(true, Ordering::Relaxed);
        }
    }

    fn begin_window(&mut self, _: WindowStart) {
        lock(&self.shared.queue).peak_waiting = 0;
        lock(&self.shared.told).counters = Counters::default();
        (self.begin_window)();
    }

    fn counters(&self) -> Counters {
        let peak_waiting = lock(&self.shared.queue).peak_waiting;
        Counters {
            peak_waiting,
            ..lock(&self.shared.told).counters
        }
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        (self.encode)(text)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let mut queue = lock(&self.shared.queue);
        queue.over = true;
        for cancelled in queue.held.values() {
            cancelled.store(true, Ordering::Relaxed);
        }
        drop(queue);
        self.shared.bell.notify_all();
        for thread in self.threads.drain(..) {
            // A panic has already been reported as `Down`.
            let _ = thread.join();
        }
    }
}

fn saturated(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
