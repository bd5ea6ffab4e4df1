//! Statistics of one histogram: interpolated quantiles, exact mean, and the number of values beyond
//! a quantile. Owns the definition of a quantile used everywhere (docs/method.md); must not know
//! arms or rounds.

use hdrhistogram::Histogram;

/// The quantiles that every report shows.
pub const SHOWN: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// Exact count, sum and extremes kept with a histogram, whose buckets round them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exact {
    count: u64,
    sum: u128,
    extremes: Option<(u64, u64)>,
}

/// The figures shown for one histogram, in the histogram's unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub count: u64,
    /// Exact smallest value.
    pub min: u64,
    /// Exact largest value.
    pub max: u64,
    /// Exact arithmetic mean.
    pub mean: f64,
    /// `(q, value)` for each of [`SHOWN`], whatever the count; check [`exceedances`] before showing
    /// one.
    pub quantiles: Vec<(f64, f64)>,
}

impl Exact {
    /// Adds one value.
    pub fn record(&mut self, value: u64) {
        self.merge(&Self {
            count: 1,
            sum: u128::from(value),
            extremes: Some((value, value)),
        });
    }

    /// The figures of `count` values with known sum and extremes; `None` unless they are
    /// consistent.
    #[must_use]
    pub fn from_parts(count: u64, sum: u128, min: u64, max: u64) -> Option<Self> {
        let low = u128::from(min).checked_mul(u128::from(count))?;
        let high = u128::from(max).checked_mul(u128::from(count))?;
        let fits = if count == 0 {
            sum == 0
        } else {
            (low..=high).contains(&sum)
        };
        fits.then_some(Self {
            count,
            sum,
            extremes: (count > 0).then_some((min, max)),
        })
    }

    /// Adds another part's figures.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.extremes = match (self.extremes, other.extremes) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, two) => one.or(two),
        };
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum ÷ count; `None` without values.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// Smallest and largest value; `None` without values.
    #[must_use]
    pub fn extremes(&self) -> Option<(u64, u64)> {
        self.extremes
    }
}

impl Summary {
    /// Summarises a histogram and its exact figures; `None` if it is empty or the counts disagree.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>, exact: &Exact) -> Option<Self> {
        if histogram.len() != exact.count {
            return None;
        }
        let (min, max) = exact.extremes?;
        let values = quantiles(histogram, &SHOWN)?;
        let quantiles = SHOWN.into_iter().zip(values).collect();
        Some(Self {
            count: exact.count,
            min,
            max,
            mean: exact.mean()?,
            quantiles,
        })
    }
}

/// The `q` quantile with linear interpolation inside the bucket, in the histogram's unit.
///
/// With n values and t = q·n, the bucket \[lo, hi\] in which the cumulative count passes t (c⁻ < t
/// ≤ c) gives `lo + (hi+1−lo)·(t−c⁻)/(c−c⁻)` (docs/method.md). `None` if the histogram is empty or
/// q is not in 0..=1.
#[must_use]
pub fn quantile(histogram: &Histogram<u64>, q: f64) -> Option<f64> {
    quantiles(histogram, &[q])?.pop()
}

/// [`quantile`] for several ascending `qs` in one pass.
#[must_use]
pub fn quantiles(histogram: &Histogram<u64>, qs: &[f64]) -> Option<Vec<f64>> {
    let in_range = qs.iter().all(|q| (0.0..=1.0).contains(q)) && qs.is_sorted();
    if histogram.is_empty() || !in_range {
        return None;
    }
    let mut found = Vec::with_capacity(qs.len());
    let mut below = 0;
    for step in histogram.iter_recorded() {
        let upto = below + step.count_at_value();
        while let Some(rank) = qs.get(found.len()).map(|&q| rank(histogram.len(), q)) {
            if rank > upto as f64 {
                break;
            }
            let bucket = bucket(histogram, step.value_iterated_to());
            found.push(interpolate(bucket, (below as f64, upto as f64), rank));
        }
        below = upto;
    }
    (found.len() == qs.len()).then_some(found)
}

/// Number of the `count` values beyond the `q` quantile: ⌊(1−q)·count⌋.
#[must_use]
pub fn exceedances(count: u64, q: f64) -> u64 {
    count - (rank(count, q).ceil() as u64).min(count)
}

/// q·n, rounded to a whole number if it is within floating-point error of one: 0.55·100 is
/// 55.000000000000007 and must not fall into the bucket after the 55th value.
pub(crate) fn rank(count: u64, q: f64) -> f64 {
    let exact = q * count as f64;
    let whole = exact.round();
    if (exact - whole).abs() <= 4.0 * f64::EPSILON * whole.max(1.0) {
        whole
    } else {
        exact
    }
}

/// Lower edge and upper edge (exclusive) of the bucket of a value.
pub(crate) fn bucket(histogram: &Histogram<u64>, value: u64) -> (f64, f64) {
    let low = histogram.lowest_equivalent(value);
    (low as f64, histogram.highest_equivalent(value) as f64 + 1.0)
}

pub(crate) fn interpolate((low, high): (f64, f64), (below, upto): (f64, f64), rank: f64) -> f64 {
    low + (high - low) * (rank - below) / (upto - below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn histogram(values: impl IntoIterator<Item = u64>) -> Histogram<u64> {
        let mut h = Histogram::new_with_bounds(1, 3_600_000_000_000, 3).unwrap();
        values.into_iter().for_each(|v| h.record(v).unwrap());
        h
    }

    #[test]
    fn interpolates_by_hand() {
        // Four values in the bucket [4096, 4099] (width 4 at this size): the median is half-way up.
        assert_eq!(
            quantile(&histogram([4096, 4097, 4098, 4099]), 0.5),
            Some(4098.0)
        );
        // 100 values 1..=100, bucket width 1: t = 50 ends in the bucket [50, 50], at its upper
        // edge.
        assert_eq!(quantile(&histogram(1..=100), 0.5), Some(51.0));
        assert_eq!(quantile(&histogram(1..=100), 1.0), Some(101.0));
        assert_eq!(quantile(&histogram(1..=100), 0.0), Some(1.0));
    }

    #[test]
    fn missing_is_not_zero() {
        assert_eq!(quantile(&histogram([]), 0.5), None);
        assert_eq!(quantile(&histogram([1]), 1.5), None);
        assert_eq!(quantile(&histogram([1]), f64::NAN), None);
        assert_eq!(Summary::of(&histogram([]), &Exact::default()), None);
    }

    /// Ranks that are whole numbers stay whole: the gap after the last value below must not be
    /// entered.
    #[test]
    fn whole_ranks_stay_in_their_bucket() {
        for k in 1..100_u64 {
            let h = histogram((1..=k).map(|_| 10).chain((k..100).map(|_| 1_000_000)));
            let value = quantile(&h, k as f64 / 100.0).unwrap();
            assert_eq!(value, 11.0, "rank {k} of 100");
        }
    }

    /// Counter-check: plain q·n does fall into the next bucket, so the rounding is needed.
    #[test]
    fn plain_rank_arithmetic_would_be_wrong() {
        let plain: [f64; 5] = [0.55, 0.07, 0.14, 0.28, 0.56].map(|q| q * 100.0);
        assert!(plain.iter().all(|rank| rank.fract() > 0.0), "{plain:?}");
        assert_eq!(rank(100, 0.55), 55.0);
        assert!((rank(100, 0.555) - 55.5).abs() < 1e-12);
    }

    #[test]
    fn interpolation_is_nearer_the_truth_than_the_upper_edge() {
        let mut rng = Seed(1).rng();
        let mut values: Vec<u64> = (0..20_001)
            .map(|_| (2e7 * (0.5 * rng.unit()).exp()) as u64)
            .collect();
        let h = histogram(values.iter().copied());
        values.sort_unstable();
        let truth = values[10_000] as f64;
        let ours = (quantile(&h, 0.5).unwrap() / truth - 1.0).abs();
        assert!(ours < 2e-4, "off by {ours}");
        assert!(h.value_at_quantile(0.5) as f64 > truth);
    }

    #[test]
    fn many_quantiles_equal_single_ones() {
        let h = histogram((1..5000).map(|k| k * k));
        let qs = [0.0, 0.1, 0.1, 0.5, 0.99, 1.0];
        let single: Vec<f64> = qs.iter().map(|&q| quantile(&h, q).unwrap()).collect();
        assert_eq!(quantiles(&h, &qs), Some(single));
    }

    #[test]
    fn exceedances_count_what_lies_beyond() {
        assert_eq!(exceedances(100, 0.99), 1);
        assert_eq!(exceedances(100, 0.9), 10);
        assert_eq!(exceedances(200, 0.5), 100);
        assert_eq!(exceedances(0, 0.5), 0);
        assert_eq!(exceedances(10_000, 0.99), 100);
        assert_eq!(exceedances(9_999, 0.99), 99);
    }

    #[test]
    fn exact_figures_survive_merging() {
        let (mut a, mut b) = (Exact::default(), Exact::default());
        [3, 9].iter().for_each(|&v| a.record(v));
        b.record(u64::MAX);
        a.merge(&b);
        a.merge(&Exact::default());
        assert_eq!((a.count(), a.extremes()), (3, Some((3, u64::MAX))));
        assert_eq!(a.mean(), Some((12 + u128::from(u64::MAX)) as f64 / 3.0));
        assert_eq!(
            Exact::from_parts(2, 12, 3, 9).and_then(|e| e.mean()),
            Some(6.0)
        );
        assert_eq!(Exact::from_parts(2, 30, 3, 9), None);
    }
}
