//! The limits of every kernel, measured with the same vector operations: memory bandwidth, and the
//! rate of multiplications and additions in registers. Two loops that do nothing else; the caller
//! decides about timing and threads.

use super::Isa;
use super::simd::{Simd, unrolled};
use crate::mapping::Anonymous;

/// Prefetch distance, bytes.
const AHEAD: usize = 512;
/// Streams read at once, each with its own sum. A single stream keeps too few cache lines in
/// flight: eight were up to twice as fast, and the kernels read the rows of a tile in the same way.
const STREAMS: usize = 8;
/// Vectors read from a stream before the next one: at least a cache line.
const VECTORS: usize = 2;

/// Memory to read from, laid out like the engine's weights: contiguous, in huge pages if the system
/// has them.
#[derive(Debug)]
pub struct Stretch {
    memory: Anonymous,
}

impl Stretch {
    /// Allocates `values` values, none of them zero: untouched memory would all be one shared zero
    /// page.
    ///
    /// # Errors
    /// When the system does not have the memory.
    pub fn new(values: usize) -> std::io::Result<Self> {
        let mut memory = Anonymous::new(values * size_of::<f32>())?;
        let one = 1.0_f32.to_ne_bytes();
        memory
            .bytes_mut()
            .chunks_exact_mut(one.len())
            .for_each(|value| value.copy_from_slice(&one));
        Ok(Self { memory })
    }

    /// All values.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        let bytes = self.memory.bytes();
        // SAFETY: the memory begins at a page, so it is aligned; it is initialised, any bits are an
        // `f32`, and the length is that of the bytes.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<f32>()) }
    }
}

impl Isa {
    /// Reads every value once and returns a sum, so that the reads are not optimised away. `None`
    /// if this machine does not have the set.
    pub fn read(self, values: &[f32]) -> Option<f32> {
        let kernels = self.kernels()?;
        // SAFETY: this table exists only where its instruction set was detected; the slice is
        // valid.
        Some(unsafe { (kernels.read)(values.as_ptr(), values.len()) })
    }

    /// Multiplies and adds in registers for `rounds` rounds of [`Isa::operations_per_round`], and
    /// returns a value that depends on all of them. `None` if this machine does not have the set.
    pub fn multiply_add(self, rounds: usize) -> Option<f32> {
        let kernels = self.kernels()?;
        // SAFETY: this table exists only where its instruction set was detected.
        Some(unsafe { (kernels.multiply_add)(rounds) })
    }

    /// Floating-point operations in a round of [`Isa::multiply_add`]: a multiplication and an
    /// addition for each lane of as many vectors as the matrix kernel keeps in registers.
    pub fn operations_per_round(self) -> usize {
        2 * self.lanes() * self.kernels().map_or(0, |kernels| kernels.tile)
    }
}

/// # Safety
/// The machine has `S`; `from` is valid for `length` elements.
#[inline(always)]
pub(crate) unsafe fn read<S: Simd>(from: *const f32, length: usize) -> f32 {
    let part = length / STREAMS;
    // SAFETY: reads stay inside the streams' parts or behind the last of them, all below `length`;
    // prefetching takes any address.
    unsafe {
        let mut sums = [S::zero(); STREAMS];
        let mut at = 0;
        while at + VECTORS * S::LANES <= part {
            unrolled!(i < STREAMS, {
                unrolled!(v < VECTORS, {
                    let place = from.add(i * part + at + v * S::LANES);
                    S::prefetch(place.cast::<u8>().wrapping_add(AHEAD));
                    sums[i] = S::add(sums[i], S::load(place));
                });
            });
            at += VECTORS * S::LANES;
        }
        let ends = (0..STREAMS).flat_map(|stream| stream * part + at..(stream + 1) * part);
        let rest: f32 = ends
            .chain(STREAMS * part..length)
            .map(|i| *from.add(i))
            .sum();
        sums.into_iter().map(|sum| S::sum(sum)).sum::<f32>() + rest
    }
}

/// # Safety
/// The machine has `S`.
#[inline(always)]
pub(crate) unsafe fn multiply_add<S: Simd>(rounds: usize) -> f32 {
    // SAFETY: the caller's promise.
    unsafe {
        // Hidden from the optimiser, which would otherwise compute the result; near the fixed point
        // 2, so that values stay normal for any number of rounds.
        let factor = S::splat(std::hint::black_box(0.5));
        let offset = S::splat(std::hint::black_box(1.0));
        // Larger than any tile; unused elements cost nothing.
        let mut values = [[S::zero(); 8]; 8];
        // Different initial values: equal chains would be computed once.
        unrolled!(r < S::TILE_ROWS, {
            unrolled!(c < S::TILE_COLUMNS, {
                values[r][c] = S::splat(std::hint::black_box((r * 3 + c + 1) as f32));
            });
        });
        for _ in 0..rounds {
            unrolled!(r < S::TILE_ROWS, {
                unrolled!(c < S::TILE_COLUMNS, {
                    values[r][c] = S::fma(values[r][c], factor, offset);
                });
            });
        }
        let mut total = S::zero();
        unrolled!(r < S::TILE_ROWS, {
            unrolled!(c < S::TILE_COLUMNS, { total = S::add(total, values[r][c]) });
        });
        S::sum(total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_once() {
        for isa in Isa::available() {
            for length in [0, 1, 7, 64, 127, 256, 1000, 2056] {
                let values: Vec<f32> = (0..length).map(|i| i as f32).collect();
                let expected: f32 = values.iter().sum();
                assert_eq!(
                    isa.read(&values),
                    Some(expected),
                    "{} over {length}",
                    isa.name()
                );
                if length > 1 {
                    assert_ne!(
                        isa.read(&values[..length - 1]),
                        Some(expected),
                        "the last one counts"
                    );
                }
            }
        }
    }

    /// Counter-check of the count: a chain that is left out or runs too few rounds gives another
    /// sum.
    #[test]
    fn every_chain_takes_every_round() {
        for isa in Isa::available() {
            let chains = isa.operations_per_round() / 2 / isa.lanes();
            assert!(chains >= 8, "{}", isa.name());
            for rounds in [0, 1, 5] {
                let sum = isa.multiply_add(rounds).unwrap();
                assert!(
                    (sum - expected(isa, rounds)).abs() < 1e-3 * sum,
                    "{} after {rounds}",
                    isa.name()
                );
                assert!((sum - expected(isa, rounds + 1)).abs() > 1e-3 * sum);
            }
        }
    }

    fn expected(isa: Isa, rounds: usize) -> f32 {
        let columns = if isa == Isa::Portable { 2 } else { 3 };
        let rows = isa.operations_per_round() / 2 / isa.lanes() / columns;
        let starts = (0..rows).flat_map(|r| (0..columns).map(move |c| (r * 3 + c + 1) as f32));
        let chain = |start| (0..rounds).fold(start, |value, _| value * 0.5 + 1.0);
        starts.map(chain).sum::<f32>() * isa.lanes() as f32
    }
}
