//! Steps in a history of runs (docs/method.md): E-divisive splits judged by Student's t instead of
//! permutations, so that the same series always gives the same answer. Must not know what a point
//! is.
//!
//! Splits are sought in sliding windows, recursively, at ten times the given p; then the weakest
//! are removed one by one until each remaining one separates its neighbours at the given p. The
//! nominal p is not the false-alarm rate, because each split is the best of many: at 0.001, a noise
//! series of 20–40 points alarms 1–3 times in 100.

use crate::student::two_sided_p;

/// Length of the windows in which splits are sought, points.
const WINDOW: usize = 50;
const STEP: usize = 25;

/// Criteria for a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeSettings {
    /// p of Student's t between the neighbouring segments.
    pub p: f64,
    /// Smallest |difference of the means|; for ln values, ln(1.02) is 2 %.
    pub least_change: f64,
    /// Fewest points of a segment, at least 3: a single outlier is not a step.
    pub least_points: usize,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// Index of the first point after the step.
    pub index: usize,
    /// Mean of the segment before.
    pub before: f64,
    /// Mean of the segment after.
    pub after: f64,
    /// p of Student's t between the two.
    pub p: f64,
}

impl Default for ChangeSettings {
    fn default() -> Self {
        Self {
            p: 0.001,
            least_change: 0.0,
            least_points: 3,
        }
    }
}

/// The steps of a series of finite values, in order; empty if a value is not finite.
#[must_use]
pub fn change_points(series: &[f64], settings: &ChangeSettings) -> Vec<ChangePoint> {
    if !series.iter().all(|v| v.is_finite()) {
        return Vec::new();
    }
    let finder = Finder {
        series,
        least: settings.least_points.max(3),
        settings,
    };
    let mut splits = Vec::new();
    let mut start = 0;
    loop {
        let end = (start + WINDOW).min(series.len());
        finder.seek(start, end, &mut splits);
        if end == series.len() {
            break;
        }
        start += STEP;
    }
    splits.sort_unstable();
    splits.dedup();
    finder.prune(splits)
}

struct Finder<'a> {
    series: &'a [f64],
    least: usize,
    settings: &'a ChangeSettings,
}

impl Finder<'_> {
    /// Splits start..end where the energy distance is largest, then both halves.
    fn seek(&self, start: usize, end: usize, splits: &mut Vec<usize>) {
        let Some(split) = self.best_split(start, end) else {
            return;
        };
        if self.judge(start, split, end).p <= 10.0 * self.settings.p {
            splits.push(split);
            self.seek(start, split, splits);
            self.seek(split, end, splits);
        }
    }

    fn best_split(&self, start: usize, end: usize) -> Option<usize> {
        let first = start + self.least;
        let last = end.checked_sub(self.least)?;
        let score = |split: usize| energy(&self.series[start..split], &self.series[split..end]);
        (first..=last)
            .map(|split| (split, score(split)))
            .reduce(|a, b| if b.1 > a.1 { b } else { a })
            .map(|s| s.0)
    }

    /// Removes the weakest split until all that remain are significant.
    fn prune(&self, mut splits: Vec<usize>) -> Vec<ChangePoint> {
        loop {
            let points = self.between_neighbours(&splits);
            let weakest = (0..points.len()).max_by(|&i, &j| {
                self.weakness(&points[i])
                    .total_cmp(&self.weakness(&points[j]))
            });
            match weakest {
                Some(k) if self.weakness(&points[k]) > self.settings.p => splits.remove(k),
                _ => return points,
            };
        }
    }

    /// p of a split; 2 if it is too small.
    fn weakness(&self, point: &ChangePoint) -> f64 {
        if (point.after - point.before).abs() < self.settings.least_change {
            2.0
        } else {
            point.p
        }
    }

    fn between_neighbours(&self, splits: &[usize]) -> Vec<ChangePoint> {
        let edge = |k: usize| if k == 0 { 0 } else { splits[k - 1] };
        let next = |k: usize| splits.get(k + 1).copied().unwrap_or(self.series.len());
        (0..splits.len())
            .map(|k| self.judge(edge(k), splits[k], next(k)))
            .collect()
    }

    fn judge(&self, start: usize, split: usize, end: usize) -> ChangePoint {
        let (left, right) = (&self.series[start..split], &self.series[split..end]);
        let p = if left.len().min(right.len()) < self.least {
            1.0
        } else {
            student_p(left, right)
        };
        ChangePoint {
            index: split,
            before: mean(left),
            after: mean(right),
            p,
        }
    }
}

/// (τ(κ−τ)/κ)·(2E|X−Y| − E|X−X′| − E|Y−Y′|), the E-divisive score of a split (Matteson and James
/// 2014, α = 1).
fn energy(left: &[f64], right: &[f64]) -> f64 {
    let (n, m) = (left.len() as f64, right.len() as f64);
    let across = distance(left, right) / (n * m);
    let within = |side: &[f64]| distance(side, side) / (side.len() * (side.len() - 1)) as f64;
    n * m / (n + m) * (2.0 * across - within(left) - within(right))
}

fn distance(xs: &[f64], ys: &[f64]) -> f64 {
    xs.iter()
        .map(|x| ys.iter().map(|y| (x - y).abs()).sum::<f64>())
        .sum()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Two-sided p of Student's t with pooled variance (Welch's low degrees of freedom would miss
/// recent steps); without any spread 0 or 1.
fn student_p(left: &[f64], right: &[f64]) -> f64 {
    let squares = |side: &[f64]| {
        let centre = mean(side);
        side.iter().map(|v| (v - centre).powi(2)).sum::<f64>()
    };
    let (n, m) = (left.len() as f64, right.len() as f64);
    let df = n + m - 2.0;
    let variance = (squares(left) + squares(right)) / df;
    let difference = mean(right) - mean(left);
    if variance <= 0.0 {
        return if difference == 0.0 { 1.0 } else { 0.0 };
    }
    two_sided_p(difference / (variance * (1.0 / n + 1.0 / m)).sqrt(), df)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    /// Sum of twelve uniform numbers minus six: close enough to normal, sd 1.
    fn noise(seed: u64, points: usize) -> Vec<f64> {
        let mut rng = Seed(seed).rng();
        (0..points)
            .map(|_| (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0)
            .collect()
    }

    fn stepped(seed: u64, points: usize, at: usize, height: f64) -> Vec<f64> {
        let step = |(t, v): (usize, f64)| if t >= at { v + height } else { v };
        noise(seed, points)
            .into_iter()
            .enumerate()
            .map(step)
            .collect()
    }

    fn found(series: &[f64]) -> Vec<usize> {
        change_points(series, &ChangeSettings::default())
            .iter()
            .map(|c| c.index)
            .collect()
    }

    #[test]
    fn student_by_hand() {
        // 1 2 3 against 5 7 9: means 2, 7; pooled variance (2 + 8)/4; t = 5/√(2.5·2/3), df = 4
        let p = student_p(&[1.0, 2.0, 3.0], &[5.0, 7.0, 9.0]);
        assert!((p - two_sided_p(3.872_983_346_207_417, 4.0)).abs() < 1e-12);
        assert_eq!(
            (
                student_p(&[1.0; 3], &[2.0; 3]),
                student_p(&[1.0; 3], &[1.0; 3])
            ),
            (0.0, 1.0)
        );
    }

    #[test]
    fn steps_are_found_where_they_are() {
        let series: Vec<f64> = stepped(2, 120, 40, 6.0)
            .iter()
            .enumerate()
            .map(|(t, v)| if t >= 90 { v - 6.0 } else { *v })
            .collect();
        assert_eq!(found(&series), [40, 90]);
        let hits = (0..200)
            .filter(|&s| !found(&stepped(s, 30, 25, 3.0)).is_empty())
            .count();
        assert!(
            hits > 170,
            "{hits} of 200 steps of 3 sd found with five points after them"
        );
    }

    /// The step is one point into the second window of fifty, so only overlapping windows see both
    /// sides.
    #[test]
    fn windows_overlap() {
        assert_eq!(found(&stepped(4, 100, 51, 6.0)), [51]);
    }

    /// A hump hides its own edges from the first split, which must pass at a weaker p.
    #[test]
    fn humps_are_found() {
        let hump = |seed| {
            let series = stepped(seed, 30, 12, 3.0);
            let lowered = |(t, v): (usize, &f64)| if t >= 18 { v - 3.0 } else { *v };
            series.iter().enumerate().map(lowered).collect::<Vec<f64>>()
        };
        let hits = (0..200).filter(|&s| found(&hump(s)).len() == 2).count();
        assert!(hits > 25, "{hits} of 200 humps");
    }

    #[test]
    fn noise_and_spikes_are_no_steps() {
        let alarms = (0..400)
            .filter(|&s| !found(&noise(s, 30)).is_empty())
            .count();
        assert!(alarms <= 12, "{alarms} of 400");
        let mut spike = noise(1, 30);
        spike[20] += 50.0;
        assert!(found(&spike).is_empty());
    }

    #[test]
    fn small_steps_can_be_ignored_and_short_series_have_none() {
        let series = stepped(3, 40, 20, 5.0);
        let strict = ChangeSettings {
            least_change: 20.0,
            ..ChangeSettings::default()
        };
        assert_eq!(
            (found(&series).len(), change_points(&series, &strict).len()),
            (1, 0)
        );
        assert!(found(&series[..5]).is_empty() && found(&[]).is_empty());
        assert!(found(&[f64::NAN; 20]).is_empty());
    }
}
