//! (g) The whole path from values to verdicts: real differences are found, noise gives no finding,
//! and a host disturbed during one arm alone is refused.

use stats::compare::{
    Direction, Question, Role, RoundCosts, Scale, Settings, Tolerance, Verdict, compare, cost_ln,
    decide,
};
use stats::order::{Arm, ArmOrder, ArmSet};
use stats::rng::Seed;
use stats::validity::Validity;

use crate::noise::normal;

const RUNS: u64 = 100;

struct Host {
    /// True ratio of B to A.
    ratio: f64,
    /// Slowdown over the whole run.
    drift: f64,
    /// Standard deviation of d_r.
    scatter: f64,
    /// Slowdown while A2 runs.
    disturbed: f64,
}

impl Host {
    fn run(&self, seed: Seed) -> Vec<RoundCosts> {
        let mut rng = seed.child("noise").rng();
        // d = b − ½(a + a2) has 1.5 times the variance of one value.
        let noise = self.scatter / 1.5f64.sqrt();
        let orders = ArmOrder::balanced(ArmSet::Three, 10, seed.child("order"));
        let mut block = |(r, order): (usize, &ArmOrder)| {
            let mut cost = |arm: Arm, factor: f64| {
                let slot = order.position(arm).map_or(0, |p| 3 * r + p) as f64;
                let latency = 40.0
                    * factor
                    * (1.0 + self.drift * slot / 30.0)
                    * (noise * normal(&mut rng)).exp();
                cost_ln(latency, Direction::LowerIsBetter).expect("positive")
            };
            let (a, b) = (cost(Arm::A, 1.0), cost(Arm::B, self.ratio));
            let a2 = cost(Arm::A2, 1.0 + self.disturbed);
            RoundCosts::new(order, a, b, Some(a2)).expect("three arms")
        };
        orders.iter().enumerate().map(&mut block).collect()
    }

    fn verdict(&self, seed: Seed) -> Verdict {
        let settings = Settings::default();
        let comparison =
            compare(&self.run(seed), &settings, seed.child("exact")).expect("ten rounds");
        let tolerance = Tolerance {
            tau: 0.02,
            noise_floor: 0.0,
        };
        let question = Question {
            validity: &Validity::Valid,
            planned: None,
            tolerance,
            scale: Scale::Log,
            role: Role::Primary,
            settings,
        };
        decide(&comparison, &question).verdict
    }

    fn count(&self, wanted: &[Verdict]) -> usize {
        (0..RUNS)
            .filter(|&k| wanted.contains(&self.verdict(Seed(4711).nth(k))))
            .count()
    }
}

const QUIET: Host = Host {
    ratio: 1.0,
    drift: 0.0,
    scatter: 0.02,
    disturbed: 0.0,
};

#[test]
fn g_no_difference_is_seldom_taken_for_one() {
    let host = Host {
        drift: 0.2,
        ..QUIET
    };
    let found = host.count(&[Verdict::Faster, Verdict::Slower]);
    assert!(found <= 9, "{found} of {RUNS}");
}

#[test]
fn g_a_true_difference_is_found() {
    let slower = Host {
        ratio: 1.05,
        ..QUIET
    }
    .count(&[Verdict::Slower]);
    assert!(slower >= 95, "{slower} of {RUNS} at 1.05");
    let much = Host {
        ratio: 1.1,
        ..QUIET
    }
    .count(&[Verdict::Slower]);
    assert!(much >= 99, "{much} of {RUNS} at 1.10");
    let faster = Host {
        ratio: 1.0 / 1.1,
        drift: 0.2,
        ..QUIET
    }
    .count(&[Verdict::Faster]);
    assert!(faster >= 95, "{faster} of {RUNS} at 1/1.10 under drift");
}

#[test]
fn g_a_host_disturbed_during_one_arm_is_refused() {
    let disturbed = Host {
        disturbed: 0.08,
        ratio: 1.05,
        ..QUIET
    }
    .count(&[Verdict::Invalid]);
    assert!(disturbed >= 95, "{disturbed} of {RUNS}");
    let quiet = QUIET.count(&[Verdict::Invalid]);
    assert!(quiet <= 5, "counter-check: {quiet} of {RUNS}");
}
