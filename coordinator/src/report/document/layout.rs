//! The layout control: what builds of the baseline that differ in nothing but the order of their
//! functions did.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Estimate, Measurement, Round};

/// The layout control of a run. Its arms are controls: no verdict is theirs, and no gate looks at
/// them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// One entry a scenario and layout.
    pub arms: Vec<LayoutArm>,
    /// One entry a scenario and metric.
    pub noise: Vec<LayoutNoise>,
}

/// One layout under one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutArm {
    /// Index of its cell, as in notices and parts.
    pub cell: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// The layout, which is the variant of arm B.
    pub variant: String,
    /// Rounds that are done.
    pub rounds_done: u32,
    /// Whether this measurement is to be believed.
    pub measurement: Measurement,
    /// One entry a metric.
    pub metrics: Vec<LayoutMetric>,
}

/// One metric of a layout against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutMetric {
    /// As in the cells' metrics.
    pub name: String,
    /// The layout against the baseline; null without a comparison.
    pub effect: Option<Estimate>,
    /// A2 against A beside it.
    pub control: Option<Estimate>,
    /// What each round showed.
    pub rounds: Vec<Round>,
}

/// What the layouts did to one metric of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutNoise {
    /// Name of the scenario.
    pub scenario: String,
    /// As in the cells' metrics.
    pub metric: String,
    /// The layouts that can be believed.
    pub counted: Vec<LayoutEffect>,
    /// The layouts that cannot.
    pub left_out: Vec<LeftOut>,
    /// Mean of the counted log ratios; null of fewer than two.
    pub mean: Option<f64>,
    /// Their standard deviation, with n−1: it carries the error of measuring; null of fewer than
    /// two.
    pub sd: Option<f64>,
    /// √max(0, sd² − mean of se²); null of fewer than two.
    pub sd_without_error: Option<f64>,
}

/// One layout's log ratio to the baseline. More than zero is slower, also for rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutEffect {
    /// The layout.
    pub variant: String,
    /// Mean log ratio δ.
    pub delta: f64,
    /// Its standard error.
    pub se: f64,
}

/// A layout that the spread goes without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The layout.
    pub variant: String,
    /// Why it was left out, as a clause.
    pub reason: String,
}

/// How a candidate's difference compares with what placement of code alone does: a label, never a
/// verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutLabel {
    /// `within` (|δ| is below the standard deviation over layouts), `beyond`, or `unknown` (fewer
    /// than two layouts can be believed).
    pub noise: String,
    /// Layouts that the standard deviation is of; with `unknown` those that were measured.
    pub layouts: u64,
    /// The standard deviation; null with `unknown`.
    pub sd: Option<f64>,
}
