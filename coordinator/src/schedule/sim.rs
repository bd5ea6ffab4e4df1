//! Parameters of the simulated engine for one trial. Owns how drift and differences between rounds
//! enter its scale; must not know how the engine uses it.

use contract::id::Arm;
use contract::spec::SimSpec;
use stats::rng::{Rng, Seed};

use super::Block;
use crate::plan::{Plan, SimPlan};

/// The variant's parameters with `scale × (1 + drift × position) × e^N(0, round_sd)`, the normal
/// draw independent for every trial and fixed by the run's seed.
#[must_use]
pub fn sim_spec(plan: &Plan, sim: &SimPlan, block: &Block, arm: Arm) -> SimSpec {
    let params = sim.params(block.variant(arm));
    let drift = 1.0 + params.drift.unwrap_or(0.0) * block.position(arm);
    let noise = (params.round_sd.unwrap_or(0.0) * trial_normal(plan.seed, block, arm)).exp();
    let spec = params.spec();
    SimSpec {
        scale: spec.scale * drift * noise,
        ..spec
    }
}

fn trial_normal(seed: u64, block: &Block, arm: Arm) -> f64 {
    let cell = Seed(seed).child("sim").nth(block.cell.into());
    normal(&mut cell.nth(block.round.into()).nth(arm.number().into()).rng())
}

/// A standard normal draw (Box and Muller 1958).
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.unit()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_draws_have_mean_zero_and_deviation_one() {
        let mut rng = Seed(1).rng();
        let draws: Vec<f64> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let square = draws.iter().map(|d| d * d).sum::<f64>() / draws.len() as f64;
        assert!(
            mean.abs() < 0.03 && (square - 1.0).abs() < 0.05,
            "mean {mean}, square {square}"
        );
    }
}
