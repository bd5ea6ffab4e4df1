//! The primary metric worker by worker and host by host, and what the rounds say of the host over
//! time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Interval;

/// The primary metric over the places of a fleet. Nothing here enters the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotEffects {
    /// Worker by worker.
    pub slots: Vec<SlotEffect>,
    /// Host by host; empty with a single host.
    pub hosts: Vec<SlotEffect>,
    /// The worker that tells another story than the others; null where none does.
    pub odd: Option<Odd>,
    /// The hosts as a sample of hosts; null below five.
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
    /// The same where its level is 95 %.
    pub ci95: Option<Interval>,
}

/// The odd place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Odd {
    /// Name of the host.
    pub host: String,
    /// Slot. Of two places nobody can say which one is odd: this is the first.
    pub slot: Option<u32>,
    /// Its log ratio less the mean of the others'.
    pub contrast: f64,
    /// Interval of that.
    pub contrast_ci: Interval,
    /// The same where its level is 95 %.
    pub contrast_ci95: Option<Interval>,
    /// p of the contrast after Holm's correction over the places.
    pub adjusted_p: f64,
    /// The log ratio without it; null where the rest gives none.
    pub without: Option<f64>,
    /// Interval of that.
    pub without_ci: Option<Interval>,
    /// The same where its level is 95 %.
    pub without_ci95: Option<Interval>,
}

/// Five hosts and more, taken as a sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostSample {
    /// Mean log ratio over hosts.
    pub delta: f64,
    /// Interval at the level that the answer used.
    pub ci: Interval,
    /// The same where its level is 95 %.
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

/// What stands out over the rounds; null where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signals {
    /// Drift of the baseline: log ratio from round to round (Theil–Sen).
    pub drift_slope: Option<f64>,
    /// Two-sided p of the drift (Mann–Kendall).
    pub drift_p: Option<f64>,
    /// Robust score of the baseline's first round against the others, beyond ±3.5.
    pub first_round_score: Option<f64>,
    /// Correlation of neighbouring rounds, where it stands out.
    pub lag1: Option<f64>,
    /// Factor by which the interval was widened for it.
    pub inflation: Option<f64>,
}
