//! The rows of the decision table with their figures and sentences, as shown by `--explain`. Must
//! not know their order.

use std::fmt;

use super::{Interval, Scale};

/// One evaluated row; its `Display` is the row's sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionStep {
    /// The row with its figures.
    pub row: Row,
    /// Whether it applied.
    pub applies: bool,
    /// The scale of its figures.
    pub scale: Scale,
}

/// A row of the decision table with its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Row {
    /// The measurement is INVALID.
    MeasurementInvalid {
        /// Number of reasons.
        reasons: usize,
    },
    /// The interval of A2/A lies beyond half the tolerance, although both are the baseline.
    ControlDiffers {
        /// Interval of A2/A.
        ci: Interval,
        /// τ′/2.
        limit: f64,
    },
    /// The measurement is INCONCLUSIVE.
    MeasurementInconclusive {
        /// Number of reasons.
        reasons: usize,
    },
    /// The run has not done all its rounds.
    Unfinished {
        /// Rounds done.
        rounds: usize,
        /// Rounds fixed before the run.
        planned: usize,
    },
    /// Every value of every arm and round is zero.
    ZeroEverywhere,
    /// t and the exact check are on different sides of α.
    ExactDisagrees {
        /// p of the t test.
        t: f64,
        /// p of the exact check.
        exact: f64,
        /// α.
        alpha: f64,
    },
    /// The interval lies above τ′.
    Slower {
        /// Lower bound.
        low: f64,
        /// τ′.
        limit: f64,
    },
    /// The interval lies below −τ′.
    Faster {
        /// Upper bound.
        high: f64,
        /// −τ′.
        limit: f64,
    },
    /// Too few rounds for FASTER or SLOWER.
    TooFewRounds {
        /// Rounds done.
        rounds: usize,
        /// Fewest rounds that are enough.
        least: usize,
    },
    /// Not significant among the questions tested together.
    HolmDisagrees {
        /// Adjusted p.
        adjusted: f64,
        /// α.
        alpha: f64,
    },
    /// The interval of the two one-sided tests lies inside ±τ′.
    Same {
        /// That interval, at 1 − 2α: 90 % without an interim analysis.
        tost: Interval,
        /// α.
        alpha: f64,
        /// τ′.
        limit: f64,
    },
    /// Nothing above applied.
    Open {
        /// The minimum detectable effect.
        mde: f64,
        /// Rounds done.
        rounds: usize,
        /// Rounds after which the MDE equals τ′.
        rounds_needed: Option<u64>,
    },
}

/// A difference of costs as a change, per cent.
pub(super) struct Percent(pub(super) Scale, pub(super) f64);

/// A range of differences.
pub(super) struct Range(pub(super) Scale, pub(super) Interval);

/// "1 reason", "2 reasons".
pub(super) struct Reasons(pub(super) usize);

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} reason{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+.2} %", 100.0 * self.0.share(self.1))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "[{}, {}]",
            Percent(self.0, self.1.low),
            Percent(self.0, self.1.high)
        )
    }
}

/// A level with as few digits as possible: 90, 90.4, 99.
pub(super) fn level(error: f64) -> f64 {
    (1000.0 * (1.0 - error)).round() / 10.0
}

/// Every sentence is a condition, so that it reads well after both "yes" and "no".
impl fmt::Display for DecisionStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |delta| Percent(self.scale, delta);
        match self.row {
            Row::MeasurementInvalid { reasons } => {
                write!(f, "the measurement is INVALID ({})", Reasons(reasons))
            }
            Row::MeasurementInconclusive { reasons } => {
                write!(f, "the measurement is INCONCLUSIVE ({})", Reasons(reasons))
            }
            Row::Unfinished { rounds, planned } => {
                write!(f, "rounds are missing ({rounds} of {planned} are done)")
            }
            Row::ZeroEverywhere => {
                write!(
                    f,
                    "every value of every arm and round is zero, so there is no relative tolerance"
                )
            }
            Row::ControlDiffers { ci, limit } => {
                let range = Range(self.scale, ci);
                write!(
                    f,
                    "the control A2/A {range} lies beyond ±{}",
                    percent(limit)
                )
            }
            Row::ExactDisagrees { t, exact, alpha } => {
                write!(
                    f,
                    "t (p = {t:.4}) and the exact check (p = {exact:.4}) disagree about {alpha}"
                )
            }
            Row::Slower { low, limit } => {
                write!(
                    f,
                    "the lower bound {} lies above {}",
                    percent(low),
                    percent(limit)
                )
            }
            Row::Faster { high, limit } => {
                write!(
                    f,
                    "the upper bound {} lies below {}",
                    percent(high),
                    percent(limit)
                )
            }
            Row::TooFewRounds { rounds, least } => {
                write!(f, "rounds are fewer than {least} ({rounds})")
            }
            Row::HolmDisagrees { adjusted, alpha } => {
                write!(f, "p after Holm {adjusted:.4} lies above {alpha}")
            }
            Row::Same { tost, alpha, limit } => {
                let (level, range) = (level(2.0 * alpha), Range(self.scale, tost));
                write!(
                    f,
                    "the {level} % interval {range} lies inside ±{}",
                    percent(limit)
                )
            }
            Row::Open {
                mde,
                rounds,
                rounds_needed,
            } => {
                write!(
                    f,
                    "nothing above applies: minimum detectable effect {}; ",
                    percent(mde)
                )?;
                match rounds_needed {
                    None => write!(f, "no number of rounds would be enough"),
                    Some(needed) if needed > rounds as u64 => {
                        write!(f, "{needed} rounds would be enough")
                    }
                    Some(_) => write!(
                        f,
                        "the difference is too close to the tolerance for {rounds} rounds"
                    ),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_same_has_the_level_that_was_used() {
        let said = |alpha| {
            let tost = Interval {
                low: -0.01,
                high: 0.01,
            };
            let row = Row::Same {
                tost,
                alpha,
                limit: 0.02,
            };
            DecisionStep {
                row,
                applies: true,
                scale: Scale::Log,
            }
            .to_string()
        };
        let levels =
            [0.05, 0.048, 0.005].map(|alpha| said(alpha).split(" [").next().map(str::to_owned));
        let expected = [
            "the 90 % interval",
            "the 90.4 % interval",
            "the 99 % interval",
        ];
        assert_eq!(levels.map(Option::unwrap), expected);
    }

    /// Rounds that are done cannot be the ones that are needed.
    #[test]
    fn an_open_row_never_asks_for_rounds_that_are_done() {
        let said = |rounds_needed| {
            let row = Row::Open {
                mde: 0.01,
                rounds: 6,
                rounds_needed,
            };
            DecisionStep {
                row,
                applies: true,
                scale: Scale::Log,
            }
            .to_string()
        };
        assert!(
            said(Some(6)).ends_with("too close to the tolerance for 6 rounds"),
            "{}",
            said(Some(6))
        );
        assert!(said(Some(7)).ends_with("7 rounds would be enough"));
        assert!(said(None).ends_with("no number of rounds would be enough"));
    }

    #[test]
    fn shares_of_a_linear_scale_are_said_as_they_are() {
        let row = Row::Slower {
            low: 0.75,
            limit: 0.02,
        };
        let scale = Scale::Linear {
            unit: 20.0,
            of: super::super::Reference::Baseline,
        };
        let said = |scale| {
            DecisionStep {
                row,
                applies: true,
                scale,
            }
            .to_string()
        };
        assert_eq!(said(scale), "the lower bound +75.00 % lies above +2.00 %");
        assert_eq!(
            said(Scale::Log),
            "the lower bound +111.70 % lies above +2.02 %"
        );
    }
}
