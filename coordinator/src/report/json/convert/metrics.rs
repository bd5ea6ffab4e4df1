//! Converts one metric's comparison for the document.

use contract::metric::Direction;
use stats::compare::{self, Comparison, Scale};
use stats::resample::{BOOTSTRAP_DRAWS, Method, PermutationTest, Pooled};
use stats::rng::Seed;

use crate::compare::{ComparisonResult, MetricComparison, Resampled, RoundValues};
use crate::report::document as doc;

pub(in crate::report::json) fn metric(metric: &MetricComparison) -> doc::Metric {
    let measure = metric.measure;
    let better = match measure.direction() {
        Direction::LowerIsBetter => "lower",
        Direction::HigherIsBetter => "higher",
    };
    let unit = if measure.is_rate() { "1/s" } else { "ns" };
    let bare = doc::Metric {
        name: measure.name(),
        unit: unit.to_owned(),
        better: better.to_owned(),
        primary: metric.primary,
        scale: metric.scale.name().to_owned(),
        scale_unit: if let Scale::Linear { unit, .. } = metric.scale {
            Some(unit)
        } else {
            None
        },
        tolerance: metric.tolerance,
        noise_floor: metric.noise_floor,
        warning: metric.warning.clone(),
        missing: missing(&metric.outcome),
        verdict: None,
        small_but_real: false,
        path: Vec::new(),
        rounds_needed: None,
        effect: None,
        control: None,
        exact: None,
        adjusted_p: None,
        pooled: None,
        bootstrap: None,
        layout: metric.layout.as_ref().map(super::layouts::label),
        rounds: metric.rounds.iter().map(round).collect(),
    };
    compared(metric, bare)
}

fn missing(outcome: &ComparisonResult) -> Option<String> {
    match outcome {
        ComparisonResult::Compared { .. } => None,
        ComparisonResult::Hidden { exceedances, .. } => Some(format!(
            "only {exceedances} values of an arm and round lie beyond the quantile"
        )),
        ComparisonResult::Missing { reason } => Some(reason.clone()),
    }
}

fn compared(metric: &MetricComparison, bare: doc::Metric) -> doc::Metric {
    let in_document = |pooled: &Pooled| {
        let ci = interval(pooled.ci, metric.alpha);
        doc::Pooled {
            theta: pooled.theta,
            se: pooled.se,
            ci,
            ci95: at_95(ci),
        }
    };
    if let ComparisonResult::Hidden { pooled, .. } = &metric.outcome {
        return doc::Metric {
            pooled: pooled.as_ref().map(in_document),
            ..bare
        };
    }
    let ComparisonResult::Compared {
        comparison,
        adjusted_p,
        pooled,
        resampled,
        decision,
    } = &metric.outcome
    else {
        return bare;
    };
    let step = |step: &compare::DecisionStep| {
        format!("{step}: {}", if step.applies { "yes" } else { "no" })
    };
    let Comparison {
        effect,
        control,
        exact,
    } = &**comparison;
    doc::Metric {
        verdict: Some(decision.verdict.name().to_owned()),
        small_but_real: decision.small_but_real,
        path: decision.path.iter().map(step).collect(),
        rounds_needed: decision.rounds_needed,
        effect: Some(estimate(metric, effect)),
        control: control.as_ref().map(|control| estimate(metric, control)),
        exact: Some(exact_check(exact, metric.seed)),
        adjusted_p: *adjusted_p,
        pooled: pooled.as_ref().map(in_document),
        bootstrap: resampled
            .as_ref()
            .map(|drawn| bootstrap(drawn, metric.alpha)),
        ..bare
    }
}

fn bootstrap(drawn: &Resampled, alpha: f64) -> doc::Bootstrap {
    let (mean, pooled) = (
        interval(drawn.mean, alpha),
        drawn.pooled.map(|ci| interval(ci, alpha)),
    );
    doc::Bootstrap {
        draws: BOOTSTRAP_DRAWS as u64,
        seed: drawn.seed.0.to_string(),
        mean_ci: mean,
        mean_ci95: at_95(mean),
        pooled_ci: pooled,
        pooled_ci95: pooled.and_then(at_95),
    }
}

pub(super) fn estimate(metric: &MetricComparison, estimate: &compare::Estimate) -> doc::Estimate {
    let (ci, tost) = (
        interval(estimate.ci, metric.alpha),
        interval(estimate.tost, 2.0 * metric.alpha_same),
    );
    doc::Estimate {
        change: metric.change(estimate.delta),
        rounds: estimate.rounds as u64,
        delta: estimate.delta,
        ci,
        tost,
        ci95: at_95(ci),
        ci90: (metric.alpha_same == ORDINARY).then_some(tost),
        se: estimate.se,
        df: estimate.df,
        gamma: estimate.gamma,
        s_d: estimate.s_d,
        mde: estimate.mde,
        p: estimate.p,
    }
}

/// The error level of a run with a single analysis, at which the fields named 95 % and 90 % are filled.
const ORDINARY: f64 = 0.05;

/// A range with its level; `error` is the error of both sides together.
pub(super) fn interval(interval: compare::Interval, error: f64) -> doc::Interval {
    doc::Interval {
        low: interval.low,
        high: interval.high,
        level: 1.0 - error,
    }
}

/// For the fields named 95 %: only if the level is 95 %.
pub(super) fn at_95(interval: doc::Interval) -> Option<doc::Interval> {
    (interval.level == 1.0 - ORDINARY).then_some(interval)
}

fn exact_check(test: &PermutationTest, seed: Seed) -> doc::Exact {
    let (method, draws) = match test.method {
        Method::AllSigns => ("all-signs", None),
        Method::AllLabels => ("all-labels", None),
        Method::DrawnSigns(draws) => ("drawn-signs", Some(draws)),
        Method::DrawnLabels(draws) => ("drawn-labels", Some(draws)),
    };
    doc::Exact {
        p: test.p,
        method: method.to_owned(),
        draws,
        seed: seed.0.to_string(),
        gamma: test.gamma,
    }
}

pub(super) fn round(round: &RoundValues) -> doc::Round {
    let value = |(arm, position, value): &(contract::id::Arm, f64, f64)| doc::Value {
        arm: arm.to_string(),
        position: *position,
        value: *value,
    };
    doc::Round {
        round: round.round,
        values: round.values.iter().map(value).collect(),
    }
}
