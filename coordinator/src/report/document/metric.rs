//! One metric's comparison: its rounds, the estimate, the checks, the decision and the rows that
//! led to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::LayoutLabel;

/// One metric's comparison of B with A.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// `e2e-p50`, `tokens-per-second`, …
    pub name: String,
    /// `ns` or `1/s`.
    pub unit: String,
    /// `lower` or `higher` is better.
    pub better: String,
    /// Whether this is the primary metric, declared before the run.
    pub primary: bool,
    /// `log`: differences are log ratios. `linear`: a value is zero, so there is no ratio, and
    /// differences are those of the values ÷ `scale_unit`. `zero`: every value of every arm and
    /// round is zero.
    #[serde(default = "logarithmic")]
    pub scale: String,
    /// With `linear`: the mean of the baseline, or of the candidate if that is zero, in the
    /// metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_unit: Option<f64>,
    /// Relative difference that does not matter.
    pub tolerance: f64,
    /// Noise floor, as a share: the difference that A/A comparisons on this class of hosts showed.
    /// The verdict uses the greater of tolerance and noise floor. 0 if none was calibrated.
    pub noise_floor: f64,
    /// A warning if the quantile rests on few values.
    pub warning: Option<String>,
    /// Why there is no comparison: too few values beyond the quantile, or no values.
    pub missing: Option<String>,
    /// FASTER, SLOWER, SAME, UNDECIDED or INVALID; null without a comparison.
    pub verdict: Option<String>,
    /// With SAME: the interval nevertheless excludes zero.
    pub small_but_real: bool,
    /// The rows of the decision table that were evaluated, in order, each with "yes" or "no".
    pub path: Vec<String>,
    /// With UNDECIDED: rounds after which the MDE equals the tolerance, at least six; null if no
    /// number is enough.
    pub rounds_needed: Option<u64>,
    /// B against the baseline (with the control: against the mean of A and A2).
    pub effect: Option<Estimate>,
    /// A2 against A: the difference without any change.
    pub control: Option<Estimate>,
    /// The exact check of the effect.
    pub exact: Option<Exact>,
    /// p of the effect after Holm's correction: over the secondary metrics of the cell, or for the
    /// primary over all cells; null if there is only one.
    pub adjusted_p: Option<f64>,
    /// The ratio of the pooled quantiles of all rounds; quantiles only.
    pub pooled: Option<Pooled>,
    /// Bootstrap intervals.
    pub bootstrap: Option<Bootstrap>,
    /// The effect compared with that of code placement alone; absent in runs without the layout
    /// control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<LayoutLabel>,
    /// Values of each round.
    pub rounds: Vec<Round>,
}

/// The scale of documents that predate this field.
fn logarithmic() -> String {
    "log".to_owned()
}

/// A mean difference of costs with its uncertainty: a log ratio unless the metric's scale says
/// otherwise. More than zero is slower, also for rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The change of the metric: 0.05 is 5 % more time, or 5 % more requests a second.
    pub change: f64,
    /// Number of rounds.
    pub rounds: u64,
    /// Mean log ratio δ.
    pub delta: f64,
    /// Interval of δ at the level that the answer used.
    pub ci: Interval,
    /// Narrower interval of δ at level 1 − 2α: the two one-sided tests of SAME.
    pub tost: Interval,
    /// `ci` if its level is 95 %; null if an interim analysis changed the level.
    pub ci95: Option<Interval>,
    /// `tost` if its level is 90 %; null otherwise.
    pub ci90: Option<Interval>,
    /// Standard error the intervals use.
    pub se: f64,
    /// Degrees of freedom the intervals use.
    pub df: f64,
    /// Change for each position in the order; null if the covariate is not used.
    pub gamma: Option<f64>,
    /// Standard deviation of the rounds' log ratios.
    pub s_d: f64,
    /// Minimum detectable effect: smallest |δ| that would have been found.
    pub mde: f64,
    /// Two-sided p of δ = 0.
    pub p: f64,
}

/// A range of log ratios, or of differences on the metric's scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Confidence level: 0.95 is 95 %.
    pub level: f64,
}

/// The exact check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exact {
    /// Two-sided p of the hypothesis that the labels do not matter.
    pub p: f64,
    /// `all-signs`, `all-labels`, `drawn-signs` or `drawn-labels`.
    pub method: String,
    /// Number of draws; null if all permutations were enumerated.
    pub draws: Option<u64>,
    /// Seed of the draws, 64 bits in decimal.
    pub seed: String,
    /// Cost for each position in the order that was removed before labels were exchanged, fitted
    /// over all arms as if labels did not matter; null if the estimate does not use the covariate.
    /// Absent in documents whose check ignored the order.
    #[serde(default)]
    pub gamma: Option<f64>,
}

/// A pooled log ratio with its delete-one-round interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pooled {
    /// Log ratio.
    pub theta: f64,
    /// Standard error.
    pub se: Option<f64>,
    /// Interval at the level that the answer used.
    pub ci: Interval,
    /// The same if its level is 95 %.
    pub ci95: Option<Interval>,
}

/// Secondary intervals by bootstrap: whole rounds are drawn with replacement, all arms together, at
/// expanded percentiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Number of draws.
    pub draws: u64,
    /// Seed of both intervals, 64 bits in decimal.
    pub seed: String,
    /// Interval of the mean log ratio at the level that the answer used.
    pub mean_ci: Interval,
    /// The same if its level is 95 %.
    pub mean_ci95: Option<Interval>,
    /// Interval of the pooled log ratio; quantiles only.
    pub pooled_ci: Option<Interval>,
    /// The same if its level is 95 %.
    pub pooled_ci95: Option<Interval>,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// Round, from zero.
    pub round: u32,
    /// One value for each arm, in the order in which the arms ran.
    pub values: Vec<Value>,
}

/// One arm of one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// A, B or A2.
    pub arm: String,
    /// Its position in the round's order, from zero; with several windows, the mean over them.
    pub position: f64,
    /// The value, in the metric's unit.
    pub value: f64,
}
