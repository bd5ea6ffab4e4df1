//! The limits of the validity checks with their defaults; a plan can set each.

use std::time::Duration;

/// Limits beyond which a measurement is doubted. Shares are of 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// Below this many exceedances a quantile is not shown.
    pub hide_below: u64,
    /// Below this many exceedances a quantile is shown with a warning.
    pub warn_below: u64,
    /// Lateness (p99) below this is never doubted; above it, the share of the median E2E counts.
    pub lateness_floor: Duration,
    /// Greatest lateness and start skew, as a share of the scenario's median E2E.
    pub lateness_share: f64,
    /// Start skew and clock uncertainty below this are never doubted.
    pub skew_floor: Duration,
    /// Greatest share of a trial's requests that may fail.
    pub failed_share: f64,
    /// Greatest difference of the failed shares of two arms.
    pub failed_difference: f64,
    /// Greatest busy share of the generator's thread.
    pub generator_share: f64,
    /// Greatest share of the generator limit: requests per second ÷ the rate that the generator
    /// reaches with an engine that does no work.
    pub floor_share: f64,
    /// Share of CPU time stolen by the hypervisor that causes a warning.
    pub steal_warn: f64,
    /// Share of CPU time stolen by the hypervisor that makes the trial inconclusive.
    pub steal_share: f64,
    /// Share of CPU time used by other programs that causes a warning; the interval already
    /// includes its effect.
    pub others_warn: f64,
    /// Relative range of the CPU frequency during a trial that causes a warning.
    pub frequency_range: f64,
    /// Shortest measured window, for shapes that have one.
    pub least_duration: Duration,
    /// Least share of offered requests that must be achieved.
    pub achieved_share: f64,
    /// Greatest |N ÷ (X·R̄) − 1| of Little's law.
    pub little_error: f64,
    /// False-alarm rate at which movement inside the window counts, if it also exceeds `movement`.
    pub movement_alpha: f64,
    /// Relative change from the beginning to the end of the window that counts as movement.
    pub movement: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            hide_below: 10,
            warn_below: 100,
            lateness_floor: Duration::from_micros(250),
            lateness_share: 0.01,
            skew_floor: Duration::from_millis(5),
            failed_share: 0.01,
            failed_difference: 0.005,
            generator_share: 0.8,
            floor_share: 0.5,
            steal_warn: 0.02,
            others_warn: 0.05,
            steal_share: 0.25,
            frequency_range: 0.05,
            least_duration: Duration::from_secs(5),
            achieved_share: 0.99,
            little_error: 0.05,
            movement_alpha: 0.01,
            movement: 0.05,
        }
    }
}

impl Thresholds {
    /// max(floor, 1 % of the scenario's median E2E).
    #[must_use]
    pub fn lateness_limit(&self, median_e2e: Duration) -> Duration {
        self.lateness_floor
            .max(median_e2e.mul_f64(self.lateness_share))
    }

    /// max(5 ms, 1 % of the scenario's median E2E).
    #[must_use]
    pub fn skew_limit(&self, median_e2e: Duration) -> Duration {
        self.skew_floor.max(median_e2e.mul_f64(self.lateness_share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_limit_grows_with_the_requests() {
        let t = Thresholds::default();
        assert_eq!(
            t.lateness_limit(Duration::from_millis(20)),
            Duration::from_micros(250)
        );
        assert_eq!(
            t.lateness_limit(Duration::from_secs(4)),
            Duration::from_millis(40)
        );
        assert_eq!(
            t.skew_limit(Duration::from_millis(20)),
            Duration::from_millis(5)
        );
    }
}
