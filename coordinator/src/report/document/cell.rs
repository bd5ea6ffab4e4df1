//! One scenario with one candidate: what each arm did.

use contract::part::Sent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Measurement, Metric, Signals, SlotEffects};
use crate::compare::ArmSummary;

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
    pub arms: Vec<ArmSummary>,
    /// One comparison a metric, the primary first.
    pub metrics: Vec<Metric>,
    /// The primary metric worker by worker; null with a single worker.
    pub places: Option<SlotEffects>,
    /// What the rounds of the primary metric say of the host over time.
    pub signals: Signals,
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
