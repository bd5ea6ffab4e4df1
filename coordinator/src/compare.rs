//! Turns a stored run into findings: merges parts into trials, pairs the arms of each round, calls
//! `stats`, and decides whether the measurement can be trusted. Pure over a [`RunRecord`]; must not
//! know how anything is shown.
//!
//! Everything here is derived from the parts, so every figure can be recomputed.

mod cells;
mod components;
mod explain;
mod facts;
mod gather;
mod interim;
mod layout;
mod layout_label;
mod limits;
mod measure;
mod metrics;
mod pace;
mod part_summary;
mod picture;
mod places;
mod quantiles;
mod replaced;
mod replicates;
mod signals;
mod slices;
mod summary;
mod trials;
mod window;
mod window_stats;

pub use components::{CellNoise, MeasureNoise, noise};
pub(crate) use explain::is_known;
pub use explain::{Derivation, Explanation, NoSuchMetric, explain};
pub use interim::Planned;
pub use layout::{LayoutControl, LayoutEffect, LayoutNoise};
pub use layout_label::LayoutLabel;
pub use measure::Measure;
pub use metrics::{ComparisonResult, MetricComparison, Resampled};
pub use part_summary::PartSummary;
pub use picture::{Curve, Picture, Slice, Spot, Timeline, pictures};
pub use places::{OddSlot, SlotEffect, SlotEffects, SlotOrHost};
pub use replicates::RoundValues;
pub use signals::Signals;
pub use summary::{ArmSummary, Cold, Latency, Views, shown_quantile};
pub use trials::{Round, Trial, Trials};
pub use window::FirstRequest;

use std::time::Duration;

use cells::CellContext;
use contract::id::Arm;
use contract::part::{Part, Sent};
use contract::run::{Notice, Role, RunState};
use gather::PartMerger;
use stats::compare::{Settings, Verdict};
use stats::rng::Seed;
use stats::validity::{Assessment, Checked, Validity};

use crate::plan::Plan;
use crate::schedule::{Block, Lineup};
use crate::store::RunRecord;

/// Everything derived from a run.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The stored record without its parts, which are in [`Findings::trials`].
    pub record: RunRecord,
    /// The plan of the run.
    pub plan: Plan,
    /// Complete, stopped or failed; `None` during the run and after a crash.
    pub state: Option<RunState>,
    /// Whether the run as a whole can be trusted.
    pub validity: Validity,
    /// Reasons that concern the run as a whole, in addition to those of the cells.
    pub reasons: Vec<String>,
    /// Settings of all estimates.
    pub settings: Settings,
    /// One comparison for each scenario and candidate, in the plan's order. The layouts' cells are
    /// in `layout`.
    pub cells: Vec<Cell>,
    /// The layout control, if the run has one.
    pub layout: Option<LayoutControl>,
    /// The analyses planned before the run, and the one that this is.
    pub planned: Planned,
    /// The trials that everything was derived from.
    pub trials: Trials,
}

/// One scenario with one candidate.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Index of the cell, as in every trial's key.
    pub index: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Title: the scenario, and the candidate if there are several.
    pub title: String,
    /// Requests of one trial.
    pub requests: u32,
    /// Lengths of the requests of all trials; `None` if a part was recorded by a version that did
    /// not count them.
    pub sent: Option<Sent>,
    /// Baseline's name.
    pub baseline: String,
    /// Candidate's name, if there is one.
    pub candidate: Option<String>,
    /// Two-sided error of every interval: 0.05, or another level with an interim analysis.
    pub alpha: f64,
    /// Rounds done, and rounds planned.
    pub rounds: (u32, u32),
    /// Time of one more round of the whole run; `None` if unknown.
    pub round_time: Option<Duration>,
    /// Whether this measurement can be trusted.
    pub assessment: Assessment,
    /// Every check that applied to an arm, with its result.
    pub checks: Vec<(Arm, Checked)>,
    /// Summary of each arm over all rounds.
    pub arms: Vec<ArmSummary>,
    /// One comparison for each measure, the primary first.
    pub metrics: Vec<MetricComparison>,
    /// The primary measure for each slot, if there are several.
    pub places: Option<SlotEffects>,
    /// Changes of the host over the rounds.
    pub signals: Signals,
}

/// Why a stored run cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The stored plan is from an incompatible version.
    #[error("read the plan of run {run}: {source}")]
    Plan {
        /// Id of the run.
        run: String,
        /// Why its stored plan cannot be used.
        source: crate::plan::PlanError,
    },
    /// The run chose its blocks in a search and compared nothing.
    #[error(
        "compare the builds of run {run}: it searched for a capacity, and `coordinator capacity --show {run}` \
         shows what it found"
    )]
    Search {
        /// Id of the run.
        run: String,
    },
    /// The variants do not say what was compared with what.
    #[error("read the variants of run {run}: {source}")]
    Lineup {
        /// Id of the run.
        run: String,
        /// Why its variants make no comparison.
        source: crate::schedule::LineupError,
    },
}

/// Seed for the bootstrap and for large permutation checks; split from the run's seed.
fn seed(plan: &Plan) -> Seed {
    Seed(plan.seed).child("compare")
}

/// Why a run that has only layouts gives no answer.
const UNKNOWN_NOISE: &str = "fewer than two layouts have a VALID measurement: the code-layout noise is \
                             unknown";

/// A run that is being read. Parts arrive one at a time and are dropped once they are merged into
/// their trial.
#[derive(Debug)]
pub struct FindingsBuilder {
    record: RunRecord,
    plan: Plan,
    blocks: Vec<Block>,
    gather: PartMerger,
}

impl FindingsBuilder {
    /// Begins with the run's header and ending; parts within the record are ignored.
    ///
    /// # Errors
    /// When the plan or the variants in the record cannot be understood.
    pub fn of(outline: RunRecord) -> Result<Self, CompareError> {
        let run = || outline.header.run.to_string();
        let plan = Plan::from_json(&outline.header.plan_json)
            .map_err(|source| CompareError::Plan { run: run(), source })?;
        if plan.capacity.is_some() {
            return Err(CompareError::Search { run: run() });
        }
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

    /// Whether the run has just reached a planned analysis at which it may end.
    #[must_use]
    pub fn analysis_due(&self) -> bool {
        let planned = interim::planned(&self.plan, &self.blocks, &self.record.blocks);
        planned.due && (planned.is_interim() || planned.rounds() < self.plan.rounds)
    }

    /// Adds the next part. The parts of a trial must be consecutive.
    pub fn take(&mut self, part: Part) {
        self.gather.take(part);
    }

    /// Derives the findings once all parts have been added.
    #[must_use]
    pub fn findings(self) -> Findings {
        let Self {
            record,
            plan,
            blocks,
            gather,
        } = self;
        let trials = gather.finish();
        let planned = interim::planned(&plan, &blocks, &record.blocks);
        let settings = planned.current().settings();
        let at_interim = planned.is_interim();
        let thresholds = plan.validity.thresholds();
        let (cells, layout) = {
            let context = CellContext {
                record: &record,
                plan: &plan,
                settings,
                rounds: planned.rounds(),
                at_interim,
                thresholds,
                trials: &trials,
            };
            context.answers(&cells(&blocks))
        };
        let state = record.end.as_ref().map(|end| end.state);
        let ended_early = state == Some(RunState::Complete)
            && planned.due
            && (at_interim || planned.rounds() < plan.rounds);
        let mut reasons = if ended_early {
            Vec::new()
        } else {
            reasons(&record, &blocks, state)
        };
        // Layouts never count against candidates. A run that has only layouts must not read as a
        // measurement if they fail.
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
            planned,
            trials,
        }
    }
}

/// Derives the findings of a run that is entirely in memory.
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

/// The builds that were compared: the header names them, baseline first.
fn lineup(record: &RunRecord) -> Result<Lineup, crate::schedule::LineupError> {
    let names: Vec<String> = record
        .header
        .variants
        .iter()
        .map(|v| v.name.clone())
        .collect();
    Lineup::new(&names, record.header.is(Role::SameBuild))
}

/// One block for each cell, in the plan's order.
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

/// The worst validity of the cells. A run that could not continue is INVALID, an incomplete one
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
    /// The verdict that a gate uses: the worst of the primary verdicts.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        Verdict::worst(self.cells.iter().filter_map(Cell::verdict))
    }

    /// The cells that compare a candidate.
    pub fn compared(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.candidate.is_some())
    }

    /// Notices of losses and late messages, which every report must show.
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

    /// Whether the primary measure was compared, with any result.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.primary()
            .is_some_and(|metric| metric.compared().is_some())
    }

    /// The primary metric's verdict: INVALID or UNDECIDED if the measurement cannot answer.
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
