//! Coverage of the secondary views, and that a round without weight is deleted.

use hdrhistogram::Histogram;
use stats::compare::Interval;
use stats::merge::merge;
use stats::resample::{Rounds, bootstrap_mean, bootstrap_pooled, jackknife};
use stats::rng::{Rng, Seed};
use stats::summary::quantile;

use crate::noise::{normal, share};

/// `rounds` histograms of 200 requests: a shared round effect, an arm effect of 1 %, request noise
/// of 35 %.
fn arm(shared: &[f64], rng: &mut Rng) -> Vec<Histogram<u64>> {
    let mut round = |shared: &f64| {
        let mut h = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds");
        let level = shared + 0.01 * normal(rng);
        for _ in 0..200 {
            h.record((2e7 * (level + 0.35 * normal(rng)).exp()) as u64)
                .expect("within a minute");
        }
        h
    };
    shared.iter().map(&mut round).collect()
}

fn refs(arm: &[Histogram<u64>]) -> Vec<&Histogram<u64>> {
    arm.iter().collect()
}

fn pair(seed: Seed, rounds: usize) -> (Vec<Histogram<u64>>, Vec<Histogram<u64>>) {
    let mut rng = seed.rng();
    let shared: Vec<f64> = (0..rounds).map(|_| 0.03 * normal(&mut rng)).collect();
    (arm(&shared, &mut rng), arm(&shared, &mut rng))
}

#[test]
fn pooled_intervals_cover() {
    let covered = |interval: fn(&Rounds<'_>, Seed) -> Interval| {
        share(250, |seed| {
            let (a, b) = pair(seed, 8);
            interval(
                &Rounds {
                    a: &refs(&a),
                    b: &refs(&b),
                    a2: None,
                },
                seed,
            )
            .contains(0.0)
        })
    };
    let jack = covered(|rounds, _| jackknife(rounds, 0.5, 0.05).expect("eight rounds").ci);
    assert!((0.91..=0.99).contains(&jack), "jackknife {jack}");
    let boot = covered(|rounds, seed| {
        bootstrap_pooled(rounds, 0.5, 0.05, seed)
            .expect("eight rounds")
            .ci
    });
    assert!((0.91..=0.99).contains(&boot), "bootstrap {boot}");
}

#[test]
fn jackknife_equals_merging_all_but_one() {
    let (a, b) = pair(Seed(77), 6);
    let (a2, _) = pair(Seed(78), 6);
    let found = jackknife(
        &Rounds {
            a: &refs(&a),
            b: &refs(&b),
            a2: Some(&refs(&a2)),
        },
        0.9,
        0.05,
    )
    .unwrap();
    let ln = |arm: &[Histogram<u64>], without: usize| {
        let kept = arm
            .iter()
            .enumerate()
            .filter(|(r, _)| *r != without)
            .map(|(_, h)| h);
        quantile(&merge(kept).unwrap(), 0.9).unwrap().ln()
    };
    let theta = |j| ln(&b, j) - 0.5 * (ln(&a, j) + ln(&a2, j));
    let thetas: Vec<f64> = (0..6).map(theta).collect();
    let mean = thetas.iter().sum::<f64>() / 6.0;
    let se = (5.0 / 6.0 * thetas.iter().map(|t| (t - mean).powi(2)).sum::<f64>()).sqrt();
    assert!((found.theta - theta(6)).abs() < 1e-12 && (found.se.unwrap() - se).abs() < 1e-12);
}

#[test]
fn the_bootstrap_repeats_with_its_seed_and_agrees_with_the_jackknife() {
    let (a, b) = pair(Seed(9), 12);
    let (one, other) = (refs(&a), refs(&b));
    let rounds = Rounds {
        a: &one,
        b: &other,
        a2: None,
    };
    let draw = |seed| bootstrap_pooled(&rounds, 0.5, 0.05, Seed(seed)).unwrap();
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1).ci, draw(2).ci);
    let jack = jackknife(&rounds, 0.5, 0.05).unwrap();
    assert_eq!(draw(1).theta, jack.theta);
    let width = |ci: Interval| ci.high - ci.low;
    assert!((0.6..1.6).contains(&(width(draw(1).ci) / width(jack.ci))));
}

/// Expanding is needed: with five rounds the percentiles at 2.5 % and 97.5 % cover far too seldom.
/// They equal the expanded interval for the α whose expanded tail is 2.5 %.
#[test]
fn expanded_percentiles_cover_where_plain_ones_do_not() {
    let plain_alpha = 0.154_466;
    let tail = stats::resample::expanded_tail(5, plain_alpha);
    assert!((tail - 0.025).abs() < 5e-4, "{tail}");
    let covered = |alpha: f64| {
        share(1000, |seed| {
            let mut rng = seed.child("noise").rng();
            let differences: Vec<f64> = (0..5).map(|_| normal(&mut rng)).collect();
            bootstrap_mean(&differences, alpha, seed).is_some_and(|ci| ci.contains(0.0))
        })
    };
    let (expanded, plain) = (covered(0.05), covered(plain_alpha));
    assert!(expanded > 0.9 && plain < 0.87, "{expanded} {plain}");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let (a, b) = pair(Seed(1), 4);
    assert!(
        jackknife(
            &Rounds {
                a: &refs(&a),
                b: &refs(&b[1..]),
                a2: None
            },
            0.5,
            0.05
        )
        .is_err()
    );
    assert!(
        jackknife(
            &Rounds {
                a: &refs(&a[..1]),
                b: &refs(&b[..1]),
                a2: None
            },
            0.5,
            0.05
        )
        .is_err()
    );
    let empty = vec![Histogram::new_with_bounds(1, 60_000_000_000, 3).unwrap(); 4];
    assert!(
        jackknife(
            &Rounds {
                a: &refs(&a),
                b: &refs(&empty),
                a2: None
            },
            0.5,
            0.05
        )
        .is_err()
    );
    assert!(
        bootstrap_pooled(
            &Rounds {
                a: &refs(&a),
                b: &refs(&empty),
                a2: None
            },
            0.5,
            0.05,
            Seed(0)
        )
        .is_err()
    );
}
