//! The violation curve near the capacity: logistic in ln rate, one intercept for each arm and one
//! common slope. Owns the fit; must not know where the windows come from or how sure the fit is.
//!
//! Maximises Σ k·e − n·ln(1 + exp e) with e = α_arm + β(x − x̄), β = exp θ, by Fisher scoring with
//! step halving. Two weak priors keep it finite where windows are all good or all bad:
//! θ ~ N(ln 20, 1) and α ~ N(logit of the allowed share, 3²).

use super::violations::{Count, logit};

/// Centre and deviation of the prior of ln slope.
const SLOPE: (f64, f64) = (2.995_732_273_553_991, 1.0);
/// Deviation of the prior of an intercept.
const LEVEL_SD: f64 = 3.0;
/// Rounds of scoring; the fit ends earlier when it no longer moves.
const MOST_STEPS: usize = 60;

/// One observation: ln rate, index of the intercept, counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub x: f64,
    pub level: usize,
    pub count: Count,
}

/// A fitted curve.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    /// Common slope: change of logit for each unit of ln rate.
    pub slope: f64,
    /// For each intercept, the ln rate at which the curve has the allowed share.
    pub crossing: Vec<f64>,
}

/// Fits the curve of `levels` intercepts. `spread` is the deviation of ln rate between windows of a
/// free number of arrivals, where the measured ones have a fixed number. `None` without a point.
pub(super) fn fit(points: &[Point], levels: usize, allowed: f64, spread: f64) -> Option<Curve> {
    if points.is_empty() {
        return None;
    }
    let middle = points.iter().map(|point| point.x).sum::<f64>() / points.len() as f64;
    let aim = logit(allowed);
    let mut at = vec![aim; levels + 1];
    at[levels] = SLOPE.0;
    let mut best = objective(points, middle, aim, &at);
    for _ in 0..MOST_STEPS {
        let step = scoring_step(points, middle, aim, &at)?;
        let mut length = 1.0;
        let mut moved = false;
        while length > 1e-6 {
            let next: Vec<f64> = at.iter().zip(&step).map(|(a, s)| a + length * s).collect();
            let value = objective(points, middle, aim, &next);
            if value > best {
                moved = value - best > 1e-10 * (1.0 + best.abs());
                (at, best) = (next, value);
                break;
            }
            length /= 2.0;
        }
        if !moved {
            break;
        }
    }
    let slope = at[levels].exp();
    let aim = free_aim(allowed, slope * spread, spread);
    let crossing = at[..levels]
        .iter()
        .map(|level| middle + (aim - level) / slope)
        .collect();
    Some(Curve { slope, crossing })
}

/// The logit that the curve must have at a rate, so that windows with a free number of arrivals have
/// the allowed share on average. A Poisson process given its number is the measured one, so the
/// free share is the mean of the curve over the number: E[(1 + σz)·expit(e + βσz)], z ~ N(0, 1).
fn free_aim(allowed: f64, lean: f64, spread: f64) -> f64 {
    let mean = |e: f64| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for step in -20..=20 {
            let z = f64::from(step) / 4.0;
            let weight = (-0.5 * z * z).exp();
            sum += weight * (1.0 + spread * z) / (1.0 + (-(e + lean * z)).exp());
            weights += weight;
        }
        sum / weights
    };
    let top = logit(allowed);
    if lean <= 0.0 || mean(top) <= allowed {
        return top;
    }
    let (mut low, mut high) = (top - lean * lean - 1.0, top);
    for _ in 0..26 {
        let middle = f64::midpoint(low, high);
        if mean(middle) > allowed {
            high = middle;
        } else {
            low = middle;
        }
    }
    f64::midpoint(low, high)
}

/// Log likelihood plus log priors.
fn objective(points: &[Point], middle: f64, aim: f64, at: &[f64]) -> f64 {
    let (theta, levels) = at.split_last().unwrap_or((&0.0, &[]));
    let slope = theta.exp();
    let fit: f64 = points
        .iter()
        .map(|point| {
            let e = levels[point.level] + slope * (point.x - middle);
            point.count.violated as f64 * e - point.count.of as f64 * softplus(e)
        })
        .sum();
    let prior: f64 = levels.iter().map(|a| ((a - aim) / LEVEL_SD).powi(2)).sum();
    fit - 0.5 * (prior + ((theta - SLOPE.0) / SLOPE.1).powi(2))
}

/// Solves (JᵀWJ + prior precision)·step = gradient.
fn scoring_step(points: &[Point], middle: f64, aim: f64, at: &[f64]) -> Option<Vec<f64>> {
    let size = at.len();
    let (theta, levels) = at.split_last()?;
    let slope = theta.exp();
    let mut matrix = vec![vec![0.0; size]; size];
    let mut gradient = vec![0.0; size];
    for (index, level) in levels.iter().enumerate() {
        matrix[index][index] = LEVEL_SD.powi(-2);
        gradient[index] = -(level - aim) * LEVEL_SD.powi(-2);
    }
    matrix[size - 1][size - 1] = SLOPE.1.powi(-2);
    gradient[size - 1] = -(theta - SLOPE.0) * SLOPE.1.powi(-2);
    for point in points {
        let lean = slope * (point.x - middle);
        let p = 1.0 / (1.0 + (-(levels[point.level] + lean)).exp());
        let n = point.count.of as f64;
        let (residual, weight) = (point.count.violated as f64 - n * p, n * p * (1.0 - p));
        let row = point.level;
        gradient[row] += residual;
        gradient[size - 1] += residual * lean;
        matrix[row][row] += weight;
        matrix[row][size - 1] += weight * lean;
        matrix[size - 1][row] += weight * lean;
        matrix[size - 1][size - 1] += weight * lean * lean;
    }
    super::linear::solve(matrix, gradient)
}

fn softplus(e: f64) -> f64 {
    e.max(0.0) + (-e.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(x: f64, level: usize, crossing: f64, slope: f64) -> Point {
        let p = 1.0 / (1.0 + (-(logit(0.01) + slope * (x - crossing))).exp());
        let of = 1_000_000;
        let violated = (p * of as f64).round() as u64;
        Point {
            x,
            level,
            count: Count { violated, of },
        }
    }

    #[test]
    fn finds_the_curve_that_made_the_counts() {
        let xs = [2.9, 2.95, 3.0, 3.05, 3.1];
        let points: Vec<Point> = xs
            .iter()
            .flat_map(|x| [counted(*x, 0, 3.0, 35.0), counted(*x, 1, 3.05, 35.0)])
            .collect();
        let curve = fit(&points, 2, 0.01, 0.0).unwrap();
        assert!((curve.slope / 35.0 - 1.0).abs() < 1e-3, "{curve:?}");
        assert!((curve.crossing[0] - 3.0).abs() < 1e-4, "{curve:?}");
        assert!((curve.crossing[1] - 3.05).abs() < 1e-4, "{curve:?}");
    }

    /// e + β²σ²/2 is the mean of a small share on the logit scale, so the aim is lower by that.
    #[test]
    fn a_free_number_of_arrivals_costs_capacity() {
        let aim = free_aim(1e-4, 0.5, 1e-9);
        assert!((aim - (logit(1e-4) - 0.125)).abs() < 2e-3, "{aim}");
        assert_eq!(
            free_aim(0.01, 0.0, 0.0),
            logit(0.01),
            "the twin: none to spread"
        );
    }

    /// Where every window is good, the crossing is above them and finite; all bad, below.
    #[test]
    fn stays_finite_without_a_crossing() {
        let all = |violated| {
            let point = |x| Point {
                x,
                level: 0,
                count: Count { violated, of: 500 },
            };
            fit(&[point(1.0), point(1.1)], 1, 0.01, 0.0)
                .unwrap()
                .crossing[0]
        };
        assert!(all(0) > 1.1 && all(0) < 3.0, "{}", all(0));
        assert!(all(500) < 1.0 && all(500) > -3.0, "{}", all(500));
        assert_eq!(fit(&[], 1, 0.01, 0.0), None);
    }
}
