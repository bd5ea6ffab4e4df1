//! Changes of the host over the rounds of the baseline: drift, an unusual first round, and
//! correlation of neighbouring rounds (docs/method.md). Balanced order and the guard protect the
//! answer; these signals help to find a quieter host.

use contract::id::Arm;
use stats::compare::{Correction, RoundCosts};
use stats::drift::{Trend, first_round_outlier, mann_kendall};

use super::metrics::{ComparisonResult, MetricComparison};

/// Greatest p of the trend at which drift is reported.
const DRIFT_ALPHA: f64 = 0.05;

/// Fewest rounds for which the trend's normal approximation is usable.
const DRIFT_ROUNDS: usize = 8;

/// Unusual findings; all empty on a quiet host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signals {
    /// Drift: the baseline's cost rose or fell over the rounds.
    pub drift: Option<Trend>,
    /// Robust score of the baseline's first round against the others.
    pub first_round: Option<f64>,
    /// Neighbouring rounds are correlated: the correction that the guard made.
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
    /// Whether there is any signal.
    #[must_use]
    pub fn any(&self) -> bool {
        self.drift.is_some() || self.first_round.is_some() || self.correlated.is_some()
    }
}

impl MetricComparison {
    /// The rounds as `stats` compared them; `None` if an arm has no value.
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
