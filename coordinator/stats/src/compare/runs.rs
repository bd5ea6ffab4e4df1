//! The decision table for runs of different times, which have no pairs, no control and no exact
//! check. Owns the order of its rows and their sentences; must not know how the figures were
//! computed. δ > 0 is always SLOWER.
//!
//! INVALID → INCONCLUSIVE → one run on each side → SLOWER (lower > τ′) → FASTER (upper < −τ′) →
//! SAME (90 % interval inside ±τ′) → UNDECIDED. SLOWER and FASTER also need three runs on each side
//! and, if several questions are tested together, significance after Holm's correction.

use std::fmt;

use super::row::{Percent, Range, Reasons, level};
use super::{Interval, LEAST_RUNS, Scale, Settings, Unpaired, Verdict};
use crate::validity::Validity;

/// A decision over runs with the rows that led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunsDecision {
    /// The answer.
    pub verdict: Verdict,
    /// The rows evaluated, in order, each with whether it applied; the last one that applies
    /// decided.
    pub path: Vec<RunsStep>,
    /// With UNDECIDED: runs on each side after which the MDE equals τ′; `None` if unknown, beyond a
    /// million, or with another verdict.
    pub runs_needed: Option<u64>,
}

/// One evaluated row; its `Display` is the row's sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunsStep {
    /// The row with its figures.
    pub row: RunsRow,
    /// Whether it applied.
    pub applies: bool,
    /// The scale of its figures.
    pub scale: Scale,
}

/// The input of a decision apart from the estimate.
#[derive(Debug, Clone, Copy)]
pub struct RunsQuestion<'a> {
    /// The worst validity of all runs.
    pub validity: &'a Validity,
    /// Relative difference of the measure that does not matter.
    pub tolerance: f64,
    /// The scale of the runs' costs.
    pub scale: Scale,
    /// p after Holm's correction, if several questions are tested together.
    pub adjusted_p: Option<f64>,
    /// The settings of the estimate.
    pub settings: Settings,
}

/// A row with its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunsRow {
    /// A measurement is INVALID.
    Invalid {
        /// Number of reasons.
        reasons: usize,
    },
    /// A measurement is INCONCLUSIVE.
    Inconclusive {
        /// Number of reasons.
        reasons: usize,
    },
    /// Every value of every run is zero.
    ZeroEverywhere,
    /// There is one run on each side.
    OneEach,
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
    /// Too few runs for FASTER or SLOWER.
    TooFew {
        /// Number of runs on the smaller side.
        runs: usize,
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
        /// That interval, at 1 − 2α.
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
        /// Number of runs on the smaller side.
        runs: usize,
        /// Runs on each side after which the MDE equals τ′.
        runs_needed: Option<u64>,
    },
}

/// Evaluates the decision table for runs.
#[must_use]
pub fn decide_runs(found: &Unpaired, question: &RunsQuestion<'_>) -> RunsDecision {
    let RunsQuestion {
        tolerance,
        scale,
        settings,
        ..
    } = *question;
    let needed = || found.runs_needed(scale.limit(tolerance), &settings);
    let runs_needed = if scale == Scale::Zero { None } else { needed() };
    let mut path = Vec::new();
    let verdict = verdict(found, question, &mut |row, applies| {
        path.push(RunsStep {
            row,
            applies,
            scale,
        });
        applies
    });
    if verdict == Verdict::Undecided && !path.iter().any(|step: &RunsStep| step.applies) {
        let runs = found.runs.0.min(found.runs.1);
        let row = RunsRow::Open {
            mde: found.mde,
            runs,
            runs_needed,
        };
        path.push(RunsStep {
            row,
            applies: true,
            scale,
        });
    }
    RunsDecision {
        verdict,
        path,
        runs_needed: runs_needed.filter(|_| verdict == Verdict::Undecided),
    }
}

fn verdict(
    found: &Unpaired,
    question: &RunsQuestion<'_>,
    row: &mut impl FnMut(RunsRow, bool) -> bool,
) -> Verdict {
    let (tau, alpha) = (
        question.scale.limit(question.tolerance),
        question.settings.alpha,
    );
    let reasons = |of: Option<&Vec<_>>| of.map_or(0, Vec::len);
    let (invalid, inconclusive) = match question.validity {
        Validity::Valid => (None, None),
        Validity::Invalid(reasons) => (Some(reasons), None),
        Validity::Inconclusive(reasons) => (None, Some(reasons)),
    };
    if row(
        RunsRow::Invalid {
            reasons: reasons(invalid),
        },
        invalid.is_some(),
    ) {
        return Verdict::Invalid;
    }
    let zero = question.scale == Scale::Zero;
    if row(
        RunsRow::Inconclusive {
            reasons: reasons(inconclusive),
        },
        inconclusive.is_some(),
    ) || zero && row(RunsRow::ZeroEverywhere, true)
        || row(RunsRow::OneEach, found.between.is_none())
    {
        return Verdict::Undecided;
    }
    let (low, high, runs) = (found.ci.low, found.ci.high, found.runs.0.min(found.runs.1));
    let clear = if row(RunsRow::Slower { low, limit: tau }, low > tau) {
        Verdict::Slower
    } else if row(RunsRow::Faster { high, limit: -tau }, high < -tau) {
        Verdict::Faster
    } else if row(
        RunsRow::Same {
            tost: found.tost,
            alpha: question.settings.alpha_same,
            limit: tau,
        },
        found.tost.within(tau),
    ) {
        return Verdict::Same;
    } else {
        return Verdict::Undecided;
    };
    if row(RunsRow::TooFew { runs }, runs < LEAST_RUNS) {
        return Verdict::Undecided;
    }
    let disagrees = question
        .adjusted_p
        .is_some_and(|adjusted| row(RunsRow::HolmDisagrees { adjusted, alpha }, adjusted > alpha));
    if disagrees { Verdict::Undecided } else { clear }
}

/// Every sentence is a condition, so that it reads well after both "yes" and "no".
impl fmt::Display for RunsStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |delta| Percent(self.scale, delta);
        match self.row {
            RunsRow::Invalid { reasons } => {
                write!(f, "a measurement is INVALID ({})", Reasons(reasons))
            }
            RunsRow::Inconclusive { reasons } => {
                write!(f, "a measurement is INCONCLUSIVE ({})", Reasons(reasons))
            }
            RunsRow::ZeroEverywhere => {
                f.write_str("every value of every run is zero, so there is no relative tolerance")
            }
            RunsRow::OneEach => {
                f.write_str("one run a side: the variation between runs is unknown")
            }
            RunsRow::Slower { low, limit } => {
                write!(
                    f,
                    "the lower bound {} lies above {}",
                    percent(low),
                    percent(limit)
                )
            }
            RunsRow::Faster { high, limit } => {
                write!(
                    f,
                    "the upper bound {} lies below {}",
                    percent(high),
                    percent(limit)
                )
            }
            RunsRow::TooFew { runs } => {
                write!(f, "a side has fewer than {LEAST_RUNS} runs ({runs})")
            }
            RunsRow::HolmDisagrees { adjusted, alpha } => {
                write!(f, "p after Holm {adjusted:.4} lies above {alpha}")
            }
            RunsRow::Same { tost, alpha, limit } => {
                let (level, range) = (level(2.0 * alpha), Range(self.scale, tost));
                write!(
                    f,
                    "the {level} % interval {range} lies inside ±{}",
                    percent(limit)
                )
            }
            RunsRow::Open {
                mde,
                runs,
                runs_needed,
            } => {
                write!(
                    f,
                    "nothing above applies: minimum detectable effect {}; ",
                    percent(mde)
                )?;
                match runs_needed {
                    None => f.write_str("no number of runs would be enough"),
                    Some(needed) if needed > runs as u64 => {
                        write!(f, "{needed} runs a side would be enough")
                    }
                    Some(_) => write!(
                        f,
                        "the difference is too close to the tolerance for {runs} runs a \
                                          side"
                    ),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{RunMean, unpaired};

    fn runs(means: [f64; 3]) -> Vec<RunMean> {
        means
            .map(|mean| RunMean {
                mean,
                variance: 1e-8,
                rounds: 10,
            })
            .to_vec()
    }

    fn decided(old: &[RunMean], new: &[RunMean], adjusted_p: Option<f64>) -> RunsDecision {
        let settings = Settings::default();
        let found = unpaired(old, new, &settings).unwrap();
        let (validity, scale) = (&Validity::Valid, Scale::Log);
        decide_runs(
            &found,
            &RunsQuestion {
                validity,
                tolerance: 0.02,
                scale,
                adjusted_p,
                settings,
            },
        )
    }

    #[test]
    fn three_runs_a_side_answer_and_two_do_not() {
        let (old, new) = (runs([1.0, 1.001, 0.999]), runs([1.1, 1.101, 1.099]));
        assert_eq!(decided(&old, &new, None).verdict, Verdict::Slower);
        assert_eq!(decided(&new, &old, None).verdict, Verdict::Faster);
        assert_eq!(decided(&old, &old, None).verdict, Verdict::Same);
        let two = decided(&old[..2], &new[..2], None);
        assert_eq!(
            (two.verdict, two.runs_needed),
            (Verdict::Undecided, Some(3))
        );
        assert_eq!(
            two.path.last().map(|step| (step.row, step.applies)),
            Some((RunsRow::TooFew { runs: 2 }, true))
        );
        let one = decided(&old[..1], &new[..1], None);
        assert_eq!((one.verdict, one.runs_needed), (Verdict::Undecided, None));
        assert_eq!(
            one.path.last().map(|step| (step.row, step.applies)),
            Some((RunsRow::OneEach, true))
        );
    }

    #[test]
    fn what_is_not_significant_among_many_is_no_finding() {
        let (old, new) = (runs([1.0, 1.001, 0.999]), runs([1.1, 1.101, 1.099]));
        assert_eq!(decided(&old, &new, Some(0.04)).verdict, Verdict::Slower);
        let many = decided(&old, &new, Some(0.06));
        assert_eq!(many.verdict, Verdict::Undecided);
        assert_eq!(
            many.path.last().map(|step| (step.row, step.applies)),
            Some((
                RunsRow::HolmDisagrees {
                    adjusted: 0.06,
                    alpha: 0.05
                },
                true
            ))
        );
    }

    /// SD 0.1 with a tolerance of 0.02: (t + t)·0.1·√(2/n) ≤ 0.0198 first holds at n = 402.
    #[test]
    fn scatter_between_runs_says_how_many_it_would_take() {
        let open = decided(&runs([0.9, 1.0, 1.1]), &runs([0.91, 1.01, 1.11]), None);
        let needed = open.runs_needed.unwrap();
        assert_eq!(open.verdict, Verdict::Undecided);
        assert!((400..=404).contains(&needed), "{needed}");
        assert!(matches!(
            open.path.last().unwrap().row,
            RunsRow::Open {
                runs_needed: Some(_),
                ..
            }
        ));
    }
}
