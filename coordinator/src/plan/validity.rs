//! The limits of the validity checks, with the keys of a plan's `[validity]` table. Owns their keys
//! and ranges; [`stats::validity::Thresholds`] defines their meaning and defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stats::validity::Thresholds;

/// Limits with the keys of a plan. Times are seconds and shares are of 1. The limits in a run's
/// plan always apply to that run, so the run's header contains the defaults explicitly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Lateness (p99) raises no doubt below this …
    pub max_lateness: f64,
    /// … and, like start skew, none below this share of the scenario's median E2E.
    pub max_lateness_share: f64,
    /// Start skew and clock uncertainty raise no doubt below this.
    pub max_start_skew: f64,
    /// Share of requests that may fail.
    pub max_error_rate: f64,
    /// Maximum difference between the arms' shares of failed requests.
    pub max_error_difference: f64,
    /// Maximum busy share of the generator's thread.
    pub max_generator_share: f64,
    /// Maximum requests per second ÷ the generator limit.
    pub max_floor_share: f64,
    /// Share of processor time that the hypervisor took, above which there is a warning.
    pub warn_steal: f64,
    /// … and above which the run is INCONCLUSIVE.
    pub max_steal: f64,
    /// Share of processor time that other programs took, above which there is a warning.
    pub warn_others: f64,
    /// Relative range of the processor's frequency, above which there is a warning.
    pub warn_frequency_drift: f64,
    /// Shortest window; not for bursts.
    pub min_duration: f64,
    /// Least share of sent to offered requests; open loops only.
    pub min_achieved: f64,
    /// Maximum error of Little's law; not for bursts.
    pub max_little_error: f64,
    /// Maximum movement of the latency from the beginning of the window to its end; not for bursts.
    pub max_movement: f64,
    /// False-alarm rate of that check.
    pub movement_alpha: f64,
    /// A quantile is hidden if fewer values than this lie beyond it …
    pub hide_below: u32,
    /// … and shown with a warning if fewer than this do.
    pub warn_below: u32,
}

impl Limits {
    /// The form that the checks use.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        let seconds = |s: f64| Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX);
        Thresholds {
            hide_below: self.hide_below.into(),
            warn_below: self.warn_below.into(),
            lateness_floor: seconds(self.max_lateness),
            lateness_share: self.max_lateness_share,
            skew_floor: seconds(self.max_start_skew),
            failed_share: self.max_error_rate,
            failed_difference: self.max_error_difference,
            generator_share: self.max_generator_share,
            floor_share: self.max_floor_share,
            steal_warn: self.warn_steal,
            steal_share: self.max_steal,
            others_warn: self.warn_others,
            frequency_range: self.warn_frequency_drift,
            least_duration: seconds(self.min_duration),
            achieved_share: self.min_achieved,
            little_error: self.max_little_error,
            movement_alpha: self.movement_alpha,
            movement: self.max_movement,
        }
    }

    /// Each limit that is not a count, with its key and its valid range.
    #[must_use]
    pub(super) fn ranges(&self) -> [(&'static str, f64, f64, f64); 16] {
        let share = |key, value| (key, value, 0.0, 1.0);
        [
            ("max_lateness", self.max_lateness, 0.0, 3600.0),
            share("max_lateness_share", self.max_lateness_share),
            ("max_start_skew", self.max_start_skew, 0.0, 3600.0),
            share("max_error_rate", self.max_error_rate),
            share("max_error_difference", self.max_error_difference),
            share("max_generator_share", self.max_generator_share),
            share("max_floor_share", self.max_floor_share),
            share("warn_steal", self.warn_steal),
            share("max_steal", self.max_steal),
            share("warn_others", self.warn_others),
            ("warn_frequency_drift", self.warn_frequency_drift, 0.0, 10.0),
            ("min_duration", self.min_duration, 0.0, 604_800.0),
            share("min_achieved", self.min_achieved),
            ("max_little_error", self.max_little_error, 0.0, 10.0),
            ("max_movement", self.max_movement, 0.0, 10.0),
            ("movement_alpha", self.movement_alpha, 0.000_001, 0.5),
        ]
    }
}

impl Default for Limits {
    fn default() -> Self {
        let t = Thresholds::default();
        let count = |n: u64| u32::try_from(n).expect("a small default");
        Self {
            max_lateness: t.lateness_floor.as_secs_f64(),
            max_lateness_share: t.lateness_share,
            max_start_skew: t.skew_floor.as_secs_f64(),
            max_error_rate: t.failed_share,
            max_error_difference: t.failed_difference,
            max_generator_share: t.generator_share,
            max_floor_share: t.floor_share,
            warn_steal: t.steal_warn,
            max_steal: t.steal_share,
            warn_others: t.others_warn,
            warn_frequency_drift: t.frequency_range,
            min_duration: t.least_duration.as_secs_f64(),
            min_achieved: t.achieved_share,
            max_little_error: t.little_error,
            max_movement: t.movement,
            movement_alpha: t.movement_alpha,
            hide_below: count(t.hide_below),
            warn_below: count(t.warn_below),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plan_does_not_say_is_the_checks_own_default() {
        assert_eq!(Limits::default().thresholds(), Thresholds::default());
        let own: Limits =
            toml::from_str("max_error_rate = 0.2\nmax_lateness = 0.004").expect("both are keys");
        let thresholds = own.thresholds();
        assert_eq!(thresholds.failed_share, 0.2);
        assert_eq!(thresholds.lateness_floor, Duration::from_millis(4));
    }
}
