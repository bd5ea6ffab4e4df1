//! What the rounds of the baseline say about the host over time: drift, a first round unlike the
//! others, and rounds that resemble their neighbours (docs/method.md). Balanced order and the guard
//! take care of the answer; these are for whoever wants a quieter host.

use contract::id::Arm;
use stats::compare::{Correction, RoundCosts};
use stats::drift::{Trend, first_round_outlier, mann_kendall};

use super::metrics::{ComparisonResult, MetricComparison};

/// p of the trend from which it is told.
const DRIFT_ALPHA: f64 = 0.05;

/// Rounds from which the trend's normal approximation is fit for use.
const DRIFT_ROUNDS: usize = 8;

/// What stands out; all empty on a quiet host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals {
    /// The baseline's cost rose or fell with the rounds.
    pub drift: Option<Trend>,
    /// The robust score of the baseline's first round against the others.
    pub first_round: Option<f64>,
    /// Neighbouring rounds resemble each other: what the guard did.
    pub correlated: Option<Correction>,
}

pub(super) fn signals(primary: &MetricComparison) -> Signals {
    let Some(blocks) = primary.blocks() else {
        return Signals::default();
    };
    let baseline: Vec<f64> = blocks.iter().map(RoundCosts::baseline).collect();
    let trend = mann_kendall(&baseline).filter(|_| baseline.len() >= DRIFT_ROUNDS);
    let correction = match &primary.outcome {
        ComparisonResult::Compared { comparison, .. } => Some(comparison.effect.correction),
        ComparisonResult::Hidden { .. } | ComparisonResult::Missing { .. } => None,
    };
    Signals {
        drift: trend.filter(|trend| trend.p < DRIFT_ALPHA),
        first_round: first_round_outlier(&baseline),
        correlated: correction.filter(|correction| correction.flagged),
    }
}

impl Signals {
    /// Whether there is anything to tell.
    #[must_use]
    pub fn any(&self) -> bool {
        self.drift.is_some() || self.first_round.is_some() || self.correlated.is_some()
    }
}

impl MetricComparison {
    /// The rounds as `stats` compared them; `None` where an arm has no value.
    #[must_use]
    pub fn blocks(&self) -> Option<Vec<RoundCosts>> {
        self.rounds
            .iter()
            .map(|round| {
                let seat = |wanted: Arm| {
                    let (_, position, value) =
                        round.values.iter().find(|(arm, ..)| *arm == wanted)?;
                    let cost = self.measure.cost(self.scale, *value)?;
                    Some(stats::compare::ArmCost {
                        cost,
                        position: *position,
                    })
                };
                Some(RoundCosts {
                    a: seat(Arm::A)?,
                    b: seat(Arm::B)?,
                    a2: seat(Arm::A2),
                })
            })
            .collect()
    }
}
