//! Rounds weights to eight bits while a model is loaded: each row of a matrix becomes integers of
//! at most ±127 and one factor, which products apply to their sums. A step reads half the bytes of
//! BF16; `tests/reference.rs` measures the loss of accuracy. Must not know what a matrix is used
//! for.

use crate::aligned::Aligned;
use crate::config::Config;
use crate::weights::{Matrix, WeightFormat};

/// Greatest stored number; the range is symmetric.
const LARGEST: f32 = 127.0;

/// Bytes of the matrices of all layers and the head in eight bits.
pub(crate) fn bytes(config: &Config) -> usize {
    let (hidden, feed) = (config.hidden_size, config.intermediate_size);
    let (queries, keys) = (
        config.heads * config.head_dim,
        config.kv_heads * config.head_dim,
    );
    let matrix = |rows: usize, columns: usize| rows * (columns + size_of::<f32>());
    let attention = matrix(queries, hidden) + 2 * matrix(keys, hidden) + matrix(hidden, queries);
    let feed_forward = 2 * matrix(feed, hidden) + matrix(hidden, feed);
    config.layers * (attention + feed_forward) + matrix(config.vocab_size, hidden)
}

/// A matrix in eight bits; rows of zeros get the factor 0.
pub(crate) fn rounded(matrix: &Matrix) -> Matrix {
    let mut numbers = Aligned::<u8>::new(matrix.rows * matrix.columns);
    let mut row = vec![0.0; matrix.columns];
    let rows = numbers.chunks_exact_mut(matrix.columns).enumerate();
    let factors = rows.map(|(index, to)| {
        matrix.read_row(index, &mut row);
        round_row(&row, to)
    });
    let factors = factors.collect();
    Matrix::owned(
        numbers,
        WeightFormat::Int8,
        matrix.rows,
        matrix.columns,
        factors,
    )
}

/// Rounds a row to nearest even and returns its factor.
fn round_row(row: &[f32], to: &mut [u8]) -> f32 {
    // NaN must spoil the factor, and `max` would drop it.
    let largest = row
        .iter()
        .fold(0.0f32, |largest, value| match value.is_nan() {
            true => f32::NAN,
            false if largest.is_nan() => largest,
            false => largest.max(value.abs()),
        });
    let (factor, inverse) = (
        largest / LARGEST,
        if largest > 0.0 {
            LARGEST / largest
        } else {
            0.0
        },
    );
    for (to, value) in to.iter_mut().zip(row) {
        *to = ((value * inverse).round_ties_even() as i8).cast_unsigned();
    }
    factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_within_half_a_step_and_keep_their_largest() {
        let row = [0.5, -2.54, 0.0, 1.27, 0.011, -0.009];
        let mut numbers = [0; 6];
        let factor = round_row(&row, &mut numbers);
        assert_eq!(numbers.map(u8::cast_signed), [25, -127, 0, 64, 1, 0]);
        for (number, value) in numbers.map(u8::cast_signed).into_iter().zip(row) {
            assert!((f32::from(number) * factor - value).abs() <= 0.5001 * factor);
        }
        assert!((f32::from(numbers[1].cast_signed()) * factor + 2.54).abs() < 1e-6);
    }

    #[test]
    fn zeros_stay_zeros_and_what_is_not_a_number_is_not_hidden() {
        let mut numbers = [7; 3];
        assert_eq!((round_row(&[0.0; 3], &mut numbers), numbers), (0.0, [0; 3]));
        for place in 0..3 {
            let mut row = [1.0; 3];
            row[place] = f32::NAN;
            assert!(round_row(&row, &mut numbers).is_nan());
            row[place] = f32::INFINITY;
            assert!(!round_row(&row, &mut numbers).is_finite());
        }
    }
}
