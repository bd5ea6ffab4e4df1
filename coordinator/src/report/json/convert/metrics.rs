//! One metric's comparison to its place in the document.

use contract::metric::Direction;
use stats::compare::{self, Comparison};
use stats::resample::{BOOTSTRAP_DRAWS, Method, PermutationTest, Pooled};
use stats::rng::Seed;

use crate::compare::{Measure, MetricComparison, Outcome, Resampled, RoundValues};
use crate::report::document as doc;

pub(in crate::report::json) fn metric(metric: &MetricComparison) -> doc::Metric {
    let measure = metric.measure;
    let better = match measure.direction() {
        Direction::LowerIsBetter => "lower",
        Direction::HigherIsBetter => "higher",
    };
    let unit = if matches!(measure, Measure::Quantile(..)) { "ns" } else { "1/s" };
    let bare = doc::Metric {
        name: measure.name(),
        unit: unit.to_owned(),
        better: better.to_owned(),
        primary: metric.primary,
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

fn missing(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Compared { .. } => None,
        Outcome::Hidden { exceedances, .. } => {
            Some(format!("only {exceedances} values of an arm and round lie beyond the quantile"))
        }
        Outcome::Missing { reason } => Some(reason.clone()),
    }
}

fn compared(metric: &MetricComparison, bare: doc::Metric) -> doc::Metric {
    let in_document =
        |pooled: &Pooled| doc::Pooled { theta: pooled.theta, se: pooled.se, ci95: interval(pooled.ci) };
    if let Outcome::Hidden { pooled, .. } = &metric.outcome {
        return doc::Metric { pooled: pooled.as_ref().map(in_document), ..bare };
    }
    let Outcome::Compared { comparison, adjusted_p, pooled, resampled, decision } = &metric.outcome else {
        return bare;
    };
    let step = |step: &compare::Step| format!("{}: {}", step.row, if step.applies { "yes" } else { "no" });
    let Comparison { effect, control, exact } = &**comparison;
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
        bootstrap: resampled.as_ref().map(bootstrap),
        ..bare
    }
}

fn bootstrap(drawn: &Resampled) -> doc::Bootstrap {
    doc::Bootstrap {
        draws: BOOTSTRAP_DRAWS as u64,
        seed: drawn.seed.0.to_string(),
        mean_ci95: interval(drawn.mean),
        pooled_ci95: drawn.pooled.map(interval),
    }
}

pub(super) fn estimate(metric: &MetricComparison, estimate: &compare::Estimate) -> doc::Estimate {
    doc::Estimate {
        change: metric.change(estimate.delta),
        rounds: estimate.rounds as u64,
        delta: estimate.delta,
        ci95: interval(estimate.ci),
        ci90: interval(estimate.tost),
        se: estimate.se,
        df: estimate.df,
        gamma: estimate.gamma,
        s_d: estimate.s_d,
        mde: estimate.mde,
        p: estimate.p,
    }
}

pub(super) fn interval(interval: compare::Interval) -> doc::Interval {
    doc::Interval { low: interval.low, high: interval.high }
}

fn exact_check(test: &PermutationTest, seed: Seed) -> doc::Exact {
    let (method, draws) = match test.method {
        Method::AllSigns => ("all-signs", None),
        Method::AllLabels => ("all-labels", None),
        Method::DrawnSigns(draws) => ("drawn-signs", Some(draws)),
        Method::DrawnLabels(draws) => ("drawn-labels", Some(draws)),
    };
    doc::Exact { p: test.p, method: method.to_owned(), draws, seed: seed.0.to_string() }
}

pub(super) fn round(round: &RoundValues) -> doc::Round {
    let value = |(arm, position, value): &(contract::id::Arm, usize, f64)| doc::Value {
        arm: arm.to_string(),
        position: *position as u64,
        value: *value,
    };
    doc::Round { round: round.round, values: round.values.iter().map(value).collect() }
}
