//! A load that is held for hours: does the latency drift, does memory grow, do errors come in bursts?
//! Owns the tests over intervals of equal length, in order of time; must not know what was run.
//!
//! **Latency** is tested on ln values of intervals: Mann–Kendall with Theil–Sen's slope, its score
//! divided by √((1 + r)/(1 − r)) with r the lag-1 correlation about the line, at least 0 (Yue and
//! Wang 2004); and change points of what r does not explain. **Memory** is a peak so far, which never falls, so that a trend of
//! it is no evidence. A process that has reached its level rarely sets a new record: of n values that
//! are alike, the k-th is a record with probability 1/k, independently (Rényi 1962), so that the
//! number of records in the second half has a known distribution, with mean ln 2. A leak sets one
//! nearly every time. **Errors** of an interval are compared with the median rate of all by the
//! Poisson tail, with Bonferroni's correction over the intervals.

use crate::drift::{ChangePoint, ChangeSettings, change_points, lag1, mann_kendall};
use crate::student::normal_cdf;

/// p at which a finding is reported.
const ALPHA: f64 = 0.001;
/// p of Student's t at a step: it is the best of many places.
const STEP: f64 = 1e-5;
/// Fewest intervals for a finding.
const LEAST: usize = 12;

/// One interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Its middle, seconds since the beginning.
    pub at: f64,
    /// Latency, in any unit; `None` without a value.
    pub latency: Option<f64>,
    /// Largest resident set so far, bytes; 0 if it was not measured.
    pub memory: u64,
    /// Requests that were not answered.
    pub errors: u64,
    /// All requests.
    pub requests: u64,
}

/// What the intervals say.
#[derive(Debug, Clone, PartialEq)]
pub struct Soaked {
    /// Intervals.
    pub pieces: usize,
    /// Drift of the latency; `None` with fewer than twelve intervals that have one.
    pub drift: Option<Drift>,
    /// Growth of memory; `None` with fewer than twelve intervals, or if it was not measured.
    pub growth: Option<Growth>,
    /// Intervals with more errors than chance, by index.
    pub bursts: Vec<Burst>,
}

/// Drift of the latency.
#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Relative change for each hour.
    pub per_hour: f64,
    /// Relative change from the first interval to the last, along the line.
    pub whole: f64,
    /// Two-sided p of no trend.
    pub p: f64,
    /// Steps of ln latency.
    pub steps: Vec<ChangePoint>,
    /// Least relative change that matters.
    pub least: f64,
}

/// Growth of memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Bytes for each hour over the second half.
    pub per_hour: f64,
    /// Intervals of the second half with a new peak.
    pub records: usize,
    /// Intervals of the second half.
    pub of: usize,
    /// Chance of so many records if the process had reached its level.
    pub p: f64,
}

/// An interval with more errors than chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// Its index.
    pub at: usize,
    /// Errors in it.
    pub errors: u64,
    /// Errors expected at the median rate.
    pub expected: f64,
    /// p after Bonferroni's correction.
    pub p: f64,
}

impl Drift {
    /// Whether the latency drifts or steps by more than what matters.
    #[must_use]
    pub fn is_found(&self) -> bool {
        (self.p <= ALPHA && self.whole.abs() >= self.least) || !self.steps.is_empty()
    }
}

impl Growth {
    /// Whether memory still grows.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.p <= ALPHA
    }
}

impl Soaked {
    /// Whether anything was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let drifts = self.drift.as_ref().is_some_and(Drift::is_found);
        let grows = self.growth.as_ref().is_some_and(Growth::is_found);
        !(drifts || grows) && self.bursts.is_empty()
    }
}

/// Tests the intervals. A change of the latency below `least` (a share) does not matter.
#[must_use]
pub fn soaked(pieces: &[Piece], least: f64) -> Soaked {
    Soaked {
        pieces: pieces.len(),
        drift: drift(pieces, least),
        growth: growth(pieces),
        bursts: bursts(pieces),
    }
}

fn drift(pieces: &[Piece], least: f64) -> Option<Drift> {
    let own = |piece: &Piece| Some((piece.at, piece.latency.filter(|l| *l > 0.0)?.ln()));
    let points: Vec<(f64, f64)> = pieces.iter().filter_map(own).collect();
    if points.len() < LEAST {
        return None;
    }
    let values: Vec<f64> = points.iter().map(|(_, ln)| *ln).collect();
    let trend = mann_kendall(&values)?;
    let rest: Vec<f64> = (0..)
        .zip(&values)
        .map(|(k, ln)| ln - trend.slope * f64::from(k))
        .collect();
    // The estimate of r is too low by about (1 + 4r)/n in short series (Marriott and Pope 1954).
    let n = points.len() as f64;
    let alike = lag1(&rest).map_or(0.0, |r| (n * r + 1.0) / (n - 4.0));
    let alike = alike.clamp(0.0, 0.95);
    let score = trend.z / ((1.0 + alike) / (1.0 - alike)).sqrt();
    let apart = (points[points.len() - 1].0 - points[0].0) / (points.len() - 1) as f64;
    // Values less r times the one before are independent; a step of them is 1 − r times as high.
    let white: Vec<f64> = values.windows(2).map(|w| w[1] - alike * w[0]).collect();
    let settings = ChangeSettings {
        p: STEP,
        least_change: least.ln_1p() * (1.0 - alike),
        ..ChangeSettings::default()
    };
    let step = |change: ChangePoint| ChangePoint {
        index: change.index + 1,
        before: change.before / (1.0 - alike),
        after: change.after / (1.0 - alike),
        p: change.p,
    };
    let steps = change_points(&white, &settings).into_iter().map(step);
    Some(Drift {
        per_hour: (trend.slope / apart.max(1e-9) * 3600.0).exp_m1(),
        whole: (trend.slope * (points.len() - 1) as f64).exp_m1(),
        p: 2.0 * normal_cdf(-score.abs()),
        steps: steps.collect(),
        least,
    })
}

fn growth(pieces: &[Piece]) -> Option<Growth> {
    let measured = pieces.len() >= LEAST && pieces.iter().all(|piece| piece.memory > 0);
    if !measured {
        return None;
    }
    let half = pieces.len() / 2;
    let mut peak = pieces[..half].iter().map(|p| p.memory).max()?;
    let (first, mut records) = (peak, 0);
    for piece in &pieces[half..] {
        records += usize::from(piece.memory > peak);
        peak = peak.max(piece.memory);
    }
    let hours = (pieces[pieces.len() - 1].at - pieces[half - 1].at) / 3600.0;
    Some(Growth {
        per_hour: (peak - first) as f64 / hours.max(1e-9),
        records,
        of: pieces.len() - half,
        p: as_many_records(half, pieces.len(), records),
    })
}

/// P(at least `seen` of the values half + 1 … n are records), each with probability 1/k.
fn as_many_records(half: usize, n: usize, seen: usize) -> f64 {
    let mut chance = vec![1.0];
    for k in half + 1..=n {
        let p = 1.0 / k as f64;
        let mut next = vec![0.0; chance.len() + 1];
        for (count, share) in chance.iter().enumerate() {
            next[count] += share * (1.0 - p);
            next[count + 1] += share * p;
        }
        chance = next;
    }
    chance.iter().skip(seen).sum::<f64>().min(1.0)
}

fn bursts(pieces: &[Piece]) -> Vec<Burst> {
    if pieces.len() < LEAST {
        return Vec::new();
    }
    let mut rates: Vec<f64> = pieces
        .iter()
        .map(|piece| piece.errors as f64 / piece.requests.max(1) as f64)
        .collect();
    rates.sort_by(f64::total_cmp);
    let typical = rates[rates.len() / 2];
    let test = |(at, piece): (usize, &Piece)| {
        // Where most intervals have none, half an error over all of them is the rate.
        let all: u64 = pieces.iter().map(|piece| piece.requests).sum();
        let rate = typical.max(0.5 / all.max(1) as f64);
        let expected = rate * piece.requests as f64;
        let p = (poisson_tail(piece.errors, expected) * pieces.len() as f64).min(1.0);
        (piece.errors > 1 && p <= ALPHA).then_some(Burst {
            at,
            errors: piece.errors,
            expected,
            p,
        })
    };
    pieces.iter().enumerate().filter_map(test).collect()
}

/// P(X ≥ k) of the Poisson distribution: the regularised lower incomplete gamma function P(k, λ).
fn poisson_tail(k: u64, mean: f64) -> f64 {
    match k {
        0 => 1.0,
        k => statrs::function::gamma::gamma_lr(k as f64, mean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Rng, Seed};

    fn normal(rng: &mut Rng) -> f64 {
        let radius = (-2.0 * (1.0 - rng.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * rng.unit()).cos()
    }

    /// Intervals of a minute. Latency is 0.1 s with 3 % noise and a correlation of 0.4 between
    /// neighbours; memory is the peak of a noisy level; one request in a thousand fails.
    fn hours(n: usize, slope: f64, leak: f64, burst: u64, seed: u64) -> Vec<Piece> {
        let mut rng = Seed(seed).rng();
        let (mut noise, mut peak) = (0.0, 0.0f64);
        (0..n)
            .map(|k| {
                noise = 0.4 * noise + 0.03 * (1.0f64 - 0.16).sqrt() * normal(&mut rng);
                let level = 1e9 * (1.0 + 0.01 * normal(&mut rng)) + leak * k as f64;
                peak = peak.max(level);
                let errors = (0..6000).filter(|_| rng.unit() < 0.001).count() as u64;
                Piece {
                    at: 60.0 * k as f64 + 30.0,
                    latency: Some(0.1 * (noise + slope * k as f64 / n as f64).exp()),
                    memory: peak as u64,
                    errors: errors + if k == n / 2 { burst } else { 0 },
                    requests: 6000,
                }
            })
            .collect()
    }

    fn share(found: impl Fn(u64) -> bool) -> f64 {
        (0..400).filter(|seed| found(*seed)).count() as f64 / 400.0
    }

    fn drifts(n: usize, slope: f64) -> f64 {
        share(|seed| {
            let soaked = soaked(&hours(n, slope, 0.0, 0, seed), 0.02);
            soaked.drift.unwrap().is_found()
        })
    }

    #[test]
    fn a_drift_is_found_and_noise_seldom() {
        for (n, slope) in [(30, 0.3), (120, 0.15)] {
            let (noise, drift) = (drifts(n, 0.0), drifts(n, slope));
            assert!(noise <= 0.02, "{n}: {noise} {drift}");
            assert!(drift >= 0.95, "{n}: {drift}");
        }
    }

    #[test]
    fn a_leak_is_found_and_a_level_seldom() {
        let grows = |leak: f64| {
            share(|seed| {
                let soaked = soaked(&hours(30, 0.0, leak, 0, seed), 0.02);
                soaked.growth.unwrap().is_found()
            })
        };
        let (level, leak) = (grows(0.0), grows(1e7));
        assert!(level <= 0.005, "{level}");
        assert!(leak >= 0.95, "{leak}");
        let found = soaked(&hours(60, 0.0, 1e7, 0, 1), 0.02).growth.unwrap();
        assert!(
            (found.per_hour / 6e8 - 1.0).abs() < 0.15,
            "{}",
            found.per_hour
        );
    }

    #[test]
    fn a_burst_is_found_and_chance_seldom() {
        let bursts = |burst: u64| {
            share(|seed| {
                !soaked(&hours(30, 0.0, 0.0, burst, seed), 0.02)
                    .bursts
                    .is_empty()
            })
        };
        assert!(bursts(0) <= 0.01, "{}", bursts(0));
        assert!(bursts(30) >= 0.99, "{}", bursts(30));
        let found = soaked(&hours(30, 0.0, 0.0, 30, 1), 0.02);
        assert_eq!(found.bursts[0].at, 15);
    }

    /// P(X ≥ 3 | 2) = 1 − e⁻²(1 + 2 + 2); of values 3 and 4 both are records with 1/12.
    #[test]
    fn tails_by_hand() {
        assert!((poisson_tail(3, 2.0) - (1.0 - 5.0 * (-2.0f64).exp())).abs() < 1e-12);
        assert!((as_many_records(2, 4, 2) - 1.0 / 12.0).abs() < 1e-12);
        assert!((as_many_records(2, 4, 1) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn few_intervals_say_nothing() {
        let few = soaked(&hours(11, 5.0, 1e9, 500, 1), 0.02);
        assert!(few.drift.is_none() && few.growth.is_none() && few.is_clean());
        let mut unknown = hours(30, 0.0, 0.0, 0, 1);
        unknown[3].memory = 0;
        assert_eq!(soaked(&unknown, 0.02).growth, None);
    }
}
