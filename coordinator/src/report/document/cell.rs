//! One scenario with one candidate: the results of each arm.

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
    /// Lengths of the requests of all trials; null if a part was recorded by a version that did not
    /// count them.
    pub sent: Option<Sent>,
    /// Variant of arms A and A2.
    pub baseline: String,
    /// Variant of arm B; null if nothing is compared.
    pub candidate: Option<String>,
    /// Rounds done.
    pub rounds_done: u32,
    /// Rounds planned.
    pub rounds_planned: u32,
    /// FASTER, SLOWER, SAME, UNDECIDED or INVALID by the primary metric; null if nothing is
    /// compared.
    pub verdict: Option<String>,
    /// Whether this measurement can be trusted.
    pub measurement: Measurement,
    /// Every validity check that applies to the scenario's shape, for each arm over all its rounds,
    /// with any result.
    pub checks: Vec<Check>,
    /// Summary of each arm over all rounds.
    pub arms: Vec<ArmSummary>,
    /// One comparison for each metric, the primary first.
    pub metrics: Vec<Metric>,
    /// The primary metric for each worker; null with a single worker.
    pub places: Option<SlotEffects>,
    /// Changes of the host over the rounds, seen in the primary metric.
    pub signals: Signals,
}

/// One validity check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Stable name of the reason that it gives when it fails.
    pub check: String,
    /// A, B or A2.
    pub arm: String,
    /// `passed`; `warning`, `inconclusive` or `invalid` by the severity of the finding; `unknown`
    /// if there are no data or noise hides the answer.
    pub result: String,
    /// The checked figure, in `unit`; null if there are no data.
    pub figure: Option<f64>,
    /// Its limit, in `unit`.
    pub limit: Option<f64>,
    /// `count`, `share` of 1, or `ns`.
    pub unit: Option<String>,
    /// The key of the plan's `validity` table that holds the limit; null if the limit is fixed.
    pub key: Option<String>,
}
