//! The limits of the validity checks with their defaults; a plan may set each.

use std::time::Duration;

/// Limits beyond which a measurement is doubted. Shares are of 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// Below this many exceedances a quantile is not shown.
    pub hide_below: u64,
    /// Below this many exceedances a quantile is shown with a warning.
    pub warn_below: u64,
    /// Lateness (p99) is never doubted below this; above it the share of the median E2E counts.
    pub lateness_floor: Duration,
    /// Lateness and start skew may be this share of the scenario's median E2E.
    pub lateness_share: f64,
    /// Start skew and clock uncertainty are never doubted below this.
    pub skew_floor: Duration,
    /// Share of requests that may fail in a trial.
    pub failed_share: f64,
    /// Difference of the failed shares of two arms.
    pub failed_difference: f64,
    /// Busy share of the generator's own thread.
    pub generator_share: f64,
    /// Requests per second ÷ what the generator can do with an engine that does no work.
    pub floor_share: f64,
    /// CPU time stolen by the hypervisor, worth a warning.
    pub steal_warn: f64,
    /// CPU time stolen by the hypervisor, beyond which the trial shows nothing.
    pub steal_share: f64,
    /// CPU time that other programs on the host took, worth a warning: the interval carries what it
    /// did.
    pub others_warn: f64,
    /// Relative range of the CPU frequency during a trial, worth a warning.
    pub frequency_range: f64,
    /// Shortest measured window of a shape that has one.
    pub least_duration: Duration,
    /// Achieved ÷ offered requests.
    pub achieved_share: f64,
    /// |N ÷ (X·R̄) − 1| of Little's law.
    pub little_error: f64,
    /// Rate of false alarms at which movement inside the window counts …
    pub movement_alpha: f64,
    /// … when it also amounts to this relative change from the beginning to the end.
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
