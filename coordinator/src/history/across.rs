//! Runs made at different times side by side: new ones against old ones, variant by variant, measure by measure. Owns
//! what makes runs unlike and the verdict over runs; must not know where they are kept.

use std::collections::BTreeMap;

use contract::id::{Arm, RunId};
use stats::compare::{LEAST_RUNS, RunMean, Settings, Unpaired, Verdict, unpaired};
use stats::validity::Validity;

use super::{class, series};
use crate::compare::{Findings, Measure, MetricComparison};
use crate::layout::Layout;

/// What of one run is compared with other runs.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// Which.
    pub run: RunId,
    validity: Validity,
    facts: [(&'static str, String); 4],
    /// By scenario, variant and measure: the mean over rounds.
    means: BTreeMap<(String, String, String), RunMean>,
    tolerances: BTreeMap<(String, String), f64>,
    primary: String,
}

/// New runs against old ones.
#[derive(Clone, Debug)]
pub struct Across {
    /// The old runs.
    pub old: Vec<RunId>,
    /// The new runs.
    pub new: Vec<RunId>,
    /// What differs though it should not, one sentence each; empty where all is alike.
    pub unlike: Vec<String>,
    /// Of all runs the worst.
    pub validity: Validity,
    /// One a scenario, variant and measure that all runs have.
    pub lines: Vec<AcrossLine>,
}

/// One scenario, variant and measure.
#[derive(Clone, Debug)]
pub struct AcrossLine {
    /// Name of the scenario.
    pub scenario: String,
    /// The variant.
    pub variant: String,
    /// The measure.
    pub measure: Measure,
    /// The measure that the newest plan declares.
    pub primary: bool,
    /// The share by which it may differ without mattering.
    pub tolerance: f64,
    /// Geometric means, old and new, in the measure's unit.
    pub values: (f64, f64),
    /// The estimate.
    pub estimate: Unpaired,
    /// The answer.
    pub verdict: Verdict,
}

/// Why runs are not compared.
#[derive(Debug, thiserror::Error)]
pub enum AcrossError {
    /// They did not measure the same.
    #[error("compare runs that are not alike: {}; give --unlike to compare them nevertheless", .0.join("; "))]
    Unlike(Vec<String>),
    /// There is nothing in common.
    #[error("find a scenario and variant that all of these runs have")]
    NothingInCommon,
}

impl Sketch {
    /// What counts of a run; everything else of it can be let go.
    #[must_use]
    pub fn of(findings: &Findings) -> Self {
        let header = &findings.record.header;
        let mut sketch = Self {
            run: header.run,
            validity: findings.validity.clone(),
            facts: [
                ("hosts", class::host_class(&header.hosts)),
                ("model", header.model_digest.clone()),
                ("engine", findings.plan.engine_kind().name().to_owned()),
                ("load", format!("{} ({})", findings.plan.name, series::plan_key(&findings.plan))),
            ],
            means: BTreeMap::new(),
            tolerances: BTreeMap::new(),
            primary: findings.plan.primary.name().to_owned(),
        };
        for cell in findings.all_cells() {
            let other = cell.candidate.as_ref().filter(|name| **name != cell.baseline);
            // Layouts are controls of their run.
            let candidate = other.filter(|name| Layout::named(name).is_none());
            for metric in &cell.metrics {
                let measure = metric.measure.name();
                sketch.tolerances.insert((cell.scenario.clone(), measure.clone()), metric.within());
                let mut put = |variant: &str, mean: Option<RunMean>| {
                    let key = (cell.scenario.clone(), variant.to_owned(), measure.clone());
                    mean.map(|mean| sketch.means.entry(key).or_insert(mean));
                };
                // Of an A/A run both arms are the baseline.
                put(&cell.baseline, mean(metric, |arm| arm.is_baseline() || other.is_none()));
                if let Some(candidate) = candidate {
                    put(candidate, mean(metric, |arm| !arm.is_baseline()));
                }
            }
        }
        sketch
    }
}

/// Mean and its variance over rounds; within a round the arms of one build are averaged.
fn mean(metric: &MetricComparison, of: impl Fn(Arm) -> bool) -> Option<RunMean> {
    let costs: Vec<f64> = metric
        .rounds
        .iter()
        .filter_map(|round| {
            let values = round.values.iter().filter(|(arm, ..)| of(*arm));
            let costs: Option<Vec<f64>> = values.map(|(.., value)| metric.measure.cost(*value)).collect();
            let costs = costs.filter(|costs| !costs.is_empty())?;
            Some(costs.iter().sum::<f64>() / costs.len() as f64)
        })
        .collect();
    let n = costs.len() as f64;
    let mean = costs.iter().sum::<f64>() / n;
    let squares: f64 = costs.iter().map(|cost| (cost - mean).powi(2)).sum();
    (costs.len() > 1).then(|| RunMean { mean, variance: squares / (n - 1.0) / n, rounds: costs.len() })
}

/// Compares new runs with old ones, each group oldest first.
///
/// # Errors
/// When they are not alike and that was not asked for, or have nothing in common.
pub fn across(old: &[Sketch], new: &[Sketch], may_be_unlike: bool) -> Result<Across, AcrossError> {
    let unlike = unlike(old, new);
    if !unlike.is_empty() && !may_be_unlike {
        return Err(AcrossError::Unlike(unlike));
    }
    let validity = worst(old.iter().chain(new).map(|sketch| &sketch.validity));
    let newest = new.last().ok_or(AcrossError::NothingInCommon)?;
    let line = |key: &(String, String, String)| line(old, new, newest, key, &validity);
    let lines: Vec<AcrossLine> = newest.means.keys().filter_map(line).collect();
    if lines.is_empty() {
        return Err(AcrossError::NothingInCommon);
    }
    let ids = |group: &[Sketch]| group.iter().map(|sketch| sketch.run).collect();
    Ok(Across { old: ids(old), new: ids(new), unlike, validity, lines })
}

fn unlike(old: &[Sketch], new: &[Sketch]) -> Vec<String> {
    let all = || old.iter().chain(new);
    let Some(first) = all().next() else { return Vec::new() };
    let differs = |(at, (name, value)): (usize, &(&str, String))| {
        let other = all().find(|sketch| sketch.facts[at].1 != *value)?;
        Some(format!("{name} {value} in run {} and {} in run {}", first.run, other.facts[at].1, other.run))
    };
    first.facts.iter().enumerate().filter_map(differs).collect()
}

fn worst<'a>(all: impl Iterator<Item = &'a Validity>) -> Validity {
    let rank = |validity: &&Validity| match validity {
        Validity::Valid => 0,
        Validity::Inconclusive(_) => 1,
        Validity::Invalid(_) => 2,
    };
    all.max_by_key(rank).cloned().unwrap_or(Validity::Valid)
}

fn line(
    old: &[Sketch],
    new: &[Sketch],
    newest: &Sketch,
    key: &(String, String, String),
    validity: &Validity,
) -> Option<AcrossLine> {
    let of = |group: &[Sketch]| -> Option<Vec<RunMean>> {
        group.iter().map(|sketch| sketch.means.get(key).copied()).collect()
    };
    let (scenario, variant, name) = key;
    let measure = Measure::ALL.into_iter().find(|measure| measure.name() == *name)?;
    let tolerance = *newest.tolerances.get(&(scenario.clone(), name.clone()))?;
    let (before, after) = (of(old)?, of(new)?);
    let estimate = unpaired(&before, &after, &Settings::default())?;
    let value = |runs: &[RunMean]| {
        let mean = runs.iter().map(|run| run.mean).sum::<f64>() / runs.len() as f64;
        measure.value_of(mean)
    };
    Some(AcrossLine {
        verdict: verdict(&estimate, tolerance.ln_1p(), validity),
        scenario: scenario.clone(),
        variant: variant.clone(),
        measure,
        primary: *name == newest.primary,
        tolerance,
        values: (value(&before), value(&after)),
        estimate,
    })
}

/// The decision table without pairs: INVALID, then SLOWER and FASTER from three runs a side, SAME from three in all, else
/// UNDECIDED.
fn verdict(found: &Unpaired, tau: f64, validity: &Validity) -> Verdict {
    let enough = found.runs.0.min(found.runs.1) >= LEAST_RUNS;
    match validity {
        Validity::Invalid(_) => Verdict::Invalid,
        Validity::Inconclusive(_) => Verdict::Undecided,
        Validity::Valid if found.ci.low > tau && enough => Verdict::Slower,
        Validity::Valid if found.ci.high < -tau && enough => Verdict::Faster,
        Validity::Valid if found.tost.within(tau) && found.between.is_some() => Verdict::Same,
        Validity::Valid => Verdict::Undecided,
    }
}

impl Across {
    /// The worst of the primary answers.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let rank = |verdict: &Verdict| match verdict {
            Verdict::Invalid => 0,
            Verdict::Slower => 1,
            Verdict::Undecided => 2,
            Verdict::Same => 3,
            Verdict::Faster => 4,
        };
        let primaries = self.lines.iter().filter(|line| line.primary).map(|line| line.verdict);
        primaries.min_by_key(rank).unwrap_or(Verdict::Undecided)
    }
}
