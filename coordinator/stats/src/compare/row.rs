//! The rows of the decision table with their figures and sentences: what `--explain` shows. Must not know in
//! which order they are asked.

use std::fmt;

use super::Interval;

/// One row looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The row with its figures.
    pub row: Row,
    /// Whether it applied.
    pub applies: bool,
}

/// A row of the decision table with its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Row {
    /// The measurement is INVALID, for that many reasons.
    MeasurementInvalid {
        /// Reasons.
        reasons: usize,
    },
    /// A2/A lies beyond half the tolerance, though both are the baseline.
    ControlDiffers {
        /// Interval of A2/A.
        ci: Interval,
        /// τ′/2.
        limit: f64,
    },
    /// The measurement is INCONCLUSIVE, for that many reasons.
    MeasurementInconclusive {
        /// Reasons.
        reasons: usize,
    },
    /// The run has not done all its rounds.
    Unfinished {
        /// Rounds there are.
        rounds: usize,
        /// Rounds fixed before the run.
        planned: usize,
    },
    /// t and the exact check fall on different sides of α.
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
    /// Too few rounds to say FASTER or SLOWER.
    TooFewRounds {
        /// Rounds there are.
        rounds: usize,
        /// The least that will do.
        least: usize,
    },
    /// Not significant among the questions that were asked together.
    HolmDisagrees {
        /// Adjusted p.
        adjusted: f64,
        /// α.
        alpha: f64,
    },
    /// The interval of the two one-sided tests lies inside ±τ′.
    Same {
        /// That interval, at 1 − 2α: 90 % without a planned look.
        tost: Interval,
        /// α.
        alpha: f64,
        /// τ′.
        limit: f64,
    },
    /// Nothing above applied.
    Open {
        /// What could have been seen.
        mde: f64,
        /// Rounds after which the MDE is τ′.
        rounds_needed: Option<u64>,
    },
}

/// A log ratio as a change in percent.
pub(super) struct Percent(pub(super) f64);

/// "1 reason", "2 reasons".
pub(super) struct Reasons(pub(super) usize);

impl fmt::Display for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} reason{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+.2} %", 100.0 * self.0.exp_m1())
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", Percent(self.low), Percent(self.high))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::MeasurementInvalid { reasons } => write!(f, "measurement INVALID ({})", Reasons(reasons)),
            Self::MeasurementInconclusive { reasons } => {
                write!(f, "measurement INCONCLUSIVE ({})", Reasons(reasons))
            }
            Self::Unfinished { rounds, planned } => write!(f, "{rounds} of {planned} rounds are done"),
            Self::ControlDiffers { ci, limit } => {
                write!(f, "control A2/A {ci} excludes zero by more than {}", Percent(limit))
            }
            Self::ExactDisagrees { t, exact, alpha } => {
                write!(f, "t (p = {t:.4}) and the exact check (p = {exact:.4}) disagree about {alpha}")
            }
            Self::Slower { low, limit } => write!(f, "lower bound {} above {}", Percent(low), Percent(limit)),
            Self::Faster { high, limit } => {
                write!(f, "upper bound {} below {}", Percent(high), Percent(limit))
            }
            Self::TooFewRounds { rounds, least } => write!(f, "{rounds} rounds, fewer than {least}"),
            Self::HolmDisagrees { adjusted, alpha } => {
                write!(f, "p after Holm {adjusted:.4} above {alpha}")
            }
            Self::Same { tost, alpha, limit } => {
                // As short as it can be: 90, 90.4, 99.
                let level = (1000.0 * (1.0 - 2.0 * alpha)).round() / 10.0;
                write!(f, "{level} % interval {tost} inside ±{}", Percent(limit))
            }
            Self::Open { mde, rounds_needed: Some(rounds) } => {
                write!(f, "undecided: could see {}, {rounds} rounds would do", Percent(mde))
            }
            Self::Open { mde, rounds_needed: None } => {
                write!(f, "undecided: could see {}, no number of rounds would do", Percent(mde))
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
            let tost = Interval { low: -0.01, high: 0.01 };
            Row::Same { tost, alpha, limit: 0.02 }.to_string()
        };
        let levels = [0.05, 0.048, 0.005].map(|alpha| said(alpha).split(" [").next().map(str::to_owned));
        let expected = ["90 % interval", "90.4 % interval", "99 % interval"];
        assert_eq!(levels.map(Option::unwrap), expected);
    }
}
