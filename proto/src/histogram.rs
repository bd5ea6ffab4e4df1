//! The one histogram layout of the project: nanoseconds from 1 ns to 1 h at three significant
//! digits, `u64` counts, with exact count, minimum, maximum and sum kept beside the buckets. Owns
//! encoding and the checks that make a merge exact; must not know metrics.

mod agree;
mod folded;

use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

pub use folded::Folded;

/// Greatest value recorded in a bucket: one hour in nanoseconds.
pub const HIGHEST: u64 = 3_600_000_000_000;
/// Smallest value; zero is recorded as this.
pub const LOWEST: u64 = 1;
/// Significant decimal digits.
pub const DIGITS: u8 = 3;

/// A histogram of nanoseconds in the fixed layout.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyHistogram {
    buckets: Histogram<u64>,
    exact: Exact,
}

/// Exact figures that buckets cannot keep. `min` and `max` are meaningless while `count` is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exact {
    /// Number of values in buckets.
    pub count: u64,
    /// Smallest value, ns.
    pub min: u64,
    /// Largest value, ns, including those beyond the buckets.
    pub max: u64,
    /// Sum of the values in buckets, ns.
    pub sum: u128,
    /// Number of values above [`HIGHEST`]: in no bucket, and a reason to distrust the trial.
    pub overflow: u64,
}

/// Why bytes are not a histogram of this layout.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// The codec failed.
    #[error("decode a histogram: {0}")]
    Decode(String),
    /// Another range or number of digits, which `add` would accept with a silently wrong result.
    #[error(
        "accept a histogram of {low}..{high} at {digits} digits: the layout is 1..{HIGHEST} at {DIGITS}"
    )]
    Layout {
        /// Its lowest discernible value.
        low: u64,
        /// Its highest trackable value.
        high: u64,
        /// Its significant digits.
        digits: u8,
    },
    /// The number of values in the buckets differs from the recorded count.
    #[error("accept a histogram whose buckets hold {found} values where {counted} were counted")]
    Count {
        /// Count in the buckets.
        found: u64,
        /// Count in the exact figures.
        counted: u64,
    },
    /// The smallest and largest values are not in the first and last non-empty bucket.
    #[error(
        "accept a histogram of {count} values whose smallest is said to be {min} and largest {max}: its buckets say otherwise"
    )]
    Extremes {
        /// Number of values in buckets.
        count: u64,
        /// Recorded smallest value.
        min: u64,
        /// Recorded largest value.
        max: u64,
    },
    /// The sum cannot be that of the values in the buckets.
    #[error(
        "accept a histogram whose values are said to add up to {sum}: its buckets allow {least} to {most}"
    )]
    Sum {
        /// Recorded sum; here and below, `u64::MAX` stands for any greater number.
        sum: u64,
        /// Least possible sum, from the lower ends of the buckets.
        least: u64,
        /// Greatest possible sum, from their upper ends.
        most: u64,
    },
    /// The encoder failed; only possible when memory is exhausted.
    #[error("encode a histogram: {0}")]
    Encode(String),
}

impl Exact {
    /// Combines the exact figures of two histograms.
    fn and(self, other: Self) -> Self {
        let min = match (self.count, other.count) {
            (0, _) => other.min,
            (_, 0) => self.min,
            _ => self.min.min(other.min),
        };
        Self {
            count: self.count + other.count,
            min,
            max: self.max.max(other.max),
            sum: self.sum + other.sum,
            overflow: self.overflow + other.overflow,
        }
    }
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        let buckets =
            Histogram::new_with_bounds(LOWEST, HIGHEST, DIGITS).expect("the layout is valid");
        Self {
            buckets,
            exact: Exact::default(),
        }
    }
}

impl LatencyHistogram {
    /// Records one duration. Never allocates.
    pub fn record(&mut self, value: Duration) {
        self.record_ns(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records one value in nanoseconds. Never allocates.
    pub fn record_ns(&mut self, ns: u64) {
        let ns = ns.max(LOWEST);
        self.exact.max = self.exact.max.max(ns);
        if ns > HIGHEST {
            self.exact.overflow += 1;
            return;
        }
        self.exact.min = if self.exact.count == 0 {
            ns
        } else {
            self.exact.min.min(ns)
        };
        self.exact.count += 1;
        self.exact.sum += u128::from(ns);
        self.buckets
            .record(ns)
            .expect("the value is within the bounds checked above");
    }

    /// Adds another histogram's counts: exact, associative, and independent of order.
    pub fn add(&mut self, other: &Self) {
        self.buckets
            .add(&other.buckets)
            .expect("both have the fixed layout");
        self.exact = self.exact.and(other.exact);
    }

    /// The buckets, for quantiles.
    #[must_use]
    pub fn buckets(&self) -> &Histogram<u64> {
        &self.buckets
    }

    /// The exact figures.
    #[must_use]
    pub fn exact(&self) -> Exact {
        self.exact
    }

    /// Whether nothing was recorded; quantiles are then absent, not zero.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.count == 0
    }

    /// Encodes as HdrHistogram V2 with deflate, which the Java and Python tools read.
    ///
    /// # Errors
    /// When the encoder fails.
    pub fn to_v2_deflate(&self) -> Result<Vec<u8>, HistogramError> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.buckets, &mut bytes)
            .map_err(|error| HistogramError::Encode(error.to_string()))?;
        Ok(bytes)
    }

    /// Decodes [`Self::to_v2_deflate`]'s bytes. Checks layout and count, and that the exact figures
    /// are possible for the buckets, so that every holder of a histogram can rely on it. The codec
    /// has no checksum: keep the bytes in an envelope.
    ///
    /// # Errors
    /// When the bytes are not a histogram, have another layout, or disagree with `exact`.
    pub fn from_v2_deflate(bytes: &[u8], exact: Exact) -> Result<Self, HistogramError> {
        let buckets: Histogram<u64> = Deserializer::new()
            .deserialize(&mut inflated(bytes)?.as_slice())
            .map_err(|error| HistogramError::Decode(error.to_string()))?;
        let (low, high, digits) = (buckets.low(), buckets.high(), buckets.sigfig());
        if (low, high, digits) != (LOWEST, HIGHEST, DIGITS) {
            return Err(HistogramError::Layout { low, high, digits });
        }
        if buckets.len() != exact.count {
            return Err(HistogramError::Count {
                found: buckets.len(),
                counted: exact.count,
            });
        }
        let histogram = Self { buckets, exact };
        histogram.agrees()?;
        Ok(histogram)
    }

    /// Number of values in the same bucket as this one.
    #[must_use]
    pub fn count_near(&self, ns: u64) -> u64 {
        self.buckets.count_at(ns)
    }

    /// The lowest value of this value's bucket, which identifies the bucket.
    #[must_use]
    pub fn bucket_of(&self, ns: u64) -> u64 {
        self.buckets.lowest_equivalent(ns)
    }
}

/// Length of the codec's outer header (cookie, length) and of the inner, deflated one (cookie,
/// payload length, offset, digits, lowest and highest value, ratio), bytes.
const HEADERS: (usize, usize) = (8, 40);
/// Greatest length of the counts in this layout, bytes: 33,792 bins of at most nine bytes.
const LONGEST: u32 = 33_792 * 9;

/// First word of the outer header: version 2, deflated.
const DEFLATED: u32 = 0x1c84_9314;

/// The inner histogram, inflated once for header and counts, if its header has the right layout.
/// The codec trusts the header: another range would make it allocate a hundred times as much before
/// anything can be checked.
fn inflated(bytes: &[u8]) -> Result<Vec<u8>, HistogramError> {
    use std::io::Read;
    let decode = |what: &str| HistogramError::Decode(what.to_owned());
    let short = || decode("it ends within its header");
    let outer = bytes.get(..HEADERS.0).ok_or_else(short)?;
    if outer[..4] != DEFLATED.to_be_bytes() {
        return Err(decode("it does not begin with the mark of one"));
    }
    let mut inner = Vec::with_capacity(4096);
    let longest = HEADERS.1 as u64 + u64::from(LONGEST);
    let inflating = flate2::bufread::ZlibDecoder::new(&bytes[HEADERS.0..])
        .take(longest)
        .read_to_end(&mut inner);
    let header = inner.get(..HEADERS.1).ok_or_else(short)?;
    let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let long = |at: usize| u64::from_be_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let (low, high, digits) = (long(16), long(24), word(12));
    if (low, high, digits) != (LOWEST, HIGHEST, u32::from(DIGITS)) {
        return Err(HistogramError::Layout {
            low,
            high,
            digits: u8::try_from(digits).unwrap_or(u8::MAX),
        });
    }
    if word(4) > LONGEST {
        return Err(decode(&format!(
            "{} bytes of counts are more than the layout has",
            word(4)
        )));
    }
    inflating.map_err(|error| HistogramError::Decode(error.to_string()))?;
    Ok(inner)
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
    fn bytes_go_both_ways() {
        let histogram = filled(&[0, 1, 999, 1_000_000, HIGHEST]);
        let bytes = histogram.to_v2_deflate().expect("it encodes");
        let back =
            LatencyHistogram::from_v2_deflate(&bytes, histogram.exact()).expect("it decodes");
        assert_eq!(back, histogram);
    }

    #[test]
    fn merging_equals_recording_together() {
        let mut left = filled(&[5, 70_000]);
        left.add(&filled(&[3, 9_000_000_000]));
        left.add(&LatencyHistogram::default());
        assert_eq!(left, filled(&[5, 70_000, 3, 9_000_000_000]));
    }

    #[test]
    fn another_layout_is_refused_although_the_codec_takes_it() {
        let mut coarse = Histogram::<u64>::new_with_bounds(1, HIGHEST, 2).expect("valid");
        coarse.record(7).expect("in range");
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&coarse, &mut bytes)
            .expect("it encodes");
        let exact = Exact {
            count: 1,
            min: 7,
            max: 7,
            sum: 7,
            overflow: 0,
        };
        let error = LatencyHistogram::from_v2_deflate(&bytes, exact).expect_err("two digits");
        assert!(
            matches!(error, HistogramError::Layout { digits: 2, .. }),
            "{error}"
        );
    }

    #[test]
    fn a_lost_count_is_seen() {
        let histogram = filled(&[1, 2, 3]);
        let bytes = histogram.to_v2_deflate().expect("it encodes");
        let exact = Exact {
            count: 4,
            ..histogram.exact()
        };
        assert!(matches!(
            LatencyHistogram::from_v2_deflate(&bytes, exact),
            Err(HistogramError::Count {
                found: 3,
                counted: 4
            })
        ));
    }

    #[test]
    fn what_lies_beyond_the_buckets_is_counted_and_its_size_kept() {
        let histogram = filled(&[10, HIGHEST + 1]);
        assert_eq!(
            histogram.exact(),
            Exact {
                count: 1,
                min: 10,
                max: HIGHEST + 1,
                sum: 10,
                overflow: 1
            }
        );
    }
}
