//! Exact merging of histograms: bucket counts are added, never percentiles. Owns the check that
//! layouts are equal, because `Histogram::add` silently re-buckets a different number of digits;
//! must not know where parts come from. Units are not part of a layout: the caller keeps metrics
//! apart.

use std::error::Error;
use std::fmt;

use hdrhistogram::Histogram;

/// The properties that two histograms must share to be merged without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Lowest discernible value.
    pub low: u64,
    /// Highest trackable value.
    pub high: u64,
    /// Significant decimal digits.
    pub digits: u8,
}

/// Why histograms could not be merged or taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeError {
    /// Nothing to merge: an empty result would need an arbitrary layout.
    Nothing,
    /// The layouts differ.
    Layout {
        /// The layout of the first histogram.
        expected: Layout,
        /// The layout that differs.
        found: Layout,
    },
    /// The merged count is not the sum of the counts.
    Total {
        /// Σ of the parts.
        expected: u64,
        /// Count of the result.
        found: u64,
    },
}

impl Layout {
    /// The layout of a histogram.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            low: histogram.low(),
            high: histogram.high(),
            digits: histogram.sigfig(),
        }
    }
}

/// Adds the bucket counts of all `parts`.
///
/// # Errors
/// When there is no part, when layouts differ, or when Σ counts is not preserved.
pub fn merge<'a, I>(parts: I) -> Result<Histogram<u64>, MergeError>
where
    I: IntoIterator<Item = &'a Histogram<u64>>,
{
    let mut parts = parts.into_iter();
    let mut whole = parts.next().ok_or(MergeError::Nothing)?.clone();
    for part in parts {
        add(&mut whole, part)?;
    }
    Ok(whole)
}

/// Adds the bucket counts of `part` to `whole`.
///
/// # Errors
/// As [`merge`]; after an error `whole` must not be used.
pub fn add(whole: &mut Histogram<u64>, part: &Histogram<u64>) -> Result<(), MergeError> {
    check_layouts(whole, part)?;
    let expected = whole.len().saturating_add(part.len());
    whole.add(part).map_err(|_| MergeError::Layout {
        expected: Layout::of(whole),
        found: Layout::of(part),
    })?;
    check_total(expected, whole.len())
}

fn check_layouts(whole: &Histogram<u64>, part: &Histogram<u64>) -> Result<(), MergeError> {
    let (expected, found) = (Layout::of(whole), Layout::of(part));
    if expected == found {
        Ok(())
    } else {
        Err(MergeError::Layout { expected, found })
    }
}

fn check_total(expected: u64, found: u64) -> Result<(), MergeError> {
    if expected == found {
        Ok(())
    } else {
        Err(MergeError::Total { expected, found })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{} at {} digits", self.low, self.high, self.digits)
    }
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => write!(f, "no histogram to merge"),
            Self::Layout { expected, found } => {
                write!(
                    f,
                    "histograms of unequal layout: expected {expected}, found {found}"
                )
            }
            Self::Total { expected, found } => {
                write!(
                    f,
                    "counts lost in the merge: expected {expected}, found {found}"
                )
            }
        }
    }
}

impl Error for MergeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    const HOUR: u64 = 3_600_000_000_000;

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut h = Histogram::new_with_bounds(1, HOUR, 3).unwrap();
        values.iter().for_each(|&v| h.record(v).unwrap());
        h
    }

    fn values(n: usize) -> Vec<u64> {
        let mut rng = Seed(11).rng();
        (0..n)
            .map(|_| (1e6 * (4.0 * rng.unit()).exp()) as u64)
            .collect()
    }

    #[test]
    fn merging_parts_equals_recording_everything() {
        let all = values(3000);
        let parts: Vec<_> = all.chunks(701).map(histogram).collect();
        assert_eq!(merge(&parts).unwrap(), histogram(&all));
    }

    #[test]
    fn other_digits_or_range_are_refused() {
        let h = histogram(&[5]);
        for (high, digits) in [(HOUR, 2), (HOUR / 2, 3)] {
            let mut other = Histogram::new_with_bounds(1, high, digits).unwrap();
            other.record(7).unwrap();
            assert!(
                matches!(merge([&h, &other]), Err(MergeError::Layout { .. })),
                "{high} {digits}"
            );
        }
    }

    /// Counter-check: the library alone accepts two digits without an error.
    #[test]
    fn the_library_alone_would_accept_other_digits() {
        let mut h = histogram(&[5]);
        let mut other = Histogram::<u64>::new_with_bounds(1, HOUR, 2).unwrap();
        other.record(100_500).unwrap();
        assert!(h.add(&other).is_ok());
    }

    #[test]
    fn nothing_has_no_layout() {
        assert_eq!(merge([]), Err(MergeError::Nothing));
    }
}
