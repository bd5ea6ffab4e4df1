//! One scenario with one candidate: what each arm did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Measurement, Metric, Places, Sent, Signals};

/// One scenario with one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Index, as in notices and parts.
    pub index: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Requests of one trial, over all slots.
    pub requests: u32,
    /// How long the requests of all trials were; null where a part was recorded before it was
    /// counted.
    pub sent: Option<Sent>,
    /// Variant of arms A and A2.
    pub baseline: String,
    /// Variant of arm B; null where nothing is compared.
    pub candidate: Option<String>,
    /// Rounds that are done.
    pub rounds_done: u32,
    /// Rounds planned.
    pub rounds_planned: u32,
    /// FASTER, SLOWER, SAME, UNDECIDED or INVALID by the primary metric; null where nothing is
    /// compared.
    pub verdict: Option<String>,
    /// Whether this measurement is to be believed.
    pub measurement: Measurement,
    /// Every validity check that applies to the scenario's shape, an arm over all its rounds,
    /// whatever it found.
    pub checks: Vec<Check>,
    /// All rounds of each arm together.
    pub arms: Vec<Arm>,
    /// One comparison a metric, the primary first.
    pub metrics: Vec<Metric>,
    /// The primary metric worker by worker; null with a single worker.
    pub places: Option<Places>,
    /// What the rounds of the primary metric say of the host over time.
    pub signals: Signals,
}

/// All rounds of one arm together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// A (baseline), B (candidate) or A2 (baseline again, the control).
    pub arm: String,
    /// Its variant.
    pub variant: String,
    /// What became of its requests.
    pub outcomes: Outcomes,
    /// One entry a time metric that has values; successes only, but for lateness.
    pub latencies: Vec<Latency>,
    /// Medians over its trials.
    pub views: Views,
    /// Cold start, phase by phase in order.
    pub cold: Vec<Cold>,
    /// How the first requests of the measured window fared, by intended time; empty where not every
    /// request was kept.
    pub first_requests: Vec<FirstRequest>,
    /// Independent values among the latencies of the answered requests, by batch means: a
    /// diagnostic. Null where not every request was kept.
    pub effective_requests: Option<f64>,
}

/// One request of the curve of first requests: medians over the arm's trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstRequest {
    /// End to end from the intended time, ns.
    pub e2e_ns: f64,
    /// To the first token from the intended time, ns.
    pub ttft_ns: f64,
}

/// One validity check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The reason it gives when it fails, by its stable name.
    pub check: String,
    /// A, B or A2.
    pub arm: String,
    /// `passed`; `warning`, `inconclusive` or `invalid` by the weight of what was found; `unknown`
    /// where there was nothing to look at or it cannot be told from noise.
    pub result: String,
    /// What was looked at, in `unit`; null where there was nothing.
    pub figure: Option<f64>,
    /// Its limit, in `unit`.
    pub limit: Option<f64>,
    /// `count`, `share` of 1, or `ns`.
    pub unit: Option<String>,
    /// The key of the plan's `validity` table that holds the limit; null where the limit is fixed.
    pub key: Option<String>,
}

/// What became of requests. `planned` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    /// Issued.
    pub planned: u64,
    /// Answered in full.
    pub ok: u64,
    /// Refused before any work.
    pub refused: u64,
    /// Failed within the engine.
    pub failed: u64,
    /// Cancelled because the trial was.
    pub cancelled: u64,
    /// Not done within the scenario's timeout.
    pub timed_out: u64,
    /// Cut off half-way.
    pub disconnected: u64,
}

/// One time metric's merged histogram in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// `e2e`, `ttft`, `itl`, `tpot`, `queue`, `prefill`, `decode`, `service` or `lateness`.
    pub metric: String,
    /// Values.
    pub count: u64,
    /// Exact mean, ns.
    pub mean_ns: f64,
    /// Exact smallest, ns.
    pub min_ns: u64,
    /// Exact largest, ns.
    pub max_ns: u64,
    /// Quantiles, interpolated within their bucket.
    pub quantiles: Vec<Quantile>,
}

/// One quantile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quantile {
    /// 0.5 is the median.
    pub q: f64,
    /// Its value, ns; null where fewer than ten values lie beyond it.
    pub ns: Option<f64>,
}

/// Medians over an arm's trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Views {
    /// Output tokens of successful requests per second.
    pub tokens_per_second: f64,
    /// Successful requests per second.
    pub requests_per_second: f64,
    /// Requests per second that met every objective; null without objectives.
    pub goodput_per_second: Option<f64>,
    /// Requests of an open loop sent within its window ÷ offered; null for other shapes.
    pub achieved: Option<f64>,
    /// From the start until the first request was done, seconds; null where none was.
    pub first_completion_seconds: Option<f64>,
    /// From the start until the last request was done, seconds; null where none was.
    pub last_completion_seconds: Option<f64>,
    /// Share of queue waiting in the mean service time; the rest is inference. Null where nothing
    /// was answered.
    pub queue_share: Option<f64>,
    /// Processor time of the workers, seconds.
    pub cpu_seconds: f64,
    /// Processor time ÷ (window × engine threads).
    pub parallel_efficiency: f64,
    /// Largest resident set of a worker, bytes.
    pub peak_rss_bytes: f64,
    /// Most bytes of a worker's key/value cache in use.
    pub peak_kv_bytes: f64,
    /// Bound of a worker's key/value cache, bytes; null where there is none.
    pub kv_bytes_total: Option<f64>,
    /// Share of the steps' time outside the passes through the model; null where the engine does
    /// not compute.
    pub scheduling_share: Option<f64>,
    /// Most requests waiting in an engine.
    pub peak_waiting: f64,
    /// Most sequences in one step.
    pub peak_running: f64,
}

/// One phase of the cold start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cold {
    /// Phase: `process`, `runtime`, `map`, `weights`, `tokenizer`, `engine`, `first_token`.
    pub phase: String,
    /// How long it took, ns; over all worker processes of an arm, the median.
    pub ns: u64,
}
