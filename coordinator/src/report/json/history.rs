//! Histories as documents. Owns their shape.

use serde_json::{Value, json};
use stats::compare::{Interval, RunMean, RunsStep, Scale, Settings};

use crate::history::{Across, AcrossLine, Calibrated, Calibration, Line, Trend};

pub(crate) fn trend(trend: &Trend) -> Value {
    json!({
        "plan": trend.plan,
        "series": trend.series,
        "host_class": trend.host_class,
        "left_out": { "invalid": trend.invalid, "unfinished": trend.unfinished, "other_series": trend.apart },
        "lines": trend.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

/// One measure over several runs, with the derivation of its answer.
pub(crate) fn across_line(line: &AcrossLine) -> Value {
    let found = &line.estimate;
    let run =
        |run: &RunMean| json!({ "mean": run.mean, "variance": run.variance, "rounds": run.rounds });
    let runs = |runs: &[RunMean]| runs.iter().map(run).collect::<Vec<_>>();
    let step = |step: &RunsStep| format!("{step}: {}", if step.applies { "yes" } else { "no" });
    let level = |error: f64| 1.0 - error;
    let alpha = Settings::default().alpha;
    let range =
        |ci: &Interval, error| json!({ "low": ci.low, "high": ci.high, "level": level(error) });
    json!({
            "scenario": line.scenario,
            "variant": line.variant,
            "metric": line.measure.name(),
            "primary": line.primary,
            "tolerance": line.tolerance,
            "old": line.values.0,
            "new": line.values.1,
            "scale": line.scale.name(),
            "scale_unit": if let Scale::Linear { unit, .. } = line.scale { Some(unit) } else { None },
            "change": line.measure.change(line.scale, found.delta),
            "ci": range(&found.ci, alpha),
            "tost": range(&found.tost, 2.0 * alpha),
            "delta": found.delta,
            "ci95": { "low": found.ci.low, "high": found.ci.high },
            "ci90": { "low": found.tost.low, "high": found.tost.high },
            "se": found.se,
            "df": found.df,
            "p": found.p,
            "mde": found.mde,
            "sd_between_runs": found.between,
            "sd_within_runs": found.within,
            "adjusted_p": line.adjusted_p,
            "old_runs": runs(&line.means.0),
            "new_runs": runs(&line.means.1),
            "path": line.decision.path.iter().map(step).collect::<Vec<_>>(),
            "runs_needed": line.decision.runs_needed,
            "verdict": line.decision.verdict.name(),
    })
}

pub(crate) fn across(across: &Across) -> Value {
    let ids =
        |runs: &[contract::id::RunId]| runs.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "old": ids(&across.old),
        "new": ids(&across.new),
        "unlike": across.unlike,
        "measurement": across.validity.name(),
        "verdict": across.verdict().name(),
        "lines": across.lines.iter().map(across_line).collect::<Vec<_>>(),
    })
}

pub(crate) fn calibration(calibration: &Calibration) -> Value {
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
        "left_out": { "invalid": calibration.invalid },
        "sound": calibration.is_sound(),
        "measures": calibration.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn line(line: &Line) -> Value {
    let point = |point: &crate::history::Point| {
        json!({
            "run": point.run.to_string(),
            "begun_unix_ms": point.run.unix_ms(),
            "value": point.value,
            "ln": (point.value > 0.0).then(|| point.value.ln()),
            "expected": point.expected,
        })
    };
    let step = |step: &crate::history::LevelShift| {
        json!({
            "run": line.points[step.at].run.to_string(),
            "index": step.at,
            "before_median": step.medians.0,
            "after_median": step.medians.1,
            "change": step.change,
            "change95": step.interval.map(|i| json!({ "low": i.low, "high": i.high })),
            "p": step.p,
            "expected": step.expected,
            "host_changes": step.environment,
        })
    };
    json!({
        "scenario": line.scenario,
        "variant": line.variant,
        "metric": line.measure.name(),
        "scale": if line.linear { "linear" } else { "log" },
        "runs_that_may_lack_zeros": line.may_lack_zeros,
        "points": line.points.iter().map(point).collect::<Vec<_>>(),
        "steps": line.steps.iter().map(step).collect::<Vec<_>>(),
    })
}
