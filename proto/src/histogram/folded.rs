//! A histogram without its empty buckets: a few kilobytes instead of a quarter of a megabyte, exact. For whoever holds
//! many at a time; it cannot be asked for quantiles before it is opened again.

use super::{Exact, HIGHEST, LatencyHistogram};

/// The buckets that hold something, and the exact figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folded {
    /// A value of each bucket with its count, ascending.
    counts: Vec<(u64, u64)>,
    exact: Exact,
}

impl LatencyHistogram {
    /// The same without its empty buckets.
    #[must_use]
    pub fn folded(&self) -> Folded {
        let counts = self.between_extremes();
        // Extremes come with a stored part; one that lies about them must lose no count here.
        let held: u64 = counts.iter().map(|(_, count)| count).sum();
        let counts = if held == self.exact.count { counts } else { self.everywhere() };
        Folded { counts, exact: self.exact }
    }

    /// Adds the counts of a folded histogram: as exact as [`LatencyHistogram::add`].
    pub fn add_folded(&mut self, other: &Folded) {
        for (value, count) in &other.counts {
            self.buckets.record_n(*value, *count).expect("the value is of a bucket of this layout");
        }
        self.exact = self.exact.and(other.exact);
    }

    /// Looks at the buckets from the smallest value to the largest alone, of which there are far fewer.
    fn between_extremes(&self) -> Vec<(u64, u64)> {
        let (mut value, last) = (self.exact.min.max(1), self.exact.max.min(HIGHEST));
        let mut counts = Vec::new();
        while self.exact.count > 0 && value <= last {
            let count = self.buckets.count_at(value);
            if count > 0 {
                counts.push((value, count));
            }
            value = self.buckets.next_non_equivalent(value);
        }
        counts
    }

    fn everywhere(&self) -> Vec<(u64, u64)> {
        let recorded = self.buckets.iter_recorded();
        recorded.map(|bucket| (bucket.value_iterated_to().min(HIGHEST), bucket.count_at_value())).collect()
    }
}

impl Folded {
    /// The exact figures.
    #[must_use]
    pub fn exact(&self) -> Exact {
        self.exact
    }

    /// The whole histogram again.
    #[must_use]
    pub fn opened(&self) -> LatencyHistogram {
        let mut whole = LatencyHistogram::default();
        whole.add_folded(self);
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: &[u64]) -> LatencyHistogram {
        let mut histogram = LatencyHistogram::default();
        values.iter().for_each(|v| histogram.record_ns(*v));
        histogram
    }

    #[test]
    fn folding_loses_nothing() {
        for values in [&[][..], &[0], &[1, 999, 1_000_000, 1_000_500, HIGHEST], &[7, HIGHEST + 1]] {
            let whole = filled(values);
            assert_eq!(whole.folded().opened(), whole, "{values:?}");
            let mut sum = filled(&[5]);
            sum.add_folded(&whole.folded());
            let mut wanted = filled(&[5]);
            wanted.add(&whole);
            assert_eq!(sum, wanted);
        }
    }

    #[test]
    fn wrong_extremes_lose_no_count() {
        let mut whole = filled(&[10, 5_000_000, 90_000_000]);
        whole.exact.max = 6_000_000;
        assert_eq!(whole.folded().opened().buckets, whole.buckets);
        assert_eq!(whole.between_extremes().len(), 2, "looking between the extremes alone would");
    }
}
