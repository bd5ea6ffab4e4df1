//! Every kernel of every path this machine has against scalar arithmetic in f64, over random
//! shapes.

use proptest::prelude::*;

use super::*;
use crate::aligned::Aligned;
use crate::config::Activation;
use crate::format::WeightFormat;

mod attention;

use attention::Case;

/// Numbers of moderate size from a seed.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u32 << 23) as f32) - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Stored bytes at an odd address, and the values they hold.
fn stored(values: &[f32], format: WeightFormat) -> (Vec<u8>, Vec<f32>) {
    let mut bytes = vec![0u8];
    let mut held = Vec::new();
    for &value in values {
        match format {
            WeightFormat::F32 => bytes.extend(value.to_le_bytes()),
            WeightFormat::F16 => bytes.extend(half::f16::from_f32(value).to_le_bytes()),
            WeightFormat::Bf16 => bytes.extend(half::bf16::from_f32(value).to_le_bytes()),
            WeightFormat::Int8 => bytes.extend(((value * 127.0).round() as i8).to_le_bytes()),
        }
        held.push(match format {
            WeightFormat::F32 => value,
            WeightFormat::F16 => half::f16::from_f32(value).to_f32(),
            WeightFormat::Bf16 => half::bf16::from_f32(value).to_f32(),
            WeightFormat::Int8 => (value * 127.0).round(),
        });
    }
    (bytes, held)
}

fn paths() -> impl Iterator<Item = &'static Kernels> {
    Isa::available().into_iter().filter_map(Isa::kernels)
}

#[derive(Debug)]
struct Product {
    rows: usize,
    columns: usize,
    batch: usize,
    format: WeightFormat,
    accumulate: bool,
    seed: u64,
}

impl Product {
    fn stride(&self) -> usize {
        self.columns.next_multiple_of(16)
    }

    fn inputs(&self) -> (Vec<u8>, Vec<f32>, Vec<f32>) {
        let (bytes, w) = stored(&numbers(self.seed, self.rows * self.columns), self.format);
        let mut x = vec![0.0; self.batch * self.stride()];
        for (index, row) in numbers(self.seed + 1, self.batch * self.columns)
            .chunks(self.columns)
            .enumerate()
        {
            x[index * self.stride()..][..self.columns].copy_from_slice(row);
        }
        (bytes, w, x)
    }

    /// Outputs of rows `first ..` and columns `from .. from + batch` of the batch, starting from
    /// ones.
    fn compute(&self, kernels: &Kernels, first: usize, from: usize, batch: usize) -> Vec<f32> {
        let (bytes, _, x) = self.inputs();
        let mut y = vec![1.0; batch * self.rows];
        let factors = self.factors();
        let mut scratch = vec![f32::NAN; SCRATCH];
        let (packed, split) =
            self.laid_out(kernels, &bytes[1..], &x[from * self.stride()..], batch);
        let job = MatMul {
            w: bytes[1..].as_ptr(),
            format: self.format,
            factors: factors.as_ref().map_or(std::ptr::null(), Vec::as_ptr),
            columns: self.columns,
            packed: packed
                .as_ref()
                .map_or(std::ptr::null(), |packed| packed.as_ptr()),
            split: split.as_ptr(),
            x: x[from * self.stride()..].as_ptr(),
            x_stride: self.stride(),
            batch,
            y: y.as_mut_ptr(),
            y_stride: self.rows,
            accumulate: self.accumulate,
            then: std::ptr::null(),
        };
        // SAFETY: the buffers have the shapes stated, and the path was detected.
        unsafe { (kernels.matmul)(&job, first, self.rows, scratch.as_mut_ptr()) };
        y
    }

    /// W and x in the path's own layout, if it uses one for this matrix.
    fn laid_out(
        &self,
        kernels: &Kernels,
        w: &[u8],
        x: &[f32],
        batch: usize,
    ) -> (Option<Aligned<u8>>, Aligned<u8>) {
        let wants = |tiles: &Tiles| {
            self.format == WeightFormat::Bf16 && self.rows.is_multiple_of(tiles.rows)
        };
        let Some(tiles) = kernels.tiles.filter(wants) else {
            return (None, Aligned::new(0));
        };
        let mut packed = Aligned::new((tiles.packed_bytes)(self.rows, self.columns));
        (tiles.pack)(w, self.columns, &mut packed);
        let bytes = (tiles.split_bytes)(self.columns);
        let mut split = Aligned::new(batch * bytes);
        for (row, parts) in x.chunks(self.stride()).zip(split.chunks_mut(bytes)) {
            // SAFETY: rows are padded to 16 elements, parts have their length, and the path was
            // detected.
            unsafe { (tiles.split)(row.as_ptr(), self.columns, parts.as_mut_ptr()) };
        }
        (Some(packed), split)
    }

    /// All different, so that using a neighbour's would be noticed.
    fn factors(&self) -> Option<Vec<f32>> {
        let some = self.format == WeightFormat::Int8;
        some.then(|| {
            (0..self.rows)
                .map(|row| (1.0 + row as f32) / (127.0 * self.rows as f32))
                .collect()
        })
    }

    /// Each exact output, batch by batch, with the sum of magnitudes, which bounds the rounding
    /// error.
    fn exact(&self) -> Vec<(f64, f64)> {
        let (_, w, x) = self.inputs();
        let start = if self.accumulate { 1.0 } else { 0.0 };
        let factors = self.factors().unwrap_or_else(|| vec![1.0; self.rows]);
        let dot = |x: &[f32], w: &[f32], factor: f32| {
            let terms = w
                .iter()
                .zip(x)
                .map(|(&w, &x)| f64::from(factor) * f64::from(w) * f64::from(x));
            terms.fold((start, 1.0), |(sum, size), term| {
                (sum + term, size + term.abs())
            })
        };
        let rows = || w.chunks(self.columns).zip(&factors);
        let dots = x
            .chunks(self.stride())
            .flat_map(|x| rows().map(move |(w, &factor)| (x, w, factor)));
        dots.map(|(x, w, factor)| dot(x, w, factor)).collect()
    }
}

fn formats() -> impl Strategy<Value = WeightFormat> {
    use WeightFormat::{Bf16, F16, F32, Int8};
    prop_oneof![Just(F32), Just(F16), Just(Bf16), Just(Int8)]
}

fn products() -> impl Strategy<Value = Product> {
    let columns = prop_oneof![1usize..70, Just(576), Just(800), Just(1536), Just(1601)];
    let rows = prop_oneof![1usize..40, Just(32), Just(64), Just(96)];
    let batch = prop_oneof![1usize..12, 12usize..70, Just(150)];
    (rows, columns, batch, formats(), any::<bool>(), 0u64..1000).prop_map(
        |(rows, columns, batch, format, accumulate, seed)| Product {
            rows,
            columns,
            batch,
            format,
            accumulate,
            seed,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn products_are_right_and_the_same_in_any_tile(product in products()) {
        let exact = product.exact();
        for kernels in paths() {
            let whole = product.compute(kernels, 0, 0, product.batch);
            for (&value, &(exact, size)) in whole.iter().zip(&exact) {
                let error = (f64::from(value) - exact).abs();
                prop_assert!(error <= 1e-6 * size, "{} off by {error}", kernels.isa.name());
            }
            // If weights are in tiles, tasks begin at whole tiles.
            let first = product.rows / 3 / 32 * 32;
            for column in (0..product.batch).step_by(product.batch.div_ceil(12)) {
                let alone = product.compute(kernels, first, column, 1);
                let same = &whole[column * product.rows..][..product.rows];
                prop_assert_eq!(&alone[first..], &same[first..], "{}", kernels.isa.name());
            }
        }
    }

    #[test]
    fn norms_and_gates_are_right(length in 1usize..100, seed in 0u64..1000) {
        let padded = length.next_multiple_of(16);
        let pad = |mut values: Vec<f32>| { values.resize(padded, 0.0); values };
        let (x, w) = (pad(numbers(seed, length)), pad(numbers(seed + 1, length)));
        let square = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / length as f64;
        for kernels in paths() {
            let mut out = vec![0.0; padded];
            let mut gate: Vec<f32> = x.iter().map(|v| 30.0 * v).collect();
            // SAFETY: all buffers are padded to 16 elements, and the path was detected.
            unsafe {
                (kernels.rms_norm)(x.as_ptr(), w.as_ptr(), out.as_mut_ptr(), length, 1e-5);
                kernels.gate(Activation::Silu)(gate.as_mut_ptr(), w.as_ptr(), length);
            }
            for i in 0..length {
                let norm = f64::from(x[i]) / (square + 1e-5).sqrt() * f64::from(w[i]);
                prop_assert!((f64::from(out[i]) - norm).abs() < 1e-6);
                let value = f64::from(30.0 * x[i]);
                let gated = value / (1.0 + (-value).exp()) * f64::from(w[i]);
                prop_assert!((f64::from(gate[i]) - gated).abs() < 1e-5 * (1.0 + gated.abs()));
            }
            prop_assert!(out[length..].iter().chain(&gate[length..]).all(|&v| v == 0.0));
        }
    }

    #[test]
    fn the_first_largest_is_found_and_bad_values_are_seen(length in 1usize..200, seed in 0u64..1000) {
        // Few distinct values, so that ties occur.
        let values: Vec<f32> = numbers(seed, length).iter().map(|v| (v * 4.0).round()).collect();
        let top = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let expected = values.iter().position(|&v| v == top);
        for kernels in paths() {
            prop_assert_eq!(kernels.first_largest(&values), expected);
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut spoilt = values.clone();
                spoilt[seed as usize % length] = bad;
                prop_assert_eq!(kernels.first_largest(&spoilt), None);
            }
        }
    }

    #[test]
    fn attention_is_right_and_the_same_for_each_token_alone(
        tokens in 1usize..9, group in 1usize..6, head in prop_oneof![Just(4usize), Just(16), Just(20), Just(48), Just(50), Just(64), Just(80)],
        before in 0usize..70, seed in 0u64..1000, exact in any::<bool>(),
        window in prop_oneof![Just(usize::MAX), 1usize..40], cap in prop_oneof![Just(0.0f32), 1.0f32..20.0],
    ) {
        let format = if exact { KvFormat::F32 } else { KvFormat::Bf16 };
        let case = Case { tokens, group, head, before, seed, format, window, cap };
        let exact = case.exact();
        for kernels in paths() {
            let whole = case.compute(kernels, 0, tokens);
            for token in 0..tokens {
                let row = group * head;
                prop_assert_eq!(&case.compute(kernels, token, 1)[..], &whole[token * row..][..row]);
            }
            for (&value, exact) in whole.iter().zip(&exact) {
                let error = (f64::from(value) - exact).abs();
                prop_assert!(error < 1e-5, "{} off by {error}", kernels.isa.name());
            }
        }
    }
}

/// Counter-check: the bound used for products distinguishes one wrong weight from rounding.
#[test]
fn a_wrong_weight_exceeds_the_bound() {
    let product = Product {
        rows: 1,
        columns: 576,
        batch: 1,
        format: WeightFormat::Bf16,
        accumulate: false,
        seed: 5,
    };
    let (exact, size) = product.exact()[0];
    let wrong = Product {
        columns: 575,
        ..product
    }
    .compute(&portable_path::KERNELS, 0, 0, 1)[0];
    assert!((f64::from(wrong) - exact).abs() > 1e-6 * size);
}
