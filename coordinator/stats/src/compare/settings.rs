//! Settings of an estimate, fixed before the run.

use super::guard::Guard;

/// Settings of the estimate that are fixed before the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Two-sided error of the interval; 0.05.
    pub alpha: f64,
    /// One-sided error at either limit of the two tests for SAME; 0.05.
    pub alpha_same: f64,
    /// Probability of finding a difference as large as the MDE; 0.8.
    pub power: f64,
    /// How autocorrelation between rounds changes the interval.
    pub guard: Guard,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            alpha_same: 0.05,
            power: 0.8,
            guard: Guard::Auto,
        }
    }
}
