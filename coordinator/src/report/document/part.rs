//! What one worker measured in one trial.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cold, Outcomes, Sent};

/// What one worker measured in one trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Index of the cell.
    pub cell: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Round, from zero.
    pub round: u32,
    /// A, B or A2.
    pub arm: String,
    /// Slot, over all hosts.
    pub slot: u32,
    /// The accepted try of the block.
    pub attempt: u32,
    /// Variant.
    pub variant: String,
    /// SHA-256 of the executable, read by the measured process itself.
    pub exe_sha256: String,
    /// Host name.
    pub hostname: String,
    /// What became of the requests.
    pub outcomes: Outcomes,
    /// Prompt tokens of successful requests.
    pub prompt_tokens: u64,
    /// Output tokens of successful requests.
    pub output_tokens: u64,
    /// Requests that the load's shape called for; absent in documents of before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<u64>,
    /// Of those of an open loop, sent before the window was over; null for other shapes and in
    /// parts of before it was kept.
    #[serde(default)]
    pub in_time: Option<u64>,
    /// Answered requests that met every objective; null without objectives.
    #[serde(default)]
    pub good: Option<u64>,
    /// How long its requests were; null in parts recorded before it was counted.
    pub sent: Option<Sent>,
    /// SHA-256 over the output tokens of successful requests, by index of the request.
    pub token_digest: String,
    /// The measured window.
    pub window: Window,
    /// Cold start, phase by phase in order.
    pub cold: Vec<Cold>,
    /// What the process and its host spent within the window.
    pub usage: Usage,
    /// What the engine says of itself.
    pub engine: Engine,
    /// One histogram a time metric that has values, nanoseconds.
    pub histograms: BTreeMap<String, Histogram>,
}

/// A histogram of nanoseconds from 1 ns to 1 h at three significant digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    /// Values.
    pub count: u64,
    /// Exact smallest, ns.
    pub min: u64,
    /// Exact largest, ns.
    pub max: u64,
    /// Exact sum, ns.
    pub sum: u64,
    /// Values beyond the layout: in no bucket.
    pub overflow: u64,
    /// The buckets: HdrHistogram V2 with deflate, in base 64.
    pub hdr_v2_deflate_base64: String,
}

/// The measured window, from the common start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// First successful completion, ns.
    pub first_completion_ns: u64,
    /// Last successful completion, ns.
    pub last_completion_ns: u64,
    /// How late the worker's driver began, ns.
    pub start_late_ns: u64,
    /// How well the start was known on this clock, ns.
    pub clock_uncertainty_ns: u64,
}

/// What the process and its host spent within the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Length of the window, ns.
    pub wall_ns: u64,
    /// Processor time in user mode, all threads, ns.
    pub cpu_user_ns: u64,
    /// Processor time in the kernel, all threads, ns.
    pub cpu_system_ns: u64,
    /// Processor time of the load generator's own thread, ns.
    pub driver_cpu_ns: u64,
    /// Largest resident set so far, bytes.
    pub peak_rss_bytes: u64,
    /// Times the kernel took a processor away.
    pub involuntary_switches: u64,
    /// Page faults that went to the disk.
    pub major_faults: u64,
    /// Clock ticks of the whole host.
    pub host_ticks: u64,
    /// Of those, given to somebody else by a hypervisor.
    pub host_steal_ticks: u64,
    /// Of those, ticks spent on any process, this one included.
    pub host_busy_ticks: u64,
    /// Lowest frequency of the fastest processor, just before and just after the window, kHz; null
    /// where the kernel does not measure it.
    pub cpu_khz_low: Option<u64>,
    /// Highest, likewise.
    pub cpu_khz_high: Option<u64>,
    /// Requests a second that this process drove through an engine that does no work: its
    /// generator's limit. Null in parts recorded before it was measured.
    pub floor_requests_per_second: Option<f64>,
}

/// What the engine says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Digest of the model.
    pub model_digest: String,
    /// SHA-256 over every byte of the model's files; null where nobody asked for it.
    pub model_sha256: Option<String>,
    /// Engine threads.
    pub threads: u32,
    /// Steps within the window.
    pub steps: u64,
    /// Most sequences in one step.
    pub peak_running: u32,
    /// Most requests waiting.
    pub peak_waiting: u32,
    /// Most bytes of the key/value cache in use.
    pub peak_kv_bytes: u64,
    /// Which kernels ran.
    pub kernels: String,
    /// Bound of the key/value cache, bytes; null where there is none.
    pub kv_bytes_total: Option<u64>,
    /// Time of all steps together, ns; null where the engine does not compute.
    pub step_ns: Option<u64>,
    /// Of that, the time in which the scheduler composed passes and handed out what came of them,
    /// ns.
    pub scheduling_ns: Option<u64>,
    /// Prompt tokens not computed because an earlier prompt began alike; null where there were
    /// none.
    pub prefix_hit_tokens: Option<u64>,
    /// Processors that the engine's threads may run on; empty where unknown.
    pub engine_processors: Vec<u32>,
    /// Processors that the load's thread may run on; empty where unknown.
    pub load_processors: Vec<u32>,
}
