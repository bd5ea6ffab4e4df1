//! Measures the time of the statistics: intervals of very many rounds, and all secondary views of a
//! large run.
//!
//!     cargo run --release -p stats --example speed
#![expect(
    clippy::print_stdout,
    clippy::disallowed_types,
    reason = "a program that measures its own time"
)]

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use stats::compare::{ArmCost, Estimate, Paired, RoundCosts, Settings, compare, holm};
use stats::order::{Arm, ArmOrder, ArmSet};
use stats::resample::{Rounds, bootstrap_mean, bootstrap_pooled, jackknife};
use stats::rng::{Rng, Seed};

const METRICS: u64 = 16;

/// Repetitions; the median counts.
const TIMES: usize = 5;

fn blocks(rounds: usize, seed: Seed) -> Vec<RoundCosts> {
    let mut rng = seed.rng();
    let orders = ArmOrder::balanced(ArmSet::Three, rounds, seed.child("order"));
    let mut seat = |order: &ArmOrder, arm| {
        let position = order.position(arm).expect("three arms");
        ArmCost {
            cost: 17.5 + 0.02 * rng.unit(),
            position: position as f64,
        }
    };
    orders
        .iter()
        .map(|order| RoundCosts {
            a: seat(order, Arm::A),
            b: seat(order, Arm::B),
            a2: Some(seat(order, Arm::A2)),
        })
        .collect()
}

/// Paired t of effect and control, MDE (a part of the estimate), Holm.
fn primary(metrics: &[Vec<RoundCosts>]) -> f64 {
    let settings = Settings::default();
    let estimate = |paired: Paired| Estimate::of(&paired, &settings).expect("finite rounds");
    let effects: Vec<Estimate> = metrics
        .iter()
        .map(|blocks| {
            let control = estimate(Paired::control(blocks));
            let effect = estimate(Paired::effect(blocks));
            assert!(control.mde > 0.0 && effect.mde > 0.0);
            effect
        })
        .collect();
    holm(&effects.iter().map(|effect| effect.p).collect::<Vec<_>>())
        .iter()
        .sum()
}

type Arms = [Vec<Histogram<u64>>; 3];

/// A burst of 200 requests for each arm and round.
fn histograms(rounds: usize, rng: &mut Rng) -> Arms {
    let mut round = || {
        let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds");
        for _ in 0..200 {
            histogram
                .record((4e8 * (1.0 + rng.unit())) as u64)
                .expect("within an hour");
        }
        histogram
    };
    [(); 3].map(|()| (0..rounds).map(|_| round()).collect())
}

/// Exact check, jackknife of the pooled ratio, both bootstraps.
fn secondary(metrics: &[(Vec<RoundCosts>, Arms)]) -> f64 {
    let view = |(blocks, arms): &(Vec<RoundCosts>, Arms)| {
        let [a, b, a2] = arms.each_ref().map(|arm| arm.iter().collect::<Vec<_>>());
        let pools = Rounds {
            a: &a,
            b: &b,
            a2: Some(&a2),
        };
        let exact = compare(blocks, &Settings::default(), Seed(1))
            .expect("finite rounds")
            .exact
            .p;
        let jack = jackknife(&pools, 0.5, 0.05).expect("values").theta;
        let drawn = bootstrap_pooled(&pools, 0.5, 0.05, Seed(2))
            .expect("values")
            .ci
            .low;
        let mean = bootstrap_mean(&Paired::effect(blocks).differences, 0.05, Seed(3))
            .expect("rounds")
            .low;
        exact + jack + drawn + mean
    };
    metrics.iter().map(view).sum()
}

fn timed(work: impl Fn() -> f64) -> (Duration, Duration, Duration) {
    let mut all: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let began = Instant::now();
            std::hint::black_box(work());
            began.elapsed()
        })
        .collect();
    all.sort();
    (all[0], all[TIMES / 2], all[TIMES - 1])
}

fn main() {
    let many: Vec<_> = (0..METRICS)
        .map(|metric| blocks(10_000, Seed(7).nth(metric)))
        .collect();
    let mut rng = Seed(8).rng();
    let large: Vec<_> = (0..METRICS)
        .map(|m| (blocks(100, Seed(9).nth(m)), histograms(100, &mut rng)))
        .collect();
    let (least, median, most) = timed(|| primary(&many));
    println!(
        "paired t, MDE, Holm; 10000 rounds x {METRICS} metrics: median {median:?} ({least:?} … {most:?})"
    );
    let (least, median, most) = timed(|| secondary(&large));
    println!(
        "every secondary view; 100 rounds x {METRICS} metrics: median {median:?} ({least:?} … {most:?})"
    );
}
