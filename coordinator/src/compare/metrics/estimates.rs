//! Estimates one measure of one cell from its rounds, before any decision.

use contract::histogram::LatencyHistogram;
use contract::id::Arm;
use hdrhistogram::Histogram;
use stats::compare::{Paired, Settings, compare_on};
use stats::resample::{Pooled, Rounds, bootstrap_mean, bootstrap_pooled, jackknife};
use stats::rng::Seed;
use stats::validity::{Claim, Thresholds, claim};

use super::super::measure::Measure;
use super::super::replicates::Replicates;
use super::super::trials::Round;
use super::{ComparisonResult, Estimated, Resampled};

pub(super) fn estimate(
    measure: Measure,
    rounds: &Replicates<'_>,
    settings: &Settings,
    thresholds: &Thresholds,
    seed: Seed,
) -> Estimated {
    let mut warning = None;
    if let (Measure::Quantile(_, q), Some(count)) = (measure, measure.least_count(rounds.windows()))
    {
        match claim(count, q, thresholds) {
            Claim::Shown => {}
            Claim::Warned(reason) => warning = Some(reason.to_string()),
            Claim::Hidden { exceedances } => {
                let pooled = pooled_enough(measure, rounds.windows(), q, thresholds)
                    .then(|| pooled(measure, rounds, settings.alpha))
                    .flatten();
                return Estimated::Settled(ComparisonResult::Hidden {
                    exceedances,
                    pooled,
                });
            }
        }
    }
    let scale = measure.scale(rounds.windows());
    let Some(blocks) = rounds.costs(measure, scale, |trial| measure.value(trial)) else {
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
pub(super) fn pooled(measure: Measure, rounds: &Replicates<'_>, alpha: f64) -> Option<Pooled> {
    with_pools(measure, rounds, |pools, q| jackknife(pools, q, alpha).ok())
}

pub(super) fn resampled(
    measure: Measure,
    rounds: &Replicates<'_>,
    alpha: f64,
    seed: Seed,
) -> Option<Resampled> {
    let scale = measure.scale(rounds.windows());
    let blocks = rounds.costs(measure, scale, |trial| measure.value(trial))?;
    let mean = bootstrap_mean(&Paired::effect(&blocks).differences, alpha, seed)?;
    let drawn = |pools: &Rounds<'_>, q| bootstrap_pooled(pools, q, alpha, seed).ok();
    let pooled = with_pools(measure, rounds, drawn).map(|pooled| pooled.ci);
    Some(Resampled { mean, pooled, seed })
}

/// Applies a function to the histograms of every arm and round; `None` for rates and if an arm is
/// missing.
pub(super) fn with_pools<T>(
    measure: Measure,
    rounds: &Replicates<'_>,
    with: impl Fn(&Rounds<'_>, f64) -> Option<T>,
) -> Option<T> {
    let Measure::Quantile(metric, q) = measure else {
        return None;
    };
    let of = |arm: Arm| rounds.histograms(arm, metric);
    let (a, b, a2) = (of(Arm::A)?, of(Arm::B)?, of(Arm::A2));
    fn each(of: &[LatencyHistogram]) -> Vec<&Histogram<u64>> {
        of.iter().map(LatencyHistogram::buckets).collect()
    }
    let control = a2.as_deref().map(each);
    let pools = Rounds {
        a: &each(&a),
        b: &each(&b),
        a2: control.as_deref(),
    };
    with(&pools, q)
}
