//! The primary interval: paired t on log ratios of rounds, with the order covariate
//! (docs/method.md). Owns the least squares; `guard` adjusts the standard error. Must not know what
//! is compared.

use super::block::{CompareError, LEAST_ROUNDS, Paired, Sums};
use super::guard::Correction;
use super::power;
use super::scale::unseen;
use super::settings::Settings;
use crate::student::{t_upper, two_sided_p};

/// Mean log ratio with its uncertainty. Above zero is SLOWER.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// R.
    pub rounds: usize,
    /// δ̂.
    pub delta: f64,
    /// γ̂: change for each position in the order; `None` if the covariate is not used.
    pub gamma: Option<f64>,
    /// Standard error used for the interval, after error floor and guard.
    pub se: f64,
    /// Degrees of freedom used for the interval.
    pub df: f64,
    /// Interval at 1−α (95 %).
    pub ci: Interval,
    /// Interval of the two one-sided tests for SAME, each at α_same (90 %).
    pub tost: Interval,
    /// Two-sided p of δ = 0.
    pub p: f64,
    /// Standard deviation of the d_r.
    pub s_d: f64,
    /// Standard deviation of the residuals; equals `s_d` if the covariate is not used.
    pub s_residual: f64,
    /// The adjustment of the standard error.
    pub correction: Correction,
    /// Minimum detectable effect: smallest difference that would have been found with the required
    /// power, (t_{1−α/2} + t_{power})·SE.
    pub mde: f64,
}

/// A closed range of log ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

struct Fit {
    delta: f64,
    gamma: Option<f64>,
    se: f64,
    df: f64,
    s_residual: f64,
    residuals: Vec<f64>,
}

impl Interval {
    pub(crate) fn around(centre: f64, half: f64) -> Self {
        Self {
            low: centre - half,
            high: centre + half,
        }
    }

    /// Whether the range contains a value.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Whether the whole range lies inside (−limit, limit).
    #[must_use]
    pub fn within(&self, limit: f64) -> bool {
        -limit < self.low && self.high < limit
    }
}

impl Estimate {
    /// Estimates the mean difference of `paired`.
    ///
    /// # Errors
    /// Fewer than two rounds, lists of unequal length, or values that are not finite.
    pub fn of(paired: &Paired, settings: &Settings) -> Result<Self, CompareError> {
        Self::within_reach(paired, 0.0, settings)
    }

    /// The same if a value is zero. `reach` is the greatest distance of a cost from that of zero
    /// ([`super::Scale::reach`]). The interval is at least wide enough to allow for rounds of the
    /// other outcome that chance left out.
    ///
    /// # Errors
    /// As [`Estimate::of`].
    pub fn within_reach(
        paired: &Paired,
        reach: f64,
        settings: &Settings,
    ) -> Result<Self, CompareError> {
        check(paired)?;
        let d = &paired.differences;
        let rounds = d.len();
        let fit = Fit::with_covariate(paired).unwrap_or_else(|| Fit::plain(d));
        let zeros = reach * unseen(rounds, settings.alpha) / t_upper(settings.alpha / 2.0, fit.df);
        let correction = Correction::of((fit.se, fit.df), &fit.residuals, zeros, settings.guard);
        let (se, df) = (correction.se(), correction.df(rounds));
        let t = fit.delta / se;
        Ok(Self {
            rounds,
            delta: fit.delta,
            gamma: fit.gamma,
            se,
            df,
            ci: Interval::around(fit.delta, t_upper(settings.alpha / 2.0, df) * se),
            tost: Interval::around(fit.delta, t_upper(settings.alpha_same, df) * se),
            p: two_sided_p(t, df),
            s_d: deviation(d),
            s_residual: fit.s_residual,
            correction,
            mde: power::mde(se, df, settings),
        })
    }

    /// The interval at a level other than that of the settings.
    #[must_use]
    pub fn interval_at(&self, alpha: f64) -> Interval {
        Interval::around(self.delta, t_upper(alpha / 2.0, self.df) * self.se)
    }

    /// Rounds after which a difference of `target` would be found with the required power, if
    /// future rounds vary like those seen; `None` beyond a million.
    #[must_use]
    pub fn rounds_needed(&self, target: f64, settings: &Settings) -> Option<u64> {
        let spread = self.se * (self.rounds as f64).sqrt();
        let lost = if self.gamma.is_some() { 2 } else { 1 };
        let rounds = power::rounds_needed(spread / target, lost, settings)?;
        Some(rounds.max(LEAST_ROUNDS as u64))
    }
}

impl Fit {
    fn plain(d: &[f64]) -> Self {
        let delta = mean(d);
        let s = deviation(d);
        let n = d.len() as f64;
        let residuals = d.iter().map(|v| v - delta).collect();
        Self {
            delta,
            gamma: None,
            se: s / n.sqrt(),
            df: n - 1.0,
            s_residual: s,
            residuals,
        }
    }

    /// Least squares of d = δ + γx; `None` with few rounds or an order that never varies.
    fn with_covariate(paired: &Paired) -> Option<Self> {
        let Paired {
            differences: d,
            covariate: x,
        } = paired;
        let n = d.len() as f64;
        let Sums {
            d_mean,
            x_mean,
            sxx,
            sxd,
        } = paired.sums();
        if !paired.has_covariate() {
            return None;
        }
        let gamma = sxd / sxx;
        let delta = d_mean - gamma * x_mean;
        let residuals: Vec<f64> = x
            .iter()
            .zip(d)
            .map(|(xv, dv)| dv - delta - gamma * xv)
            .collect();
        let s = (residuals.iter().map(|e| e * e).sum::<f64>() / (n - 2.0)).sqrt();
        let se = s * (1.0 / n + x_mean * x_mean / sxx).sqrt();
        Some(Self {
            delta,
            gamma: Some(gamma),
            se,
            df: n - 2.0,
            s_residual: s,
            residuals,
        })
    }
}

fn check(paired: &Paired) -> Result<(), CompareError> {
    let (expected, found) = (paired.differences.len(), paired.covariate.len());
    if expected != found {
        return Err(CompareError::UnequalLengths { expected, found });
    }
    if expected < 2 {
        return Err(CompareError::TooFewRounds { rounds: expected });
    }
    let finite =
        |round: usize| paired.differences[round].is_finite() && paired.covariate[round].is_finite();
    match (0..expected).find(|&round| !finite(round)) {
        Some(round) => Err(CompareError::NotFinite { round }),
        None => Ok(()),
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sample standard deviation with n − 1.
fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    (values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::guard::Guard;
    use super::*;

    const NO_GUARD: Settings = Settings {
        alpha: 0.05,
        alpha_same: 0.05,
        power: 0.8,
        guard: Guard::Off,
    };

    fn paired(d: &[f64], x: &[f64]) -> Paired {
        Paired {
            differences: d.to_vec(),
            covariate: x.to_vec(),
        }
    }

    #[test]
    fn five_rounds_by_hand() {
        // d = .01 .02 .03 .04 .05: mean .03, s = √.00025, SE = s/√5 = .0070711, t_{.975,4} =
        // 2.776445.
        let e = Estimate::of(
            &paired(&[0.01, 0.02, 0.03, 0.04, 0.05], &[1.0; 5]),
            &NO_GUARD,
        )
        .unwrap();
        assert!((e.delta - 0.03).abs() < 1e-15 && e.gamma.is_none() && e.df == 4.0);
        assert!((e.se - 0.007_071_067_811_865_475).abs() < 1e-15);
        assert!((e.ci.low - (0.03 - 2.776_445_105_197_793 * e.se)).abs() < 1e-12);
    }

    /// d = 0.02 + 0.01·x exactly: the covariate absorbs the whole effect of order, and the error
    /// floor remains.
    #[test]
    fn covariate_removes_the_effect_of_order() {
        let x = [1.0, -1.0, 1.0, -1.0, -1.0, 1.0, 1.0];
        let d: Vec<f64> = x.iter().map(|v| 0.02 + 0.01 * v).collect();
        let e = Estimate::of(&paired(&d, &x), &NO_GUARD).unwrap();
        assert!((e.delta - 0.02).abs() < 1e-12 && (e.gamma.unwrap() - 0.01).abs() < 1e-12);
        assert!(e.correction.floored && e.df == 5.0);
        assert!(e.s_d > 0.01 && e.s_residual < 1e-12);
        let without = Estimate::of(&paired(&d, &[1.0; 7]), &NO_GUARD).unwrap();
        assert!(
            (without.delta - 0.02).abs() > 1e-3,
            "counter-check: unequal order biases the plain mean"
        );
    }

    #[test]
    fn ties_get_the_floor() {
        let e = Estimate::of(&paired(&[0.0; 10], &[1.0, -1.0].repeat(5)), &NO_GUARD).unwrap();
        assert!((e.se - 0.000_977 / 60f64.sqrt()).abs() < 1e-15);
        assert!(e.correction.floored && e.p == 1.0 && e.ci.contains(0.0));
    }

    #[test]
    fn guard_widens_what_is_correlated_and_nothing_else() {
        let wave = [
            0.01, 0.012, 0.011, 0.013, -0.012, -0.011, -0.013, -0.012, 0.011, 0.012,
        ];
        let zigzag = [
            0.01, -0.01, 0.012, -0.012, 0.01, -0.01, 0.011, -0.011, 0.01, -0.01,
        ];
        let x = [1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0, -1.0, -1.0, 1.0];
        let of = |d: &[f64], guard| {
            Estimate::of(
                &paired(d, &x),
                &Settings {
                    guard,
                    ..Settings::default()
                },
            )
            .unwrap()
        };
        let (off, auto, full) = (
            of(&wave, Guard::Off),
            of(&wave, Guard::Auto),
            of(&wave, Guard::Full),
        );
        assert!(
            full.se > 1.3 * off.se && full.df < 8.0,
            "{:?}",
            full.correction
        );
        assert!(auto.se >= off.se && auto.se < full.se && auto.df == 8.0);
        let r = full.correction.lag1_corrected;
        assert!((full.se / off.se - ((1.0 + r) / (1.0 - r)).sqrt()).abs() < 1e-12);
        assert_eq!(of(&zigzag, Guard::Full).ci, of(&zigzag, Guard::Off).ci);
    }

    #[test]
    fn refuses_what_has_no_interval() {
        let refused = |p: &Paired| Estimate::of(p, &NO_GUARD).unwrap_err();
        assert_eq!(
            refused(&paired(&[0.1], &[1.0])),
            CompareError::TooFewRounds { rounds: 1 }
        );
        assert!(matches!(
            refused(&paired(&[0.1, 0.2], &[1.0])),
            CompareError::UnequalLengths { .. }
        ));
        assert_eq!(
            refused(&paired(&[0.1, f64::NAN], &[1.0; 2])),
            CompareError::NotFinite { round: 1 }
        );
    }
}
