//! The decision table of runs of different times, which have no pairs, no control and no exact check. Owns the order of its
//! rows and their sentences; must not know how the figures came about. δ > 0 is SLOWER, always.
//!
//! INVALID → INCONCLUSIVE → one run a side → SLOWER (lower > τ′) → FASTER (upper < −τ′) → SAME (90 % interval inside ±τ′) →
//! UNDECIDED. A row that would say SLOWER or FASTER needs three runs a side and, where several questions are asked together,
//! Holm's agreement.

use std::fmt;

use super::row::{Percent, Reasons};
use super::{Interval, LEAST_RUNS, Settings, Unpaired, Verdict};
use crate::validity::Validity;

/// An answer over runs with the way to it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunsDecision {
    /// The answer.
    pub verdict: Verdict,
    /// The rows looked at, in order, each with whether it applied; the last one that applies decided.
    pub path: Vec<(RunsRow, bool)>,
    /// With UNDECIDED: runs a side after which the MDE is τ′; `None` where nobody knows, beyond a million, or with another
    /// verdict.
    pub runs_needed: Option<u64>,
}

/// A row with its figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RunsRow {
    /// Some measurement is INVALID, for that many reasons.
    Invalid {
        /// Reasons.
        reasons: usize,
    },
    /// Some measurement is INCONCLUSIVE, for that many reasons.
    Inconclusive {
        /// Reasons.
        reasons: usize,
    },
    /// There is one run a side.
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
    /// Too few runs to say FASTER or SLOWER.
    TooFew {
        /// Runs of the side that has fewer.
        runs: usize,
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
        /// That interval.
        tost: Interval,
        /// τ′.
        limit: f64,
    },
    /// Nothing above applied.
    Open {
        /// What could have been seen.
        mde: f64,
        /// Runs a side after which the MDE is τ′.
        runs_needed: Option<u64>,
    },
}

/// Takes runs through the table. `adjusted_p` is p after Holm's correction, where several questions were asked together.
#[must_use]
pub fn decide_runs(
    found: &Unpaired,
    validity: &Validity,
    tau: f64,
    adjusted_p: Option<f64>,
    settings: &Settings,
) -> RunsDecision {
    let runs_needed = found.runs_needed(tau, settings);
    let mut path = Vec::new();
    let verdict =
        verdict(found, validity, tau, adjusted_p.map(|p| (p, settings.alpha)), &mut |row, applies| {
            path.push((row, applies));
            applies
        });
    if verdict == Verdict::Undecided && !path.iter().any(|(_, applies)| *applies) {
        path.push((RunsRow::Open { mde: found.mde, runs_needed }, true));
    }
    RunsDecision { verdict, path, runs_needed: runs_needed.filter(|_| verdict == Verdict::Undecided) }
}

fn verdict(
    found: &Unpaired,
    validity: &Validity,
    tau: f64,
    adjusted: Option<(f64, f64)>,
    row: &mut impl FnMut(RunsRow, bool) -> bool,
) -> Verdict {
    let reasons = |of: Option<&Vec<_>>| of.map_or(0, Vec::len);
    let (invalid, inconclusive) = match validity {
        Validity::Valid => (None, None),
        Validity::Invalid(reasons) => (Some(reasons), None),
        Validity::Inconclusive(reasons) => (None, Some(reasons)),
    };
    if row(RunsRow::Invalid { reasons: reasons(invalid) }, invalid.is_some()) {
        return Verdict::Invalid;
    }
    let doubted = row(RunsRow::Inconclusive { reasons: reasons(inconclusive) }, inconclusive.is_some());
    if doubted || row(RunsRow::OneEach, found.between.is_none()) {
        return Verdict::Undecided;
    }
    let (low, high, runs) = (found.ci.low, found.ci.high, found.runs.0.min(found.runs.1));
    let clear = if row(RunsRow::Slower { low, limit: tau }, low > tau) {
        Verdict::Slower
    } else if row(RunsRow::Faster { high, limit: -tau }, high < -tau) {
        Verdict::Faster
    } else if row(RunsRow::Same { tost: found.tost, limit: tau }, found.tost.within(tau)) {
        return Verdict::Same;
    } else {
        return Verdict::Undecided;
    };
    if row(RunsRow::TooFew { runs }, runs < LEAST_RUNS) {
        return Verdict::Undecided;
    }
    let disagrees = adjusted
        .is_some_and(|(adjusted, alpha)| row(RunsRow::HolmDisagrees { adjusted, alpha }, adjusted > alpha));
    if disagrees { Verdict::Undecided } else { clear }
}

impl fmt::Display for RunsRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Invalid { reasons } => write!(f, "a measurement is INVALID ({})", Reasons(reasons)),
            Self::Inconclusive { reasons } => {
                write!(f, "a measurement is INCONCLUSIVE ({})", Reasons(reasons))
            }
            Self::OneEach => {
                f.write_str("one run a side: how much runs differ without any change is unknown")
            }
            Self::Slower { low, limit } => write!(f, "lower bound {} above {}", Percent(low), Percent(limit)),
            Self::Faster { high, limit } => {
                write!(f, "upper bound {} below {}", Percent(high), Percent(limit))
            }
            Self::TooFew { runs } => write!(f, "a side has {runs} runs, fewer than {LEAST_RUNS}"),
            Self::HolmDisagrees { adjusted, alpha } => {
                write!(f, "p after Holm {adjusted:.4} above {alpha}")
            }
            Self::Same { tost, limit } => write!(f, "90 % interval {tost} inside ±{}", Percent(limit)),
            Self::Open { mde, runs_needed: Some(runs) } => {
                write!(f, "undecided: could see {}, {runs} runs a side would do", Percent(mde))
            }
            Self::Open { mde, runs_needed: None } => {
                write!(f, "undecided: could see {}, no number of runs would do", Percent(mde))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{RunMean, unpaired};

    fn runs(means: [f64; 3]) -> Vec<RunMean> {
        means.map(|mean| RunMean { mean, variance: 1e-8, rounds: 10 }).to_vec()
    }

    fn decided(old: &[RunMean], new: &[RunMean], adjusted_p: Option<f64>) -> RunsDecision {
        let settings = Settings::default();
        let found = unpaired(old, new, &settings).unwrap();
        decide_runs(&found, &Validity::Valid, 0.02_f64.ln_1p(), adjusted_p, &settings)
    }

    #[test]
    fn three_runs_a_side_answer_and_two_do_not() {
        let (old, new) = (runs([1.0, 1.001, 0.999]), runs([1.1, 1.101, 1.099]));
        assert_eq!(decided(&old, &new, None).verdict, Verdict::Slower);
        assert_eq!(decided(&new, &old, None).verdict, Verdict::Faster);
        assert_eq!(decided(&old, &old, None).verdict, Verdict::Same);
        let two = decided(&old[..2], &new[..2], None);
        assert_eq!((two.verdict, two.runs_needed), (Verdict::Undecided, Some(3)));
        assert_eq!(two.path.last(), Some(&(RunsRow::TooFew { runs: 2 }, true)));
        let one = decided(&old[..1], &new[..1], None);
        assert_eq!((one.verdict, one.runs_needed), (Verdict::Undecided, None));
        assert_eq!(one.path.last(), Some(&(RunsRow::OneEach, true)));
    }

    #[test]
    fn what_is_not_significant_among_many_is_no_finding() {
        let (old, new) = (runs([1.0, 1.001, 0.999]), runs([1.1, 1.101, 1.099]));
        assert_eq!(decided(&old, &new, Some(0.04)).verdict, Verdict::Slower);
        let many = decided(&old, &new, Some(0.06));
        assert_eq!(many.verdict, Verdict::Undecided);
        assert_eq!(many.path.last(), Some(&(RunsRow::HolmDisagrees { adjusted: 0.06, alpha: 0.05 }, true)));
    }

    /// SD 0.1 against a tolerance of 0.02: (t + t)·0.1·√(2/n) ≤ 0.0198 first holds at 402 a side.
    #[test]
    fn scatter_between_runs_says_how_many_it_would_take() {
        let open = decided(&runs([0.9, 1.0, 1.1]), &runs([0.91, 1.01, 1.11]), None);
        let needed = open.runs_needed.unwrap();
        assert_eq!(open.verdict, Verdict::Undecided);
        assert!((400..=404).contains(&needed), "{needed}");
        assert!(matches!(open.path.last(), Some((RunsRow::Open { runs_needed: Some(_), .. }, true))));
    }
}
