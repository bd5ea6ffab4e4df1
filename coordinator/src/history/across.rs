//! Runs made at different times side by side: new ones against old ones, variant by variant, measure by measure. Owns
//! what makes runs unlike and the verdict over runs; must not know where they are kept.

use std::collections::{BTreeMap, BTreeSet};

use contract::id::{Arm, RunId};
use stats::compare::{RunMean, RunsDecision, Settings, Unpaired, Verdict, decide_runs, holm, unpaired};
use stats::validity::Validity;

use super::conditions::Conditions;
use crate::compare::{self, Findings, Measure, MetricComparison, NoSuchMetric};
use crate::layout::Layout;

/// So many differences are told one by one.
const MOST_TOLD: usize = 8;

/// What of one run is compared with other runs.
#[derive(Clone, Debug)]
pub struct Sketch {
    /// Which.
    pub run: RunId,
    validity: Validity,
    conditions: Conditions,
    /// By scenario, variant and measure: the mean over rounds.
    means: BTreeMap<(String, String, String), RunMean>,
    tolerances: BTreeMap<(String, String), f64>,
    primary: String,
    /// Every scenario and variant that was run, layouts apart.
    measured: BTreeSet<(String, String)>,
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
    /// Scenarios and variants of the newest run whose primary measure is not among the lines: no gate passes over them.
    pub unanswered: Vec<String>,
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
    /// What each run comes down to, old and new, in the order of [`Across::old`] and [`Across::new`].
    pub means: (Vec<RunMean>, Vec<RunMean>),
    /// The estimate.
    pub estimate: Unpaired,
    /// p after Holm's correction: of a primary measure over those of all scenarios and variants, where there are several,
    /// of the others over those of the same scenario and variant.
    pub adjusted_p: Option<f64>,
    /// The answer and the way to it.
    pub decision: RunsDecision,
}

/// A line that is not decided yet.
struct Draft {
    scenario: String,
    variant: String,
    measure: Measure,
    primary: bool,
    tolerance: f64,
    means: (Vec<RunMean>, Vec<RunMean>),
    estimate: Unpaired,
}

/// Why runs are not compared.
#[derive(Debug, thiserror::Error)]
pub enum AcrossError {
    /// They did not measure the same.
    #[error("compare runs that are not alike: {}; give --unlike to compare them nevertheless", .0.join("; "))]
    Unlike(Vec<String>),
    /// Replicates that are none.
    #[error("take run {0} twice: every run counts once, give others")]
    Twice(RunId),
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
            conditions: Conditions::of(findings),
            means: BTreeMap::new(),
            tolerances: BTreeMap::new(),
            primary: findings.plan.primary.name().to_owned(),
            measured: BTreeSet::new(),
        };
        for cell in findings.all_cells() {
            let other = cell.candidate.as_ref().filter(|name| **name != cell.baseline);
            // Layouts are controls of their run.
            let candidate = other.filter(|name| Layout::named(name).is_none());
            let run = std::iter::once(&cell.baseline).chain(candidate);
            sketch.measured.extend(run.map(|variant| (cell.scenario.clone(), variant.clone())));
            for metric in cell.metrics.iter().filter(|metric| !metric.is_hidden()) {
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
/// When they are not alike and that was not asked for, when a run is given twice, or when they have nothing in common.
pub fn across(old: &[Sketch], new: &[Sketch], may_be_unlike: bool) -> Result<Across, AcrossError> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = old.iter().chain(new).find(|sketch| !seen.insert(sketch.run)) {
        return Err(AcrossError::Twice(twice.run));
    }
    let unlike = unlike(old, new);
    if !unlike.is_empty() && !may_be_unlike {
        return Err(AcrossError::Unlike(unlike));
    }
    let validity = worst(old.iter().chain(new).map(|sketch| &sketch.validity));
    let newest = new.last().ok_or(AcrossError::NothingInCommon)?;
    let mut drafts: Vec<Draft> = newest.means.keys().filter_map(|key| draft(old, new, newest, key)).collect();
    if drafts.is_empty() {
        return Err(AcrossError::NothingInCommon);
    }
    drafts.sort_by(|one, other| one.place().cmp(&other.place()));
    let adjusted = adjusted(&drafts);
    let lines: Vec<_> =
        drafts.into_iter().zip(adjusted).map(|(draft, p)| draft.decided(p, &validity)).collect();
    let ids = |group: &[Sketch]| group.iter().map(|sketch| sketch.run).collect();
    let unanswered = unanswered(newest, &lines);
    Ok(Across { old: ids(old), new: ids(new), unlike, validity, lines, unanswered })
}

fn unanswered(newest: &Sketch, lines: &[AcrossLine]) -> Vec<String> {
    let answered = |scenario: &str, variant: &str| {
        lines.iter().any(|line| line.primary && line.scenario == scenario && line.variant == variant)
    };
    let open = newest.measured.iter().filter(|(scenario, variant)| !answered(scenario, variant));
    open.map(|(scenario, variant)| format!("{variant} in {scenario}")).collect()
}

/// What differs from the first of all runs; of each kind the first that does.
fn unlike(old: &[Sketch], new: &[Sketch]) -> Vec<String> {
    let mut all = old.iter().chain(new);
    let Some(first) = all.next() else { return Vec::new() };
    let mut told = BTreeMap::new();
    for other in all {
        for (fact, words) in first.conditions.differences(&other.conditions) {
            let (then, now) = (first.run, other.run);
            told.entry(fact).or_insert_with(|| format!("{words} (then run {then}, now run {now})"));
        }
    }
    let more = told.len().saturating_sub(MOST_TOLD);
    let more = (more > 0).then(|| format!("and {more} more"));
    told.into_values().take(MOST_TOLD).chain(more).collect()
}

fn worst<'a>(all: impl Iterator<Item = &'a Validity>) -> Validity {
    let rank = |validity: &&Validity| match validity {
        Validity::Valid => 0,
        Validity::Inconclusive(_) => 1,
        Validity::Invalid(_) => 2,
    };
    all.max_by_key(rank).cloned().unwrap_or(Validity::Valid)
}

fn draft(old: &[Sketch], new: &[Sketch], newest: &Sketch, key: &(String, String, String)) -> Option<Draft> {
    let of = |group: &[Sketch]| -> Option<Vec<RunMean>> {
        group.iter().map(|sketch| sketch.means.get(key).copied()).collect()
    };
    let (scenario, variant, name) = key;
    let measure = Measure::ALL.into_iter().find(|measure| measure.name() == *name)?;
    let tolerance = *newest.tolerances.get(&(scenario.clone(), name.clone()))?;
    let means = (of(old)?, of(new)?);
    Some(Draft {
        scenario: scenario.clone(),
        variant: variant.clone(),
        measure,
        primary: *name == newest.primary,
        tolerance,
        estimate: unpaired(&means.0, &means.1, &Settings::default())?,
        means,
    })
}

/// Holm over the primary measures of all, and over the others of each scenario and variant; a single question needs no
/// correction.
fn adjusted(drafts: &[Draft]) -> Vec<Option<f64>> {
    let mut adjusted = vec![None; drafts.len()];
    let family = |draft: &Draft| (!draft.primary).then(|| (draft.scenario.clone(), draft.variant.clone()));
    let mut families: BTreeMap<Option<(String, String)>, Vec<usize>> = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        families.entry(family(draft)).or_default().push(at);
    }
    for members in families.values().filter(|members| members.len() > 1) {
        let p: Vec<f64> = members.iter().map(|at| drafts[*at].estimate.p).collect();
        members.iter().zip(holm(&p)).for_each(|(at, p)| adjusted[*at] = Some(p));
    }
    adjusted
}

impl Draft {
    /// Scenario by scenario, the primary measure first, then in the order of reports.
    fn place(&self) -> (&str, &str, bool, Option<usize>) {
        let at = Measure::ALL.iter().position(|measure| *measure == self.measure);
        (&self.scenario, &self.variant, !self.primary, at)
    }

    fn decided(self, adjusted_p: Option<f64>, validity: &Validity) -> AcrossLine {
        let Self { scenario, variant, measure, primary, tolerance, means, estimate } = self;
        let value = |runs: &[RunMean]| {
            let mean = runs.iter().map(|run| run.mean).sum::<f64>() / runs.len() as f64;
            measure.value_of(mean)
        };
        let decision = decide_runs(&estimate, validity, tolerance.ln_1p(), adjusted_p, &Settings::default());
        let values = (value(&means.0), value(&means.1));
        AcrossLine {
            scenario,
            variant,
            measure,
            primary,
            tolerance,
            values,
            means,
            estimate,
            adjusted_p,
            decision,
        }
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
        let primaries = self.lines.iter().filter(|line| line.primary).map(|line| line.decision.verdict);
        primaries.min_by_key(rank).unwrap_or(Verdict::Undecided)
    }

    /// The lines of one measure, of every scenario and variant; `primary` is the newest plan's own.
    ///
    /// # Errors
    /// When there is no measure of that name.
    pub fn explain(&self, wanted: &str) -> Result<Vec<&AcrossLine>, NoSuchMetric> {
        compare::is_known(wanted)?;
        let asked = |line: &&AcrossLine| match wanted {
            "primary" => line.primary,
            name => line.measure.name() == name,
        };
        Ok(self.lines.iter().filter(asked).collect())
    }
}
