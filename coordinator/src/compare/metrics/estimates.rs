//! Estimates one measure of one cell from its rounds, before any decision.

use contract::id::Arm;
use hdrhistogram::Histogram;
use stats::compare::{Paired, RoundCosts, Settings, compare_on};
use stats::resample::{Pooled, Rounds, bootstrap_mean, bootstrap_pooled, jackknife};
use stats::rng::Seed;
use stats::validity::{Claim, Thresholds, claim};

use super::super::measure::Measure;
use super::super::trials::Round;
use super::{ComparisonResult, Estimated, Resampled};

pub(super) fn estimate(
    measure: Measure,
    rounds: &[&Round],
    settings: &Settings,
    thresholds: &Thresholds,
    seed: Seed,
) -> Estimated {
    let mut warning = None;
    if let (Measure::Quantile(_, q), Some(count)) = (measure, measure.least_count(rounds)) {
        match claim(count, q, thresholds) {
            Claim::Shown => {}
            Claim::Warned(reason) => warning = Some(reason.to_string()),
            Claim::Hidden { exceedances } => {
                let pooled = pooled_enough(measure, rounds, q, thresholds)
                    .then(|| pooled(measure, rounds, settings.alpha))
                    .flatten();
                return Estimated::Settled(ComparisonResult::Hidden {
                    exceedances,
                    pooled,
                });
            }
        }
    }
    let scale = measure.scale(rounds);
    let blocks: Option<Vec<RoundCosts>> = rounds
        .iter()
        .map(|round| measure.block(scale, round))
        .collect();
    let Some(blocks) = blocks else {
        return missing("an arm has no value in some round");
    };
    match compare_on(scale, &blocks, settings, seed.child(&measure.name())) {
        Ok(comparison) => Estimated::Open {
            warning,
            comparison: Box::new(comparison),
        },
        Err(error) => missing(&error.to_string()),
    }
}

/// Whether enough values of every arm lie beyond the quantile over all rounds (docs/validity.md).
pub(super) fn pooled_enough(
    measure: Measure,
    rounds: &[&Round],
    q: f64,
    thresholds: &Thresholds,
) -> bool {
    let Measure::Quantile(metric, _) = measure else {
        return false;
    };
    let count = |arm: Arm| -> u64 {
        let trials = rounds.iter().filter_map(|round| round.arms.get(&arm));
        trials
            .map(|trial| trial.histograms.get(metric).exact().count)
            .sum()
    };
    let least = rounds
        .iter()
        .flat_map(|round| round.arms.keys())
        .map(|arm| count(*arm))
        .min();
    least.is_some_and(|count| !matches!(claim(count, q, thresholds), Claim::Hidden { .. }))
}

pub(super) fn missing(reason: &str) -> Estimated {
    Estimated::Settled(ComparisonResult::Missing {
        reason: reason.to_owned(),
    })
}

/// The ratio of the pooled quantiles, which a plot shows, with the delete-one-round interval.
pub(super) fn pooled(measure: Measure, rounds: &[&Round], alpha: f64) -> Option<Pooled> {
    with_pools(measure, rounds, |pools, q| jackknife(pools, q, alpha).ok())
}

pub(super) fn resampled(
    measure: Measure,
    rounds: &[&Round],
    alpha: f64,
    seed: Seed,
) -> Option<Resampled> {
    let scale = measure.scale(rounds);
    let blocks: Vec<RoundCosts> = rounds
        .iter()
        .map(|round| measure.block(scale, round))
        .collect::<Option<_>>()?;
    let mean = bootstrap_mean(&Paired::effect(&blocks).differences, alpha, seed)?;
    let drawn = |pools: &Rounds<'_>, q| bootstrap_pooled(pools, q, alpha, seed).ok();
    let pooled = with_pools(measure, rounds, drawn).map(|pooled| pooled.ci);
    Some(Resampled { mean, pooled, seed })
}

/// Applies a function to the histograms of every arm and round; `None` for rates and if an arm is
/// missing.
pub(super) fn with_pools<T>(
    measure: Measure,
    rounds: &[&Round],
    with: impl Fn(&Rounds<'_>, f64) -> Option<T>,
) -> Option<T> {
    let Measure::Quantile(metric, q) = measure else {
        return None;
    };
    let of = |arm: Arm| -> Option<Vec<&Histogram<u64>>> {
        rounds
            .iter()
            .map(|r| Some(r.arms.get(&arm)?.histograms.get(metric).buckets()))
            .collect()
    };
    let (a, b, a2) = (of(Arm::A)?, of(Arm::B)?, of(Arm::A2));
    with(
        &Rounds {
            a: &a,
            b: &b,
            a2: a2.as_deref(),
        },
        q,
    )
}
