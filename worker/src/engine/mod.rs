//! The engine interface: what a load driver may request from an engine, and what an engine reports.
//! An engine reports *what* happened; its [`StepSink`] records *when*. It must not know load
//! shapes, recorders, or which variant this binary is.

#[cfg(feature = "native")]
mod affinity;
mod inline;
pub mod linked;
#[cfg(feature = "native")]
mod memory;
#[cfg(feature = "native")]
mod native;
#[cfg(feature = "native")]
mod native_fault;
mod null;
#[cfg(feature = "native")]
pub mod server;
mod sim;
mod simulated;
#[cfg(feature = "native")]
mod slowed;
mod threaded;

use std::sync::Arc;
use std::time::Duration;

use contract::message::{Failure, LoadReport};
use contract::part::EngineFacts;
use contract::spec::{Demand, EngineSpec};
#[cfg(feature = "native")]
pub use native_fault::way_out;
pub use null::null;

use crate::os::family::Family;

/// An open engine. Dropping it cancels its requests and frees everything.
pub trait Engine: Send {
    /// Submits requests, all visible to the engine at once, and empties `batch`. The sink receives
    /// the events of each request; each ends exactly once.
    ///
    /// # Errors
    /// [`ErrorKind::Down`]: no request was accepted, and `batch` is unchanged.
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError>;

    /// Cancels a request. It ends as [`Ending::Cancelled`] unless it has already ended. An unknown
    /// index has no effect.
    fn cancel(&mut self, index: u32);

    /// The measured window begins: counters restart from zero, and scripted faults count from here.
    fn begin_window(&mut self, window: WindowStart);

    /// Counts since the window began.
    fn counters(&self) -> Counters;

    /// Facts for a part.
    fn facts(&self) -> EngineFacts {
        self.counters().facts()
    }

    /// Tokens of a text, as the model reads it.
    ///
    /// # Errors
    /// When the tokenizer cannot encode it.
    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError>;

    /// The engine's first error, if it can report it: one sentence.
    fn complaint(&self) -> Option<String> {
        None
    }

    /// The engine's interface for virtual time; `None` for engines that run in real time.
    fn simulated(&mut self) -> Option<&mut dyn Simulated> {
        None
    }
}

/// An engine in virtual time advances only when called.
pub trait Simulated {
    /// The time of the next event, if there is one.
    fn next_at(&self) -> Option<Duration>;

    /// Handles all events that are due at `now`.
    fn advance(&mut self, now: Duration);
}

/// Receives events, synchronously on the engine's step thread.
pub trait StepSink: Send {
    /// A step begins; the requests that it starts, start now.
    fn begins(&mut self);

    /// The events since then, all at the same time.
    fn happened(&mut self, events: &[EngineEvent]);

    /// Events, starts included, of an instant that has passed: `at`, on the clock with which the
    /// engine was opened. For engines whose events arrive as bytes that must first be decoded.
    fn arrived(&mut self, at: Duration, events: &[EngineEvent]);
}

/// The clock of a simulated engine.
pub trait Time: Send + Sync {
    /// Time since an arbitrary but fixed instant.
    fn now(&self) -> Duration;

    /// Waits for this long.
    fn pass(&self, time: Duration);

    /// Whether the time is virtual.
    fn is_virtual(&self) -> bool;
}

/// One request, already in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineRequest {
    /// Identifies it in every event. May be used again once the request has ended.
    pub index: u32,
    /// The prompt's tokens.
    pub prompt: Arc<[u32]>,
    /// Number of tokens to answer, exactly.
    pub max_new_tokens: u32,
}

/// An event of a request. For each index: at most one `Started`, then tokens or chunks (after
/// chunks, one `Told`), then one `Ended`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineEvent {
    /// Work on the request began with this step.
    Started {
        /// The request.
        index: u32,
    },
    /// One more token of the answer.
    Token {
        /// The request.
        index: u32,
        /// The token.
        token: u32,
    },
    /// A chunk of text of the answer, from an engine that does not show its tokens.
    Chunk {
        /// The request.
        index: u32,
        /// Number of tokens in the chunk; zero if unknown.
        tokens: u32,
    },
    /// Facts about an answer in chunks, once it is complete.
    Told {
        /// Which.
        index: u32,
        /// Number of its tokens.
        tokens: u32,
        /// Digest of its text: equal answers have equal digests.
        text: [u32; 2],
    },
    /// The request has ended.
    Ended {
        /// Which.
        index: u32,
        /// How it ended.
        ending: Ending,
    },
    /// The engine broke down: all its requests are over, and no further event follows.
    Down,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Answered in full.
    Finished,
    /// Cancelled on request.
    Cancelled,
    /// Refused: no work was done.
    Refused(ErrorKind),
    /// Failed.
    Failed(ErrorKind),
    /// Cut off in the middle of the answer.
    Disconnected,
}

/// Classes of error; a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The queue is full.
    Overloaded,
    /// The request can never fit.
    TooLong,
    /// The request is invalid for the model.
    Invalid,
    /// The model computed a number that is not finite.
    NotFinite,
    /// An internal error.
    Internal,
    /// The engine is no longer running.
    Down,
}

/// Why an engine call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The engine is no longer running.
    #[error("use an engine that has broken down")]
    Down,
    /// A text cannot be turned into tokens.
    #[error("encode a prompt: {reason}")]
    Encode {
        /// The tokenizer's reason.
        reason: String,
    },
}

/// The beginning of the measured window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowStart {
    /// Its time, on the clock with which the engine was opened.
    pub at: Duration,
    /// Seed of the failures and tokens of simulated requests: the same for every arm.
    pub requests_seed: u64,
    /// Seed of the durations of simulated steps: differs between slots and arms.
    pub noise_seed: u64,
}

/// Counters of the engine about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Steps.
    pub steps: u64,
    /// Greatest number of sequences in one step.
    pub peak_running: u32,
    /// Greatest number of waiting requests.
    pub peak_waiting: u32,
    /// Greatest number of used bytes of the key/value cache.
    pub peak_kv_bytes: u64,
    /// Bytes of the key/value cache, used or not.
    pub kv_bytes_total: u64,
    /// Time of all steps; zero for an engine that does not compute.
    pub stepping: Duration,
    /// Of that, the time of the passes through the model.
    pub computing: Duration,
    /// Prompt tokens not computed because an earlier prompt had the same prefix.
    pub prefix_hit_tokens: u64,
}

/// An engine and what it reports about itself.
pub struct Opened {
    /// Ready for requests.
    pub engine: Box<dyn Engine>,
    /// Facts about what was opened.
    pub report: LoadReport,
    /// The kernels that compute.
    pub kernels: String,
    /// Processors on which the engine's threads may run; empty if it has no threads that compute.
    pub processors: Vec<u32>,
    /// The engine's processes, if another process computes.
    pub family: Option<Family>,
}

impl EngineRequest {
    /// Whether it has a prompt and requests at least one token.
    #[must_use]
    pub fn makes_sense(&self) -> bool {
        !self.prompt.is_empty() && self.max_new_tokens > 0
    }
}

impl EngineError {
    /// The class of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Down => ErrorKind::Down,
            Self::Encode { .. } => ErrorKind::Invalid,
        }
    }
}

impl EngineEvent {
    /// Whether this event ends a request, or all of them.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Down)
    }
}

impl Counters {
    /// Counts one step.
    fn step(&mut self, load: StepLoad) {
        self.steps += 1;
        self.stepping += load.stepping;
        self.computing += load.computing;
        self.prefix_hit_tokens += load.prefix_hit_tokens;
        self.see(load);
    }

    /// The form in a part. What the engine does not count is zero here and missing there.
    pub(crate) fn facts(self) -> EngineFacts {
        let computes = !self.computing.is_zero();
        EngineFacts {
            steps: self.steps,
            peak_running: self.peak_running,
            peak_waiting: self.peak_waiting,
            peak_kv_bytes: self.peak_kv_bytes,
            kv_bytes_total: Some(self.kv_bytes_total).filter(|bytes| *bytes > 0),
            stepping: computes.then_some(self.stepping),
            scheduling: computes.then_some(self.stepping.saturating_sub(self.computing)),
            prefix_hit_tokens: Some(self.prefix_hit_tokens).filter(|tokens| *tokens > 0),
            ..EngineFacts::default()
        }
    }

    /// Raises the peaks.
    fn see(&mut self, load: StepLoad) {
        self.peak_running = self.peak_running.max(load.running);
        self.peak_waiting = self.peak_waiting.max(load.waiting);
        self.peak_kv_bytes = self.peak_kv_bytes.max(load.kv_bytes);
        self.kv_bytes_total = self.kv_bytes_total.max(load.kv_bytes_total);
    }
}

/// How busy one step was. What an engine does not know stays zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepLoad {
    /// Sequences in the step, including those that ended with it.
    pub running: u32,
    /// Waiting requests.
    pub waiting: u32,
    /// Bytes of the key/value cache in use.
    pub kv_bytes: u64,
    /// Bytes of the key/value cache, used or not.
    pub kv_bytes_total: u64,
    /// Time of the step.
    pub stepping: Duration,
    /// Of the step, the pass through the model.
    pub computing: Duration,
    /// Prompt tokens not computed because an earlier prompt had the same prefix.
    pub prefix_hit_tokens: u64,
}

/// Opens an engine for `demand` on a host that `slots` workers share. Calls `phase` with the name
/// of each loading phase as it ends. `engines` are those that the program links.
///
/// # Errors
/// A [`Failure`] with one sentence that says what to do.
pub fn open(
    engines: linked::Engines,
    spec: &EngineSpec,
    demand: Demand,
    slots: u32,
    time: Arc<dyn Time>,
    sink: Box<dyn StepSink>,
    phase: &mut dyn FnMut(&'static str),
) -> Result<Opened, Failure> {
    match spec {
        #[cfg(feature = "native")]
        EngineSpec::Native(spec) => native::open(spec, demand, slots, sink, phase),
        #[cfg(feature = "native")]
        EngineSpec::Server(spec) => server::open(spec, demand, slots, time, sink, phase),
        #[cfg(not(feature = "native"))]
        EngineSpec::Native(_) | EngineSpec::Server(_) => Err(engines.no_native()),
        EngineSpec::Sim(spec) => simulated::open(spec, demand, time, sink, phase),
        EngineSpec::Linked(spec) => {
            let threads = threads(spec.threads, slots);
            engines.open(spec, &linked::Setting { demand, threads }, sink, phase)
        }
    }
}

/// By default (zero), the cores that this process may use (affinity and control group quota count)
/// are divided by the slots that share them; at least one thread.
fn threads(asked: u32, slots: u32) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    shared(asked, cores, slots)
}

pub(super) fn shared(asked: u32, cores: usize, slots: u32) -> usize {
    if asked > 0 {
        asked as usize
    } else {
        (cores / slots.max(1) as usize).max(1)
    }
}
