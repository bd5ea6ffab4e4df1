//! The scale on which a measure's values are compared. Zero has no ratio; if an arm has zero in
//! some round, plain differences are used, in units of the baseline's mean. Owns the rule, the
//! conversion between values and costs, and the meaning of a tolerance on each scale; must not know
//! measures by name.

use super::block::{Direction, cost_ln};

/// The scale of one measure's comparison, the same for all its arms and rounds; chosen by
/// [`Scale::of`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// Costs are logarithms and differences log ratios: no value is zero.
    Log,
    /// A value is zero: costs are the values themselves, in units of a mean.
    Linear {
        /// That mean, in the measure's own unit; more than zero.
        unit: f64,
        /// The arm whose mean it is.
        of: Reference,
    },
    /// Every value is zero: they do not differ, and a relative tolerance has no meaning.
    Zero,
}

/// The arm whose mean is the unit of a linear scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The baseline's: a difference is a share of it.
    Baseline,
    /// The candidate's, because the baseline is zero in all rounds.
    Candidate,
}

impl Scale {
    /// The scale for these values of all rounds; absent values are not in the lists.
    #[must_use]
    pub fn of(baseline: &[f64], candidate: &[f64]) -> Self {
        if baseline.iter().chain(candidate).all(|value| *value != 0.0) {
            return Self::Log;
        }
        Self::linear(baseline, candidate)
    }

    /// The linear scale for these values, with or without a zero, for comparison with values that
    /// have one.
    #[must_use]
    pub fn linear(baseline: &[f64], candidate: &[f64]) -> Self {
        let mean = |values: &[f64]| match values.len() {
            0 => 0.0,
            n => values.iter().sum::<f64>() / n as f64,
        };
        match (mean(baseline), mean(candidate)) {
            (unit, _) if unit > 0.0 => Self::Linear {
                unit,
                of: Reference::Baseline,
            },
            (_, unit) if unit > 0.0 => Self::Linear {
                unit,
                of: Reference::Candidate,
            },
            _ => Self::Zero,
        }
    }

    /// A value as its cost (more is worse); `None` if it has no place on the scale.
    #[must_use]
    pub fn cost(self, value: f64, direction: Direction) -> Option<f64> {
        let signed = |cost: f64| {
            if direction == Direction::LowerIsBetter {
                cost
            } else {
                -cost
            }
        };
        let fits = value >= 0.0 && value.is_finite();
        match self {
            Self::Log => cost_ln(value, direction),
            Self::Linear { unit, .. } => fits.then(|| signed(value / unit)),
            Self::Zero => (value == 0.0).then_some(0.0),
        }
    }

    /// Converts a cost back to a value.
    #[must_use]
    pub fn value_of(self, cost: f64, direction: Direction) -> f64 {
        let signed = if direction == Direction::LowerIsBetter {
            cost
        } else {
            -cost
        };
        match self {
            Self::Log => signed.exp(),
            // A mean of zeros is zero, not minus zero.
            Self::Linear { unit, .. } => (signed * unit).max(0.0),
            Self::Zero => 0.0,
        }
    }

    /// A difference of costs as a share: from a log ratio, or of the unit.
    #[must_use]
    pub fn share(self, delta: f64) -> f64 {
        match self {
            Self::Log => delta.exp_m1(),
            Self::Linear { .. } | Self::Zero => delta,
        }
    }

    /// Converts δ to a change of the measure: 0.05 is "5 % more" of a latency or of a rate.
    #[must_use]
    pub fn change(self, delta: f64, direction: Direction) -> f64 {
        match direction {
            Direction::LowerIsBetter => self.share(delta),
            Direction::HigherIsBetter => self.share(-delta),
        }
    }

    /// τ′: a relative tolerance as a difference of costs.
    #[must_use]
    pub fn limit(self, tolerance: f64) -> f64 {
        match self {
            Self::Log => tolerance.ln_1p(),
            Self::Linear { .. } | Self::Zero => tolerance,
        }
    }

    /// Greatest distance of a cost from that of zero: the greatest absolute cost. 0 if no value is
    /// zero; rounds that agree by chance are then bounded by their buckets
    /// ([`super::BUCKET_WIDTH`]).
    #[must_use]
    pub fn reach(self, costs: impl Iterator<Item = f64>) -> f64 {
        match self {
            Self::Linear { .. } => costs.map(f64::abs).fold(0.0, f64::max),
            Self::Log | Self::Zero => 0.0,
        }
    }

    /// Whether differences are log ratios.
    #[must_use]
    pub fn is_log(self) -> bool {
        self == Self::Log
    }

    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Linear { .. } => "linear",
            Self::Zero => "zero",
        }
    }
}

/// Greatest share of rounds that may be of the other kind although none of `rounds` was: the exact
/// upper bound at 1 − α/2 (Clopper and Pearson 1934). If each round has zero, or none has, nothing
/// seems to vary.
#[must_use]
pub(super) fn unseen(rounds: usize, alpha: f64) -> f64 {
    1.0 - (alpha / 2.0).powf(1.0 / rounds.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Direction = Direction::HigherIsBetter;

    #[test]
    fn one_zero_is_enough() {
        assert_eq!(Scale::of(&[10.0, 12.0], &[9.0]), Scale::Log);
        assert_eq!(
            Scale::of(&[10.0, 12.0], &[9.0, 0.0]),
            Scale::Linear {
                unit: 11.0,
                of: Reference::Baseline
            }
        );
        assert_eq!(
            Scale::of(&[0.0, 12.0], &[9.0]),
            Scale::Linear {
                unit: 6.0,
                of: Reference::Baseline
            }
        );
        assert_eq!(
            Scale::of(&[0.0, 0.0], &[0.0, 8.0]),
            Scale::Linear {
                unit: 4.0,
                of: Reference::Candidate
            }
        );
        assert_eq!(Scale::of(&[0.0], &[0.0]), Scale::Zero);
    }

    #[test]
    fn costs_values_and_changes_by_hand() {
        let scale = Scale::Linear {
            unit: 20.0,
            of: Reference::Baseline,
        };
        let delta = scale.cost(5.0, RATE).unwrap() - scale.cost(20.0, RATE).unwrap();
        assert_eq!(
            (delta, scale.change(delta, RATE), scale.share(delta)),
            (0.75, -0.75, 0.75)
        );
        assert_eq!(
            (scale.value_of(-0.25, RATE), scale.limit(0.02)),
            (5.0, 0.02)
        );
        assert_eq!(
            (scale.cost(0.0, RATE), scale.cost(-1.0, RATE)),
            (Some(-0.0), None)
        );
        assert_eq!(
            (Scale::Log.cost(0.0, RATE), Scale::Zero.cost(1.0, RATE)),
            (None, None)
        );
        assert!((Scale::Log.change(0.1, RATE) + 0.095_162_581_964_040_4).abs() < 1e-15);
        assert_eq!(Scale::Log.limit(0.02), 0.02_f64.ln_1p());
    }
}
