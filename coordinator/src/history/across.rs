//! Compares runs made at different times: new ones with old ones, for each variant and measure.
//! Owns the decision whether runs are comparable, and the verdict over runs; must not know where
//! they are stored.

use std::collections::{BTreeMap, BTreeSet};

use contract::id::RunId;
use stats::compare::{
    RunMean, RunsDecision, RunsQuestion, Scale, Settings, Unpaired, Verdict, decide_runs, holm,
    unpaired_within_reach,
};
use stats::validity::Validity;

use super::run_means::{RunMeans, Shown};
use crate::compare::{self, Measure, NoSuchMetric};

/// Greatest number of differences listed individually.
const MOST_TOLD: usize = 8;

/// New runs compared with old ones.
#[derive(Clone, Debug)]
pub struct Across {
    /// The old runs.
    pub old: Vec<RunId>,
    /// The new runs.
    pub new: Vec<RunId>,
    /// Differences that prevent a fair comparison, one sentence each; empty if there are none.
    pub unlike: Vec<String>,
    /// The worst validity of all runs.
    pub validity: Validity,
    /// One for each scenario, variant and measure that all runs have.
    pub lines: Vec<AcrossLine>,
    /// Scenarios and variants of the newest run whose primary measure could not be compared; a gate
    /// must not ignore them.
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
    /// Whether this is the primary measure of the newest plan.
    pub primary: bool,
    /// Relative difference that does not matter.
    pub tolerance: f64,
    /// Scale of the differences: logarithmic, unless a run has zero in some round.
    pub scale: Scale,
    /// Means, old and new, in the measure's unit: geometric on the logarithmic scale.
    pub values: (f64, f64),
    /// Mean of each run, old and new, in the order of [`Across::old`] and [`Across::new`].
    pub means: (Vec<RunMean>, Vec<RunMean>),
    /// The estimate.
    pub estimate: Unpaired,
    /// p after Holm's correction. Primary measures are corrected over all scenarios and variants,
    /// if there are several; the others over the same scenario and variant.
    pub adjusted_p: Option<f64>,
    /// The verdict, with the rows that led to it.
    pub decision: RunsDecision,
}

/// A line that is not decided yet.
struct Draft {
    scenario: String,
    variant: String,
    measure: Measure,
    primary: bool,
    tolerance: f64,
    scale: Scale,
    means: (Vec<RunMean>, Vec<RunMean>),
    estimate: Unpaired,
}

/// Why runs were not compared.
#[derive(Debug, thiserror::Error)]
pub enum AcrossError {
    /// They did not measure the same thing.
    #[error("compare runs that do not match: {}; give --unlike to compare them anyway", .0.join("; "))]
    Unlike(Vec<String>),
    /// A run was given twice, so it is not a replicate.
    #[error("use run {0} twice: every run counts once; give others")]
    Twice(RunId),
    /// They have nothing in common.
    #[error("find a scenario and variant that all of these runs have")]
    NothingInCommon,
}

/// Compares new runs with old ones, each group oldest first.
///
/// # Errors
/// When they are not comparable and this was not overridden, when a run is given twice, or when
/// they have nothing in common.
pub fn across(
    old: &[RunMeans],
    new: &[RunMeans],
    may_be_unlike: bool,
) -> Result<Across, AcrossError> {
    let mut seen = BTreeSet::new();
    if let Some(twice) = old
        .iter()
        .chain(new)
        .find(|sketch| !seen.insert(sketch.run))
    {
        return Err(AcrossError::Twice(twice.run));
    }
    let unlike = unlike(old, new);
    if !unlike.is_empty() && !may_be_unlike {
        return Err(AcrossError::Unlike(unlike));
    }
    let validity = worst(old.iter().chain(new).map(|sketch| &sketch.validity));
    let newest = new.last().ok_or(AcrossError::NothingInCommon)?;
    let mut drafts: Vec<Draft> = newest
        .means
        .keys()
        .filter_map(|key| draft(old, new, newest, key))
        .collect();
    if drafts.is_empty() {
        return Err(AcrossError::NothingInCommon);
    }
    drafts.sort_by(|one, other| one.place().cmp(&other.place()));
    let adjusted = adjusted(&drafts);
    let lines: Vec<_> = drafts
        .into_iter()
        .zip(adjusted)
        .map(|(draft, p)| draft.decided(p, &validity))
        .collect();
    let ids = |group: &[RunMeans]| group.iter().map(|sketch| sketch.run).collect();
    let unanswered = unanswered(newest, &lines);
    Ok(Across {
        old: ids(old),
        new: ids(new),
        unlike,
        validity,
        lines,
        unanswered,
    })
}

fn unanswered(newest: &RunMeans, lines: &[AcrossLine]) -> Vec<String> {
    let answered = |scenario: &str, variant: &str| {
        lines
            .iter()
            .any(|line| line.primary && line.scenario == scenario && line.variant == variant)
    };
    let open = newest
        .measured
        .iter()
        .filter(|(scenario, variant)| !answered(scenario, variant));
    open.map(|(scenario, variant)| format!("{variant} in {scenario}"))
        .collect()
}

/// Differences from the first of all runs; for each kind, the first one found.
fn unlike(old: &[RunMeans], new: &[RunMeans]) -> Vec<String> {
    let mut all = old.iter().chain(new);
    let Some(first) = all.next() else {
        return Vec::new();
    };
    let mut told = BTreeMap::new();
    for other in all {
        for (fact, words) in first.conditions.differences(&other.conditions) {
            let (then, now) = (first.run, other.run);
            told.entry(fact)
                .or_insert_with(|| format!("{words} (then run {then}, now run {now})"));
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

fn draft(
    old: &[RunMeans],
    new: &[RunMeans],
    newest: &RunMeans,
    key: &(String, String, String),
) -> Option<Draft> {
    let of = |group: &[RunMeans]| -> Option<Vec<Shown>> {
        group
            .iter()
            .map(|sketch| sketch.means.get(key).copied())
            .collect()
    };
    let (scenario, variant, name) = key;
    let measure = Measure::named(name)?;
    let tolerance = *newest.tolerances.get(&(scenario.clone(), name.clone()))?;
    let (scale, means, reach) = scaled(measure, &of(old)?, &of(new)?)?;
    Some(Draft {
        scenario: scenario.clone(),
        variant: variant.clone(),
        measure,
        primary: *name == newest.primary,
        tolerance,
        scale,
        estimate: unpaired_within_reach(&means.0, &means.1, reach, &Settings::default())?,
        means,
    })
}

/// Means of the old runs and of the new ones.
type BothMeans = (Vec<RunMean>, Vec<RunMean>);

/// All runs on one scale: logarithmic unless a round of any of them has zero.
fn scaled(measure: Measure, old: &[Shown], new: &[Shown]) -> Option<(Scale, BothMeans, f64)> {
    let logs = |side: &[Shown]| {
        side.iter()
            .map(|shown| shown.log)
            .collect::<Option<Vec<_>>>()
    };
    if let (Some(old), Some(new)) = (logs(old), logs(new)) {
        return Some((Scale::Log, (old, new), 0.0));
    }
    let plain = |side: &[Shown]| {
        side.iter()
            .map(|shown| shown.plain.mean)
            .collect::<Vec<_>>()
    };
    let scale = Scale::linear(&plain(old), &plain(new));
    let unit = if let Scale::Linear { unit, .. } = scale {
        unit
    } else {
        1.0
    };
    let one = |shown: &Shown| {
        let RunMean {
            mean,
            variance,
            rounds,
        } = shown.plain;
        Some(RunMean {
            mean: measure.cost(scale, mean)?,
            variance: variance / (unit * unit),
            rounds,
        })
    };
    let side = |side: &[Shown]| side.iter().map(one).collect::<Option<Vec<_>>>();
    let most = old
        .iter()
        .chain(new)
        .map(|shown| shown.most)
        .fold(0.0, f64::max);
    let reach = scale.reach(measure.cost(scale, most).into_iter());
    Some((scale, (side(old)?, side(new)?), reach))
}

/// Holm's correction over all primary measures, and over the others of each scenario and variant. A
/// single question needs no correction.
fn adjusted(drafts: &[Draft]) -> Vec<Option<f64>> {
    let mut adjusted = vec![None; drafts.len()];
    let family =
        |draft: &Draft| (!draft.primary).then(|| (draft.scenario.clone(), draft.variant.clone()));
    let mut families: BTreeMap<Option<(String, String)>, Vec<usize>> = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        families.entry(family(draft)).or_default().push(at);
    }
    for members in families.values().filter(|members| members.len() > 1) {
        let p: Vec<f64> = members.iter().map(|at| drafts[*at].estimate.p).collect();
        members
            .iter()
            .zip(holm(&p))
            .for_each(|(at, p)| adjusted[*at] = Some(p));
    }
    adjusted
}

impl Draft {
    /// Sort key: scenario and variant, primary measure first, then in the order of reports.
    fn place(&self) -> (&str, &str, bool, Option<usize>) {
        let at = Measure::ALL
            .iter()
            .position(|measure| *measure == self.measure);
        (&self.scenario, &self.variant, !self.primary, at)
    }

    fn decided(self, adjusted_p: Option<f64>, validity: &Validity) -> AcrossLine {
        let Self {
            scenario,
            variant,
            measure,
            primary,
            tolerance,
            scale,
            means,
            estimate,
        } = self;
        let value = |runs: &[RunMean]| {
            let mean = runs.iter().map(|run| run.mean).sum::<f64>() / runs.len() as f64;
            measure.value_of(scale, mean)
        };
        let settings = Settings::default();
        let question = RunsQuestion {
            validity,
            tolerance,
            scale,
            adjusted_p,
            settings,
        };
        let decision = decide_runs(&estimate, &question);
        let values = (value(&means.0), value(&means.1));
        AcrossLine {
            scenario,
            variant,
            measure,
            primary,
            tolerance,
            scale,
            values,
            means,
            estimate,
            adjusted_p,
            decision,
        }
    }
}

impl AcrossLine {
    /// A difference of costs as a share, without a sign.
    #[must_use]
    pub fn share(&self, delta: f64) -> f64 {
        self.scale.share(delta)
    }
}

impl Across {
    /// The worst of the primary verdicts.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let primaries = self.lines.iter().filter(|line| line.primary);
        let worst = Verdict::worst(primaries.map(|line| line.decision.verdict));
        worst.unwrap_or(Verdict::Undecided)
    }

    /// The lines of one measure, for every scenario and variant; `primary` is the newest plan's
    /// primary measure.
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
