//! The step law of continuous batching: a step with N sequences takes a + bN. Owns its fit; must not
//! know how the steps were timed.

use super::linear::least_squares;

/// One level of a closed loop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Sequences in flight, N.
    pub in_flight: f64,
    /// Tokens or requests a second, X.
    pub throughput: f64,
    /// Relative standard deviation of the throughput.
    pub cv: f64,
}

/// N/X = a + bN, in seconds for each token of a sequence (or for each request).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLaw {
    /// Time of a step whatever its size, seconds.
    pub base: f64,
    /// Time for each sequence in it, seconds.
    pub each: f64,
    /// Standard errors of both; infinite with fewer than three levels.
    pub errors: (f64, f64),
}

/// Fits N/X on N by weighted least squares: Little's law makes N/X the time between two tokens of a
/// sequence. Weights are (X/(N·cv))², the inverse of the variance; the standard errors take the
/// scatter about the line. `None` with fewer than two different levels.
#[must_use]
pub fn step_law(levels: &[Level]) -> Option<StepLaw> {
    let sound = |level: &&Level| level.in_flight > 0.0 && level.throughput > 0.0;
    let levels: Vec<&Level> = levels.iter().filter(sound).collect();
    let rows: Vec<Vec<f64>> = levels.iter().map(|l| vec![1.0, l.in_flight]).collect();
    let times: Vec<f64> = levels.iter().map(|l| l.in_flight / l.throughput).collect();
    let weight = |(level, time): (&&Level, &f64)| (time * level.cv.max(1e-6)).powi(-2);
    let weights: Vec<f64> = levels.iter().zip(&times).map(weight).collect();
    let (found, inverse) = least_squares(&rows, &times, &weights)?;
    let residual = |((row, time), weight): ((&Vec<f64>, &f64), &f64)| {
        weight * (time - found[0] - found[1] * row[1]).powi(2)
    };
    let scatter: f64 = rows.iter().zip(&times).zip(&weights).map(residual).sum();
    let error = |k: usize| match levels.len().checked_sub(2) {
        Some(df) if df > 0 => (scatter / df as f64 * inverse[k][k]).sqrt(),
        _ => f64::INFINITY,
    };
    Some(StepLaw {
        base: found[0],
        each: found[1],
        errors: (error(0), error(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(n: f64, a: f64, b: f64) -> Level {
        Level {
            in_flight: n,
            throughput: n / (a + b * n),
            cv: 0.01,
        }
    }

    #[test]
    fn finds_the_law_that_made_the_levels() {
        let levels: Vec<Level> = [1.0, 2.0, 4.0, 8.0, 16.0]
            .map(|n| level(n, 0.010, 0.0012))
            .to_vec();
        let law = step_law(&levels).unwrap();
        assert!(
            (law.base - 0.010).abs() < 1e-9 && (law.each - 0.0012).abs() < 1e-9,
            "{law:?}"
        );
        assert!(law.errors.0 < 1e-9);
    }

    #[test]
    fn one_level_has_no_line_and_two_no_error() {
        assert_eq!(step_law(&[level(4.0, 0.01, 0.001); 2]), None);
        let two = step_law(&[level(1.0, 0.01, 0.001), level(2.0, 0.01, 0.001)]).unwrap();
        assert_eq!(two.errors, (f64::INFINITY, f64::INFINITY));
    }
}
