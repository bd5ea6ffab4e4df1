//! (k) Windows of the same processes within a round: coverage of the round's mean, and the twin
//! that takes windows for replicates.

use stats::compare::{ArmCost, Estimate, Guard, Paired, RoundCosts, Settings};
use stats::order::{Arm, ArmOrder, ArmSet};
use stats::rng::Seed;

use crate::noise::{normal, share};

const ROUNDS: usize = 8;
const WINDOWS: usize = 4;
/// SD of a process against others of the same build, and of a window against others of its
/// process.
const BETWEEN: f64 = 0.01;
const WITHIN: f64 = 0.01;

/// The windows of each round, on a host that slows by `drift` over the run.
fn run(seed: Seed, drift: f64) -> Vec<Vec<RoundCosts>> {
    let mut rng = seed.rng();
    let turns = (3 * ROUNDS * WINDOWS) as f64;
    let mut turn = 0.0;
    let mut round = |number: u64| {
        let processes = [0; 3].map(|_| BETWEEN * normal(&mut rng));
        let orders = ArmOrder::balanced(ArmSet::Three, WINDOWS, seed.nth(number));
        let mut window = |order: &ArmOrder| {
            let mut costs = [0.0; 3];
            for arm in order.arms() {
                turn += 1.0;
                let own = processes[*arm as usize];
                costs[*arm as usize] = own + drift * turn / turns + WITHIN * normal(&mut rng);
            }
            let seat = |arm: Arm| ArmCost {
                cost: costs[arm as usize],
                position: order.position(arm).expect("every arm runs") as f64,
            };
            RoundCosts {
                a: seat(Arm::A),
                b: seat(Arm::B),
                a2: Some(seat(Arm::A2)),
            }
        };
        orders.iter().map(&mut window).collect()
    };
    (0..ROUNDS as u64).map(&mut round).collect()
}

fn covers(costs: &[RoundCosts], guard: Guard) -> bool {
    let settings = Settings {
        guard,
        ..Settings::default()
    };
    let estimate = Estimate::of(&Paired::effect(costs), &settings);
    estimate.expect("finite rounds").ci.contains(0.0)
}

#[test]
fn k_the_interval_over_rounds_covers_whatever_processes_differ_by() {
    for drift in [0.0, 0.2] {
        let covered = share(4000, |seed| {
            let means: Option<Vec<RoundCosts>> = run(seed, drift)
                .iter()
                .map(|windows| RoundCosts::mean(windows))
                .collect();
            covers(&means.expect("whole rounds"), Settings::default().guard)
        });
        assert!((0.93..=0.975).contains(&covered), "{drift}: {covered}");
    }
}

#[test]
fn k_twin_windows_as_replicates_do_not_cover() {
    let covered = |guard| share(1000, |seed| covers(&run(seed, 0.0).concat(), guard));
    // The guard against correlated rounds sees part of it.
    let [without, with] = [Guard::Off, Settings::default().guard].map(covered);
    assert!(without < 0.85 && with < 0.93, "{without} {with}");
}

/// What windows are for: the same number of processes, a narrower interval.
#[test]
fn k_windows_make_the_interval_narrower() {
    let width = |seed, windows: usize| {
        let means: Option<Vec<RoundCosts>> = run(Seed(seed), 0.0)
            .iter()
            .map(|round| RoundCosts::mean(&round[..windows]))
            .collect();
        let paired = Paired::effect(&means.expect("whole rounds"));
        let estimate = Estimate::of(&paired, &Settings::default()).expect("finite rounds");
        estimate.ci.high - estimate.ci.low
    };
    let mean = |windows| (0..400).map(|seed| width(seed, windows)).sum::<f64>() / 400.0;
    let ratio = mean(WINDOWS) / mean(1);
    // √((σ_b² + σ_w²/4) / (σ_b² + σ_w²)) = 0.79, and with one window the order costs a degree of
    // freedom: t(6) ÷ t(7) = 1.03.
    assert!((0.68..0.82).contains(&ratio), "{ratio}");
}
