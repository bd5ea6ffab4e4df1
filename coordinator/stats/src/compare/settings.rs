//! What is fixed of an estimate before the run.

use super::guard::Guard;

/// Choices of the estimate that are fixed before the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Two-sided error of the interval; 0.05.
    pub alpha: f64,
    /// Probability with which a difference of the MDE is found; 0.8.
    pub power: f64,
    /// What autocorrelation between rounds does to the interval.
    pub guard: Guard,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            power: 0.8,
            guard: Guard::Auto,
        }
    }
}
