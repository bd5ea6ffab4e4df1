//! Checks whether the exact figures of a histogram are possible for its buckets. The recording side
//! supplies them, and later code relies on them: ranges are clamped to them, means divide by them,
//! and iteration over the buckets goes from one to the other. Must not know metrics.

use super::{HIGHEST, HistogramError, LOWEST, LatencyHistogram};

impl LatencyHistogram {
    /// Fails unless buckets and exact figures agree. The count has been compared before.
    pub(super) fn agrees(&self) -> Result<(), HistogramError> {
        let exact = self.exact;
        let extremes = HistogramError::Extremes {
            count: exact.count,
            min: exact.min,
            max: exact.max,
        };
        let beyond = exact.overflow > 0;
        if (exact.max > HIGHEST) != beyond {
            return Err(extremes);
        }
        if exact.count == 0 {
            let blank = exact.min == 0 && exact.sum == 0 && (exact.max == 0 || beyond);
            return if blank { Ok(()) } else { Err(extremes) };
        }
        if exact.min < LOWEST || exact.min > exact.max || exact.min > HIGHEST {
            return Err(extremes);
        }
        self.sum_agrees(extremes)
    }

    fn sum_agrees(&self, extremes: HistogramError) -> Result<(), HistogramError> {
        let exact = self.exact;
        let (mut held, mut least, mut most) = (0_u128, 0_u128, 0_u128);
        for (value, count) in self.between_extremes() {
            let count = u128::from(count);
            held += count;
            least += count * u128::from(self.buckets.lowest_equivalent(value));
            most += count * u128::from(self.buckets.highest_equivalent(value));
        }
        // If values lie beyond the buckets, the largest within them is unknown.
        let beyond = exact.overflow > 0;
        let holds = |value: u64| self.buckets.count_at(value) > 0;
        if held != u128::from(exact.count) || !holds(exact.min) || !(beyond || holds(exact.max)) {
            return Err(extremes);
        }
        // The exact position of one value at either end within its bucket is known.
        least += u128::from(exact.min - self.buckets.lowest_equivalent(exact.min));
        if !beyond {
            most -= u128::from(self.buckets.highest_equivalent(exact.max) - exact.max);
        }
        let sum = exact.sum;
        let alone =
            exact.count == 1 && (sum != exact.min.into() || !beyond && exact.min != exact.max);
        let agrees = (least..=most).contains(&sum) && !alone;
        let told = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
        let fault = HistogramError::Sum {
            sum: told(sum),
            least: told(least),
            most: told(most),
        };
        if agrees { Ok(()) } else { Err(fault) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Exact;
    use super::*;

    fn read(
        values: &[u64],
        change: impl Fn(&mut Exact),
    ) -> Result<LatencyHistogram, HistogramError> {
        let mut honest = LatencyHistogram::default();
        values.iter().for_each(|ns| honest.record_ns(*ns));
        let mut exact = honest.exact();
        change(&mut exact);
        LatencyHistogram::from_v2_deflate(&honest.to_v2_deflate().expect("it encodes"), exact)
    }

    const SOME: [u64; 4] = [100, 100, 5_000, 8_000_000];

    #[test]
    fn what_was_recorded_agrees() {
        let beyond = [7, HIGHEST + 1];
        for values in [
            &[][..],
            &[0],
            &[1],
            &[HIGHEST],
            &[HIGHEST + 1],
            &beyond,
            &SOME,
            &[8_000_001; 9],
        ] {
            assert!(read(values, |_| ()).is_ok(), "{values:?}");
        }
        let many: Vec<u64> = (0..5000).map(|i| i * i * 977 + 3).collect();
        assert!(read(&many, |_| ()).is_ok());
    }

    #[test]
    fn extremes_that_the_buckets_do_not_hold_are_refused() {
        let lies: [fn(&mut Exact); 9] = [
            |e| (e.min, e.max) = (u64::MAX, 0),
            |e| (e.min, e.max) = (8_000_000, 8_000_000),
            |e| e.min = 0,
            |e| e.min = 50,
            |e| e.min = 5_000,
            |e| e.max = 9_000_000,
            |e| e.max = 5_000,
            |e| e.max = u64::MAX,
            |e| e.overflow = 1,
        ];
        for (at, lie) in lies.into_iter().enumerate() {
            assert!(
                matches!(read(&SOME, lie), Err(HistogramError::Extremes { .. })),
                "{at}"
            );
        }
        for lie in [
            |e: &mut Exact| e.min = 1,
            |e: &mut Exact| e.max = 1,
            |e: &mut Exact| e.sum = 1,
        ] {
            assert!(
                matches!(read(&[], lie), Err(HistogramError::Extremes { .. })),
                "of nothing"
            );
        }
    }

    #[test]
    fn a_sum_that_the_buckets_do_not_allow_is_refused() {
        for sum in [0, u128::from(u64::MAX), u128::MAX, 8_000_000, 9_000_000] {
            let lie = |e: &mut Exact| e.sum = sum;
            assert!(
                matches!(read(&SOME, lie), Err(HistogramError::Sum { .. })),
                "{sum}"
            );
        }
        let one = |e: &mut Exact| e.sum += 1;
        assert!(matches!(
            read(&[8_000_000], one),
            Err(HistogramError::Sum { .. })
        ));
    }
}
