//! What one worker measured in one trial. Parts are stored as received, and everything merged is
//! derived from them.

mod outcome;
mod sent;
mod series;
mod server;
pub mod vet;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::histogram::LatencyHistogram;
use crate::id::{Attempt, RunId, TrialKey};
use crate::identity::Sha256;
use crate::metric::Metric;
use crate::nanos;

pub use outcome::{Outcome, Outcomes};
pub use sent::{Length, Lengths, Sent, Span};
pub use series::{Bucket, Series};
pub use server::{FAILURES, FailureCount, Itl, ServerFacts};

/// Number of requests kept individually in a part; later ones are only counted.
pub const REQUESTS_KEPT: usize = 4096;
/// Number of engine steps kept in a part; later ones are only counted. Six kilobytes when stored.
pub const STEPS_KEPT: usize = 1024;

/// A request sent at most this long after its intended time counts as sent when due, nanoseconds.
pub const ON_THE_DOT_NS: u64 = 10_000_000;

/// What one worker measured in one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Trial and slot of the part.
    pub place: PartKey,
    /// The process that measured it.
    pub origin: Origin,
    /// One histogram for each metric. Only successful requests count, except for lateness.
    pub histograms: Histograms,
    /// Outcomes of the requests.
    pub outcomes: Outcomes,
    /// The first [`REQUESTS_KEPT`] requests, one by one.
    pub requests: Vec<RequestRecord>,
    /// Number of requests beyond those.
    pub requests_not_kept: u64,
    /// The first [`STEPS_KEPT`] engine steps.
    pub steps: StepLog,
    /// SHA-256 over the output tokens of successful requests in order of index.
    pub token_digest: Sha256,
    /// Prompt tokens of successful requests.
    pub prompt_tokens: u64,
    /// Output tokens of successful requests.
    pub output_tokens: u64,
    /// Requests the shape called for. Equals `outcomes.planned` unless a stop rule ended the window
    /// early.
    pub offered: u64,
    /// Offered requests sent before the window ended; a request that was due but had to wait for
    /// the in-flight limit is sent later. `None` if the end of the window is not known beforehand,
    /// and in older parts.
    pub in_time: Option<u64>,
    /// Why the window ended.
    pub stopped: StopCause,
    /// Successful requests that met every objective of the scenario; `None` if it has no
    /// objectives.
    pub good: Option<u64>,
    /// Requests sent before the window began; not counted anywhere else.
    pub run_in: u64,
    /// Lengths of the window's requests, as asked and as sent; `None` in older parts, which did not
    /// count them.
    pub sent: Option<Sent>,
    /// The window in slices of time.
    pub series: Series,
    /// The measured window.
    pub window: Window,
    /// Cold start, phase by phase, in order. Never mixed with warm figures.
    pub cold: Vec<ColdPhase>,
    /// Resources that the process and its host used.
    pub usage: Usage,
    /// Facts that the engine reported.
    pub engine: EngineFacts,
}

/// Why a window ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// Everything planned was sent and has ended.
    #[default]
    AsPlanned,
    /// Requests in flight and time to first token grew without end.
    OverSaturated,
    /// Too many requests ended without an answer.
    ErrorRate,
}

/// Trial and slot of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartKey {
    /// Run.
    pub run: RunId,
    /// Trial.
    pub key: TrialKey,
    /// Slot, over the whole fleet.
    pub slot: u32,
    /// Attempt of the block.
    pub attempt: Attempt,
}

/// The process that measured a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of the variant.
    pub variant: String,
    /// Hash of the executable, read by the process itself.
    pub exe_sha256: Sha256,
    /// Built with profile counters: never stored.
    pub instrumented: bool,
    /// Host name.
    pub hostname: String,
}

/// One histogram for each metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Histograms([LatencyHistogram; Metric::ALL.len()]);

/// One request. Offsets from the start instant, nanoseconds; zero if the event did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Index in the trial's request list.
    pub index: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Intended send time.
    pub intended_ns: u64,
    /// Actual send time.
    pub sent_ns: u64,
    /// When the engine began working on it.
    pub started_ns: u64,
    /// When its first token arrived.
    pub first_token_ns: u64,
    /// When it ended.
    pub done_ns: u64,
    /// Prompt length.
    pub prompt_tokens: u32,
    /// Number of tokens received.
    pub output_tokens: u32,
}

/// Times at which output tokens arrived. The engine delivers all tokens of a step at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepLog {
    /// In order of time.
    pub kept: Vec<Step>,
    /// Number of steps beyond those.
    pub not_kept: u64,
}

/// One engine step that produced tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// End of the step, when its tokens arrived. Offset from the start instant, nanoseconds.
    pub at_ns: u64,
    /// Output tokens of the step, for all requests.
    pub tokens: u32,
}

/// The measured window, offsets from the start instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Window {
    /// First successful completion.
    #[serde(rename = "first_completion_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub first_completion: Duration,
    /// Last successful completion.
    #[serde(rename = "last_completion_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub last_completion: Duration,
    /// How late the driver began.
    #[serde(rename = "start_late_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub start_late: Duration,
    /// Uncertainty of the start instant on this clock.
    #[serde(rename = "clock_uncertainty_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub clock_uncertainty: Duration,
}

/// One phase of the cold start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Cold")
)]
pub struct ColdPhase {
    /// `process`, `runtime`, `map`, `weights`, `tokenizer`, `engine`, `first_token`. The last is
    /// the shortest wait for a first token in the warm-up, which runs at full concurrency; it is
    /// not the wait of a single first request.
    #[serde(rename = "phase")]
    pub name: String,
    /// Its duration.
    #[serde(rename = "ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub took: Duration,
}

/// Resources used within the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    /// Length of the window.
    #[serde(rename = "wall_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub wall: Duration,
    /// Processor time in user mode, all threads.
    #[serde(rename = "cpu_user_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub cpu_user: Duration,
    /// Processor time in the kernel, all threads.
    #[serde(rename = "cpu_system_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub cpu_system: Duration,
    /// Processor time of the driver's thread: the generator's own cost.
    #[serde(rename = "driver_cpu_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub driver_cpu: Duration,
    /// Largest resident set so far, bytes.
    pub peak_rss_bytes: u64,
    /// Number of involuntary context switches.
    pub involuntary_switches: u64,
    /// Page faults that needed the disk.
    pub major_faults: u64,
    /// Clock ticks of the whole host.
    pub host_ticks: u64,
    /// Ticks of these taken by the hypervisor.
    pub host_steal_ticks: u64,
    /// Ticks of these spent on any process, including this one.
    pub host_busy_ticks: u64,
    /// Lowest frequency of the fastest processor, just before and just after the window, kHz; null
    /// if the kernel does not report it.
    pub cpu_khz_low: Option<u64>,
    /// Highest frequency of the fastest processor, likewise.
    pub cpu_khz_high: Option<u64>,
    /// Generator limit: requests per second that this process drove through an engine that does no
    /// work, before it opened its own. Not measured in virtual time.
    #[serde(rename = "floor_requests_per_second")]
    pub floor: Option<f64>,
}

/// Facts that the engine reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Engine")
)]
pub struct EngineFacts {
    /// Digest of the model.
    pub model_digest: String,
    /// SHA-256 over every byte of the model's files; null if not requested.
    pub model_sha256: Option<Sha256>,
    /// Engine threads.
    pub threads: u32,
    /// Steps within the window.
    pub steps: u64,
    /// Greatest number of sequences in one step.
    pub peak_running: u32,
    /// Greatest number of requests waiting in the engine.
    pub peak_waiting: u32,
    /// Greatest use of the key/value cache, bytes.
    pub peak_kv_bytes: u64,
    /// Names of the kernels used.
    pub kernels: String,
    /// Limit of the key/value cache, bytes; null without a cache.
    pub kv_bytes_total: Option<u64>,
    /// Total time of all steps; null if the engine does not compute.
    #[serde(rename = "step_ns", with = "nanos::optional")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub stepping: Option<Duration>,
    /// Part of that time in which the scheduler composed passes and delivered results.
    #[serde(rename = "scheduling_ns", with = "nanos::optional")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub scheduling: Option<Duration>,
    /// Prompt tokens not computed because an earlier prompt had the same prefix; null if prefixes
    /// are not reused.
    pub prefix_hit_tokens: Option<u64>,
    /// Processors that the engine's threads may run on; empty if unknown.
    pub engine_processors: Vec<u32>,
    /// Processors that the load's thread may run on; empty if unknown.
    pub load_processors: Vec<u32>,
    /// For an engine that is a separate program; absent for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerFacts>,
}

impl Default for Histograms {
    fn default() -> Self {
        Self(std::array::from_fn(|_| LatencyHistogram::default()))
    }
}

impl From<[Option<LatencyHistogram>; Metric::ALL.len()]> for Histograms {
    /// In the order of the metrics' indices; a missing histogram is empty.
    fn from(each: [Option<LatencyHistogram>; Metric::ALL.len()]) -> Self {
        Self(each.map(Option::unwrap_or_default))
    }
}

impl Histograms {
    /// The histogram of a metric.
    #[must_use]
    pub fn get(&self, metric: Metric) -> &LatencyHistogram {
        &self.0[metric.index()]
    }

    /// The histogram of a metric, to record into.
    pub fn get_mut(&mut self, metric: Metric) -> &mut LatencyHistogram {
        &mut self.0[metric.index()]
    }

    /// Adds all counts of another part.
    pub fn add(&mut self, other: &Self) {
        self.0
            .iter_mut()
            .zip(&other.0)
            .for_each(|(mine, theirs)| mine.add(theirs));
    }
}

impl StopCause {
    /// Every cause, in the order of their stored numbers.
    pub const ALL: [Self; 3] = [Self::AsPlanned, Self::OverSaturated, Self::ErrorRate];
}
