//! Searches weights for values that are not finite: one NaN or infinity spoils every answer, and no
//! product reports it. Must not know what a weight is used for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::format::WeightFormat;

/// Bytes searched at a time.
const PIECE: usize = 1 << 20;
/// Bytes after which a search may stop early.
const BLOCK: usize = 1 << 12;

/// A value that is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spoilt {
    /// Index of its range.
    pub(crate) range: usize,
    /// Index of the element within the range.
    pub(crate) element: usize,
    pub(crate) nan: bool,
}

impl WeightFormat {
    /// The bits of the exponent; all are set only in NaN and infinity. `None` if every bit pattern
    /// is a number.
    fn exponent(self) -> Option<u32> {
        match self {
            Self::F32 => Some(0x7f80_0000),
            Self::F16 => Some(0x7c00),
            Self::Bf16 => Some(0x7f80),
            Self::Int8 => None,
        }
    }
}

/// The first element of the first range that is not finite, searched by `threads` threads.
pub(crate) fn first_spoilt(ranges: &[(&[u8], WeightFormat)], threads: usize) -> Option<Spoilt> {
    let pieces = |(range, &(bytes, format)): (usize, &(&'_ [u8], WeightFormat))| {
        (0..bytes.len().div_ceil(PIECE))
            .map(move |piece| (range, piece * PIECE, format))
            .collect::<Vec<_>>()
    };
    let pieces: Vec<_> = ranges.iter().enumerate().flat_map(pieces).collect();
    let (next, first) = (AtomicUsize::new(0), Mutex::new(None::<(usize, Spoilt)>));
    let work = || {
        while let Some(&(range, at, format)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            let bytes = ranges[range].0;
            let found = search(&bytes[at..bytes.len().min(at + PIECE)], format);
            if let Some((element, nan)) = found {
                let place = (range, at / format.bytes() + element);
                let spoilt = Spoilt {
                    range,
                    element: place.1,
                    nan,
                };
                let mut first = first
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                if first.is_none_or(|(_, known)| (known.range, known.element) > place) {
                    *first = Some((range, spoilt));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    first
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .map(|(_, spoilt)| spoilt)
}

/// The first element that is not finite, and whether it is NaN.
fn search(bytes: &[u8], format: WeightFormat) -> Option<(usize, bool)> {
    let mask = format.exponent()?;
    let suspect = |block: &[u8]| match format {
        WeightFormat::F32 => any(block, |b| u32::from_le_bytes(b) & mask == mask),
        _ => any(block, |b| {
            u16::from_le_bytes(b) & mask as u16 == mask as u16
        }),
    };
    let block = bytes.chunks(BLOCK).position(suspect)?;
    let width = format.bytes();
    let element = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0u32, |bits, &byte| bits << 8 | u32::from(byte))
    };
    let elements = bytes[block * BLOCK..].chunks_exact(width).map(element);
    let (at, bits) = elements.enumerate().find(|(_, bits)| bits & mask == mask)?;
    let mantissa = (1u64 << (8 * width - 1)) as u32 - 1;
    Some((block * BLOCK / width + at, bits & mantissa & !mask != 0))
}

/// Whether any element is; without a branch, so that whole vectors are checked.
fn any<const N: usize>(bytes: &[u8], is: impl Fn([u8; N]) -> bool) -> bool {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .fold(false, |found, &element| found | is(element))
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;

    /// One value in the middle of many, in each format.
    fn with(value: f32, at: usize) -> [(Vec<u8>, WeightFormat); 3] {
        let values = (0..3 * PIECE).map(|i| {
            if i == at {
                value
            } else {
                (i % 251) as f32 - 125.0
            }
        });
        let values: Vec<f32> = values.collect();
        [
            (
                values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                WeightFormat::F32,
            ),
            (
                values
                    .iter()
                    .flat_map(|&v| f16::from_f32(v).to_le_bytes())
                    .collect(),
                WeightFormat::F16,
            ),
            (
                values
                    .iter()
                    .flat_map(|&v| bf16::from_f32(v).to_le_bytes())
                    .collect(),
                WeightFormat::Bf16,
            ),
        ]
    }

    #[test]
    fn the_first_is_found_in_every_format_and_by_any_number_of_threads() {
        for at in [0, 1, 4097, PIECE + 5, 3 * PIECE - 1] {
            for (value, nan) in [
                (f32::NAN, true),
                (f32::INFINITY, false),
                (f32::NEG_INFINITY, false),
            ] {
                for (bytes, format) in with(value, at) {
                    let ranges = [(&bytes[..0], format), (&bytes[..], format)];
                    for threads in [1, 3] {
                        let found = first_spoilt(&ranges, threads);
                        assert_eq!(
                            found,
                            Some(Spoilt {
                                range: 1,
                                element: at,
                                nan
                            }),
                            "{format:?} {threads}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_finite_numbers_are_numbers() {
        let ranges = with(65_504.0, 77);
        let ranges = ranges
            .each_ref()
            .map(|(bytes, format)| (&bytes[..], *format));
        assert_eq!(first_spoilt(&ranges, 2), None);
        let largest = [
            f32::MAX.to_le_bytes(),
            f32::MIN.to_le_bytes(),
            0f32.to_le_bytes(),
        ]
        .concat();
        assert_eq!(first_spoilt(&[(&largest, WeightFormat::F32)], 1), None);
        let wild = vec![0xffu8; 64];
        assert_eq!(first_spoilt(&[(&wild, WeightFormat::Int8)], 1), None);
    }
}
