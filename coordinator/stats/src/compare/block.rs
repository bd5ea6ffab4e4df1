//! Input of the comparison: one value of each arm in each round, as a cost (more is worse). Owns
//! the sign convention and the pairing of arms; must not know metrics by name.

use std::error::Error;
use std::fmt;

use crate::order::{Arm, ArmOrder};

/// Fewest rounds with which the covariate and the guard are used, and FASTER or SLOWER may be
/// decided.
pub const LEAST_ROUNDS: usize = 6;

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Latency, memory, time.
    LowerIsBetter,
    /// Rates, throughput, goodput.
    HigherIsBetter,
}

/// One arm's value in one round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmCost {
    /// The value as [`super::Scale::cost`] (more is worse).
    pub cost: f64,
    /// The arm's 0-based position in the round's order; with several windows, the mean of its
    /// positions.
    pub position: f64,
}

/// One round of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundCosts {
    /// The baseline.
    pub a: ArmCost,
    /// The candidate.
    pub b: ArmCost,
    /// The baseline again, as the control; in all rounds or in none.
    pub a2: Option<ArmCost>,
}

/// The difference of each round with its order covariate, in round order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Paired {
    /// d_r: log ratio of the round; above zero is worse.
    pub differences: Vec<f64>,
    /// x_r: position of the numerator's arm minus the mean position of the denominator's arms.
    pub covariate: Vec<f64>,
}

/// The sums of the least squares d = δ + γx, from which the estimate can be followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    /// d̄.
    pub d_mean: f64,
    /// x̄.
    pub x_mean: f64,
    /// Σ(x−x̄)².
    pub sxx: f64,
    /// Σ(x−x̄)(d−d̄).
    pub sxd: f64,
}

/// How δ̂ follows from the rounds if the order covariate is used: R·δ̂ = Σ wᵣ·dᵣ, and Σ wᵣ·xᵣ = 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Slope {
    /// wᵣ = 1 − R·x̄·(xᵣ − x̄)/Σ(x−x̄)²; 1 in balanced orders.
    pub weights: Vec<f64>,
}

impl Slope {
    /// `None` if the estimate does not use the covariate: few rounds, or an order that never
    /// varies.
    #[must_use]
    pub fn of(paired: &Paired) -> Option<Self> {
        if !paired.has_covariate() {
            return None;
        }
        let Sums { x_mean, sxx, .. } = paired.sums();
        let pull = paired.covariate.len() as f64 * x_mean / sxx;
        Some(Self {
            weights: paired
                .covariate
                .iter()
                .map(|x| 1.0 - pull * (x - x_mean))
                .collect(),
        })
    }
}

/// Why values cannot be compared.
#[derive(Debug, Clone, PartialEq)]
pub enum CompareError {
    /// An interval needs at least two rounds.
    TooFewRounds {
        /// Number of rounds.
        rounds: usize,
    },
    /// Some rounds have the control and some do not.
    MixedArms,
    /// A value is not a finite number.
    NotFinite {
        /// 0-based round.
        round: usize,
    },
    /// A list does not have one entry for each round.
    UnequalLengths {
        /// Expected number of entries.
        expected: usize,
        /// Number of entries found.
        found: usize,
    },
}

/// The logarithm as a cost (more is worse): ln(value) if lower is better, −ln(value) if higher is
/// better, so that δ > 0 means SLOWER for every metric. `None` if the value has no logarithm.
#[must_use]
pub fn cost_ln(value: f64, direction: Direction) -> Option<f64> {
    let ln = (value > 0.0 && value.is_finite()).then(|| value.ln())?;
    Some(match direction {
        Direction::LowerIsBetter => ln,
        Direction::HigherIsBetter => -ln,
    })
}

impl RoundCosts {
    /// Pairs the arms' costs with their positions in the round's order; `None` if an arm has no
    /// position.
    #[must_use]
    pub fn new(order: &ArmOrder, a: f64, b: f64, a2: Option<f64>) -> Option<Self> {
        let seat = |arm, cost| {
            Some(ArmCost {
                cost,
                position: order.position(arm)? as f64,
            })
        };
        let a2 = match a2 {
            Some(cost) => Some(seat(Arm::A2, cost)?),
            None => None,
        };
        Some(Self {
            a: seat(Arm::A, a)?,
            b: seat(Arm::B, b)?,
            a2,
        })
    }

    /// The round of several windows that the same processes measured in turns: each arm's mean
    /// cost and mean position. Windows of one process share its memory layout, so they are not
    /// replicates; the round is. `None` without windows, or if only some have the control.
    #[must_use]
    pub fn mean(windows: &[Self]) -> Option<Self> {
        let mean = |seats: Vec<ArmCost>| {
            let n = seats.len() as f64;
            ArmCost {
                cost: seats.iter().map(|seat| seat.cost).sum::<f64>() / n,
                position: seats.iter().map(|seat| seat.position).sum::<f64>() / n,
            }
        };
        let controls: Vec<ArmCost> = windows.iter().filter_map(|window| window.a2).collect();
        let whole = controls.is_empty() || controls.len() == windows.len();
        (whole && !windows.is_empty()).then(|| Self {
            a: mean(windows.iter().map(|window| window.a).collect()),
            b: mean(windows.iter().map(|window| window.b).collect()),
            a2: (!controls.is_empty()).then(|| mean(controls)),
        })
    }

    /// The baseline's cost: with the control, the mean of A and A2.
    #[must_use]
    pub fn baseline(&self) -> f64 {
        0.5 * (self.a.cost + self.a2.unwrap_or(self.a).cost)
    }

    pub(super) fn costs(&self) -> impl Iterator<Item = f64> {
        [Some(self.a), Some(self.b), self.a2]
            .into_iter()
            .flatten()
            .map(|seat| seat.cost)
    }
}

impl Paired {
    /// B against the baseline; with the control, against ½(ln A + ln A2) (docs/method.md).
    #[must_use]
    pub fn effect(blocks: &[RoundCosts]) -> Self {
        Self::collect(blocks.iter().map(|block| {
            let a = block.a;
            let a2 = block.a2.unwrap_or(a);
            let baseline = 0.5 * (a.cost + a2.cost);
            let place = 0.5 * (a.position + a2.position);
            (block.b.cost - baseline, block.b.position - place)
        }))
    }

    /// A2 against A: the difference found when there is none. Empty without the control.
    #[must_use]
    pub fn control(blocks: &[RoundCosts]) -> Self {
        Self::collect(blocks.iter().filter_map(|block| {
            let a2 = block.a2?;
            Some((a2.cost - block.a.cost, a2.position - block.a.position))
        }))
    }

    /// The sums behind the estimate. Both lists have one entry for each round.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (d_mean, x_mean) = (mean(&self.differences), mean(&self.covariate));
        let pairs = || self.covariate.iter().zip(&self.differences);
        Sums {
            d_mean,
            x_mean,
            sxx: pairs().map(|(x, _)| (x - x_mean).powi(2)).sum(),
            sxd: pairs().map(|(x, d)| (x - x_mean) * (d - d_mean)).sum(),
        }
    }

    /// Whether the estimate uses the order covariate: from six rounds on, if the order varies.
    #[must_use]
    pub fn has_covariate(&self) -> bool {
        self.differences.len() >= LEAST_ROUNDS && self.sums().sxx > 0.0
    }

    fn collect(pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let (differences, covariate) = pairs.unzip();
        Self {
            differences,
            covariate,
        }
    }
}

/// Checks whether the blocks can be compared.
///
/// # Errors
/// Fewer than two rounds, a control in only some rounds, or a value that is not finite.
pub(crate) fn check(blocks: &[RoundCosts]) -> Result<(), CompareError> {
    if blocks.len() < 2 {
        return Err(CompareError::TooFewRounds {
            rounds: blocks.len(),
        });
    }
    let with_control = blocks.iter().filter(|b| b.a2.is_some()).count();
    if with_control != 0 && with_control != blocks.len() {
        return Err(CompareError::MixedArms);
    }
    match blocks.iter().position(|b| !b.costs().all(f64::is_finite)) {
        Some(round) => Err(CompareError::NotFinite { round }),
        None => Ok(()),
    }
}

impl fmt::Display for CompareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewRounds { rounds } => write!(
                f,
                "{rounds} rounds give no interval, at least 2 are \
                                                        needed"
            ),
            Self::MixedArms => write!(f, "the control A2 is missing in some rounds"),
            Self::NotFinite { round } => {
                write!(f, "round {round} has a value that is not a finite number")
            }
            Self::UnequalLengths { expected, found } => {
                write!(
                    f,
                    "lists of unequal length: {expected} rounds expected, {found} found"
                )
            }
        }
    }
}

impl Error for CompareError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(cost: f64, position: f64) -> ArmCost {
        ArmCost { cost, position }
    }

    #[test]
    fn more_is_worse_for_latency_and_for_rates() {
        let worse_latency = cost_ln(110.0, Direction::LowerIsBetter).unwrap()
            - cost_ln(100.0, Direction::LowerIsBetter).unwrap();
        let worse_rate = cost_ln(90.0, Direction::HigherIsBetter).unwrap()
            - cost_ln(100.0, Direction::HigherIsBetter).unwrap();
        assert!(worse_latency > 0.0 && worse_rate > 0.0);
        let change = |delta, direction| crate::compare::Scale::Log.change(delta, direction);
        assert!((change(worse_latency, Direction::LowerIsBetter) - 0.1).abs() < 1e-12);
        assert!((change(worse_rate, Direction::HigherIsBetter) + 0.1).abs() < 1e-12);
        assert_eq!(cost_ln(0.0, Direction::LowerIsBetter), None);
        assert_eq!(cost_ln(f64::INFINITY, Direction::HigherIsBetter), None);
    }

    #[test]
    fn pairs_by_hand() {
        let three = RoundCosts {
            a: seat(1.0, 2.0),
            b: seat(1.4, 0.0),
            a2: Some(seat(1.2, 1.0)),
        };
        let effect = Paired::effect(&[three]);
        assert!((effect.differences[0] - 0.3).abs() < 1e-12);
        assert_eq!(effect.covariate, [-1.5]);
        let control = Paired::control(&[three]);
        assert!((control.differences[0] - 0.2).abs() < 1e-12);
        assert_eq!(control.covariate, [-1.0]);
        let two = RoundCosts { a2: None, ..three };
        assert_eq!(Paired::effect(&[two]).covariate, [-2.0]);
        assert_eq!(Paired::control(&[two]), Paired::default());
    }

    #[test]
    fn the_windows_of_a_round_are_averaged_arm_by_arm() {
        let window = |costs: [f64; 3], places: [f64; 3]| RoundCosts {
            a: seat(costs[0], places[0]),
            b: seat(costs[1], places[1]),
            a2: Some(seat(costs[2], places[2])),
        };
        let (one, two) = (
            window([1.0, 2.0, 3.0], [0.0, 1.0, 2.0]),
            window([3.0, 5.0, 7.0], [2.0, 0.0, 1.0]),
        );
        let round = window([2.0, 3.5, 5.0], [1.0, 0.5, 1.5]);
        assert_eq!(RoundCosts::mean(&[one, two]), Some(round));
        assert_eq!(RoundCosts::mean(&[one]), Some(one));
        let without = RoundCosts { a2: None, ..one };
        assert_eq!(RoundCosts::mean(&[without]), Some(without));
        assert_eq!(RoundCosts::mean(&[one, without]), None);
        assert_eq!(RoundCosts::mean(&[]), None);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let block = RoundCosts {
            a: seat(1.0, 0.0),
            b: seat(1.0, 1.0),
            a2: None,
        };
        let with = RoundCosts {
            a2: Some(seat(1.0, 2.0)),
            ..block
        };
        let broken = RoundCosts {
            b: seat(f64::NAN, 1.0),
            ..block
        };
        assert_eq!(check(&[block, block]), Ok(()));
        assert_eq!(
            check(&[block]),
            Err(CompareError::TooFewRounds { rounds: 1 })
        );
        assert_eq!(check(&[block, with]), Err(CompareError::MixedArms));
        assert_eq!(
            check(&[block, broken]),
            Err(CompareError::NotFinite { round: 1 })
        );
    }
}
