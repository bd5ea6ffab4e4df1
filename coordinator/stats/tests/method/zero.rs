//! (i) Rounds of zero: a rate that is zero in some rounds is compared on a linear scale. Coverage,
//! level and power if rounds are all-or-nothing. The counter-checks are the logarithm of the
//! remaining rounds, and the interval without its floor.

use stats::compare::{
    ArmCost, Comparison, Direction, Interval, Question, Role, RoundCosts, RunMean, Scale, Settings,
    Tolerance, Verdict, compare_on, decide, unpaired, unpaired_within_reach,
};
use stats::order::{Arm, ArmOrder, ArmSet};
use stats::rng::{Rng, Seed};
use stats::validity::Validity;

use crate::noise::{normal, share};

const RATE: Direction = Direction::HigherIsBetter;
const RUNS: u64 = 500;

/// For each arm, the share of rounds without a good request.
#[derive(Clone, Copy)]
struct Truth {
    a: f64,
    b: f64,
}

/// A round has 20 good requests per second, ± 5 %, or none.
fn rate(none: f64, rng: &mut Rng) -> f64 {
    let some = 20.0 * (1.0 + 0.05 * normal(rng));
    if rng.unit() < none { 0.0 } else { some }
}

fn rates(truth: Truth, arms: ArmSet, rounds: usize, seed: Seed) -> Vec<(ArmOrder, Vec<f64>)> {
    let mut rng = seed.rng();
    let of = |arm: &Arm, rng: &mut Rng| rate(if *arm == Arm::B { truth.b } else { truth.a }, rng);
    let orders = ArmOrder::balanced(arms, rounds, seed.child("order"));
    let mut round = |order: ArmOrder| {
        let values = order.arms().iter().map(|arm| of(arm, &mut rng)).collect();
        (order, values)
    };
    orders.into_iter().map(&mut round).collect()
}

fn compared(rounds: &[(ArmOrder, Vec<f64>)], scale: Scale) -> Option<Comparison> {
    let block = |(order, values): &(ArmOrder, Vec<f64>)| {
        let seat = |arm| {
            let position = order.position(arm)?;
            Some(ArmCost {
                cost: scale.cost(values[position], RATE)?,
                position: position as f64,
            })
        };
        let a2 = if order.position(Arm::A2).is_some() {
            Some(seat(Arm::A2)?)
        } else {
            None
        };
        Some(RoundCosts {
            a: seat(Arm::A)?,
            b: seat(Arm::B)?,
            a2,
        })
    };
    let blocks: Vec<RoundCosts> = rounds.iter().filter_map(block).collect();
    compare_on(scale, &blocks, &Settings::default(), Seed(1)).ok()
}

fn scale(rounds: &[(ArmOrder, Vec<f64>)]) -> Scale {
    let of = |baseline: bool| -> Vec<f64> {
        let arms = |order: &ArmOrder| order.arms().to_vec();
        let values = rounds
            .iter()
            .flat_map(|(order, values)| arms(order).into_iter().zip(values.clone()));
        values
            .filter(|(arm, _)| (*arm != Arm::B) == baseline)
            .map(|(_, value)| value)
            .collect()
    };
    Scale::of(&of(true), &of(false))
}

fn verdict(comparison: &Comparison, scale: Scale) -> Verdict {
    let question = Question {
        validity: &Validity::Valid,
        planned: None,
        tolerance: Tolerance {
            tau: 0.02,
            noise_floor: 0.0,
        },
        scale,
        role: Role::Primary,
        settings: Settings::default(),
    };
    decide(comparison, &question).verdict
}

fn verdicts(truth: Truth, arms: ArmSet, rounds: usize, wanted: &[Verdict]) -> f64 {
    share(RUNS, |seed| {
        let rounds = rates(truth, arms, rounds, seed);
        let scale = scale(&rounds);
        compared(&rounds, scale).is_some_and(|found| wanted.contains(&verdict(&found, scale)))
    })
}

/// The truth in the unit of the measurement, and the interval without the floor.
fn intervals(truth: Truth, arms: ArmSet, rounds: usize, seed: Seed) -> (f64, Interval, Interval) {
    let rounds = rates(truth, arms, rounds, seed);
    let scale = scale(&rounds);
    let unit = match scale {
        Scale::Linear { unit, .. } => unit,
        Scale::Log => {
            return (
                0.0,
                Interval {
                    low: -1.0,
                    high: 1.0,
                },
                Interval {
                    low: -1.0,
                    high: 1.0,
                },
            );
        }
        Scale::Zero => 1.0,
    };
    let found = compared(&rounds, scale).expect("sound rounds").effect;
    let bare = found.correction.plain_se * (found.ci.high - found.delta) / found.se;
    let bare = Interval {
        low: found.delta - bare,
        high: found.delta + bare,
    };
    (20.0 * (truth.b - truth.a) / unit, found.ci, bare)
}

fn coverage(truth: Truth, arms: ArmSet, rounds: usize) -> (f64, f64) {
    let covers = |pick: fn((f64, Interval, Interval)) -> bool| {
        share(RUNS, |seed| pick(intervals(truth, arms, rounds, seed)))
    };
    (
        covers(|(truth, ci, _)| ci.contains(truth)),
        covers(|(truth, _, bare)| bare.contains(truth)),
    )
}

/// The share of good requests falls from all to those of 17 rounds in 60: clearly worse, with its
/// interval.
#[test]
fn i_rounds_without_a_good_request_are_found() {
    let truth = Truth { a: 0.0, b: 0.72 };
    for (arms, rounds, least) in [(ArmSet::Two, 10, 0.95), (ArmSet::Three, 6, 0.6)] {
        let found = verdicts(truth, arms, rounds, &[Verdict::Slower]);
        assert!(found >= least, "{arms:?}, {rounds} rounds: {found}");
    }
    let none = verdicts(
        Truth { a: 0.0, b: 1.0 },
        ArmSet::Three,
        8,
        &[Verdict::Slower],
    );
    assert!(none == 1.0, "B has none at all: {none}");
    // Counter-check: the logarithm of the remaining rounds finds nothing.
    let survivors = share(200, |seed| {
        let rounds = rates(truth, ArmSet::Two, 20, seed);
        let rest: Vec<_> = rounds
            .into_iter()
            .filter(|(_, values)| !values.contains(&0.0))
            .collect();
        compared(&rest, Scale::Log)
            .is_some_and(|found| verdict(&found, Scale::Log) == Verdict::Slower)
    });
    assert!(survivors < 0.1, "{survivors}");
}

#[test]
fn i_zeros_in_both_arms_are_seldom_taken_for_a_difference() {
    for none in [0.1, 0.5] {
        for (arms, rounds) in [(ArmSet::Two, 6), (ArmSet::Two, 10), (ArmSet::Three, 6)] {
            let truth = Truth { a: none, b: none };
            let wrong = verdicts(truth, arms, rounds, &[Verdict::Slower, Verdict::Faster]);
            assert!(wrong <= 0.05, "{arms:?}, {rounds} rounds, {none}: {wrong}");
        }
    }
}

/// The floor makes the interval cover: if every observed round is zero, nothing varies.
#[test]
fn i_the_interval_covers_and_without_its_floor_it_does_not() {
    for (arms, rounds) in [(ArmSet::Two, 6), (ArmSet::Two, 10), (ArmSet::Three, 6)] {
        for (a, b) in [(0.5, 0.5), (0.0, 0.3), (0.0, 0.72), (0.0, 0.9), (0.2, 0.8)] {
            let (covered, _) = coverage(Truth { a, b }, arms, rounds);
            assert!(
                covered >= 0.95,
                "{arms:?}, {rounds} rounds, {a} {b}: {covered}"
            );
        }
    }
    let (_, bare) = coverage(Truth { a: 0.0, b: 0.9 }, ArmSet::Two, 6);
    assert!(bare < 0.7, "counter-check: {bare}");
}

/// Zero in all arms gives no answer, because a relative tolerance has no meaning.
#[test]
fn i_zero_against_zero_is_undecided() {
    let rounds = rates(Truth { a: 1.0, b: 1.0 }, ArmSet::Three, 8, Seed(3));
    let found = compared(&rounds, scale(&rounds)).expect("zeros are values");
    assert_eq!((scale(&rounds), found.effect.delta), (Scale::Zero, 0.0));
    assert_eq!(verdict(&found, Scale::Zero), Verdict::Undecided);
}

/// Runs of different times: three with only good rounds, three in which a quarter of the rounds has
/// any good request.
#[test]
fn i_runs_with_zeros_are_compared_as_runs() {
    let run = |mean: f64, variance: f64| RunMean {
        mean,
        variance,
        rounds: 10,
    };
    let (old, new) = (
        [-1.0, -1.01, -0.99].map(|m| run(m, 1e-5)),
        [-0.2, -0.3, -0.35].map(|m| run(m, 0.02)),
    );
    let found = unpaired_within_reach(&old, &new, 1.0, &Settings::default()).expect("three a side");
    assert!(found.ci.low > 0.4 && found.delta > 0.7, "{found:?}");
    // Runs that agree on zero are as uncertain as their thirty rounds.
    let none = [0.0; 3].map(|m| run(m, 0.0));
    let old = [-1.0; 3].map(|m| run(m, 0.0));
    let within = unpaired_within_reach(&old, &none, 1.0, &Settings::default())
        .expect("three a side")
        .ci;
    let bare = unpaired(&old, &none, &Settings::default())
        .expect("three a side")
        .ci;
    assert!(
        (within.high - 1.0 - (1.0 - 0.025_f64.powf(1.0 / 30.0))).abs() < 1e-9,
        "{within:?}"
    );
    assert!(bare.high - 1.0 < 0.001, "counter-check: {bare:?}");
}
