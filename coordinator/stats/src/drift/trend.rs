//! Monotone trend and lag-1 autocorrelation of a short series (docs/method.md).

use crate::student::normal_cdf;

/// The Mann–Kendall test with the Theil–Sen slope.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Number of rising pairs minus number of falling pairs.
    pub s: i64,
    /// Normal score with continuity correction and tie-corrected variance; 0 if all values are
    /// equal.
    pub z: f64,
    /// Two-sided p of the hypothesis of no trend.
    pub p: f64,
    /// Median slope per step over all pairs.
    pub slope: f64,
}

/// Mann–Kendall test of a monotone trend (normal approximation, good from about 8 values). `None`
/// for fewer than four values or if one is not finite. Quadratic in the length.
#[must_use]
pub fn mann_kendall(series: &[f64]) -> Option<Trend> {
    if series.len() < 4 || !series.iter().all(|v| v.is_finite()) {
        return None;
    }
    let pairs = || (0..series.len()).flat_map(|j| (0..j).map(move |i| (i, j)));
    let s: i64 = pairs().map(|(i, j)| sign(series[j] - series[i])).sum();
    let mut slopes: Vec<f64> = pairs()
        .map(|(i, j)| (series[j] - series[i]) / (j - i) as f64)
        .collect();
    let variance = variance(series);
    let z = if variance > 0.0 {
        (s - s.signum()) as f64 / variance.sqrt()
    } else {
        0.0
    };
    let p = 2.0 * normal_cdf(-z.abs());
    Some(Trend {
        s,
        z,
        p,
        slope: super::outlier::median(&mut slopes),
    })
}

/// r₁ = Σ e_t·e_{t+1} / Σ e_t² of a series about its mean; `None` for fewer than three values or
/// without spread.
#[must_use]
pub fn lag1(series: &[f64]) -> Option<f64> {
    let mean = series.iter().sum::<f64>() / series.len() as f64;
    let squares: f64 = series.iter().map(|v| (v - mean).powi(2)).sum();
    let products: f64 = series
        .windows(2)
        .map(|w| (w[0] - mean) * (w[1] - mean))
        .sum();
    (series.len() >= 3 && squares > 0.0).then(|| products / squares)
}

fn sign(difference: f64) -> i64 {
    i64::from(difference > 0.0) - i64::from(difference < 0.0)
}

/// (n(n−1)(2n+5) − Σ over ties t(t−1)(2t+5)) / 18.
fn variance(series: &[f64]) -> f64 {
    let term = |n: usize| (n * (n - 1) * (2 * n + 5)) as f64;
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    let ties: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|group| term(group.len()))
        .sum();
    (term(series.len()) - ties) / 18.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn by_hand() {
        // 1 2 3 4 5: all 10 pairs rise; variance 5·4·15/18; z = 9/√16.667 = 2.2045
        let up = mann_kendall(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((up.s, up.slope), (10, 1.0));
        assert!((up.z - 2.204_540_768_5).abs() < 1e-9 && (up.p - 0.027_486_336).abs() < 1e-8);
        // 1 1 2 2: four pairs rise, variance (4·3·13 − 2·2·1·9)/18 = 20/3, z = 3/√(20/3)
        let tied = mann_kendall(&[1.0, 1.0, 2.0, 2.0]).unwrap();
        assert!(tied.s == 4 && (tied.z - 3.0 / (20.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        let flat = mann_kendall(&[3.0; 6]).unwrap();
        assert_eq!((flat.s, flat.z), (0, 0.0));
        assert!((flat.p - 1.0).abs() < 1e-12);
        assert_eq!(mann_kendall(&[1.0, f64::NAN, 2.0, 3.0]), None);
    }

    #[test]
    fn drift_is_seen_and_noise_seldom() {
        let alarm = |slope: f64, seed: u64| {
            let mut rng = Seed(seed).rng();
            let series: Vec<f64> = (0..12).map(|t| slope * f64::from(t) + rng.unit()).collect();
            mann_kendall(&series).unwrap().p < 0.05
        };
        let rate = |slope| (0..1000).filter(|&s| alarm(slope, s)).count();
        assert!(rate(0.0) < 65, "false alarms {}", rate(0.0));
        assert!(rate(0.1) > 850, "found {}", rate(0.1));
    }

    #[test]
    fn neighbours_by_hand() {
        // mean 0: products 1·−1 ×3 = −3, squares 4
        assert_eq!(lag1(&[1.0, -1.0, 1.0, -1.0]), Some(-0.75));
        assert_eq!(lag1(&[2.0; 5]), None);
    }
}
