//! Small systems of linear equations. Must not know what they are for.

/// Solves `matrix · x = right` by elimination with pivoting; `None` if it is singular.
pub(super) fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for column in 0..size {
        let pivot = (column..size).max_by(|a, b| {
            matrix[*a][column]
                .abs()
                .total_cmp(&matrix[*b][column].abs())
        })?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let head = matrix[column].clone();
        if head[column].abs() < 1e-300 || !head[column].is_finite() {
            return None;
        }
        for row in column + 1..size {
            let factor = matrix[row][column] / head[column];
            for (cell, above) in matrix[row].iter_mut().zip(&head).skip(column) {
                *cell -= factor * above;
            }
            right[row] -= factor * right[column];
        }
    }
    let mut x = vec![0.0; size];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|k| matrix[row][k] * x[k]).sum();
        x[row] = (right[row] - known) / matrix[row][row];
    }
    Some(x)
}

/// Coefficients of least squares with weights, and the inverse of XᵀWX. `None` if the columns depend
/// on each other.
pub(super) fn least_squares(
    rows: &[Vec<f64>],
    values: &[f64],
    weights: &[f64],
) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
    let size = rows.first()?.len();
    let mut normal = vec![vec![0.0; size]; size];
    let mut right = vec![0.0; size];
    for ((row, value), weight) in rows.iter().zip(values).zip(weights) {
        for i in 0..size {
            right[i] += weight * row[i] * value;
            for j in 0..size {
                normal[i][j] += weight * row[i] * row[j];
            }
        }
    }
    let coefficients = solve(normal.clone(), right)?;
    let unit = |k: usize| (0..size).map(|i| f64::from(u8::from(i == k))).collect();
    let inverse = (0..size)
        .map(|k| solve(normal.clone(), unit(k)))
        .collect::<Option<_>>()?;
    Some((coefficients, inverse))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_refuses_the_singular() {
        let x = solve(vec![vec![0.0, 2.0], vec![3.0, 1.0]], vec![4.0, 5.0]).unwrap();
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12);
        assert_eq!(
            solve(vec![vec![1.0, 2.0], vec![2.0, 4.0]], vec![1.0, 2.0]),
            None
        );
    }

    #[test]
    fn a_line_through_its_points() {
        let rows: Vec<Vec<f64>> = (0..4).map(|i| vec![1.0, f64::from(i)]).collect();
        let values: Vec<f64> = (0..4).map(|i| 2.0 + 0.5 * f64::from(i)).collect();
        let (found, _) = least_squares(&rows, &values, &[1.0; 4]).unwrap();
        assert!((found[0] - 2.0).abs() < 1e-12 && (found[1] - 0.5).abs() < 1e-12);
    }
}
