//! (d) Holm's family-wise error, (e) merging is exact for any division over workers.

use hdrhistogram::Histogram;
use stats::compare::{Estimate, Guard, Settings, holm};
use stats::merge::merge;
use stats::rng::{Rng, Seed};
use stats::summary::quantile;

use crate::noise::{balanced, normal, share};

fn eight_nulls(seed: Seed) -> Vec<f64> {
    let settings = Settings {
        guard: Guard::Off,
        ..Settings::default()
    };
    let p = |k| {
        let seed = seed.nth(k);
        let mut rng = seed.rng();
        let paired = balanced((0..10).map(|_| 0.02 * normal(&mut rng)).collect(), seed);
        Estimate::of(&paired, &settings).expect("ten rounds").p
    };
    (0..8).map(p).collect()
}

#[test]
fn d_holm_keeps_the_family_at_its_level() {
    let any = |p: &[f64]| p.iter().any(|&p| p <= 0.05);
    let with = share(4000, |seed| any(&holm(&eight_nulls(seed))));
    assert!(with <= 0.06, "{with}");
    let without = share(4000, |seed| any(&eight_nulls(seed)));
    assert!(without > 0.25, "counter-check: {without}");
}

fn latencies(rng: &mut Rng, n: usize, scale: f64) -> Vec<u64> {
    (0..n)
        .map(|_| (2e7 * scale * (0.35 * normal(rng)).exp()) as u64)
        .collect()
}

fn histogram(values: &[u64]) -> Histogram<u64> {
    let mut h = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).expect("bounds");
    values
        .iter()
        .for_each(|&v| h.record(v).expect("within an hour"));
    h
}

const QS: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

#[test]
fn e_any_split_over_workers_gives_the_same_quantiles() {
    let mut rng = Seed(5).rng();
    let mut values = latencies(&mut rng, 2000, 1.0);
    let whole = histogram(&values);
    for workers in [1, 3, 16] {
        rng.shuffle(&mut values);
        let parts: Vec<_> = values
            .chunks(values.len().div_ceil(workers))
            .map(histogram)
            .collect();
        let merged = merge(&parts).expect("equal layouts");
        for q in QS {
            assert_eq!(quantile(&merged, q), quantile(&whole, q));
        }
    }
}

/// Averaging percentiles of different workers, the usual mistake, is far off.
#[test]
fn e_twin_averaged_percentiles_are_wrong() {
    let mut rng = Seed(6).rng();
    let parts = [
        latencies(&mut rng, 1500, 1.0),
        latencies(&mut rng, 500, 3.0),
    ]
    .map(|v| histogram(&v));
    let average = parts.iter().filter_map(|h| quantile(h, 0.5)).sum::<f64>() / 2.0;
    let merged = merge(&parts)
        .ok()
        .and_then(|m| quantile(&m, 0.5))
        .expect("values");
    assert!((average / merged - 1.0).abs() > 0.3, "{average} {merged}");
}
