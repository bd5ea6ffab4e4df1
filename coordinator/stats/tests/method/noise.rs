//! Seeded noise for the simulations.

use stats::compare::Paired;
use stats::order::{Arm, ArmOrder, ArmSet};
use stats::rng::{Rng, Seed};

/// A standard normal number (Box and Muller).
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.unit()).cos()
}

/// Student's t with three degrees of freedom, scaled to variance 1.
pub(crate) fn t3(rng: &mut Rng) -> f64 {
    let chi2: f64 = (0..3).map(|_| normal(rng).powi(2)).sum();
    normal(rng) / (chi2 / 3.0).sqrt() / 3f64.sqrt()
}

/// Lognormal with the given spread, minus its mean.
pub(crate) fn lognormal(rng: &mut Rng, spread: f64) -> f64 {
    (spread * normal(rng)).exp() - (spread * spread / 2.0).exp()
}

/// AR(1) of unit variance.
pub(crate) fn autoregressive(rng: &mut Rng, rho: f64, length: usize) -> Vec<f64> {
    let mut state = normal(rng);
    let step = |_| {
        let now = state;
        state = rho * state + (1.0 - rho * rho).sqrt() * normal(rng);
        now
    };
    (0..length).map(step).collect()
}

/// Differences with the covariate of a balanced two-arm order.
pub(crate) fn balanced(differences: Vec<f64>, seed: Seed) -> Paired {
    let orders = ArmOrder::balanced(ArmSet::Two, differences.len(), seed.child("order"));
    let covariate = orders
        .iter()
        .map(|o| {
            if o.position(Arm::B) == Some(0) {
                -1.0
            } else {
                1.0
            }
        })
        .collect();
    Paired {
        differences,
        covariate,
    }
}

/// The share of seeds 0..n for which `found` holds.
pub(crate) fn share(n: u64, found: impl Fn(Seed) -> bool) -> f64 {
    (0..n).filter(|&k| found(Seed(20_260).nth(k))).count() as f64 / n as f64
}
