//! The primary metric for each worker and host, and changes of the host over the rounds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Interval;

/// The primary metric over the places of a fleet. Nothing here affects the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotEffects {
    /// Each worker.
    pub slots: Vec<SlotEffect>,
    /// Each host; empty with a single host.
    pub hosts: Vec<SlotEffect>,
    /// The worker that differs from the others; null if none does.
    pub odd: Option<Odd>,
    /// The hosts as a sample; null for fewer than five.
    pub sample: Option<HostSample>,
}

/// B against the baseline in one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotEffect {
    /// Name of the host.
    pub host: String,
    /// Slot, over the whole fleet; null for the host as a whole.
    pub slot: Option<u32>,
    /// Mean log ratio.
    pub delta: f64,
    /// Its interval at the level that the answer used.
    pub ci: Interval,
    /// The same if its level is 95 %.
    pub ci95: Option<Interval>,
}

/// The place that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Odd {
    /// Name of the host.
    pub host: String,
    /// Slot. Of only two places either could be the odd one; this is the first.
    pub slot: Option<u32>,
    /// Its log ratio minus the mean of the others'.
    pub contrast: f64,
    /// Interval of the contrast.
    pub contrast_ci: Interval,
    /// The same if its level is 95 %.
    pub contrast_ci95: Option<Interval>,
    /// p of the contrast after Holm's correction over the places.
    pub adjusted_p: f64,
    /// The log ratio without it; null if the others give none.
    pub without: Option<f64>,
    /// Its interval.
    pub without_ci: Option<Interval>,
    /// The same if its level is 95 %.
    pub without_ci95: Option<Interval>,
}

/// Five hosts or more, taken as a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostSample {
    /// Mean log ratio over hosts.
    pub delta: f64,
    /// Interval at the level that the answer used.
    pub ci: Interval,
    /// The same if its level is 95 %.
    pub ci95: Option<Interval>,
    /// Standard error.
    pub se: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Standard deviation of the effect between hosts.
    pub between: f64,
    /// Standard deviation of one host's rounds.
    pub within: f64,
}

/// Unusual changes over the rounds; null if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// Drift of the baseline: log ratio per round (Theil–Sen).
    pub drift_slope: Option<f64>,
    /// Two-sided p of the drift (Mann–Kendall).
    pub drift_p: Option<f64>,
    /// Robust score of the baseline's first round against the others, if beyond ±3.5.
    pub first_round_score: Option<f64>,
    /// Correlation of neighbouring rounds, if it is unusual.
    pub lag1: Option<f64>,
    /// Factor by which the interval was widened for it.
    pub inflation: Option<f64>,
}
