//! A histogram without its empty buckets: a few kilobytes instead of a quarter of a megabyte,
//! exact. For holding many at a time; it must be unfolded before quantiles can be computed.

use super::{Exact, HIGHEST, LOWEST, LatencyHistogram};

/// The non-empty buckets, and the exact figures.
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
        let counts = self.between_extremes().collect();
        Folded {
            counts,
            exact: self.exact,
        }
    }

    /// Adds the counts of a folded histogram: as exact as [`LatencyHistogram::add`].
    pub fn add_folded(&mut self, other: &Folded) {
        for (value, count) in &other.counts {
            self.buckets
                .record_n(*value, *count)
                .expect("the value is of a bucket of this layout");
        }
        self.exact = self.exact.and(other.exact);
    }

    /// The non-empty buckets, each as one of its values and its count. Visits only buckets from the
    /// smallest to the largest value, which are far fewer; no other bucket is used, see
    /// [`LatencyHistogram::from_v2_deflate`].
    pub(super) fn between_extremes(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let (first, last) = (self.exact.min.max(LOWEST), self.exact.max.min(HIGHEST));
        let mut next = (self.exact.count > 0).then_some(first);
        std::iter::from_fn(move || {
            let value = next.filter(|value| *value <= last)?;
            next = Some(self.buckets.next_non_equivalent(value));
            Some((value, self.buckets.count_at(value)))
        })
        .filter(|(_, count)| *count > 0)
    }
}

impl Folded {
    /// The exact figures.
    #[must_use]
    pub fn exact(&self) -> Exact {
        self.exact
    }

    /// The unfolded histogram.
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
        for values in [
            &[][..],
            &[0],
            &[1, 999, 1_000_000, 1_000_500, HIGHEST],
            &[7, HIGHEST + 1],
        ] {
            let whole = filled(values);
            assert_eq!(whole.folded().opened(), whole, "{values:?}");
            let mut sum = filled(&[5]);
            sum.add_folded(&whole.folded());
            let mut wanted = filled(&[5]);
            wanted.add(&whole);
            assert_eq!(sum, wanted);
        }
    }
}
