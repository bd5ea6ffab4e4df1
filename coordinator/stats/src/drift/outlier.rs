//! Compares the first round with the others: it reveals a warm-up that was too short
//! (docs/method.md).

/// Scores beyond this are outliers (Iglewicz and Hoaglin 1993).
const LIMIT: f64 = 3.5;

/// The first value's robust score 0.6745·(x₁ − median)/MAD over the *other* values, if it is beyond
/// ±3.5; `None` if it is not, or for fewer than five values. If the others have no spread, any
/// different value is infinitely far.
#[must_use]
pub fn first_round_outlier(series: &[f64]) -> Option<f64> {
    let (&first, others) = series.split_first()?;
    if others.len() < 4 {
        return None;
    }
    let centre = median(&mut others.to_vec());
    let mad = median(
        &mut others
            .iter()
            .map(|v| (v - centre).abs())
            .collect::<Vec<_>>(),
    );
    let score = if first == centre {
        0.0
    } else {
        0.674_5 * (first - centre) / mad
    };
    (score.abs() > LIMIT).then_some(score)
}

/// Median; the mean of the two middle values of an even number. There must be values, and they must
/// be finite.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        0.5 * (values[middle - 1] + values[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // others 1..5: median 3, MAD 1; (10 − 3)·0.6745 = 4.72
        let score = first_round_outlier(&[10.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert!((score - 4.721_5).abs() < 1e-12);
        assert_eq!(first_round_outlier(&[8.0, 1.0, 2.0, 3.0, 4.0, 5.0]), None);
        assert_eq!(
            first_round_outlier(&[9.0, 1.0, 2.0]),
            None,
            "too few to say"
        );
        assert_eq!(first_round_outlier(&[2.0; 8]), None);
        assert_eq!(
            first_round_outlier(&[3.0, 2.0, 2.0, 2.0, 2.0]),
            Some(f64::INFINITY)
        );
    }
}
