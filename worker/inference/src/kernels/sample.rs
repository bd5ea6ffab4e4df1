//! One matrix product over synthetic numbers, laid out as in the engine, for timing the kernels
//! alone. Must not know models, threads or clocks.

use super::{Isa, Kernels, MatMul, SCRATCH};
use crate::aligned::Aligned;
use crate::format::WeightFormat;

/// A product that can be computed repeatedly on the calling thread.
pub struct SampleProduct {
    kernels: &'static Kernels,
    format: WeightFormat,
    shape: Shape,
    weights: Aligned<u8>,
    factors: Option<Vec<f32>>,
    packed: Option<Aligned<u8>>,
    split: Aligned<u8>,
    x: Aligned<f32>,
    y: Aligned<f32>,
    scratch: Aligned<f32>,
}

/// Rows and columns of W, and rows of x.
#[derive(Clone, Copy)]
struct Shape {
    rows: usize,
    columns: usize,
    batch: usize,
}

impl SampleProduct {
    /// A matrix of `rows` × `columns` stored in `format`, times a batch; `None` if this machine
    /// lacks the set.
    ///
    /// # Panics
    /// If `columns` is not a multiple of 16.
    pub fn new(
        isa: Isa,
        format: WeightFormat,
        rows: usize,
        columns: usize,
        batch: usize,
    ) -> Option<Self> {
        assert!(columns.is_multiple_of(16), "rows of x are whole vectors");
        let kernels = isa.kernels()?;
        let mut weights = Aligned::<u8>::new(rows * columns * format.bytes());
        // Small magnitudes in every format: the speed does not depend on the values, except for
        // denormal ones.
        for (index, byte) in weights.iter_mut().enumerate() {
            *byte = if index % format.bytes() + 1 == format.bytes() {
                0x3c
            } else {
                index as u8
            };
        }
        let mut x = Aligned::<f32>::new(batch * columns);
        x.iter_mut()
            .enumerate()
            .for_each(|(index, value)| *value = (index % 7) as f32 - 3.0);
        let tiles = kernels
            .tiles
            .filter(|tiles| format == WeightFormat::Bf16 && rows.is_multiple_of(tiles.rows));
        let packed = tiles.map(|tiles| {
            let mut packed = Aligned::new((tiles.packed_bytes)(rows, columns));
            (tiles.pack)(&weights, columns, &mut packed);
            packed
        });
        let split = Aligned::new(tiles.map_or(0, |tiles| batch * (tiles.split_bytes)(columns)));
        let factors = (format == WeightFormat::Int8).then(|| vec![0.01; rows]);
        let (y, scratch) = (Aligned::new(batch * rows), Aligned::new(SCRATCH));
        let shape = Shape {
            rows,
            columns,
            batch,
        };
        Some(Self {
            kernels,
            format,
            shape,
            weights,
            factors,
            packed,
            split,
            x,
            y,
            scratch,
        })
    }

    /// Computes it, including the layout of x that some kernels need, and returns one of the
    /// outputs.
    pub fn compute(&mut self) -> f32 {
        let Shape {
            rows,
            columns,
            batch,
        } = self.shape;
        if let Some(tiles) = self.kernels.tiles.filter(|_| self.packed.is_some()) {
            let parts = self.split.chunks_exact_mut((tiles.split_bytes)(columns));
            for (row, parts) in self.x.chunks_exact(columns).zip(parts) {
                // SAFETY: rows are whole vectors, parts have their length, and the set was
                // detected.
                unsafe { (tiles.split)(row.as_ptr(), columns, parts.as_mut_ptr()) };
            }
        }
        let job = MatMul {
            w: self.weights.as_ptr(),
            format: self.format,
            factors: self.factors.as_ref().map_or(std::ptr::null(), Vec::as_ptr),
            columns,
            packed: self
                .packed
                .as_ref()
                .map_or(std::ptr::null(), |packed| packed.as_ptr()),
            x: self.x.as_ptr(),
            x_stride: columns,
            split: self.split.as_ptr(),
            batch,
            y: self.y.as_mut_ptr(),
            y_stride: rows,
            accumulate: false,
            then: std::ptr::null(),
        };
        // SAFETY: the buffers have the shapes stated, and the set was detected.
        unsafe { (self.kernels.matmul)(&job, 0, rows, self.scratch.as_mut_ptr()) };
        self.y[rows - 1]
    }

    /// Stored bytes of the matrix.
    pub fn weight_bytes(&self) -> usize {
        self.weights.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every path computes the same up to rounding, so that none is timed doing something else.
    #[test]
    fn samples_agree_on_every_path() {
        for format in [WeightFormat::Bf16, WeightFormat::F16, WeightFormat::Int8] {
            let output = |isa| {
                SampleProduct::new(isa, format, 32, 64, 3).map(|mut product| product.compute())
            };
            let expected = output(Isa::Portable).expect("everywhere");
            assert!(expected.is_finite() && expected != 0.0, "{format:?}");
            for isa in Isa::available() {
                let found = output(isa).expect("available");
                assert!(
                    (found - expected).abs() <= 1e-4 * expected.abs().max(1.0),
                    "{format:?} {}",
                    isa.name()
                );
            }
        }
    }
}
