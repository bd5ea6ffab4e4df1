//! From a stored run to findings: merges parts into trials, pairs the arms of each round, calls
//! `stats`, and says whether the measurement is to be believed. Pure over a [`RunRecord`]; it must
//! not know how anything is shown.
//!
//! Everything here is derived: whoever doubts a number recomputes it from the parts.

mod cells;
mod explain;
mod facts;
mod gather;
mod interim;
mod layout;
mod layout_label;
mod limits;
mod measure;
mod metrics;
mod part_summary;
mod picture;
mod places;
mod quantiles;
mod signals;
mod slices;
mod summary;
mod trials;
mod window;
mod window_stats;

pub(crate) use explain::is_known;
pub use explain::{Derivation, Explanation, NoSuchMetric, explain};
pub use interim::Planned;
pub use layout::{LayoutControl, LayoutEffect, LayoutNoise};
pub use layout_label::LayoutLabel;
pub use measure::Measure;
pub use metrics::{ComparisonResult, MetricComparison, Resampled, RoundValues};
pub use part_summary::PartSummary;
pub use picture::{Curve, Picture, Slice, Spot, Timeline, pictures};
pub use places::{OddSlot, SlotEffect, SlotEffects, SlotOrHost};
pub use signals::Signals;
pub use summary::{ArmSummary, Cold, Latency, Views, shown_quantile};
pub use trials::{Round, Trial, Trials};
pub use window::FirstRequest;

use cells::CellContext;
use contract::id::Arm;
use contract::part::{Part, Sent};
use contract::run::{Notice, Role, RunState};
use gather::PartMerger;
use stats::compare::{Settings, Stage, Verdict};
use stats::rng::Seed;
use stats::validity::{Assessment, Checked, Validity};

use crate::plan::Plan;
use crate::schedule::{Block, Lineup};
use crate::store::RunRecord;

/// All that a run says.
#[derive(Clone, Debug)]
pub struct Findings {
    /// How it began, went and ended. Its parts are in [`Findings::trials`].
    pub record: RunRecord,
    /// What was planned.
    pub plan: Plan,
    /// Complete, stopped, failed; `None` while it goes on and after a crash.
    pub state: Option<RunState>,
    /// Whether the run as a whole is to be believed.
    pub validity: Validity,
    /// Reasons beside those of the cells.
    pub reasons: Vec<String>,
    /// How everything was estimated.
    pub settings: Settings,
    /// One comparison a scenario and candidate, in the plan's order; those of layouts are apart.
    pub cells: Vec<Cell>,
    /// The layout control, if the run has one.
    pub layout: Option<LayoutControl>,
    /// The interim analysis planned before the run, if there was one.
    pub interim: Option<Planned>,
    /// What everything was derived from.
    pub trials: Trials,
}

/// One scenario with one candidate.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Index, as in every trial's key.
    pub index: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// What it is called: its scenario, and the candidate where there are several.
    pub title: String,
    /// Requests of one trial.
    pub requests: u32,
    /// How long those of all trials were; unset where a part was recorded before it was counted.
    pub sent: Option<Sent>,
    /// Baseline's name.
    pub baseline: String,
    /// Candidate's name, where there is one.
    pub candidate: Option<String>,
    /// Two-sided error of every interval: 0.05, and another with an interim analysis.
    pub alpha: f64,
    /// Rounds that are done, of those planned.
    pub rounds: (u32, u32),
    /// Is this measurement to be believed?
    pub assessment: Assessment,
    /// Every check that applied to an arm, whatever it found.
    pub checks: Vec<(Arm, Checked)>,
    /// What each arm did, all rounds together.
    pub arms: Vec<ArmSummary>,
    /// One comparison a measure, the primary first.
    pub metrics: Vec<MetricComparison>,
    /// The primary measure slot by slot, where there are several.
    pub places: Option<SlotEffects>,
    /// What the rounds say of the host over time.
    pub signals: Signals,
}

/// Why a run cannot be read as one.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The plan within is of another age.
    #[error("read the plan of run {run}: {source}")]
    Plan {
        /// Id of the run.
        run: String,
        /// Why its stored plan cannot be used.
        source: crate::plan::PlanError,
    },
    /// Who was compared with whom cannot be told.
    #[error("read the variants of run {run}: {source}")]
    Lineup {
        /// Id of the run.
        run: String,
        /// Why its variants make no comparison.
        source: crate::schedule::LineupError,
    },
}

/// Draws what must be drawn (bootstrap, large permutation checks); split from the run's seed.
fn seed(plan: &Plan) -> Seed {
    Seed(plan.seed).child("compare")
}

/// Why a run of layouts alone says nothing.
const UNKNOWN_NOISE: &str = "fewer than two layouts have a VALID measurement: the code-layout noise is \
                             unknown";

/// A run that is being read: its parts come one at a time, and none is held once it was merged into
/// its trial.
#[derive(Debug)]
pub struct FindingsBuilder {
    record: RunRecord,
    plan: Plan,
    blocks: Vec<Block>,
    gather: PartMerger,
}

impl FindingsBuilder {
    /// Begins with what a run is beside its parts; parts within the record are not looked at.
    ///
    /// # Errors
    /// When the plan or the variants within the record cannot be understood.
    pub fn of(outline: RunRecord) -> Result<Self, CompareError> {
        let run = || outline.header.run.to_string();
        let plan = Plan::from_json(&outline.header.plan_json)
            .map_err(|source| CompareError::Plan { run: run(), source })?;
        let lineup =
            lineup(&outline).map_err(|source| CompareError::Lineup { run: run(), source })?;
        let blocks = crate::schedule::blocks(&plan, &lineup);
        let cells = blocks.iter().map(|block| block.cell + 1).max().unwrap_or(0);
        let gather = PartMerger::new(&plan, cells, &outline.blocks);
        Ok(Self {
            record: outline,
            plan,
            blocks,
            gather,
        })
    }

    /// Whether the run is just where its planned interim analysis is due.
    #[must_use]
    pub fn is_at_interim(&self) -> bool {
        let planned = interim::planned(&self.plan, &self.blocks, &self.record.blocks);
        planned.is_some_and(|planned| planned.stage == Stage::Interim)
    }

    /// Takes the next part; those of one trial come one after the other.
    pub fn take(&mut self, part: Part) {
        self.gather.take(part);
    }

    /// Derives everything once all parts have come.
    #[must_use]
    pub fn findings(self) -> Findings {
        let Self {
            record,
            plan,
            blocks,
            gather,
        } = self;
        let trials = gather.finish();
        let interim = interim::planned(&plan, &blocks, &record.blocks);
        let settings = interim
            .map_or(Stage::Only, |planned| planned.stage)
            .settings();
        let thresholds = plan.validity.thresholds();
        let (cells, layout) = {
            let at_interim = interim.is_some_and(|planned| planned.stage == Stage::Interim);
            let planned = (!at_interim).then_some(plan.rounds as usize);
            let context = CellContext {
                record: &record,
                plan: &plan,
                settings,
                planned,
                thresholds,
                trials: &trials,
            };
            context.answers(&cells(&blocks))
        };
        let state = record.end.as_ref().map(|end| end.state);
        let ended_early = state == Some(RunState::Complete)
            && interim.is_some_and(|planned| planned.stage == Stage::Interim);
        let mut reasons = if ended_early {
            Vec::new()
        } else {
            reasons(&record, &blocks, state)
        };
        // Layouts never speak against candidates; a run of nothing else must not read as a
        // measurement where they fail.
        let failed = layout
            .as_ref()
            .filter(|control| cells.is_empty() && !control.is_known());
        reasons.extend(failed.map(|_| UNKNOWN_NOISE.to_owned()));
        let validity = overall(
            failed.map_or(&cells, |control| &control.cells),
            &reasons,
            state,
        );
        Findings {
            record,
            plan,
            state,
            validity,
            reasons,
            settings,
            cells,
            layout,
            interim,
            trials,
        }
    }
}

/// Derives everything from a run that is held whole.
///
/// # Errors
/// As [`FindingsBuilder::of`].
pub fn findings(mut record: RunRecord) -> Result<Findings, CompareError> {
    let mut parts = std::mem::take(&mut record.parts);
    parts.sort_by_key(|part| (part.place.key, part.place.slot));
    let mut reading = FindingsBuilder::of(record)?;
    parts.into_iter().for_each(|part| reading.take(part));
    Ok(reading.findings())
}

/// Who was compared with whom: the header names the builds, baseline first.
fn lineup(record: &RunRecord) -> Result<Lineup, crate::schedule::LineupError> {
    let names: Vec<String> = record
        .header
        .variants
        .iter()
        .map(|v| v.name.clone())
        .collect();
    Lineup::new(&names, record.header.is(Role::SameBuild))
}

/// One block of each cell, in the plan's order.
fn cells(blocks: &[Block]) -> Vec<&Block> {
    let mut first: Vec<&Block> = blocks.iter().filter(|block| block.round == 0).collect();
    first.sort_by_key(|block| block.cell);
    first
}

/// Reasons that concern the run as a whole.
fn reasons(record: &RunRecord, blocks: &[Block], state: Option<RunState>) -> Vec<String> {
    let mut reasons = Vec::new();
    let (done, planned) = (record.blocks.len(), blocks.len());
    if done < planned {
        let why = record
            .end
            .as_ref()
            .map_or("it was interrupted", |end| end.reason.as_str());
        let id = record.header.run;
        reasons.push(format!(
            "{done} of {planned} blocks are done ({why}): `coordinator run --resume {id}` continues"
        ));
    } else if state.is_none() {
        reasons.push("the run has no end yet".to_owned());
    }
    reasons
}

/// The worst of the cells; a run that could not go on is INVALID, one that is not complete
/// INCONCLUSIVE.
fn overall(cells: &[Cell], reasons: &[String], state: Option<RunState>) -> Validity {
    if state == Some(RunState::Failed) {
        return Validity::Invalid(Vec::new());
    }
    let of = |pick: fn(&Validity) -> bool| {
        cells
            .iter()
            .map(|c| &c.assessment.validity)
            .find(|v| pick(v))
    };
    if let Some(invalid) = of(|v| matches!(v, Validity::Invalid(_))) {
        return invalid.clone();
    }
    let inconclusive = of(|v| matches!(v, Validity::Inconclusive(_)));
    match inconclusive {
        Some(validity) => validity.clone(),
        None if reasons.is_empty() => Validity::Valid,
        None => Validity::Inconclusive(Vec::new()),
    }
}

impl Findings {
    /// The verdict that a gate acts on: the worst of the primary verdicts.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        Verdict::worst(self.cells.iter().filter_map(Cell::verdict))
    }

    /// The cells in which something is compared.
    pub fn compared(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.candidate.is_some())
    }

    /// Notices of losses and late messages, which a reader must know.
    pub fn losses(&self) -> impl Iterator<Item = &Notice> {
        self.record
            .notices
            .iter()
            .filter(|notice| notice.kind.is_told())
    }
}

impl Cell {
    /// The primary metric's comparison.
    #[must_use]
    pub fn primary(&self) -> Option<&MetricComparison> {
        self.metrics.iter().find(|metric| metric.primary)
    }

    /// Whether its primary measure was compared, whatever came of it.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.primary()
            .is_some_and(|metric| metric.compared().is_some())
    }

    /// The primary metric's verdict. A measurement that cannot answer says INVALID or UNDECIDED
    /// itself.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.candidate.as_ref()?;
        Some(match self.primary().and_then(MetricComparison::compared) {
            Some((_, decision)) => decision.verdict,
            _ if matches!(self.assessment.validity, Validity::Invalid(_)) => Verdict::Invalid,
            _ => Verdict::Undecided,
        })
    }
}
