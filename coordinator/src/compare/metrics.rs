//! Compares each measure: pairs the arms of each round, estimates, corrects for multiple questions,
//! decides.

mod estimates;

use contract::id::Arm;
use estimates::{estimate, pooled, resampled};
use stats::compare::{
    Comparison, Decision, Interval, Question, Role, Scale, Settings, Tolerance, Verdict, decide,
    holm,
};
use stats::resample::Pooled;
use stats::rng::Seed;
use stats::validity::{Thresholds, Validity};

use super::layout_label::LayoutLabel;
use super::measure::Measure;
use super::replicates::{Replicates, RoundValues};
use super::trials::Round;
use crate::plan::Plan;

/// The comparison of B with A in one measure.
#[derive(Clone, Debug)]
pub struct MetricComparison {
    /// Measure.
    pub measure: Measure,
    /// Whether this is the primary measure, declared before the run.
    pub primary: bool,
    /// Relative difference that does not matter.
    pub tolerance: f64,
    /// Noise floor, as a share: the difference that A/A comparisons on this class of hosts showed;
    /// 0 if none was calibrated.
    pub noise_floor: f64,
    /// Two-sided error of its intervals.
    pub alpha: f64,
    /// One-sided error at either limit of the tests for SAME.
    pub alpha_same: f64,
    /// Scale of its differences: logarithmic, unless a value is zero.
    pub scale: Scale,
    /// A warning if the quantile rests on few values.
    pub warning: Option<String>,
    /// Each round's values, in the measure's unit, with the arms' positions.
    pub rounds: Vec<RoundValues>,
    /// Seed of the exact check, if it must draw.
    pub seed: Seed,
    /// Comparison with the effect of code placement alone, if the run has the layout control.
    pub layout: Option<LayoutLabel>,
    /// Result of the comparison.
    pub outcome: ComparisonResult,
}

/// The estimate of one measure, before the decision, which needs the whole family of questions.
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

/// Secondary intervals by bootstrap: whole rounds are drawn, all arms together, and the percentiles
/// are expanded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resampled {
    /// Interval of the mean difference.
    pub mean: Interval,
    /// Interval of the pooled ratio, for quantiles.
    pub pooled: Option<Interval>,
    /// Seed of both.
    pub seed: Seed,
}

/// Result of a comparison.
#[derive(Clone, Debug)]
pub enum ComparisonResult {
    /// Estimated and decided.
    Compared {
        /// Effect, control and exact check.
        comparison: Box<Comparison>,
        /// p after Holm's correction, if several questions are tested together: the secondary
        /// measures of a cell, or the primary ones of several cells.
        adjusted_p: Option<f64>,
        /// The pooled ratio with its jackknife interval, for quantiles.
        pooled: Option<Pooled>,
        /// Bootstrap intervals.
        resampled: Option<Resampled>,
        /// The verdict, with the rows that led to it.
        decision: Decision,
    },
    /// Too few values lie beyond the quantile, so it would describe single requests.
    Hidden {
        /// Number of values beyond it, in the arm and round with the fewest.
        exceedances: u64,
        /// The pooled ratio of all rounds, if they have enough values. It decides nothing.
        pooled: Option<Pooled>,
    },
    /// There is nothing to compare.
    Missing {
        /// Reason, as a clause.
        reason: String,
    },
}

/// Estimates every measure, the primary first.
pub(super) fn estimates(
    plan: &Plan,
    rounds: &Replicates<'_>,
    settings: &Settings,
    thresholds: &Thresholds,
    floor: impl Fn(Measure) -> f64,
    seed: Seed,
) -> Vec<Draft> {
    let mut measures = Measure::ALL;
    measures.sort_by_key(|measure| !measure.is(plan.primary));
    let draft = |measure: Measure| Draft {
        measure,
        scale: measure.scale(rounds.windows()),
        primary: measure.is(plan.primary),
        tolerance: Tolerance {
            tau: measure.tolerance(&plan.tolerance),
            noise_floor: floor(measure),
        },
        rounds: rounds.values(measure, |trial| measure.value(trial)),
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
    // Engines that do not compute have no processor time, and a row would only say so.
    let exists = |measure: &Measure| {
        let has_value = |round: &&Round| round.arms.values().any(|t| measure.value(t).is_some());
        *measure != Measure::CpuPerToken || rounds.windows().iter().any(has_value)
    };
    measures.into_iter().filter(exists).map(draft).collect()
}

/// Holm's correction over the primary measures of all cells, in their order. A single question
/// needs no correction.
pub(super) fn primaries(cells: &[Vec<Draft>]) -> Vec<Option<f64>> {
    let primary =
        |drafts: &Vec<Draft>| drafts.iter().find(|draft| draft.primary).and_then(Draft::p);
    let found: Vec<Option<f64>> = cells.iter().map(primary).collect();
    if found.iter().flatten().count() < 2 {
        return vec![None; found.len()];
    }
    corrected(&found)
}

/// Holm's correction of the values that exist.
fn corrected(found: &[Option<f64>]) -> Vec<Option<f64>> {
    let family: Vec<f64> = found.iter().flatten().copied().collect();
    let mut adjusted = holm(&family).into_iter();
    found
        .iter()
        .map(|p| p.and_then(|_| adjusted.next()))
        .collect()
}

/// Decides every measure of a cell. The primary's p is corrected over the primaries of all cells,
/// the others' over the cell.
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
        let Tolerance { tau, noise_floor } = tolerance;
        let Settings {
            alpha, alpha_same, ..
        } = *settings;
        MetricComparison {
            measure,
            primary,
            tolerance: tau,
            noise_floor,
            alpha,
            alpha_same,
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

impl MetricComparison {
    /// The interval to show beside the verdict, with its error: the one that decided, if SAME was
    /// decided at a level of its own, otherwise that of the effect.
    #[must_use]
    pub fn telling(&self, comparison: &Comparison, verdict: Verdict) -> (f64, Interval) {
        let own_level = verdict == Verdict::Same && self.alpha_same != self.alpha;
        match own_level {
            true => (2.0 * self.alpha_same, comparison.effect.tost),
            false => (self.alpha, comparison.effect.ci),
        }
    }

    /// The estimate and decision, if there are any.
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

    /// Values of these arms, in order of rounds.
    pub fn values(&self, of: impl Fn(Arm) -> bool) -> impl Iterator<Item = f64> {
        let values = self.rounds.iter().flat_map(|round| &round.values);
        values
            .filter(move |(arm, ..)| of(*arm))
            .map(|(.., value)| *value)
    }

    /// Whether too few values of a round lie beyond the quantile. It then gives no answer over
    /// several runs either.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        matches!(self.outcome, ComparisonResult::Hidden { .. })
    }

    /// Mean of these arms over the rounds, in the measure's unit: geometric, as for log ratios, or
    /// arithmetic if a value is zero. `None` if no round has a value.
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

    /// Whether it was measured. False only for goodput in a scenario without objectives.
    #[must_use]
    pub fn is_measured(&self) -> bool {
        self.rounds.iter().any(|round| !round.values.is_empty())
    }

    /// The relative difference that does not matter: the plan's tolerance, or the noise floor if
    /// that is greater.
    #[must_use]
    pub fn within(&self) -> f64 {
        self.tolerance.max(self.noise_floor)
    }

    /// τ′: the same as a difference of costs.
    #[must_use]
    pub fn limit(&self) -> f64 {
        self.scale.limit(self.within())
    }

    /// Converts a difference of costs to a change of the measure: 0.05 is "5 % more".
    #[must_use]
    pub fn change(&self, delta: f64) -> f64 {
        self.measure.change(self.scale, delta)
    }

    /// Converts a difference of costs to a share without a sign: for a minimum detectable effect or
    /// a standard error.
    #[must_use]
    pub fn share(&self, delta: f64) -> f64 {
        self.scale.share(delta)
    }
}
