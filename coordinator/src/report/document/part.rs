//! What one worker measured in one trial.

use std::collections::BTreeMap;

use contract::part::{ColdPhase, EngineFacts, Outcomes, Sent, Usage, Window};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The accepted attempt of the block.
    pub attempt: u32,
    /// Variant.
    pub variant: String,
    /// SHA-256 of the executable, read by the measured process itself.
    pub exe_sha256: String,
    /// Host name.
    pub hostname: String,
    /// Outcomes of the requests.
    pub outcomes: Outcomes,
    /// Prompt tokens of successful requests.
    pub prompt_tokens: u64,
    /// Output tokens of successful requests.
    pub output_tokens: u64,
    /// Requests that the load's shape called for; absent in older documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<u64>,
    /// Requests of an open loop sent before the window ended; null for other shapes and in older
    /// parts.
    #[serde(default)]
    pub in_time: Option<u64>,
    /// Answered requests that met every objective; null without objectives.
    #[serde(default)]
    pub good: Option<u64>,
    /// Lengths of its requests; null in parts recorded by a version that did not count them.
    pub sent: Option<Sent>,
    /// SHA-256 over the output tokens of successful requests, by index of the request.
    pub token_digest: String,
    /// The measured window.
    pub window: Window,
    /// Cold start, phase by phase in order.
    pub cold: Vec<ColdPhase>,
    /// Resources that the process and its host used within the window.
    pub usage: Usage,
    /// Facts that the engine reported.
    pub engine: EngineFacts,
    /// One histogram for each time metric that has values, nanoseconds.
    pub histograms: BTreeMap<String, Histogram>,
}

/// A histogram of nanoseconds from 1 ns to 1 h at three significant digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    /// Number of values.
    pub count: u64,
    /// Exact smallest, ns.
    pub min: u64,
    /// Exact largest, ns.
    pub max: u64,
    /// Exact sum, ns.
    pub sum: u64,
    /// Values beyond the histogram's range: in no bucket.
    pub overflow: u64,
    /// The buckets: HdrHistogram V2 with deflate, in base 64.
    pub hdr_v2_deflate_base64: String,
}
