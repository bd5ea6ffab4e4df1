//! The secondary estimate: the ratio of pooled quantiles, as a plot shows it, with the
//! delete-one-round interval (docs/method.md). Owns pooling and deleting; must not know metrics.

use hdrhistogram::Histogram;

use super::cumulative::Cumulative;
use crate::compare::{CompareError, Interval};
use crate::merge::MergeError;
use crate::student::t_upper;

/// The histograms of each arm, one for each round, merged over workers.
#[derive(Debug, Clone, Copy)]
pub struct Rounds<'a> {
    /// The baseline.
    pub a: &'a [&'a Histogram<u64>],
    /// The candidate.
    pub b: &'a [&'a Histogram<u64>],
    /// The baseline again, if the run has the control.
    pub a2: Option<&'a [&'a Histogram<u64>]>,
}

/// The pooled log ratio. Above zero is SLOWER.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pooled {
    /// θ̂ = ln Q(⊕B) − ln Q(⊕A); with the control, against ½(ln Q(⊕A) + ln Q(⊕A2)).
    pub theta: f64,
    /// Standard error; a bootstrap has none.
    pub se: Option<f64>,
    /// Interval at 1−α.
    pub ci: Interval,
}

/// Why there is no pooled estimate.
#[derive(Debug, Clone, PartialEq)]
pub enum PooledError {
    /// The rounds do not match.
    Rounds(CompareError),
    /// The histograms do not match.
    Merge(MergeError),
    /// An arm has no values, or the quantile is not in 0..=1.
    NoQuantile,
}

impl<'a> Rounds<'a> {
    /// Number of rounds.
    ///
    /// # Errors
    /// Arms of unequal length, or fewer than two rounds.
    pub fn count(&self) -> Result<usize, PooledError> {
        let expected = self.a.len();
        for arm in self.arms() {
            let found = arm.len();
            if found != expected {
                return Err(PooledError::Rounds(CompareError::UnequalLengths {
                    expected,
                    found,
                }));
            }
        }
        if expected < 2 {
            return Err(PooledError::Rounds(CompareError::TooFewRounds {
                rounds: expected,
            }));
        }
        Ok(expected)
    }

    /// B first, then the baseline arms.
    pub(super) fn arms(&self) -> impl Iterator<Item = &'a [&'a Histogram<u64>]> {
        [Some(self.b), Some(self.a), self.a2].into_iter().flatten()
    }
}

/// Pooled ratio of the `q` quantiles with its jackknife interval: θ̂ ± t_{1−α/2,R−1}·SE_J and SE_J
/// = √((R−1)/R·Σ(θ̂₍₋ⱼ₎ − θ̄)²). Histograms hold times, so lower is better. A round is left out by
/// giving it zero weight in cumulative counts, so nothing is merged twice.
///
/// # Errors
/// Rounds or layouts that do not match, or an arm without values.
pub fn jackknife(rounds: &Rounds<'_>, q: f64, alpha: f64) -> Result<Pooled, PooledError> {
    let count = rounds.count()?;
    let arms = rounds
        .arms()
        .map(Cumulative::of)
        .collect::<Result<Vec<_>, _>>()?;
    let theta_of = |weights: &[u64]| contrast(arms.iter().map(|arm| ln_quantile(arm, weights, q)));
    let theta = theta_of(&vec![1; count])?;
    let without = |j: usize| {
        let mut weights = vec![1; count];
        weights[j] = 0;
        theta_of(&weights)
    };
    let thetas = (0..count).map(without).collect::<Result<Vec<f64>, _>>()?;
    let n = count as f64;
    let mean = thetas.iter().sum::<f64>() / n;
    let se = ((n - 1.0) / n * thetas.iter().map(|t| (t - mean).powi(2)).sum::<f64>()).sqrt();
    Ok(Pooled {
        theta,
        se: Some(se),
        ci: Interval::around(theta, t_upper(alpha / 2.0, n - 1.0) * se),
    })
}

pub(super) fn ln_quantile(arm: &Cumulative, weights: &[u64], q: f64) -> Result<f64, PooledError> {
    arm.quantile(weights, q)
        .map(f64::ln)
        .filter(|ln| ln.is_finite())
        .ok_or(PooledError::NoQuantile)
}

/// The first value minus the mean of the others.
pub(super) fn contrast<E>(lns: impl Iterator<Item = Result<f64, E>>) -> Result<f64, E> {
    let lns = lns.collect::<Result<Vec<f64>, E>>()?;
    let baseline = &lns[1..];
    Ok(lns[0] - baseline.iter().sum::<f64>() / baseline.len() as f64)
}

impl From<MergeError> for PooledError {
    fn from(error: MergeError) -> Self {
        Self::Merge(error)
    }
}

impl std::fmt::Display for PooledError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rounds(error) => error.fmt(f),
            Self::Merge(error) => error.fmt(f),
            Self::NoQuantile => write!(f, "an arm has no such quantile"),
        }
    }
}

impl std::error::Error for PooledError {}
