//! The engine border: what a load driver may ask of an engine and what an engine tells back. An
//! engine says *what* happened; the [`StepSink`] it is given says *when*. It must not know load
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

/// An engine that is open. Dropping it cancels what it holds and frees everything.
pub trait Engine: Send {
    /// Hands over requests, all visible to the engine at once, and empties `batch`. What becomes of
    /// each is told to the sink; each ends exactly once.
    ///
    /// # Errors
    /// [`ErrorKind::Down`]: none was taken and `batch` is as it was.
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError>;

    /// Asks the engine to let go of a request. It ends as [`Ending::Cancelled`] unless it has ended
    /// already; for an index it does not hold nothing happens.
    fn cancel(&mut self, index: u32);

    /// The measured window begins: counters start from zero, scripted faults count from here.
    fn begin_window(&mut self, window: WindowStart);

    /// Counts since the window began.
    fn counters(&self) -> Counters;

    /// What a part is to say of it.
    fn facts(&self) -> EngineFacts {
        self.counters().facts()
    }

    /// Tokens of a text, as the model reads it.
    ///
    /// # Errors
    /// When the tokenizer cannot encode it.
    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError>;

    /// The first thing that was wrong with it, where it can say: one sentence.
    fn complaint(&self) -> Option<String> {
        None
    }

    /// The engine as something that lives in virtual time; `None` for those that run by themselves.
    fn simulated(&mut self) -> Option<&mut dyn Simulated> {
        None
    }
}

/// What lives in virtual time moves only when told.
pub trait Simulated {
    /// When something next happens, if anything will.
    fn next_at(&self) -> Option<Duration>;

    /// Lets everything happen that is due at `now`.
    fn advance(&mut self, now: Duration);
}

/// Told what happens, synchronously on the engine's step thread.
pub trait StepSink: Send {
    /// A step begins: the requests it starts, it starts now.
    fn begins(&mut self);

    /// What has happened since, all at once.
    fn happened(&mut self, events: &[EngineEvent]);

    /// The same of what had happened when the step began, and was understood only now.
    fn arrived(&mut self, events: &[EngineEvent]) {
        self.happened(events);
    }

    /// The same of what happened at this instant, on the clock the engine was opened with.
    fn came(&mut self, at: Duration, events: &[EngineEvent]) {
        let _ = at;
        self.happened(events);
    }
}

/// The time a simulated engine lives in.
pub trait Time: Send + Sync {
    /// Since an arbitrary but fixed instant.
    fn now(&self) -> Duration;

    /// Lets this much time pass.
    fn pass(&self, time: Duration);

    /// Whether it only moves when told.
    fn is_virtual(&self) -> bool;
}

/// One request, already in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineRequest {
    /// Names it in every event. Free again once it has ended.
    pub index: u32,
    /// What is asked.
    pub prompt: Arc<[u32]>,
    /// Tokens to answer, exactly.
    pub max_new_tokens: u32,
}

/// What happened to a request. For one index: at most one `Started`, then tokens or chunks, for
/// chunks then one `Told`, then one `Ended`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineEvent {
    /// Work on it began with this step.
    Started {
        /// Which.
        index: u32,
    },
    /// One more token of its answer.
    Token {
        /// Which.
        index: u32,
        /// The token.
        token: u32,
    },
    /// A chunk of its answer with text, from an engine that does not show its tokens.
    Chunk {
        /// Which.
        index: u32,
        /// Tokens that came with it; zero where that is not known.
        tokens: u32,
    },
    /// What is known of an answer in chunks once it is whole.
    Told {
        /// Which.
        index: u32,
        /// Tokens that it has.
        tokens: u32,
        /// Digest of its text: equal answers have equal ones.
        text: [u32; 2],
    },
    /// It is over.
    Ended {
        /// Which.
        index: u32,
        /// How.
        ending: Ending,
    },
    /// The engine broke down: everything it held is over and nothing more will come.
    Down,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Answered in full.
    Finished,
    /// Let go as asked.
    Cancelled,
    /// Not taken: no work was done.
    Refused(ErrorKind),
    /// Given up.
    Failed(ErrorKind),
    /// Cut off half-way.
    Disconnected,
}

/// Classes of error, closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Its queue is full.
    Overloaded,
    /// The request can never fit.
    TooLong,
    /// The request makes no sense to the model.
    Invalid,
    /// The model computed something that is no finite number.
    NotFinite,
    /// Something broke within.
    Internal,
    /// The engine is not running any more.
    Down,
}

/// Why an engine would not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// It is not running any more.
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
    /// When, on the clock the engine was opened with.
    pub at: Duration,
    /// Decides fates and tokens of simulated requests: equal for every arm.
    pub requests_seed: u64,
    /// Draws the durations of simulated steps: differs between slots and arms.
    pub noise_seed: u64,
}

/// What an engine counts about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Steps.
    pub steps: u64,
    /// Most sequences in one step.
    pub peak_running: u32,
    /// Most requests waiting.
    pub peak_waiting: u32,
    /// Most bytes of the key/value cache in use.
    pub peak_kv_bytes: u64,
    /// Bytes of the key/value cache, used or not.
    pub kv_bytes_total: u64,
    /// Time of all steps; zero where the engine does not compute.
    pub stepping: Duration,
    /// Of that, the time of the passes through the model.
    pub computing: Duration,
    /// Prompt tokens not computed because an earlier prompt began alike.
    pub prefix_hit_tokens: u64,
}

/// An engine and what it says of itself.
pub struct Opened {
    /// Ready for requests.
    pub engine: Box<dyn Engine>,
    /// What was opened.
    pub report: LoadReport,
    /// Which kernels run.
    pub kernels: String,
    /// Processors that the engine's threads may run on; empty where it has none that compute.
    pub processors: Vec<u32>,
    /// Its processes, where it is not this one that computes.
    pub family: Option<Family>,
}

impl EngineRequest {
    /// Whether it asks something, and for something.
    #[must_use]
    pub fn makes_sense(&self) -> bool {
        !self.prompt.is_empty() && self.max_new_tokens > 0
    }
}

impl EngineError {
    /// Its class.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Down => ErrorKind::Down,
            Self::Encode { .. } => ErrorKind::Invalid,
        }
    }
}

impl EngineEvent {
    /// Whether a request, or all of them, are over with it.
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

    /// As a part has them; what cannot be counted is zero here and missing there.
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
    /// Sequences in it, those that ended with it included.
    pub running: u32,
    /// Requests that wait for a place.
    pub waiting: u32,
    /// Bytes of the key/value cache in use.
    pub kv_bytes: u64,
    /// Bytes of the key/value cache, used or not.
    pub kv_bytes_total: u64,
    /// Time of the step.
    pub stepping: Duration,
    /// Of the step, the pass through the model.
    pub computing: Duration,
    /// Prompt tokens not computed because an earlier prompt began alike.
    pub prefix_hit_tokens: u64,
}

/// Opens an engine that can carry `demand` on a host that `slots` workers share, and tells `phase`
/// the name of each phase of loading as it ends. `engines` are those that the program links.
///
/// # Errors
/// A [`Failure`] with one sentence that names the way out.
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

/// Left open (zero), the cores this process may use (affinity and quota of its control group
/// count) are divided by the slots that share them; at least one thread.
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
