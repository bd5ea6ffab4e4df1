//! The layout control: the effect of builds of the baseline that differ only in the order of their
//! functions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Estimate, Measurement, Round};

/// The layout control of a run. Its arms are controls: they have no verdict, and no gate uses them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// One entry for each scenario and layout.
    pub arms: Vec<LayoutArm>,
    /// One entry for each scenario and metric.
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
    /// Rounds done.
    pub rounds_done: u32,
    /// Whether this measurement can be trusted.
    pub measurement: Measurement,
    /// One entry for each metric.
    pub metrics: Vec<LayoutMetric>,
}

/// One metric of a layout against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutMetric {
    /// Name, as in the cells' metrics.
    pub name: String,
    /// The layout against the baseline; null without a comparison.
    pub effect: Option<Estimate>,
    /// A2 against A in the same rounds.
    pub control: Option<Estimate>,
    /// Values of each round.
    pub rounds: Vec<Round>,
}

/// Effect of the layouts on one metric of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutNoise {
    /// Name of the scenario.
    pub scenario: String,
    /// Name, as in the cells' metrics.
    pub metric: String,
    /// The layouts with a VALID measurement.
    pub counted: Vec<LayoutEffect>,
    /// The other layouts.
    pub left_out: Vec<LeftOut>,
    /// Mean of the counted log ratios; null for fewer than two.
    pub mean: Option<f64>,
    /// Their standard deviation (n−1), which includes the measurement error; null for fewer than
    /// two.
    pub sd: Option<f64>,
    /// √max(0, sd² − mean of se²); null for fewer than two.
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

/// A layout that does not count in the spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The layout.
    pub variant: String,
    /// Why it does not count, as a clause.
    pub reason: String,
}

/// A candidate's difference compared with the effect of code placement alone: a label, never a
/// verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutLabel {
    /// `within` (|δ| is below the standard deviation over layouts), `beyond`, or `unknown` (fewer
    /// than two layouts have a VALID measurement).
    pub noise: String,
    /// Number of layouts in the standard deviation; with `unknown`, the number measured.
    pub layouts: u64,
    /// The standard deviation; null with `unknown`.
    pub sd: Option<f64>,
}
