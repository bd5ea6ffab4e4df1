//! Does the level move from the beginning of a window to its end? A t-test of the linear part of
//! each window against what the window does beside it, so that noise which repeats itself is not
//! taken for a trend.
//!
//! Each window of n pieces is projected on the discrete Legendre polynomials of degree 1 to
//! 1+[`SLOW`] (orthonormal, free of the mean). The first coefficient is the trend; the others are
//! what the same window does as slowly without any. For white noise all have equal variance and the
//! ratio is Student's t exactly; for noise that repeats itself they share the spectrum's low end,
//! as long as its memory is well shorter than the window (the idea of low-frequency variance
//! estimates: Lazarus, Lewis, Stock and Watson, JBES 2018). From [`ENOUGH`] windows on the windows
//! themselves are the replicates and nothing at all is assumed about the noise within one.

use crate::student::{t_upper, two_sided_p};

/// Slow components beside the trend that measure the noise of one window.
const SLOW: usize = 4;

/// The slow components lie a little higher in the spectrum than the trend, where noise with a
/// memory is weaker: so much is added to their variance. Covers a memory of up to a sixteenth of
/// the window (`tests/method/window.rs`).
const HIGHER: f64 = 1.5;

/// Windows from which on they are judged by their differences alone.
const ENOUGH: usize = 4;

/// Fewest pieces of a window.
const LEAST: usize = 10;

/// Movement of the level from the beginning to the end of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Movement {
    /// End minus beginning along the fitted line, mean over the windows.
    pub change: f64,
    /// Half the width of its interval at the asked confidence.
    pub half_width: f64,
    /// Two-sided p of "it does not move".
    pub p: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Windows used.
    pub windows: usize,
}

impl Movement {
    /// Whether the interval excludes no movement: the window is not stationary.
    #[must_use]
    pub fn is_detected(&self) -> bool {
        self.change.abs() > self.half_width
    }

    /// Whether the whole interval lies within ±`limit`: any movement beyond it is refuted.
    #[must_use]
    pub fn is_refuted(&self, limit: f64) -> bool {
        self.change.abs() + self.half_width <= limit
    }
}

/// Judges windows of the same length. Those with fewer than ten pieces, or with a value that is not
/// finite, are left out; `None` when none is left or nothing varies. `alpha` is the two-sided rate
/// of false alarms.
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
    // What is left of equal values is rounding.
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

/// Sums of neighbouring pieces, `groups` in all, as even as they come; the last is as long as the
/// others or the rest is dropped from the end. Fewer pieces than groups are returned as they are.
#[must_use]
pub fn regroup(pieces: &[f64], groups: usize) -> Vec<f64> {
    let size = (pieces.len() / groups.max(1)).max(1);
    pieces
        .chunks_exact(size)
        .take(groups)
        .map(|group| group.iter().sum())
        .collect()
}

/// One window in its parts, in units of the change from beginning to end.
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
