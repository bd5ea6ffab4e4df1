//! (a) coverage, (b) false positives under drift, (c) power at the MDE, and the guard's own table.

use stats::compare::{ArmCost, Estimate, Guard, Paired, RoundCosts, Settings, compare, mde};
use stats::order::{Arm, ArmOrder, ArmSet};
use stats::rng::{Rng, Seed};

use crate::noise::{autoregressive, balanced, lognormal, normal, share, t3};

type Draw = fn(&mut Rng) -> f64;

const OFF: Settings = Settings {
    alpha: 0.05,
    alpha_same: 0.05,
    power: 0.8,
    guard: Guard::Off,
};

fn default() -> Settings {
    Settings::default()
}

fn estimate(paired: &Paired, settings: &Settings) -> Estimate {
    Estimate::of(paired, settings).expect("ten finite rounds")
}

fn ten(seed: Seed, draw: Draw) -> Paired {
    let mut rng = seed.rng();
    balanced((0..10).map(|_| 0.02 * draw(&mut rng)).collect(), seed)
}

#[test]
fn a_the_interval_covers_as_often_as_it_says() {
    let noises: [(&str, Draw); 3] = [
        ("normal", normal),
        ("t3", t3),
        ("lognormal", |rng| lognormal(rng, 0.35)),
    ];
    for (name, draw) in noises {
        for settings in [OFF, default()] {
            let covered = share(4000, |seed| {
                estimate(&ten(seed, draw), &settings).ci.contains(0.0)
            });
            assert!(
                (0.93..=0.975).contains(&covered),
                "{name} {:?}: {covered}",
                settings.guard
            );
        }
    }
}

/// Treating every request as a replicate, here by repeating each round twenty times, must fail the
/// same test.
#[test]
fn a_twin_pseudo_replication_does_not_cover() {
    let covered = share(1000, |seed| {
        let once = ten(seed, normal);
        let paired = Paired {
            differences: once.differences.repeat(20),
            covariate: once.covariate.repeat(20),
        };
        estimate(&paired, &OFF).ci.contains(0.0)
    });
    assert!(covered < 0.5, "{covered}");
}

/// Blocks without any difference, on a host that slows by `drift` over the whole run, slot noise 1
/// %.
fn drifting(orders: &[ArmOrder], drift: f64, rng: &mut Rng) -> Vec<RoundCosts> {
    let slots = orders.iter().map(|o| o.arms().len()).sum::<usize>() as f64;
    let mut slot = 0.0;
    let mut block = |order: &ArmOrder| {
        let costs: Vec<f64> = order
            .arms()
            .iter()
            .map(|_| {
                slot += 1.0;
                drift * slot / slots + 0.01 * normal(rng)
            })
            .collect();
        let seat = |arm| {
            order.position(arm).map(|position| ArmCost {
                cost: costs[position],
                position: position as f64,
            })
        };
        RoundCosts {
            a: seat(Arm::A).expect("A"),
            b: seat(Arm::B).expect("B"),
            a2: seat(Arm::A2),
        }
    };
    orders.iter().map(&mut block).collect()
}

fn false_positives(drift: f64, orders: impl Fn(Seed) -> Vec<ArmOrder>, settings: &Settings) -> f64 {
    share(4000, |seed| {
        let blocks = drifting(&orders(seed.child("order")), drift, &mut seed.rng());
        !estimate(&Paired::effect(&blocks), settings)
            .ci
            .contains(0.0)
    })
}

#[test]
fn b_drift_is_not_taken_for_a_difference() {
    for arms in [ArmSet::Two, ArmSet::Three] {
        for settings in [OFF, default()] {
            for drift in [0.0, 0.2] {
                let found =
                    false_positives(drift, |seed| ArmOrder::balanced(arms, 10, seed), &settings);
                assert!(
                    found <= 0.06,
                    "{arms:?} {:?} drift {drift}: {found}",
                    settings.guard
                );
            }
        }
    }
}

/// An estimator that always runs A first takes the same drift for a difference in every second run.
#[test]
fn b_twin_fixed_order_takes_drift_for_a_difference() {
    let a_first = |_| {
        let ab = (0..)
            .map(Seed)
            .map(|s| ArmOrder::balanced(ArmSet::Two, 1, s).remove(0));
        let ab = ab
            .into_iter()
            .find(|o| o.position(Arm::A) == Some(0))
            .expect("half of all seeds");
        vec![ab; 10]
    };
    let found = false_positives(0.2, a_first, &OFF);
    assert!(found >= 0.5, "{found}");
}

#[test]
fn c_a_difference_of_the_mde_is_found_four_times_in_five() {
    let effect = mde(0.02 / 10f64.sqrt(), 8.0, &OFF);
    let power = |settings: &Settings, effect: f64| {
        share(4000, |seed| {
            let mut paired = ten(seed, normal);
            paired.differences.iter_mut().for_each(|d| *d += effect);
            estimate(&paired, settings).ci.low > 0.0
        })
    };
    let plain = power(&OFF, effect);
    assert!((plain - 0.8).abs() <= 0.03, "{plain}");
    let guarded = power(&default(), effect);
    assert!(guarded >= 0.74, "{guarded}");
    assert!(
        power(&OFF, effect / 2.0) < 0.4,
        "counter-check: half the difference is rarely found"
    );
}

/// The table at [`Guard`], in the cell where the guard is needed most.
#[test]
fn correlated_rounds_are_guarded_against() {
    let wrong = |guard: Guard| {
        share(4000, |seed| {
            let noise = autoregressive(&mut seed.rng(), 0.4, 20);
            let settings = Settings { guard, ..default() };
            !estimate(&balanced(noise, seed), &settings).ci.contains(0.0)
        })
    };
    let (off, auto) = (wrong(Guard::Off), wrong(Guard::Auto));
    assert!(off > 0.16 && auto < 0.1, "{off} {auto}");
    assert_eq!(auto, wrong(Guard::Full));
}

#[test]
fn the_control_arm_narrows_the_interval() {
    let width = |blocks: &[RoundCosts]| {
        let c = compare(blocks, &OFF, Seed(0)).expect("ten rounds");
        c.effect.ci.high - c.effect.ci.low
    };
    let narrower = share(400, |seed| {
        let orders = ArmOrder::balanced(ArmSet::Three, 10, seed);
        let three = drifting(&orders, 0.0, &mut seed.rng());
        let two: Vec<RoundCosts> = three
            .iter()
            .map(|b| RoundCosts { a2: None, ..*b })
            .collect();
        width(&three) < width(&two)
    });
    assert!(narrower > 0.6, "{narrower}");
}
