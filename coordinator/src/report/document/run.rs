//! The document's root and everything about the run as a whole.

use contract::identity::HostFacts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cell, Layout, Part};

/// Everything about one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A run of PGO Benchmarks")]
pub struct RunDocument {
    /// Version of this document's shape: 1.
    pub schema_version: u32,
    /// Kind of document: `run`.
    pub kind: String,
    /// The run as a whole.
    pub run: Run,
    /// The plan that was run, with the keys of a plan file.
    pub plan: serde_json::Value,
    /// The builds, baseline first.
    pub variants: Vec<Variant>,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// Settings of intervals and checks.
    pub settings: Settings,
    /// Whether the run as a whole can be trusted.
    pub measurement: Measurement,
    /// Losses, late messages, and other notices a reader must know, in order of time.
    pub notices: Vec<Notice>,
    /// One entry for each scenario and candidate. Layouts of the baseline are not candidates.
    pub cells: Vec<Cell>,
    /// Effect of shuffled builds of the baseline; absent in runs without the layout control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// What every worker measured in every accepted trial. Everything else is derived from this.
    pub parts: Vec<Part>,
}

/// The run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// When it began, milliseconds since 1970.
    pub begun_unix_ms: u64,
    /// When it ended; null during the run and after a crash.
    pub ended_unix_ms: Option<u64>,
    /// `complete`, `stopped` or `failed`; null during the run and after a crash.
    pub state: Option<String>,
    /// Why it did not complete; empty if it did.
    pub reason: String,
    /// The worst verdict over all cells: INVALID, SLOWER, UNDECIDED, SAME, FASTER; null if nothing
    /// is compared.
    pub verdict: Option<String>,
    /// Whether service times come from a model instead of an engine.
    pub simulated: bool,
    /// Labels that must be shown beside every number: `resident`, `a/a`.
    pub labels: Vec<String>,
    /// Slots over all hosts.
    pub slots: u32,
    /// Root of every random draw; below 2^53.
    pub seed: u64,
    /// SHA-256 of the plan.
    pub plan_sha256: String,
    /// Digest of the model's files; empty if simulated.
    pub model_digest: String,
    /// SHA-256 over every byte of the model's files, the same on every host (`--verify-model`);
    /// null if not requested.
    pub model_sha256: Option<String>,
    /// Version of the coordinator.
    pub tool_version: String,
    /// Commit of the coordinator.
    pub tool_git_sha: String,
    /// Blocks done (a block is all arms of one scenario in one round).
    pub blocks_done: u64,
    /// Parts of attempts that were not accepted: stored, never counted, and not in `parts`.
    pub superseded_parts: u64,
}

/// One build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name, as `--variants` gave it.
    pub name: String,
    /// SHA-256 of the worker's file.
    pub sha256: String,
    /// SHA-256 of its code section; null for labels of the simulator.
    pub text_sha256: Option<String>,
    /// SHA-256 of the profile it was optimised with; null without a profile.
    pub profile_sha256: Option<String>,
    /// Commit of its sources.
    pub git_sha: String,
    /// Compiler flags it was built with.
    pub flags: String,
    /// The command that starts it, or its address; null if it is not a server.
    pub command: Option<String>,
    /// SHA-256 that identifies a server's program, arguments and environment; null if it is not a
    /// server.
    pub identity_sha256: Option<String>,
    /// SHA-256 of a server's program; null if unknown.
    pub program_sha256: Option<String>,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Name of its agent.
    pub agent: String,
    /// Facts of the host.
    #[serde(flatten)]
    pub facts: HostFacts,
}

/// Settings of intervals and checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Two-sided error of the intervals.
    pub alpha: f64,
    /// Probability of finding a difference as large as the MDE.
    pub power: f64,
    /// Treatment of autocorrelation between rounds: `off`, `auto`, `full`.
    pub guard: String,
    /// The analyses planned before the run; absent if there is only the one at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Interim>,
}

/// Analyses planned before the run, each with its own level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interim {
    /// Number of rounds before the analysis that this document reports, or before the first if that
    /// is the one at the end.
    pub after: u32,
    /// Rounds of the whole run; with a budget, those that fit into it.
    pub rounds: u32,
    /// The analysis that this document reports: `look` or `end`.
    pub answer: String,
    /// Rounds before each analysis, the last included; absent in documents of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub analyses: Vec<u32>,
    /// One-sided error of SAME at either limit; absent in documents of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha_same: Option<f64>,
}

/// Whether a measurement can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// VALID, INCONCLUSIVE or INVALID.
    pub verdict: String,
    /// Why it is not VALID.
    pub reasons: Vec<Reason>,
    /// Remarks that do not affect the verdict.
    pub warnings: Vec<Reason>,
}

/// One reason to doubt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Stable name.
    pub code: String,
    /// One sentence with the figures.
    pub text: String,
    /// What to do about it.
    pub advice: String,
}

/// Something a reader must know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// Time, milliseconds since 1970.
    pub unix_ms: u64,
    /// Stable name: `worker_lost`, `worker_silent`, `spawn_failed`, …
    pub kind: String,
    /// Index of the cell.
    pub cell: u32,
    /// Round, from zero.
    pub round: u32,
    /// A, B or A2.
    pub arm: String,
    /// Attempt of the block.
    pub attempt: u32,
    /// One sentence.
    pub message: String,
}
