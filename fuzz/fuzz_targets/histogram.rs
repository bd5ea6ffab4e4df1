//! Any bytes as a histogram: either refused, or with the counted number of values. The count is the
//! input's first eight bytes.
#![no_main]

use contract::histogram::{Exact, LatencyHistogram};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((count, bytes)) = bytes.split_first_chunk() else { return };
    let exact = Exact { count: u64::from_be_bytes(*count), ..Exact::default() };
    if let Ok(histogram) = LatencyHistogram::from_v2_deflate(bytes, exact) {
        assert_eq!(histogram.buckets().len(), exact.count);
    }
});
