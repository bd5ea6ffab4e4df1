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
    /// Version of this shape: 1.
    pub schema_version: u32,
    /// What the document is about: `run`.
    pub kind: String,
    /// The run as a whole.
    pub run: Run,
    /// The plan as carried out, with the keys of a plan file.
    pub plan: serde_json::Value,
    /// The builds, baseline first.
    pub variants: Vec<Variant>,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// How intervals and checks were computed.
    pub settings: Settings,
    /// Whether the run as a whole is to be believed.
    pub measurement: Measurement,
    /// What was lost or late, and other things a reader must know, in the order they came.
    pub notices: Vec<Notice>,
    /// One entry a scenario and candidate. Layouts of the baseline are no candidates.
    pub cells: Vec<Cell>,
    /// What shuffled builds of the baseline did; absent in runs without the layout control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// What every worker measured in every accepted trial: the truth that all else is derived from.
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
    /// When it ended; null while it goes on and after a crash.
    pub ended_unix_ms: Option<u64>,
    /// `complete`, `stopped` or `failed`; null while it goes on and after a crash.
    pub state: Option<String>,
    /// Why it did not complete; empty when it did.
    pub reason: String,
    /// The worst verdict over all cells: INVALID, SLOWER, UNDECIDED, SAME, FASTER; null when
    /// nothing is compared.
    pub verdict: Option<String>,
    /// Service times come from a model, not from an engine.
    pub simulated: bool,
    /// What must be seen beside every number: `resident`, `a/a`.
    pub labels: Vec<String>,
    /// Slots over all hosts.
    pub slots: u32,
    /// The root of every random draw; below 2^53.
    pub seed: u64,
    /// SHA-256 of the plan.
    pub plan_sha256: String,
    /// Digest of the model's files; empty when simulated.
    pub model_digest: String,
    /// SHA-256 over every byte of the model's files, the same on every host (`--verify-model`);
    /// null where nobody asked for it.
    pub model_sha256: Option<String>,
    /// Version of the coordinator.
    pub tool_version: String,
    /// Commit of the coordinator.
    pub tool_git_sha: String,
    /// Blocks (all arms of one scenario in one round) that are done.
    pub blocks_done: u64,
    /// Parts of attempts that were not accepted: stored, never counted, not in `parts`.
    pub superseded_parts: u64,
}

/// One build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name, as `--variants` gave it.
    pub name: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// SHA-256 of its code section; null for labels of the simulator.
    pub text_sha256: Option<String>,
    /// SHA-256 of the profile it was optimised with; null without one.
    pub profile_sha256: Option<String>,
    /// Commit of its sources.
    pub git_sha: String,
    /// Compiler flags given to it.
    pub flags: String,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Name of its agent.
    pub agent: String,
    /// What it is.
    #[serde(flatten)]
    pub facts: HostFacts,
}

/// How intervals and checks were computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Two-sided error of the intervals.
    pub alpha: f64,
    /// Probability with which a difference of the MDE is found.
    pub power: f64,
    /// What autocorrelation between rounds does to the interval: `off`, `auto`, `full`.
    pub guard: String,
    /// The interim analysis planned before the run; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Interim>,
}

/// One interim analysis planned before the run, with its own level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interim {
    /// After how many rounds.
    pub after: u32,
    /// Of how many.
    pub rounds: u32,
    /// Whose answer the document holds: `look` or `end`.
    pub answer: String,
}

/// Whether a measurement is to be believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// VALID, INCONCLUSIVE or INVALID.
    pub verdict: String,
    /// Why it is not VALID.
    pub reasons: Vec<Reason>,
    /// What is worth knowing though it decides nothing.
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
    /// When, milliseconds since 1970.
    pub unix_ms: u64,
    /// Stable name: `worker_lost`, `worker_silent`, `spawn_failed`, …
    pub kind: String,
    /// Index of the cell.
    pub cell: u32,
    /// Round, from zero.
    pub round: u32,
    /// A, B or A2.
    pub arm: String,
    /// Which try of the block.
    pub attempt: u32,
    /// One sentence.
    pub message: String,
}
