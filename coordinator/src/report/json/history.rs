//! Histories as documents. Owns their shape.

use serde_json::{Value, json};

use crate::history::{Calibrated, Calibration, Line, Trend};

pub(super) fn trend(trend: &Trend) -> Value {
    json!({
        "plan": trend.plan,
        "series": trend.series,
        "host_class": trend.host_class,
        "left_out": { "invalid": trend.invalid, "unfinished": trend.unfinished, "other_series": trend.apart },
        "lines": trend.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

pub(super) fn calibration(calibration: &Calibration) -> Value {
    let row = |row: &Calibrated| {
        json!({
            "scenario": row.scenario,
            "metric": row.measure,
            "primary": row.primary,
            "comparisons": row.comparisons,
            "intervals_without_zero": row.without_zero,
            "chance": row.allowed,
            "faster_or_slower": row.found,
            "slower": row.slower,
            "noise_floor": row.floor,
        })
    };
    json!({
        "series": calibration.series,
        "host_class": calibration.host_class,
        "baseline_sha256": calibration.baseline,
        "runs": calibration.runs,
        "sound": calibration.is_sound(),
        "measures": calibration.rows.iter().map(row).collect::<Vec<_>>(),
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
