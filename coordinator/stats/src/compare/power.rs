//! The minimum detectable effect of a comparison, and how many rounds a smaller one takes
//! (docs/method.md). Owns the formula `MDE = (t_{1−α/2,df} + t_{power,df})·SE`, within 2 % of the
//! exact noncentral value from five rounds on.

use super::settings::Settings;
use crate::student::{chi2_lower, t_upper};

/// Number of rounds beyond which the answer is that more rounds do not help.
const MOST_ROUNDS: u64 = 1_000_000;

/// The minimum detectable effect with the required power, given the standard error.
#[must_use]
pub fn mde(se: f64, df: f64, settings: &Settings) -> f64 {
    (t_upper(settings.alpha / 2.0, df) + t_upper(1.0 - settings.power, df)) * se
}

/// The fewest rounds R whose MDE is at most the target, if `ratio` = SD of one round ÷ target and
/// the estimate has R − `lost` degrees of freedom (1 without, 2 with the covariate). `None` beyond
/// a million.
#[must_use]
pub fn rounds_needed(ratio: f64, lost: u64, settings: &Settings) -> Option<u64> {
    let enough = |rounds: u64| {
        let df = (rounds - lost) as f64;
        mde(ratio / (rounds as f64).sqrt(), df, settings) <= 1.0
    };
    let valid = ratio.is_finite() && ratio >= 0.0;
    if valid { fewest(lost, enough) } else { None }
}

/// The fewest repetitions above `few` for which `enough` holds, if it also holds for any greater
/// number; `None` beyond a million.
pub(super) fn fewest(mut few: u64, enough: impl Fn(u64) -> bool) -> Option<u64> {
    if !enough(MOST_ROUNDS) {
        return None;
    }
    let mut many = MOST_ROUNDS;
    while many - few > 1 {
        let middle = few + (many - few) / 2;
        if enough(middle) {
            many = middle;
        } else {
            few = middle;
        }
    }
    Some(many)
}

/// Upper limit of a standard deviation measured over `rounds` pilot rounds, with 80 % confidence:
/// planning with the pilot's own deviation would be too optimistic half of the time.
#[must_use]
pub fn deviation_limit(s_d: f64, rounds: usize) -> f64 {
    let df = rounds as f64 - 1.0;
    s_d * (df / chi2_lower(0.2, df)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_agree_with_the_table() {
        let settings = Settings::default();
        for (effect, rounds) in [
            (0.25, 128),
            (0.5, 34),
            (0.75, 16),
            (1.0, 10),
            (1.5, 6),
            (2.0, 5),
        ] {
            assert_eq!(
                rounds_needed(1.0 / effect, 1, &settings),
                Some(rounds),
                "δ/s = {effect}"
            );
        }
        assert_eq!(
            rounds_needed(1.0, 2, &settings),
            Some(11),
            "the covariate costs a round"
        );
        assert_eq!(rounds_needed(1e9, 1, &settings), None);
        assert_eq!(rounds_needed(f64::INFINITY, 1, &settings), None);
    }

    #[test]
    fn mde_agrees_with_the_table() {
        let table = [
            (5, 1.68),
            (6, 1.44),
            (8, 1.16),
            (10, 1.00),
            (12, 0.89),
            (20, 0.66),
            (40, 0.45),
        ];
        for (rounds, exact) in table {
            let found = mde(
                1.0 / f64::from(rounds).sqrt(),
                f64::from(rounds - 1),
                &Settings::default(),
            );
            assert!(
                (found / exact - 1.0).abs() < 0.02,
                "R = {rounds}: {found} against {exact}"
            );
        }
    }

    #[test]
    fn pilot_deviation_is_taken_with_care() {
        // √(4/1.648777) = 1.55757
        assert!((deviation_limit(1.0, 5) - 1.557_57).abs() < 1e-5);
    }
}
