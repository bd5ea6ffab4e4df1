//! Histories as documents. Owns their shape.

use serde_json::{Value, json};

use crate::history::{Line, Trend};

pub(super) fn trend(trend: &Trend) -> Value {
    json!({
        "plan": trend.plan,
        "series": trend.series,
        "host_class": trend.host_class,
        "left_out": { "invalid": trend.invalid, "unfinished": trend.unfinished, "other_series": trend.apart },
        "lines": trend.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

fn line(line: &Line) -> Value {
    let point = |point: &crate::history::Point| {
        json!({
            "run": point.run.to_string(),
            "begun_unix_ms": point.run.unix_ms(),
            "value": point.ln.exp(),
            "ln": point.ln,
            "expected": point.expected,
        })
    };
    let step = |step: &crate::history::Step| {
        json!({
            "run": line.points[step.at].run.to_string(),
            "index": step.at,
            "before_median": step.medians.0,
            "after_median": step.medians.1,
            "change": step.change.exp_m1(),
            "change95": step.interval.map(|i| json!({ "low": i.low.exp_m1(), "high": i.high.exp_m1() })),
            "p": step.p,
            "expected": step.expected,
            "host_changes": step.ground,
        })
    };
    json!({
        "scenario": line.scenario,
        "variant": line.variant,
        "metric": line.measure.name(),
        "points": line.points.iter().map(point).collect::<Vec<_>>(),
        "steps": line.steps.iter().map(step).collect::<Vec<_>>(),
    })
}
