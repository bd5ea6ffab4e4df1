//! (h) The exact check with the order covariate: its level with and without drift, and its
//! agreement with t on real differences. The counter-check is the check without the order.

use stats::compare::{ArmCost, Estimate, Paired, RoundCosts, Settings};
use stats::order::{Arm, ArmOrder, ArmSet};
use stats::resample::{PermutationTest, permutation_test, plain_permutation_test};
use stats::rng::{Rng, Seed};

use crate::noise::{normal, share};

type Check = fn(&[RoundCosts], Seed) -> PermutationTest;

const ALPHA: f64 = 0.05;

/// A host that slows by `drift` from the first trial to the last, slot noise 1 %, B slower by
/// `effect`.
fn blocks(arms: ArmSet, rounds: usize, (drift, effect): (f64, f64), seed: Seed) -> Vec<RoundCosts> {
    let orders = ArmOrder::balanced(arms, rounds, seed.child("order"));
    let slots = orders.iter().map(|order| order.arms().len()).sum::<usize>() as f64;
    let (mut rng, mut slot): (Rng, f64) = (seed.rng(), 0.0);
    let mut block = |order: &ArmOrder| {
        let mut cost = |_: &Arm| {
            slot += 1.0;
            (1.0 + drift * slot / slots).ln() + 0.01 * normal(&mut rng)
        };
        let costs: Vec<f64> = order.arms().iter().map(&mut cost).collect();
        let seat = |arm, more: f64| {
            order.position(arm).map(|position| ArmCost {
                cost: costs[position] + more,
                position: position as f64,
            })
        };
        let (a, b) = (
            seat(Arm::A, 0.0).expect("A"),
            seat(Arm::B, effect).expect("B"),
        );
        RoundCosts {
            a,
            b,
            a2: seat(Arm::A2, 0.0),
        }
    };
    orders.iter().map(&mut block).collect()
}

/// Shares of runs in which t, the check, and both find a difference.
fn found(arms: ArmSet, rounds: usize, truth: (f64, f64), check: Check, runs: u64) -> [f64; 3] {
    let of = |seed: Seed| {
        let blocks = blocks(arms, rounds, truth, seed);
        let t = Estimate::of(&Paired::effect(&blocks), &Settings::default())
            .expect("finite rounds")
            .p;
        (t <= ALPHA, check(&blocks, seed.child("exact")).p <= ALPHA)
    };
    [
        share(runs, |seed| of(seed).0),
        share(runs, |seed| of(seed).1),
        share(runs, |seed| of(seed) == (true, true)),
    ]
}

/// With slot noise of 1 % d has an SD of 1.22 %; three times its MDE at R = 6.
fn strong(rounds: usize) -> f64 {
    let sd = 0.01 * 1.5_f64.sqrt();
    3.0 * stats::compare::mde(
        sd / (rounds as f64).sqrt(),
        rounds as f64 - 2.0,
        &Settings::default(),
    )
}

/// t and the check agree about a difference that drift does not hide from t.
#[test]
fn h_a_strong_drift_does_not_part_t_and_the_check() {
    let (drift, rounds, runs) = (0.5, 6, 1000);
    for arms in [ArmSet::Two, ArmSet::Three] {
        let [t, exact, both] = found(
            arms,
            rounds,
            (drift, strong(rounds)),
            permutation_test,
            runs,
        );
        assert!(
            t > 0.99 && exact > 0.99 && both > 0.99,
            "{arms:?}: {t} {exact} {both}"
        );
    }
    let [t, _, both] = found(
        ArmSet::Two,
        rounds,
        (drift, strong(rounds)),
        plain_permutation_test,
        runs,
    );
    assert!(
        t > 0.99 && both < 0.88,
        "counter-check: the permutation test without the order covariate: {t} {both}"
    );
}

/// Residuals of six rounds vary slightly less than the noise, so the check alone errs slightly more
/// than its nominal level. An answer also needs t, and together they keep the level, with and
/// without drift.
#[test]
fn h_both_together_keep_the_level() {
    let runs = 2000;
    for (arms, rounds) in [(ArmSet::Two, 6), (ArmSet::Two, 8), (ArmSet::Three, 6)] {
        for drift in [0.0, 0.5] {
            let [t, exact, both] = found(arms, rounds, (drift, 0.0), permutation_test, runs);
            assert!(
                t <= 0.065 && exact <= 0.09 && both <= 0.06,
                "{arms:?} {rounds}: {t} {exact} {both}"
            );
        }
    }
    let [_, exact, _] = found(ArmSet::Two, 6, (0.5, 0.0), plain_permutation_test, runs);
    assert!(
        exact < 0.005,
        "counter-check: its level has fallen to nothing: {exact}"
    );
}

/// Without a usable order it equals the earlier check; with one it reports the slope that it
/// removed.
#[test]
fn h_the_order_is_taken_out_where_the_estimate_does_so() {
    let few = blocks(ArmSet::Three, 5, (0.2, 0.01), Seed(1));
    assert_eq!(
        permutation_test(&few, Seed(2)),
        plain_permutation_test(&few, Seed(2))
    );
    assert_eq!(permutation_test(&few, Seed(2)).gamma, None);
    let six = blocks(ArmSet::Three, 6, (0.5, 0.0), Seed(1));
    let gamma = permutation_test(&six, Seed(2))
        .gamma
        .expect("six rounds have the covariate");
    assert!(
        (0.015..0.03).contains(&gamma),
        "18 trials slow by half: {gamma} a place"
    );
}
