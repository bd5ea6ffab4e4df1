//! A series over time: one point for each run, the steps between its levels, and possible
//! explanations. Owns the choice of runs and the division at changes that users expected; must not
//! know how it is shown.

use std::collections::BTreeSet;

use contract::id::RunId;
use stats::compare::Interval;
use stats::drift::{ChangeSettings, change_points, step_interval};
use stats::validity::Standing;

use super::RunHistory;
use super::run_history::Values;
use crate::compare::Measure;
use crate::store::{EndSummary, RunSummary};

/// α of a step's interval.
const ALPHA: f64 = 0.05;

/// A request for a trend.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Name of the plan; default: that of the newest run.
    pub plan: Option<String>,
    /// One variant; default: all.
    pub variant: Option<String>,
    /// Name of a measure; default: the plan's primary.
    pub metric: Option<String>,
    /// Part of the host class's name; default: the class of the newest run.
    pub host_class: Option<String>,
    /// Earliest start of a run, milliseconds since 1970, inclusive.
    pub since: Option<u64>,
}

/// A trend.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// Name of the plan.
    pub plan: String,
    /// Key of plan and model.
    pub series: String,
    /// Class of the hosts.
    pub host_class: String,
    /// One for each scenario and variant.
    pub lines: Vec<Line>,
    /// Number of runs left out because they are INVALID.
    pub invalid: usize,
    /// Number of runs left out because they did not complete.
    pub unfinished: usize,
    /// Number of runs with the same plan name that belong to other series: another load, model or
    /// host class.
    pub apart: usize,
}

/// One scenario and variant over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The scenario.
    pub scenario: String,
    /// The variant.
    pub variant: String,
    /// The measure shown.
    pub measure: Measure,
    /// Whether a run has zero in some round, so that there are no ratios; means and steps are then
    /// of the values themselves.
    pub linear: bool,
    /// Number of older runs that did not count rounds of zero; their means may lack some.
    pub may_lack_zeros: usize,
    /// Oldest first.
    pub points: Vec<Point>,
    /// Steps in order.
    pub steps: Vec<LevelShift>,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Id of the run.
    pub run: RunId,
    /// The value in the measure's unit: a geometric mean over rounds, or an arithmetic one if a run
    /// of the line has zero.
    pub value: f64,
    /// Why a new level was expected to begin here; empty if none was.
    pub expected: String,
    /// Kernel, microcode, governor.
    pub environment: Vec<String>,
}

/// A step from one level to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelShift {
    /// Index of the first point of the new level.
    pub at: usize,
    /// Median before and after, in the measure's unit.
    pub medians: (f64, f64),
    /// The relative change: 0.05 is 5 % more. `None` if the level was zero before.
    pub change: Option<f64>,
    /// Its 95 % interval; `None` with fewer than three points.
    pub interval: Option<Interval>,
    /// p of the step; `None` if it was expected.
    pub p: Option<f64>,
    /// Why it was expected; empty if it was found.
    pub expected: String,
    /// Other changes between the two runs: kernel, microcode, governor.
    pub environment: Vec<String>,
}

/// Why there is no trend.
#[derive(Debug, thiserror::Error)]
pub enum TrendError {
    /// No complete run matches.
    #[error("find complete runs that fit: {}", known(.plans))]
    Nothing {
        /// Plans that have complete runs.
        plans: Vec<String>,
    },
    /// No run has a value of this measure.
    #[error(
        "find `{wanted}` in the runs of {plan}: it was not measured, or too few requests of a round lie \
         beyond it; send more requests, or use another measure"
    )]
    NoMeasure {
        /// The measure.
        wanted: String,
        /// The plan's name.
        plan: String,
    },
    /// No run has this variant.
    #[error("find the variant `{wanted}` in these runs: they have {}", .known.join(", "))]
    NoVariant {
        /// The variant.
        wanted: String,
        /// Variants that exist.
        known: Vec<String>,
    },
}

fn known(plans: &[String]) -> String {
    match plans {
        [] => "none is stored; `coordinator run` makes one".to_owned(),
        _ => format!(
            "there are runs of {} (see `coordinator runs list`)",
            plans.join(", ")
        ),
    }
}

/// The trend over these runs, oldest first, each with its history record if it has one.
///
/// # Errors
/// When no complete run matches.
pub fn trend(
    runs: &[(RunSummary, Option<RunHistory>)],
    query: &Query,
) -> Result<Trend, TrendError> {
    let of_plan = |run: &RunSummary| query.plan.as_ref().is_none_or(|plan| *plan == run.plan);
    let in_class = |class: &str| {
        query
            .host_class
            .as_ref()
            .is_none_or(|part| class.contains(part.as_str()))
    };
    let fits = |(run, digest): &&(RunSummary, Option<RunHistory>)| {
        of_plan(run)
            && digest
                .as_ref()
                .is_some_and(|digest| in_class(&digest.host_class))
    };
    let nothing = || TrendError::Nothing { plans: plans(runs) };
    let (newest, model) = runs.iter().rfind(fits).ok_or_else(nothing)?;
    let model = model.as_ref().ok_or_else(nothing)?;
    let since = query.since.unwrap_or(0);
    let named = |(run, _): &&(RunSummary, Option<RunHistory>)| {
        run.plan == newest.plan && run.run.unix_ms() >= since
    };
    let mut trend = Trend {
        plan: newest.plan.clone(),
        series: model.series.clone(),
        host_class: model.host_class.clone(),
        lines: Vec::new(),
        invalid: 0,
        unfinished: 0,
        apart: 0,
    };
    let mut members = Vec::new();
    for (run, digest) in runs.iter().filter(named) {
        match digest {
            None => trend.unfinished += 1,
            Some(d) if d.series != model.series || d.host_class != model.host_class => {
                trend.apart += 1;
            }
            Some(_) if is_invalid(run) => trend.invalid += 1,
            Some(digest) => members.push((run, digest)),
        }
    }
    trend.lines = lines(&members, query, &model.primary)?;
    match (trend.lines.is_empty(), members.is_empty()) {
        (false, _) => Ok(trend),
        (true, true) => Err(nothing()),
        (true, false) => {
            let wanted = query
                .metric
                .clone()
                .unwrap_or_else(|| model.primary.clone());
            Err(TrendError::NoMeasure {
                wanted,
                plan: trend.plan,
            })
        }
    }
}

fn is_invalid(run: &RunSummary) -> bool {
    let standing = run.end.as_ref().and_then(EndSummary::standing);
    standing == Some(Standing::Invalid)
}

fn plans(runs: &[(RunSummary, Option<RunHistory>)]) -> Vec<String> {
    let names: BTreeSet<_> = runs
        .iter()
        .filter(|(_, digest)| digest.is_some())
        .map(|(run, _)| run.plan.clone())
        .collect();
    names.into_iter().collect()
}

fn lines(
    members: &[(&RunSummary, &RunHistory)],
    query: &Query,
    primary: &str,
) -> Result<Vec<Line>, TrendError> {
    let wanted = query.metric.as_deref().unwrap_or(primary);
    let Some(measure) = Measure::named(wanted) else {
        return Ok(Vec::new());
    };
    let mut keys = BTreeSet::new();
    for (_, digest) in members {
        for (scenario, variants) in digest.values.iter().chain(digest.rates.iter().flatten()) {
            keys.extend(
                variants
                    .keys()
                    .map(|variant| (scenario.clone(), variant.clone())),
            );
        }
    }
    if let Some(variant) = &query.variant {
        let known: BTreeSet<String> = keys.iter().map(|(_, variant)| variant.clone()).collect();
        if !known.is_empty() && !known.contains(variant) {
            let known = known.into_iter().collect();
            return Err(TrendError::NoVariant {
                wanted: variant.clone(),
                known,
            });
        }
        keys.retain(|(_, key)| key == variant);
    }
    let line = |(scenario, variant): (String, String)| {
        let Series {
            points,
            linear,
            may_lack_zeros,
        } = series(members, (&scenario, &variant), measure);
        let steps = steps(&points, linear);
        Line {
            scenario,
            variant,
            measure,
            linear,
            may_lack_zeros,
            points,
            steps,
        }
    };
    Ok(keys
        .into_iter()
        .map(line)
        .filter(|line| !line.points.is_empty())
        .collect())
}

/// The points of a line, and the scale of their values.
struct Series {
    points: Vec<Point>,
    linear: bool,
    may_lack_zeros: usize,
}

fn series(
    members: &[(&RunSummary, &RunHistory)],
    (scenario, variant): (&str, &str),
    measure: Measure,
) -> Series {
    let name = measure.name();
    let of = |values: &Values| values.get(scenario)?.get(variant)?.get(&name).copied();
    let plain = |digest: &RunHistory| digest.rates.as_ref().and_then(of);
    let linear = members
        .iter()
        .any(|(_, digest)| plain(digest).is_some() && of(&digest.values).is_none());
    let value = |digest: &RunHistory| {
        let geometric = || of(&digest.values).map(f64::exp);
        if linear {
            plain(digest).or_else(geometric)
        } else {
            geometric()
        }
    };
    let old = |digest: &RunHistory| measure == Measure::GoodputPerSecond && digest.rates.is_none();
    let (mut points, mut may_lack_zeros) = (Vec::new(), 0);
    for (run, digest) in members {
        let Some(value) = value(digest) else { continue };
        may_lack_zeros += usize::from(old(digest));
        let (expected, environment) = (run.expected.clone(), digest.environment.clone());
        points.push(Point {
            run: run.run,
            value,
            expected,
            environment,
        });
    }
    Series {
        points,
        linear,
        may_lack_zeros,
    }
}

/// Steps where users expected a new level, and those found between them.
fn steps(points: &[Point], linear: bool) -> Vec<LevelShift> {
    let scaled = |point: &Point| {
        if linear {
            point.value
        } else {
            point.value.ln()
        }
    };
    let costs: Vec<f64> = points.iter().map(scaled).collect();
    let expected: Vec<usize> = (1..points.len())
        .filter(|at| !points[*at].expected.is_empty())
        .collect();
    let starts: Vec<usize> = std::iter::once(0).chain(expected.iter().copied()).collect();
    let mut found: Vec<(usize, Option<f64>)> = expected.iter().map(|at| (*at, None)).collect();
    for (k, start) in starts.iter().enumerate() {
        let end = starts.get(k + 1).copied().unwrap_or(costs.len());
        let changes = change_points(&costs[*start..end], &ChangeSettings::default());
        found.extend(
            changes
                .iter()
                .map(|change| (start + change.index, Some(change.p))),
        );
    }
    found.sort_by_key(|(at, _)| *at);
    let edge =
        |k: Option<usize>, none: usize| k.and_then(|k| found.get(k)).map_or(none, |(at, _)| *at);
    let step = |(k, (at, p)): (usize, &(usize, Option<f64>))| {
        let before = &costs[edge(k.checked_sub(1), 0)..*at];
        let after = &costs[*at..edge(Some(k + 1), costs.len())];
        let level = mean(before);
        // Relative to the previous level, or from a difference of logarithms.
        let share = |difference: f64| match linear {
            false => Some(difference.exp_m1()),
            true => (level > 0.0).then(|| difference / level),
        };
        let interval = step_interval(before, after, ALPHA);
        let shares = |i: Interval| {
            Some(Interval {
                low: share(i.low)?,
                high: share(i.high)?,
            })
        };
        let value = |cost: f64| if linear { cost } else { cost.exp() };
        LevelShift {
            at: *at,
            medians: (value(median(before)), value(median(after))),
            change: share(mean(after) - level),
            interval: interval.and_then(shares),
            p: *p,
            expected: if p.is_none() {
                points[*at].expected.clone()
            } else {
                String::new()
            },
            environment: changed(&points[*at - 1].environment, &points[*at].environment),
        }
    };
    found.iter().enumerate().map(step).collect()
}

/// Facts that hold after but not before.
fn changed(before: &[String], after: &[String]) -> Vec<String> {
    after
        .iter()
        .filter(|fact| !before.contains(fact))
        .cloned()
        .collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    if n % 2 == 1 {
        sorted[n / 2]
    } else {
        f64::midpoint(sorted[n / 2 - 1], sorted[n / 2])
    }
}

#[cfg(test)]
mod tests;
