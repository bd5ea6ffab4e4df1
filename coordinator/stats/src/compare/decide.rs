//! The decision table (docs/method.md), from the top down. Owns the order of the rows and the path
//! that `--explain` prints; must not know how the figures were computed. δ > 0 is always SLOWER.
//!
//! INVALID (measurement, control) → what prevents an answer (inconclusive measurement, unfinished
//! run, zero everywhere, exact check disagrees) → SLOWER (lower > τ′) → FASTER (upper < −τ′) → SAME
//! (90 % interval inside ±τ′) → UNDECIDED. SLOWER and FASTER also need six rounds and, if several
//! questions are tested together, significance after Holm's correction.

use super::row::{DecisionStep, Row};
use super::{Comparison, LEAST_ROUNDS, Scale, Settings};
use crate::validity::Validity;

/// The answer to the comparison of B with A.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The comparison is meaningless: the measurement or the control failed.
    Invalid,
    /// B is worse by more than the tolerance.
    Slower,
    /// B is better by more than the tolerance.
    Faster,
    /// B differs by less than the tolerance.
    Same,
    /// The rounds do not decide it.
    Undecided,
}

/// The difference that does not matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// τ as a share: 0.02 is 2 %.
    pub tau: f64,
    /// The metric's empirical noise floor on this host class, as a share; 0 if none was calibrated.
    pub noise_floor: f64,
}

/// The metric's role in the decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// The one metric declared before the run, tested once.
    Primary,
    /// One of several questions tested together, with its p after Holm's correction over them
    /// ([`super::holm`]): a secondary metric, or the primary of a run with several scenarios or
    /// candidates.
    Among {
        /// The adjusted p.
        adjusted_p: f64,
    },
}

/// The input of a decision apart from the comparison.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The validity of the measurement.
    pub validity: &'a Validity,
    /// Rounds fixed before the run. All must be done, because deciding earlier errs too often.
    /// `None` if this is a planned interim analysis.
    pub planned: Option<usize>,
    /// The metric's tolerance.
    pub tolerance: Tolerance,
    /// The scale of the comparison's costs.
    pub scale: Scale,
    /// Role of the metric.
    pub role: Role,
    /// The settings of the comparison.
    pub settings: Settings,
}

/// A verdict with the rows that led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The answer.
    pub verdict: Verdict,
    /// With SAME: the 95 % interval nevertheless excludes zero.
    pub small_but_real: bool,
    /// τ′: max(τ, noise floor) on the comparison's scale; on the logarithmic one ln(1 + …).
    pub limit: f64,
    /// The rows evaluated, in order; the last one that applies decided.
    pub path: Vec<DecisionStep>,
    /// With UNDECIDED: rounds after which the MDE equals τ′, at least six; `None` beyond a million,
    /// or with another verdict.
    pub rounds_needed: Option<u64>,
}

impl Tolerance {
    /// τ′: max(τ, noise floor) as a difference of costs.
    #[must_use]
    pub fn limit(self, scale: Scale) -> f64 {
        scale.limit(self.tau.max(self.noise_floor))
    }
}

/// Evaluates the decision table for a comparison.
#[must_use]
pub fn decide(comparison: &Comparison, question: &Question<'_>) -> Decision {
    let mut table = Table::new(comparison, question);
    let verdict = table.verdict();
    let excludes_zero = !comparison.effect.ci.contains(0.0);
    let undecided = verdict == Verdict::Undecided;
    Decision {
        verdict,
        small_but_real: verdict == Verdict::Same && excludes_zero,
        limit: table.tau,
        rounds_needed: undecided.then(|| table.rounds_needed()).flatten(),
        path: table.path,
    }
}

struct Table<'a> {
    comparison: &'a Comparison,
    question: &'a Question<'a>,
    tau: f64,
    path: Vec<DecisionStep>,
}

impl<'a> Table<'a> {
    fn new(comparison: &'a Comparison, question: &'a Question<'a>) -> Self {
        Self {
            comparison,
            question,
            tau: question.tolerance.limit(question.scale),
            path: Vec::new(),
        }
    }

    fn verdict(&mut self) -> Verdict {
        let effect = &self.comparison.effect;
        let tau = self.tau;
        if self.measurement_invalid() || self.control_differs() {
            return Verdict::Invalid;
        }
        let forbidden =
            self.measurement_inconclusive() || self.unfinished() || self.zero_everywhere();
        if forbidden || self.exact_disagrees() {
            return Verdict::Undecided;
        }
        if self.row(
            Row::Slower {
                low: effect.ci.low,
                limit: tau,
            },
            effect.ci.low > tau,
        ) {
            return self.unless_forbidden(Verdict::Slower);
        }
        if self.row(
            Row::Faster {
                high: effect.ci.high,
                limit: -tau,
            },
            effect.ci.high < -tau,
        ) {
            return self.unless_forbidden(Verdict::Faster);
        }
        if self.row(
            Row::Same {
                tost: effect.tost,
                alpha: self.question.settings.alpha_same,
                limit: tau,
            },
            effect.tost.within(tau),
        ) {
            return Verdict::Same;
        }
        let (rounds, rounds_needed) = (effect.rounds, self.rounds_needed());
        self.row(
            Row::Open {
                mde: effect.mde,
                rounds,
                rounds_needed,
            },
            true,
        );
        Verdict::Undecided
    }

    /// Adds a row to the path and returns whether it applies.
    fn row(&mut self, row: Row, applies: bool) -> bool {
        self.path.push(DecisionStep {
            row,
            applies,
            scale: self.question.scale,
        });
        applies
    }

    fn measurement_invalid(&mut self) -> bool {
        let reasons = match self.question.validity {
            Validity::Invalid(reasons) => reasons.len(),
            Validity::Valid | Validity::Inconclusive(_) => 0,
        };
        self.row(Row::MeasurementInvalid { reasons }, reasons > 0)
    }

    fn measurement_inconclusive(&mut self) -> bool {
        let reasons = match self.question.validity {
            Validity::Inconclusive(reasons) => reasons.len(),
            Validity::Valid | Validity::Invalid(_) => 0,
        };
        self.row(Row::MeasurementInconclusive { reasons }, reasons > 0)
    }

    fn unfinished(&mut self) -> bool {
        let rounds = self.comparison.effect.rounds;
        let planned = self.question.planned;
        planned
            .is_some_and(|planned| self.row(Row::Unfinished { rounds, planned }, rounds < planned))
    }

    fn zero_everywhere(&mut self) -> bool {
        let zero = self.question.scale == Scale::Zero;
        zero && self.row(Row::ZeroEverywhere, true)
    }

    fn control_differs(&mut self) -> bool {
        let limit = self.tau / 2.0;
        let Some(ci) = self.comparison.control.as_ref().map(|c| c.ci) else {
            return false;
        };
        self.row(
            Row::ControlDiffers { ci, limit },
            ci.low > limit || ci.high < -limit,
        )
    }

    fn exact_disagrees(&mut self) -> bool {
        let alpha = self.question.settings.alpha;
        let (t, exact) = (self.comparison.effect.p, self.comparison.exact.p);
        // An early analysis may ask for more than any assignment of few rounds can show.
        let clear = exact <= alpha.max(self.comparison.exact.least());
        self.row(
            Row::ExactDisagrees { t, exact, alpha },
            (t <= alpha) != clear,
        )
    }

    fn unless_forbidden(&mut self, verdict: Verdict) -> Verdict {
        let rounds = self.comparison.effect.rounds;
        if self.row(
            Row::TooFewRounds {
                rounds,
                least: LEAST_ROUNDS,
            },
            rounds < LEAST_ROUNDS,
        ) {
            return Verdict::Undecided;
        }
        let Role::Among { adjusted_p } = self.question.role else {
            return verdict;
        };
        let alpha = self.question.settings.alpha;
        let disagrees = self.row(
            Row::HolmDisagrees {
                adjusted: adjusted_p,
                alpha,
            },
            adjusted_p > alpha,
        );
        if disagrees {
            Verdict::Undecided
        } else {
            verdict
        }
    }

    /// If every value is zero, more rounds do not help.
    fn rounds_needed(&self) -> Option<u64> {
        if self.question.scale == Scale::Zero {
            return None;
        }
        self.comparison
            .effect
            .rounds_needed(self.tau, &self.question.settings)
    }
}

impl Verdict {
    /// The verdict that a gate uses: untrustworthy before SLOWER, and FASTER only if all are.
    #[must_use]
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let rank = |verdict: &Self| match verdict {
            Self::Invalid => 0,
            Self::Slower => 1,
            Self::Undecided => 2,
            Self::Same => 3,
            Self::Faster => 4,
        };
        verdicts.into_iter().min_by_key(rank)
    }

    /// The name in reports and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID",
            Self::Slower => "SLOWER",
            Self::Faster => "FASTER",
            Self::Same => "SAME",
            Self::Undecided => "UNDECIDED",
        }
    }
}
