//! The published shape of a search for a capacity. `schema/capacity.schema.json` is generated from
//! it. Loads are requests a second or requests in flight (`varied`), shares are of 1, logarithms are
//! natural. What was not measured is null.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A search for a capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A search for a capacity by PGO Benchmarks")]
pub struct CapacityDocument {
    /// Version of this document's shape: 1.
    pub schema_version: u32,
    /// Kind of document: `capacity`.
    pub kind: String,
    /// The search.
    pub capacity: Capacity,
}

/// What was searched for, what was found, and the probes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// Id of the run.
    pub run: String,
    /// Name of the plan.
    pub plan: String,
    /// Labels that must be shown beside every number: `SIMULATED`, `a/a`.
    pub labels: Vec<String>,
    /// The baseline.
    pub baseline: String,
    /// The candidate; null if one build was measured.
    pub candidate: Option<String>,
    /// `rate` (requests a second) or `concurrency` (requests in flight): the unit of all loads.
    pub varied: String,
    /// Version of the method.
    pub method: u32,
    /// The objectives.
    pub objectives: Vec<String>,
    /// Relative half width of the interval to reach.
    pub precision: f64,
    /// FOUND, AT-LEAST, AT-MOST, CLIFF, NOT-MONOTONE, UNSTEADY or BUDGET; null if the search is not
    /// over.
    pub outcome: Option<String>,
    /// The outcome as a sentence.
    pub says: String,
    /// What to do, as a sentence.
    pub advice: String,
    /// The greatest load that is known to pass, for AT-LEAST, CLIFF and NOT-MONOTONE.
    pub passing_load: Option<f64>,
    /// The load that fails, for AT-MOST, CLIFF and NOT-MONOTONE.
    pub failing_load: Option<f64>,
    /// The capacities, for FOUND and, as far as known, for BUDGET.
    pub estimate: Option<CapacityEstimate>,
    /// The check at the lower end, for FOUND.
    pub confirmation: Option<CapacityCheck>,
    /// The decision about the candidate.
    pub gain: Option<CapacityGain>,
    /// The capacity of each objective alone; empty with one objective.
    pub by_objective: Vec<CapacityOfObjective>,
    /// Each host of a fleet; empty with one host.
    pub hosts: Vec<CapacityHost>,
    /// The closed loops that came first.
    pub levels: Vec<CapacityLevel>,
    /// Time of a step with N sequences, a + bN.
    pub step_law: Option<CapacityStepLaw>,
    /// Tokens a second over the number in flight; null if the levels carry no law: fewer than six, or
    /// of another form.
    pub scaling: Option<CapacityScaling>,
    /// The other probes, in order.
    pub probes: Vec<CapacityProbe>,
    /// Windows measured.
    pub windows: u32,
    /// Windows at most.
    pub windows_at_most: u32,
}

/// Capacities and their ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityEstimate {
    /// Capacity of the baseline, a load.
    pub baseline: CapacityInterval,
    /// Capacity of the candidate, a load.
    pub candidate: Option<CapacityInterval>,
    /// Candidate ÷ baseline.
    pub ratio: Option<CapacityInterval>,
    /// The baseline again ÷ the baseline: 1 but for chance.
    pub control: Option<CapacityInterval>,
    /// The objective that gives the baseline the least capacity.
    pub binding: Option<String>,
    /// Change of the logit of the share of violations for each unit of ln load.
    pub slope: f64,
    /// Groups of windows used.
    pub groups: usize,
    /// Degrees of freedom.
    pub df: f64,
}

/// A value with its 95 % interval, and the same as logarithms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityInterval {
    /// The value.
    pub value: f64,
    /// Lower end; null if the interval has no end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// ln of the value.
    pub ln: f64,
    /// Half width of the interval of ln.
    pub ln_half_width: Option<f64>,
}

/// The check at the lower end of the interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityCheck {
    /// Whether it holds.
    pub holds: bool,
    /// The load.
    pub load: f64,
    /// Windows measured there.
    pub windows: u32,
    /// Share of violations ÷ allowed share.
    pub used: f64,
    /// Design effect: variance of the counts ÷ that of independent requests.
    pub design: f64,
    /// Chance of so many violations at the allowed share.
    pub p: f64,
}

/// The decision about the candidate's capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityGain {
    /// FASTER is more capacity, SLOWER is less; SAME, UNDECIDED or INVALID.
    pub verdict: String,
    /// Relative difference that does not matter.
    pub tolerance: f64,
    /// Two-sided p of no difference.
    pub p: f64,
    /// p after Holm's correction over the objectives; null where one ratio is tested.
    pub adjusted_p: Option<f64>,
    /// Minimum detectable effect, a share.
    pub mde: f64,
    /// The rows of the decision table that were evaluated, in order, each with "yes" or "no".
    pub path: Vec<String>,
}

/// The capacities of one objective alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityOfObjective {
    /// The objective.
    pub objective: String,
    /// Its capacities.
    pub estimate: CapacityEstimate,
    /// The decision about the candidate.
    pub gain: Option<CapacityGain>,
}

/// One host of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityHost {
    /// Its name.
    pub name: String,
    /// The load of the whole fleet at which the requests of this host reach the limit.
    pub baseline: CapacityInterval,
    /// This host ÷ the others together, in the same windows.
    pub over_others: CapacityInterval,
    /// p of no difference; over more than two hosts after Holm's correction.
    pub adjusted_p: f64,
    /// Whether it differs from the others, by more than the tolerance.
    pub odd: bool,
}

/// One level of the closed loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityLevel {
    /// Requests in flight.
    pub in_flight: u32,
    /// Requests a second.
    pub requests_per_second: f64,
    /// Output tokens a second.
    pub tokens_per_second: f64,
}

/// Time of a step with N sequences, a + bN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityStepLaw {
    /// a, milliseconds.
    pub base_ms: f64,
    /// b, milliseconds.
    pub each_ms: f64,
    /// Standard errors of a and b; null with fewer than three levels.
    pub standard_errors_ms: Option<[f64; 2]>,
}

/// Throughput X over the number in flight N: N/X = θ₀(1 + σ(N − 1) + κN(N − 1)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityScaling {
    /// `linear`, `amdahl` or `universal`: the simplest whose error on levels left out is within one
    /// standard error of the least.
    pub model: String,
    /// θ₀, seconds.
    pub theta: f64,
    /// Contention σ.
    pub sigma: f64,
    /// Coherence κ.
    pub kappa: f64,
    /// The number in flight of the greatest throughput; null if no peak was seen.
    pub peak: Option<f64>,
    /// The greatest level.
    pub greatest: f64,
    /// Tokens a second predicted for twice that.
    pub at_twice: Option<f64>,
    /// Its 95 % band.
    pub at_twice_band: Option<[f64; 2]>,
}

/// One probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityProbe {
    /// The load.
    pub load: f64,
    /// `navigate`, `check`, `round`, `bracket` or `confirm`.
    pub purpose: String,
    /// Its windows, in the order A, B, A2.
    pub windows: Vec<CapacityWindow>,
    /// logit((k + ½)/(n + 1)) − logit(allowed) of the worst objective, mean over the windows of the
    /// baseline: it passed if that is below zero; null without a window.
    pub margin: Option<f64>,
    /// Requests answered a second in the window that was measured first.
    pub requests_per_second: f64,
    /// Whether the load generator was late.
    pub generator_late: bool,
}

/// One window of a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapacityWindow {
    /// A, B or A2.
    pub arm: String,
    /// Requests that ended in it.
    pub requests: u64,
    /// Those that violated each objective, in the order of the objectives.
    pub violated: Vec<u64>,
}
