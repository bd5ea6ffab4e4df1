//! What a window says of an objective: how many requests violated it. Owns the margin; must not know
//! metrics, limits or units.

use crate::order::Arm;

/// Requests of a window, and those of them that violated an objective. A failed request violates
/// every objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Requests that violated it.
    pub violated: u64,
    /// All requests.
    pub of: u64,
}

/// One measured window.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// ln rate.
    pub x: f64,
    /// Its arm.
    pub arm: Arm,
    /// One count for each objective.
    pub counts: Vec<Count>,
}

impl Count {
    /// Share of requests in violation; zero without requests.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.of == 0 {
            0.0
        } else {
            self.violated as f64 / self.of as f64
        }
    }

    /// logit((k + ½)/(n + 1)) − logit(allowed): negative if the window is within its objective.
    #[must_use]
    pub fn margin(&self, allowed: f64) -> f64 {
        logit((self.violated as f64 + 0.5) / (self.of as f64 + 1.0)) - logit(allowed)
    }
}

impl Window {
    /// The greatest margin over all objectives: the window passes if it is negative. `allowed` has
    /// one share for each objective.
    #[must_use]
    pub fn margin(&self, allowed: &[f64]) -> f64 {
        self.counts
            .iter()
            .zip(allowed)
            .map(|(count, allowed)| count.margin(*allowed))
            .fold(f64::NEG_INFINITY, f64::max)
    }
}

/// ln(p/(1 − p)).
pub(super) fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_objective_decides() {
        let count = |violated| Count { violated, of: 1000 };
        let window = |counts| Window {
            x: 0.0,
            arm: Arm::A,
            counts,
        };
        let allowed = [0.01, 0.01];
        assert!(window(vec![count(2), count(3)]).margin(&allowed) < 0.0);
        assert!(window(vec![count(2), count(30)]).margin(&allowed) > 0.0);
        assert_eq!(Count { violated: 0, of: 0 }.share(), 0.0);
    }
}
