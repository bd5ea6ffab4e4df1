//! One comparison a measure: pairs the arms of each round, estimates, corrects for many, decides.

mod estimates;

use contract::id::Arm;
use estimates::{estimate, pooled, resampled};
use stats::compare::{
    Comparison, Decision, Interval, Question, Role, Scale, Settings, Tolerance, decide, holm,
};
use stats::resample::Pooled;
use stats::rng::Seed;
use stats::validity::{Thresholds, Validity};

use super::layout_label::LayoutLabel;
use super::measure::Measure;
use super::trials::Round;
use crate::plan::Plan;

/// What one measure says about B against A.
#[derive(Clone, Debug)]
pub struct MetricComparison {
    /// What is compared.
    pub measure: Measure,
    /// Declared before the run as the one that decides.
    pub primary: bool,
    /// The share by which it may differ without mattering.
    pub tolerance: f64,
    /// What A/A comparisons on this class of hosts showed without any difference, as a share; 0
    /// where none was calibrated.
    pub noise_floor: f64,
    /// Two-sided error of its intervals.
    pub alpha: f64,
    /// The scale of its differences: logarithmic, unless some value is zero.
    pub scale: Scale,
    /// A sentence where the quantile rests on few values.
    pub warning: Option<String>,
    /// Each round's values, in the measure's own unit, with the arms' places.
    pub rounds: Vec<RoundValues>,
    /// Where the exact check draws from, when it must draw.
    pub seed: Seed,
    /// How it compares with what the placement of code alone does, in runs that have the layout
    /// control.
    pub layout: Option<LayoutLabel>,
    /// What came of it.
    pub outcome: ComparisonResult,
}

/// What one measure's rounds say, before it is decided among how many questions it is one.
pub(super) struct Draft {
    measure: Measure,
    primary: bool,
    tolerance: Tolerance,
    scale: Scale,
    rounds: Vec<RoundValues>,
    seed: Seed,
    pooled: Option<Pooled>,
    resampled: Option<Resampled>,
    estimated: Estimated,
}

/// One round of one measure.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundValues {
    /// Round, from zero.
    pub round: u32,
    /// Arm, its place in the order, its value.
    pub values: Vec<(Arm, usize, f64)>,
}

/// The secondary intervals that come from drawing whole rounds, all arms together, at expanded
/// percentiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampled {
    /// Of the mean difference.
    pub mean: Interval,
    /// Of the pooled ratio, for quantiles.
    pub pooled: Option<Interval>,
    /// Where both draw from.
    pub seed: Seed,
}

/// What came of a comparison.
#[derive(Clone, Debug)]
pub enum ComparisonResult {
    /// An estimate and a decision.
    Compared {
        /// Effect, control and exact check.
        comparison: Box<Comparison>,
        /// p after Holm's correction, where several questions are asked together: the secondary
        /// measures of a cell, and the primary ones of several cells.
        adjusted_p: Option<f64>,
        /// The pooled ratio with its jackknife interval, for quantiles.
        pooled: Option<Pooled>,
        /// Intervals from drawn rounds.
        resampled: Option<Resampled>,
        /// The verdict and the way to it.
        decision: Decision,
    },
    /// Too few values lie beyond the quantile: it would be a story about one request.
    Hidden {
        /// That many, in the arm and round that has fewest.
        exceedances: u64,
        /// The ratio of all rounds together, where those have enough: it stands alone and decides
        /// nothing.
        pooled: Option<Pooled>,
    },
    /// There is nothing to compare.
    Missing {
        /// Why there is nothing, as a clause.
        reason: String,
    },
}

/// Estimates every measure, the primary first.
pub(super) fn estimates(
    plan: &Plan,
    rounds: &[&Round],
    settings: &Settings,
    thresholds: &Thresholds,
    floor: impl Fn(Measure) -> f64,
    seed: Seed,
) -> Vec<Draft> {
    let mut measures = Measure::ALL;
    measures.sort_by_key(|measure| !measure.is(plan.primary));
    let draft = |measure: Measure| Draft {
        measure,
        scale: measure.scale(rounds),
        primary: measure.is(plan.primary),
        tolerance: Tolerance {
            tau: measure.tolerance(&plan.tolerance),
            noise_floor: floor(measure),
        },
        rounds: values(measure, rounds),
        seed: seed.child(&measure.name()),
        pooled: pooled(measure, rounds, settings.alpha),
        resampled: resampled(
            measure,
            rounds,
            settings.alpha,
            seed.child(&measure.name()).child("bootstrap"),
        ),
        estimated: estimate(measure, rounds, settings, thresholds, seed),
    };
    measures.into_iter().map(draft).collect()
}

/// Holm over the primary measures of all cells, in their order. A single question needs no
/// correction.
pub(super) fn primaries(cells: &[Vec<Draft>]) -> Vec<Option<f64>> {
    let primary =
        |drafts: &Vec<Draft>| drafts.iter().find(|draft| draft.primary).and_then(Draft::p);
    let found: Vec<Option<f64>> = cells.iter().map(primary).collect();
    if found.iter().flatten().count() < 2 {
        return vec![None; found.len()];
    }
    corrected(&found)
}

/// Holm's correction of those that there are.
fn corrected(found: &[Option<f64>]) -> Vec<Option<f64>> {
    let family: Vec<f64> = found.iter().flatten().copied().collect();
    let mut adjusted = holm(&family).into_iter();
    found
        .iter()
        .map(|p| p.and_then(|_| adjusted.next()))
        .collect()
}

/// Decides every measure of a cell: the primary with its p among the primaries of all cells, the
/// others among themselves.
pub(super) fn decided(
    drafts: Vec<Draft>,
    primary: Option<f64>,
    (validity, planned): (&Validity, Option<usize>),
    settings: &Settings,
) -> Vec<MetricComparison> {
    let secondary = |draft: &Draft| draft.p().filter(|_| !draft.primary);
    let mut adjusted = corrected(&drafts.iter().map(secondary).collect::<Vec<_>>());
    for (draft, p) in drafts.iter().zip(&mut adjusted) {
        *p = if draft.primary { primary } else { *p };
    }
    let decide = |(draft, p): (Draft, Option<f64>)| draft.decided(p, (validity, planned), settings);
    drafts.into_iter().zip(adjusted).map(decide).collect()
}

impl Draft {
    fn p(&self) -> Option<f64> {
        match &self.estimated {
            Estimated::Open { comparison, .. } => Some(comparison.effect.p),
            Estimated::Settled(_) => None,
        }
    }

    fn decided(
        self,
        adjusted_p: Option<f64>,
        (validity, planned): (&Validity, Option<usize>),
        settings: &Settings,
    ) -> MetricComparison {
        let Self {
            measure,
            primary,
            tolerance,
            scale,
            rounds,
            seed,
            pooled,
            resampled,
            estimated,
        } = self;
        let (warning, outcome) = match estimated {
            Estimated::Settled(outcome) => (None, outcome),
            Estimated::Open {
                warning,
                comparison,
            } => {
                let role =
                    adjusted_p.map_or(Role::Primary, |adjusted_p| Role::Among { adjusted_p });
                let question = Question {
                    validity,
                    planned,
                    tolerance,
                    scale,
                    role,
                    settings: *settings,
                };
                let decision = decide(&comparison, &question);
                (
                    warning,
                    ComparisonResult::Compared {
                        comparison,
                        adjusted_p,
                        pooled,
                        resampled,
                        decision,
                    },
                )
            }
        };
        let (Tolerance { tau, noise_floor }, alpha) = (tolerance, settings.alpha);
        MetricComparison {
            measure,
            primary,
            tolerance: tau,
            noise_floor,
            alpha,
            scale,
            warning,
            rounds,
            seed,
            layout: None,
            outcome,
        }
    }
}

enum Estimated {
    Open {
        warning: Option<String>,
        comparison: Box<Comparison>,
    },
    Settled(ComparisonResult),
}

pub(super) fn values(measure: Measure, rounds: &[&Round]) -> Vec<RoundValues> {
    let of_round = |round: &&Round| {
        let arms = round.order.iter().enumerate();
        let value =
            |(place, arm): (usize, &Arm)| Some((*arm, place, measure.value(round.arms.get(arm)?)?));
        RoundValues {
            round: round.index,
            values: arms.filter_map(value).collect(),
        }
    };
    rounds.iter().map(of_round).collect()
}

impl MetricComparison {
    /// What was estimated and decided, where anything could be.
    #[must_use]
    pub fn compared(&self) -> Option<(&Comparison, &Decision)> {
        match &self.outcome {
            ComparisonResult::Compared {
                comparison,
                decision,
                ..
            } => Some((comparison, decision)),
            ComparisonResult::Hidden { .. } | ComparisonResult::Missing { .. } => None,
        }
    }

    /// The values of these arms, round by round.
    pub fn values(&self, of: impl Fn(Arm) -> bool) -> impl Iterator<Item = f64> {
        let values = self.rounds.iter().flat_map(|round| &round.values);
        values
            .filter(move |(arm, ..)| of(*arm))
            .map(|(.., value)| *value)
    }

    /// Whether so few values of a round lie beyond it that no round can show it: it is then no
    /// answer over runs either.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        matches!(self.outcome, ComparisonResult::Hidden { .. })
    }

    /// The mean over rounds of what these arms showed, in the measure's own unit: the geometric
    /// one, which log ratios are about, or the plain one where some value is zero. `None` where no
    /// round has a value.
    #[must_use]
    pub fn typical(&self, of: impl Fn(Arm) -> bool) -> Option<f64> {
        let scale = self.scale;
        let costs = self
            .values(of)
            .map(|value| if scale.is_log() { value.ln() } else { value });
        let (sum, count) = costs.fold((0.0, 0_u32), |(sum, count), cost| (sum + cost, count + 1));
        let mean = sum / f64::from(count);
        (count > 0).then(|| if scale.is_log() { mean.exp() } else { mean })
    }

    /// Whether it was measured: every other measure of a scenario without objectives is.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.rounds.iter().any(|round| !round.values.is_empty())
    }

    /// The share by which it may differ without mattering: the plan's, or the noise floor where
    /// that is higher.
    #[must_use]
    pub fn within(&self) -> f64 {
        self.tolerance.max(self.noise_floor)
    }

    /// τ′: that share as a difference of costs.
    #[must_use]
    pub fn limit(&self) -> f64 {
        self.scale.limit(self.within())
    }

    /// A difference of costs as a change in the measure's own sense: 0.05 is "5 % more".
    #[must_use]
    pub fn change(&self, delta: f64) -> f64 {
        self.measure.change(self.scale, delta)
    }

    /// A difference of costs as a share, without a side: what could have been seen, or a standard
    /// error.
    #[must_use]
    pub fn share(&self, delta: f64) -> f64 {
        self.scale.share(delta)
    }
}
