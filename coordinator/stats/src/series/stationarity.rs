//! Does the level move from the beginning of a window to its end? A t-test of the linear component
//! of each window against the window's other slow components, so that autocorrelated noise is not
//! taken for a trend.
//!
//! Each window of n pieces is projected on the discrete Legendre polynomials of degree 1 to
//! 1+[`SLOW`] (orthonormal, free of the mean). The first coefficient is the trend; the others are
//! slow variations of the same window without a trend. For white noise all have equal variance and
//! the ratio is exactly Student's t. Autocorrelated noise gives them the low end of the same
//! spectrum, as long as its memory is much shorter than the window (the idea of low-frequency
//! variance estimates: Lazarus, Lewis, Stock and Watson, JBES 2018). From [`ENOUGH`] windows on,
//! the windows themselves are the replicates, and nothing is assumed about the noise within one.

use crate::student::{t_upper, two_sided_p};

/// Number of slow components besides the trend that measure the noise of one window.
const SLOW: usize = 4;

/// Factor on the variance of the slow components. They are slightly higher in the spectrum than the
/// trend, where noise with a memory is weaker. Covers a memory of up to a sixteenth of the window
/// (`tests/method/window.rs`).
const HIGHER: f64 = 1.5;

/// Number of windows from which they are judged only by their differences.
const ENOUGH: usize = 4;

/// Fewest pieces of a window.
const LEAST: usize = 10;

/// Movement of the level from the beginning to the end of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Movement {
    /// End minus beginning along the fitted line, mean over the windows.
    pub change: f64,
    /// Half of the width of its interval at the requested confidence.
    pub half_width: f64,
    /// Two-sided p of the hypothesis that the level does not move.
    pub p: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Number of windows used.
    pub windows: usize,
}

impl Movement {
    /// Whether the interval excludes zero: the window is not stationary.
    #[must_use]
    pub fn is_detected(&self) -> bool {
        self.change.abs() > self.half_width
    }

    /// Whether the whole interval is within ±`limit`: any greater movement is refuted.
    #[must_use]
    pub fn is_refuted(&self, limit: f64) -> bool {
        self.change.abs() + self.half_width <= limit
    }
}

/// Tests windows of the same length. Windows with fewer than ten pieces, or with a value that is
/// not finite, are left out; `None` if none is left or nothing varies. `alpha` is the two-sided
/// false-alarm rate.
#[must_use]
pub fn movement<W: AsRef<[f64]>>(windows: &[W], alpha: f64) -> Option<Movement> {
    let usable = |w: &&[f64]| w.len() >= LEAST && w.iter().all(|v| v.is_finite());
    let split: Vec<Split> = windows
        .iter()
        .map(AsRef::as_ref)
        .filter(usable)
        .map(Split::of)
        .collect();
    let count = split.len();
    if count == 0 {
        return None;
    }
    let change = split.iter().map(|s| s.trend).sum::<f64>() / count as f64;
    let between: f64 = split.iter().map(|s| (s.trend - change).powi(2)).sum();
    let (squares, df) = if count >= ENOUGH {
        (between, (count - 1) as f64)
    } else {
        (
            between + HIGHER * split.iter().map(|s| s.slow_squares).sum::<f64>(),
            (count - 1 + count * SLOW) as f64,
        )
    };
    let se = (squares / df / count as f64).sqrt();
    let t = change / se;
    // The variation left in equal values is rounding.
    let least = 1e-12
        * windows
            .iter()
            .flat_map(AsRef::as_ref)
            .fold(0.0, |most: f64, v| most.max(v.abs()));
    (se > least && t.is_finite()).then(|| Movement {
        change,
        half_width: t_upper(alpha / 2.0, df) * se,
        p: two_sided_p(t, df),
        df,
        windows: count,
    })
}

/// Sums of neighbouring pieces, in `groups` groups that are as even as possible; a remainder is
/// dropped from the end. Fewer pieces than groups are returned unchanged.
#[must_use]
pub fn regroup(pieces: &[f64], groups: usize) -> Vec<f64> {
    let size = (pieces.len() / groups.max(1)).max(1);
    pieces
        .chunks_exact(size)
        .take(groups)
        .map(|group| group.iter().sum())
        .collect()
}

/// The components of one window, in units of the change from beginning to end.
struct Split {
    trend: f64,
    slow_squares: f64,
}

impl Split {
    fn of(window: &[f64]) -> Self {
        let n = window.len();
        let mut basis: Vec<Vec<f64>> = vec![unit(vec![1.0; n])];
        let mut coefficients = Vec::with_capacity(1 + SLOW);
        let place = |t: usize| (2 * t) as f64 / (n - 1) as f64 - 1.0;
        for _ in 0..=SLOW {
            let last = basis.last().expect("it begins with one");
            let mut next: Vec<f64> = last.iter().enumerate().map(|(t, v)| v * place(t)).collect();
            for known in &basis {
                let shadow = dot(known, &next);
                next.iter_mut()
                    .zip(known)
                    .for_each(|(x, k)| *x -= shadow * k);
            }
            let next = unit(next);
            coefficients.push(dot(&next, window));
            basis.push(next);
        }
        let line = &basis[1];
        let reach = line[n - 1] - line[0];
        let slow_squares = coefficients[1..].iter().map(|c| (c * reach).powi(2)).sum();
        Self {
            trend: coefficients[0] * reach,
            slow_squares,
        }
    }
}

fn unit(vector: Vec<f64>) -> Vec<f64> {
    let length = dot(&vector, &vector).sqrt();
    vector.into_iter().map(|v| v / length).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_all_trend_and_a_parabola_none() {
        let line: Vec<f64> = (0..20).map(|t| 3.0 + 0.5 * f64::from(t)).collect();
        let split = Split::of(&line);
        assert!((split.trend - 9.5).abs() < 1e-9 && split.slow_squares < 1e-18);
        let bowl: Vec<f64> = (0..20).map(|t| (f64::from(t) - 9.5).powi(2)).collect();
        let split = Split::of(&bowl);
        assert!(split.trend.abs() < 1e-9 && split.slow_squares > 1.0);
    }

    #[test]
    fn what_cannot_be_judged_is_not() {
        assert_eq!(movement(&[[1.0; 9]], 0.01), None, "too short");
        assert_eq!(movement(&[[2.0; 30]], 0.01), None, "nothing varies");
        assert_eq!(movement(&[[f64::NAN; 30]], 0.01), None);
        assert_eq!(movement::<[f64; 0]>(&[], 0.01), None);
    }

    /// Four windows whose trends are 1, 2, 3, 4: mean 2.5, s² = 5/3, SE = √(5/12), df = 3.
    #[test]
    fn windows_are_replicates_by_hand() {
        let window = |change: f64| {
            (0..11)
                .map(|t| change * f64::from(t) / 10.0)
                .collect::<Vec<_>>()
        };
        let found = movement(&[1.0, 2.0, 3.0, 4.0].map(window), 0.05).unwrap();
        assert!((found.change - 2.5).abs() < 1e-9 && found.df == 3.0 && found.windows == 4);
        assert!((found.half_width - 3.182_446_305 * (5.0_f64 / 12.0).sqrt()).abs() < 1e-6);
        assert!(found.is_detected() && !found.is_refuted(4.0) && found.is_refuted(5.0));
    }

    #[test]
    fn pieces_are_summed_evenly() {
        let pieces: Vec<f64> = (0..11).map(f64::from).collect();
        assert_eq!(regroup(&pieces, 5), [1.0, 5.0, 9.0, 13.0, 17.0]);
        assert_eq!(regroup(&pieces[..3], 5), [0.0, 1.0, 2.0]);
    }
}
