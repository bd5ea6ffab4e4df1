//! The effect of code placement alone on speed: the spread of builds that differ in nothing else
//! (docs/method.md). Owns the standard deviation and the comparison with it; must not know which
//! builds they were.

/// Fewest layouts for a spread.
pub const LEAST_LAYOUTS: usize = 2;

/// The spread of δ̂ over layouts, as log ratios to the same baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Number of layouts, K.
    pub layouts: usize,
    /// Mean of their δ̂: the average effect of shuffling.
    pub mean: f64,
    /// √(Σ(δ̂−mean)²/(K−1)). It includes the measurement error of each δ̂, so it is an upper bound
    /// of the layout effect.
    pub sd: f64,
    /// √max(0, sd² − mean of SE²): without that error, as far as it is known. 0 if the error
    /// explains all of it.
    pub without_error: f64,
}

/// The spread of layouts, each with its δ̂ and SE. Their errors are independent, because every
/// layout has its own trials of the baseline. `None` for fewer than two.
#[must_use]
pub fn layout_spread(layouts: &[(f64, f64)]) -> Option<Spread> {
    if layouts.len() < LEAST_LAYOUTS {
        return None;
    }
    let n = layouts.len() as f64;
    let mean = layouts.iter().map(|(delta, _)| delta).sum::<f64>() / n;
    let variance = layouts
        .iter()
        .map(|(delta, _)| (delta - mean).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    let error = layouts.iter().map(|(_, se)| se * se).sum::<f64>() / n;
    let without_error = (variance - error).max(0.0).sqrt();
    Some(Spread {
        layouts: layouts.len(),
        mean,
        sd: variance.sqrt(),
        without_error,
    })
}

impl Spread {
    /// Whether a difference is smaller than the layout effect: |δ̂| < SD.
    #[must_use]
    pub fn covers(&self, delta: f64) -> bool {
        delta.abs() < self.sd
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn by_hand() {
        // mean 1, deviations −3, 1, 2: 14 ÷ 2 = 7; errors 1, 1, 4: mean 2
        let spread = layout_spread(&[(-2.0, 1.0), (2.0, 1.0), (3.0, 2.0)]).unwrap();
        assert_eq!((spread.layouts, spread.mean), (3, 1.0));
        assert!((spread.sd - 7.0_f64.sqrt()).abs() < 1e-15);
        assert!((spread.without_error - 5.0_f64.sqrt()).abs() < 1e-15);
        assert!(
            spread.covers(2.6)
                && spread.covers(-2.6)
                && !spread.covers(2.7)
                && !spread.covers(-2.7)
        );
    }

    #[test]
    fn error_alone_leaves_nothing_and_one_layout_says_nothing() {
        let spread = layout_spread(&[(0.01, 0.05), (-0.01, 0.05)]).unwrap();
        assert!(spread.sd > 0.01 && spread.without_error == 0.0);
        assert_eq!(layout_spread(&[(0.01, 0.05)]), None);
        assert_eq!(layout_spread(&[]), None);
        let equal = layout_spread(&[(0.01, 0.0), (0.01, 0.0)]).unwrap();
        assert!(
            equal.sd == 0.0 && !equal.covers(0.0),
            "of a spread of nothing nothing is within"
        );
    }

    /// A normal draw with that deviation: the sum of twelve uniform ones, close enough for a test
    /// of variance.
    fn draw(rng: &mut crate::rng::Rng, deviation: f64) -> f64 {
        deviation * ((0..12).map(|_| rng.unit()).sum::<f64>() - 6.0)
    }

    /// Layouts that differ by 2 %, each measured with an error of 1 %: over many controls the plain
    /// variance is that of both together, and the corrected one that of the layouts. Counter-check:
    /// without layouts the plain one is that of the error.
    #[test]
    fn the_plain_spread_bounds_what_layout_does_from_above() {
        let mut rng = Seed(5).rng();
        let mut mean_variances = |layout: f64, error: f64| {
            let mut sums = (0.0, 0.0);
            for _ in 0..4000 {
                let control: Vec<(f64, f64)> = (0..8)
                    .map(|_| (draw(&mut rng, layout) + draw(&mut rng, error), error))
                    .collect();
                let spread = layout_spread(&control).unwrap();
                sums = (
                    sums.0 + spread.sd.powi(2),
                    sums.1 + spread.without_error.powi(2),
                );
            }
            (sums.0 / 4000.0, sums.1 / 4000.0)
        };
        let (plain, cleaned) = mean_variances(0.02, 0.01);
        assert!((plain / 5e-4 - 1.0).abs() < 0.05, "{plain}");
        assert!((cleaned / 4e-4 - 1.0).abs() < 0.05, "{cleaned}");
        let (plain, cleaned) = mean_variances(0.0, 0.01);
        assert!(
            (plain / 1e-4 - 1.0).abs() < 0.05 && cleaned < 0.5e-4,
            "{plain} {cleaned}"
        );
    }
}
