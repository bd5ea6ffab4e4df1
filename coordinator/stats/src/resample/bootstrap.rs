//! The expanded-percentile bootstrap of whole rounds (Hesterberg 2015), a secondary view: the plain
//! percentile interval under-covers with few rounds. Owns the drawing. The pooled ratio of a draw
//! is looked up in cumulative counts, so that a draw costs a binary search and not R merges.

use super::cumulative::Cumulative;
use super::jackknife::{Pooled, PooledError, Rounds, contrast, ln_quantile};
use crate::compare::Interval;
use crate::rng::{Rng, Seed};
use crate::student::{normal_cdf, t_upper};

/// Number of draws of a bootstrap.
pub const BOOTSTRAP_DRAWS: usize = 2000;

/// α′/2 = Φ(−√(R/(R−1))·t_{1−α/2,R−1}): the tail at which the percentiles are taken.
#[must_use]
pub fn expanded_tail(rounds: usize, alpha: f64) -> f64 {
    let n = rounds as f64;
    normal_cdf(-(n / (n - 1.0)).sqrt() * t_upper(alpha / 2.0, n - 1.0))
}

/// Interval of the mean of the rounds' differences.
///
/// `None` for fewer than two rounds.
#[must_use]
pub fn bootstrap_mean(differences: &[f64], alpha: f64, seed: Seed) -> Option<Interval> {
    let n = differences.len();
    (n >= 2).then(|| {
        let mut rng = seed.rng();
        let mut draw = || (0..n).map(|_| differences[rng.below(n)]).sum::<f64>() / n as f64;
        let mut means: Vec<f64> = (0..BOOTSTRAP_DRAWS).map(|_| draw()).collect();
        percentiles(&mut means, expanded_tail(n, alpha))
    })
}

/// Interval of the pooled ratio of the `q` quantiles: whole rounds are drawn, all arms together.
///
/// # Errors
/// Rounds or layouts that do not match, or an arm without values in some draw.
pub fn bootstrap_pooled(
    rounds: &Rounds<'_>,
    q: f64,
    alpha: f64,
    seed: Seed,
) -> Result<Pooled, PooledError> {
    let count = rounds.count()?;
    let arms = rounds
        .arms()
        .map(Cumulative::of)
        .collect::<Result<Vec<_>, _>>()?;
    let theta = |weights: &[u64]| contrast(arms.iter().map(|arm| ln_quantile(arm, weights, q)));
    let mut rng = seed.rng();
    let mut thetas = (0..BOOTSTRAP_DRAWS)
        .map(|_| theta(&draw(count, &mut rng)))
        .collect::<Result<Vec<_>, _>>()?;
    let ci = percentiles(&mut thetas, expanded_tail(count, alpha));
    Ok(Pooled {
        theta: theta(&vec![1; count])?,
        se: None,
        ci,
    })
}

/// How often each of `rounds` rounds was drawn in `rounds` draws.
fn draw(rounds: usize, rng: &mut Rng) -> Vec<u64> {
    let mut weights = vec![0; rounds];
    (0..rounds).for_each(|_| weights[rng.below(rounds)] += 1);
    weights
}

/// The two percentiles at `tail` and 1 − `tail`, interpolated between order statistics.
fn percentiles(values: &mut [f64], tail: f64) -> Interval {
    values.sort_by(f64::total_cmp);
    let at = |p: f64| {
        let rank = p * (values.len() - 1) as f64;
        let (low, share) = (rank.floor() as usize, rank.fract());
        let high = (low + 1).min(values.len() - 1);
        values[low] + share * (values[high] - values[low])
    };
    Interval {
        low: at(tail),
        high: at(1.0 - tail),
    }
}
