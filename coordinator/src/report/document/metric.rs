//! One metric's comparison: the rounds it rests on, the estimate, the checks, the decision and the
//! way to it.

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
    /// Declared before the run as the one that decides.
    pub primary: bool,
    /// `log`: differences are log ratios. `linear`: some value is zero, of which there is no ratio,
    /// and differences are those of the values ÷ `scale_unit`. `zero`: every value of every arm and
    /// round is zero.
    #[serde(default = "logarithmic")]
    pub scale: String,
    /// With `linear`: the mean of the baseline, or where that is zero of the candidate, in the
    /// metric's unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_unit: Option<f64>,
    /// The share by which it may differ without mattering.
    pub tolerance: f64,
    /// What A/A comparisons on this class of hosts showed without any difference, as a share; the
    /// verdict uses the greater of the two. 0 where none was calibrated.
    pub noise_floor: f64,
    /// A sentence where the quantile rests on few values.
    pub warning: Option<String>,
    /// Why there is no comparison: too few values beyond the quantile, or none at all.
    pub missing: Option<String>,
    /// FASTER, SLOWER, SAME, UNDECIDED or INVALID; null without a comparison.
    pub verdict: Option<String>,
    /// With SAME: the interval excludes zero nevertheless.
    pub small_but_real: bool,
    /// The rows of the decision table that were looked at, in order, each with "yes" or "no".
    pub path: Vec<String>,
    /// With UNDECIDED: rounds after which the MDE is the tolerance, six at least; null where no
    /// number would do.
    pub rounds_needed: Option<u64>,
    /// B against the baseline (with the control: against the mean of A and A2).
    pub effect: Option<Estimate>,
    /// A2 against A: what no change at all looks like.
    pub control: Option<Estimate>,
    /// The exact check of the effect.
    pub exact: Option<Exact>,
    /// p of the effect after Holm's correction: over the secondary metrics of the cell; of the
    /// primary over all cells, null where there is only one.
    pub adjusted_p: Option<f64>,
    /// The ratio of the quantiles of all rounds together; quantiles only.
    pub pooled: Option<Pooled>,
    /// Intervals from drawn rounds.
    pub bootstrap: Option<Bootstrap>,
    /// How the effect compares with what placement of code alone does; absent in runs without the
    /// layout control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<LayoutLabel>,
    /// What each round showed.
    pub rounds: Vec<Round>,
}

/// What documents of before there was another say by saying nothing.
fn logarithmic() -> String {
    "log".to_owned()
}

/// A mean difference of costs, a log ratio unless the metric's scale says otherwise, with its
/// uncertainty. More than zero is slower, also for rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The change in the metric's own sense: 0.05 is 5 % more time, or 5 % more requests a second.
    pub change: f64,
    /// Rounds.
    pub rounds: u64,
    /// Mean log ratio δ.
    pub delta: f64,
    /// Interval of δ at the level that the answer used.
    pub ci: Interval,
    /// Narrower interval of δ at 1 − 2α: the two one-sided tests of SAME.
    pub tost: Interval,
    /// `ci` where its level is 95 %; null where an interim analysis left another.
    pub ci95: Option<Interval>,
    /// `tost` where its level is 90 %; null likewise.
    pub ci90: Option<Interval>,
    /// Standard error the intervals use.
    pub se: f64,
    /// Degrees of freedom the intervals use.
    pub df: f64,
    /// Change per place in the order; null where the covariate is not used.
    pub gamma: Option<f64>,
    /// Standard deviation of the rounds' log ratios.
    pub s_d: f64,
    /// Smallest |δ| that would have been found.
    pub mde: f64,
    /// Two-sided p of δ = 0.
    pub p: f64,
}

/// A range of log ratios, or of what the scale has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// How often such a range covers: 0.95 is 95 %.
    pub level: f64,
}

/// The exact check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exact {
    /// Two-sided p of "the labels do not matter".
    pub p: f64,
    /// `all-signs`, `all-labels`, `drawn-signs` or `drawn-labels`.
    pub method: String,
    /// Draws; null where all were enumerated.
    pub draws: Option<u64>,
    /// The seed the draws come from, 64 bits in decimal.
    pub seed: String,
    /// Cost per place in the order that was taken out before labels were exchanged, fitted over all
    /// arms as if labels did not matter; null where the estimate does without the covariate. Absent
    /// in documents whose check knew no order.
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
    /// The same where its level is 95 %.
    pub ci95: Option<Interval>,
}

/// Secondary intervals: whole rounds are drawn with replacement, all arms together, at expanded
/// percentiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Draws.
    pub draws: u64,
    /// The seed both intervals draw from, 64 bits in decimal.
    pub seed: String,
    /// Interval of the mean log ratio at the level that the answer used.
    pub mean_ci: Interval,
    /// The same where its level is 95 %.
    pub mean_ci95: Option<Interval>,
    /// Interval of the pooled log ratio; quantiles only.
    pub pooled_ci: Option<Interval>,
    /// The same where its level is 95 %.
    pub pooled_ci95: Option<Interval>,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// From zero.
    pub round: u32,
    /// One value an arm, in the order in which the arms ran.
    pub values: Vec<Value>,
}

/// One arm of one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// A, B or A2.
    pub arm: String,
    /// Its place in the round's order, from zero.
    pub position: u64,
    /// The value, in the metric's unit.
    pub value: f64,
}
