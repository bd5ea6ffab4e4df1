//! One planned interim analysis keeps the promised error; analysing after every round does not.

use stats::compare::{Estimate, Paired, Settings, Stage};
use stats::rng::Seed;

use crate::noise::{balanced, normal, share};

const ROUNDS: usize = 20;

fn experiment(seed: Seed) -> Paired {
    let mut rng = seed.rng();
    balanced((0..ROUNDS).map(|_| 0.02 * normal(&mut rng)).collect(), seed)
}

/// Whether the first `rounds` rounds show a difference.
fn found(all: &Paired, rounds: usize, settings: &Settings) -> bool {
    let seen = Paired {
        differences: all.differences[..rounds].to_vec(),
        covariate: all.covariate[..rounds].to_vec(),
    };
    !Estimate::of(&seen, settings)
        .expect("finite rounds")
        .ci
        .contains(0.0)
}

#[test]
fn one_planned_look_errs_no_more_often_than_it_says() {
    for at in [6, 10, 14] {
        let wrong = share(4000, |seed| {
            let all = experiment(seed);
            found(&all, at, &Stage::Interim.settings())
                || found(&all, ROUNDS, &Stage::Final.settings())
        });
        assert!(wrong <= 0.06, "look after {at} of {ROUNDS} rounds: {wrong}");
    }
}

#[test]
fn twin_a_look_after_every_round_errs_twice_as_often() {
    let wrong = share(2000, |seed| {
        let all = experiment(seed);
        (6..=ROUNDS).any(|rounds| found(&all, rounds, &Stage::Only.settings()))
    });
    assert!(wrong > 0.10, "{wrong}");
}

/// The purpose of the interim analysis: a large difference is found early.
#[test]
fn a_large_difference_is_known_at_the_look() {
    let early = share(500, |seed| {
        let mut all = experiment(seed);
        all.differences.iter_mut().for_each(|d| *d += 0.05);
        found(&all, 10, &Stage::Interim.settings())
    });
    assert!(early > 0.95, "{early}");
}
