//! Cumulative bucket counts of many rounds: a quantile of any weighting of the rounds takes a
//! binary search over the buckets, with one sum over the rounds for each step. Must not know how
//! weights are drawn.

use hdrhistogram::Histogram;

use crate::merge::{self, MergeError};
use crate::summary::{bucket, interpolate, rank};

/// The cumulative counts of one arm's rounds.
#[derive(Debug, Clone)]
pub(super) struct Cumulative {
    rounds: usize,
    /// Edges of the buckets that any round uses, ascending.
    buckets: Vec<(f64, f64)>,
    /// For bucket k and round r, at k·rounds + r: number of values up to and including bucket k.
    upto: Vec<u64>,
}

impl Cumulative {
    pub(super) fn of(rounds: &[&Histogram<u64>]) -> Result<Self, MergeError> {
        let pool = merge::merge(rounds.iter().copied())?;
        let mut running = vec![0; rounds.len()];
        let mut whole = Self {
            rounds: rounds.len(),
            buckets: Vec::new(),
            upto: Vec::new(),
        };
        for step in pool.iter_recorded() {
            let value = step.value_iterated_to();
            whole.buckets.push(bucket(&pool, value));
            for (sum, round) in running.iter_mut().zip(rounds) {
                *sum += round.count_at(value);
            }
            whole.upto.extend_from_slice(&running);
        }
        Ok(whole)
    }

    /// [`crate::summary::quantile`] of a merge that contains round r `weights[r]` times.
    pub(super) fn quantile(&self, weights: &[u64], q: f64) -> Option<f64> {
        let total = self.count(self.buckets.len(), weights);
        if total == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = rank(total, q);
        // A bucket that this weighting leaves empty never holds the rank, except rank 0, which is
        // in the first bucket in use.
        let (mut before, mut at) = (0, self.buckets.len());
        while at - before > 1 {
            let middle = before + (at - before) / 2;
            let upto = self.count(middle, weights);
            if upto > 0 && upto as f64 >= rank {
                at = middle;
            } else {
                before = middle;
            }
        }
        let counts = (
            self.count(at - 1, weights) as f64,
            self.count(at, weights) as f64,
        );
        Some(interpolate(self.buckets[at - 1], counts, rank))
    }

    /// Weighted number of values in the first `buckets` buckets.
    fn count(&self, buckets: usize, weights: &[u64]) -> u64 {
        let Some(last) = buckets.checked_sub(1) else {
            return 0;
        };
        let row = &self.upto[last * self.rounds..][..self.rounds];
        row.iter()
            .zip(weights)
            .map(|(count, weight)| count * weight)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use crate::summary::quantile;

    /// Counter-check: merges the rounds as often as they are weighted.
    #[test]
    fn equals_merging_the_weighted_rounds() {
        let mut rng = Seed(21).rng();
        let rounds: Vec<Histogram<u64>> = (0..5)
            .map(|_| {
                let mut h = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
                (0..40).for_each(|_| h.record((1e6 * (3.0 * rng.unit()).exp()) as u64).unwrap());
                h
            })
            .collect();
        let cumulative = Cumulative::of(&rounds.iter().collect::<Vec<_>>()).unwrap();
        for _ in 0..200 {
            let weights: Vec<u64> = (0..5).map(|_| rng.below(4) as u64).collect();
            let repeated = rounds
                .iter()
                .zip(&weights)
                .flat_map(|(h, &w)| (0..w).map(move |_| h));
            let merged = merge::merge(repeated).ok();
            for q in [0.0, 0.25, 0.5, 0.9, 0.99, 1.0] {
                let expected = merged.as_ref().and_then(|m| quantile(m, q));
                assert_eq!(
                    cumulative.quantile(&weights, q),
                    expected,
                    "{weights:?} {q}"
                );
            }
        }
    }
}
