//! The boundary between safe callers and kernels: a mismatch is refused before any kernel runs, and
//! a match is computed to its last element and no further.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::*;
use crate::kernels::Isa;
use crate::weights::WeightFormat;

const COLUMNS: usize = 20;

fn matrix(rows: usize) -> Matrix {
    let mut bytes = Aligned::<u8>::new(rows * COLUMNS * 4);
    for (index, value) in bytes.chunks_exact_mut(4).enumerate() {
        value.copy_from_slice(&((index % 5) as f32 - 2.0).to_le_bytes());
    }
    let factors: Arc<[f32]> = vec![1.0; rows].into();
    Matrix::owned(bytes, WeightFormat::F32, rows, COLUMNS, factors)
}

fn linear(rows: usize) -> Linear {
    Linear {
        matrix: matrix(rows),
        bias: Vec::new(),
    }
}

fn inputs(batch: usize) -> Vec<f32> {
    let mut x = vec![0.0; batch * padded(COLUMNS)];
    for (at, row) in x.chunks_exact_mut(padded(COLUMNS)).enumerate() {
        row[..COLUMNS].fill((at % 3) as f32 + 1.0);
    }
    x
}

fn refused(describe: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(describe)).is_err()
}

#[test]
fn a_batch_that_does_not_fit_its_buffers_is_refused() {
    let (linear, x) = (linear(3), inputs(4));
    let fits = |x: usize, y: usize| {
        !refused(|| {
            Product::linear(&linear, &inputs(4)[..x], &mut vec![0.0; y], 4, false);
        })
    };
    let (all_x, all_y) = (x.len(), 4 * padded(3));
    assert!(fits(all_x, all_y));
    assert!(!fits(all_x - 1, all_y), "x is too short");
    assert!(
        !fits(all_x, all_y - 1),
        "y is too short by an element of the padding"
    );
    assert!(
        !fits(all_x, 4 * 3),
        "rows without the padding that the kernels step over"
    );
    let dense = |y: usize| {
        !refused(|| {
            Product::dense(&linear.matrix, &x, &mut vec![0.0; y], 4);
        })
    };
    assert!(dense(4 * 3) && !dense(4 * 3 - 1));
}

#[test]
fn products_that_do_not_share_their_x_are_refused() {
    let kernels = Isa::available()
        .into_iter()
        .find_map(Isa::kernels)
        .expect("a path");
    let mut team = Team::new(1).expect("no thread is needed");
    let (a, b, x) = (linear(16), linear(16), inputs(4));
    let other = x.clone();
    let mut multiplies = |x: [&[f32]; 2], batches: [usize; 2]| {
        let (mut y, mut z) = (vec![0.0; 64], vec![0.0; 64]);
        let mut space = Space::new(kernels, 1, 4, COLUMNS);
        !refused(|| {
            let products = [
                Product::linear(&a, x[0], &mut y, batches[0], false),
                Product::linear(&b, x[1], &mut z, batches[1], false),
            ];
            multiply(&mut team, kernels, products, &mut space);
        })
    };
    assert!(multiplies([&x, &x], [4, 4]));
    assert!(!multiplies([&x, &other], [4, 4]));
    assert!(!multiplies([&x, &x], [4, 2]));
}

#[test]
fn a_team_larger_than_its_scratch_is_refused() {
    let kernels = Isa::available()
        .into_iter()
        .find_map(Isa::kernels)
        .expect("a path");
    let mut team = Team::new(2).expect("a thread");
    let (linear, x, mut y) = (linear(16), inputs(1), vec![0.0; 16]);
    let mut space = Space::new(kernels, 1, 1, COLUMNS);
    assert!(refused(|| {
        let product = Product::linear(&linear, &x, &mut y, 1, false);
        multiply(&mut team, kernels, [product], &mut space);
    }));
}

#[test]
fn every_element_of_a_product_is_computed_and_none_behind_it() {
    const BATCH: usize = 2 * PANEL + 5;
    for kernels in Isa::available().into_iter().filter_map(Isa::kernels) {
        let mut team = Team::new(3).expect("threads");
        for rows in [1, 16, 33] {
            let (matrix, x) = (matrix(rows), inputs(BATCH));
            let mut y = vec![-7.0; BATCH * rows + 40];
            let mut space = Space::new(kernels, 3, BATCH, COLUMNS);
            let (out, behind) = y.split_at_mut(BATCH * rows);
            let product = Product::dense(&matrix, &x, out, BATCH);
            multiply(&mut team, kernels, [product], &mut space);
            assert!(behind.iter().all(|value| *value == -7.0), "{rows} rows");
            for (at, value) in out.iter().enumerate() {
                let (token, row) = (at / rows, at % rows);
                let sum: i64 = (0..COLUMNS)
                    .map(|c| ((row * COLUMNS + c) % 5) as i64 - 2)
                    .sum();
                assert_eq!(
                    *value,
                    (sum * (token as i64 % 3 + 1)) as f32,
                    "{rows} rows, {at}"
                );
            }
        }
    }
}
