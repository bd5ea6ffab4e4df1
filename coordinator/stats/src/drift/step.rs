//! The size of a step: the interval of the difference of two means. Owns the pooled t; must not
//! know where the step is.

use crate::compare::Interval;
use crate::student::t_upper;

/// Interval at 1−`alpha` of mean(after) − mean(before) by Student's t with pooled variance and n +
/// m − 2 degrees of freedom; `None` if there are none or a side is empty.
#[must_use]
pub fn step_interval(before: &[f64], after: &[f64], alpha: f64) -> Option<Interval> {
    let (n, m) = (before.len() as f64, after.len() as f64);
    let df = n + m - 2.0;
    if before.is_empty() || after.is_empty() || df < 1.0 {
        return None;
    }
    let (from, to) = (mean(before), mean(after));
    let squares =
        |side: &[f64], centre: f64| side.iter().map(|v| (v - centre).powi(2)).sum::<f64>();
    let variance = (squares(before, from) + squares(after, to)) / df;
    let half = t_upper(alpha / 2.0, df) * (variance * (1.0 / n + 1.0 / m)).sqrt();
    Some(Interval {
        low: to - from - half,
        high: to - from + half,
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Means 2 and 7, pooled variance (2 + 8)/4, SE √(2.5·2/3), t(.975, 4) = 2.776445.
        let interval =
            step_interval(&[1.0, 2.0, 3.0], &[5.0, 7.0, 9.0], 0.05).expect("four degrees");
        let half = 2.776_445_105_198 * (2.5_f64 * 2.0 / 3.0).sqrt();
        assert!(
            (interval.low - (5.0 - half)).abs() < 1e-9
                && (interval.high - (5.0 + half)).abs() < 1e-9
        );
        assert!(
            step_interval(&[1.0], &[2.0], 0.05).is_none()
                && step_interval(&[], &[1.0; 5], 0.05).is_none()
        );
    }
}
