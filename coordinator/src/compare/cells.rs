//! Evaluates the cells of a run: estimates, checks, decisions. All cells are estimated before the
//! first is decided.

use contract::part::Sent;
use metrics::Draft;
use stats::compare::Settings;
use stats::validity::{Assessment, Thresholds};

use super::{
    Cell, LayoutControl, Measure, MetricComparison, Round, Trials, facts, metrics, pace, places,
    replicates::Replicates, seed, signals, summary,
};
use crate::layout::Layout;
use crate::plan::Plan;
use crate::schedule::Block;
use crate::store::RunRecord;

/// The input that all cells share.
pub(super) struct CellContext<'a> {
    pub(super) record: &'a RunRecord,
    pub(super) plan: &'a Plan,
    pub(super) settings: Settings,
    /// Rounds of the whole run.
    pub(super) rounds: u32,
    /// Whether this is an analysis before the last; otherwise all rounds must be done before
    /// anything is decided.
    pub(super) at_interim: bool,
    pub(super) thresholds: Thresholds,
    pub(super) trials: &'a Trials,
}

impl CellContext<'_> {
    /// The candidates' cells, and the layout control that labels them.
    pub(super) fn answers(&self, blocks: &[&Block]) -> (Vec<Cell>, Option<LayoutControl>) {
        let (layouts, compared): (Vec<&Block>, Vec<&Block>) = blocks
            .iter()
            .copied()
            .partition(|block| block.layout().is_some());
        let mut cells = self.cells(&compared);
        // Controls are not part of the family of questions.
        let control = layouts
            .iter()
            .map(|block| self.cell(block, self.drafts(block), None))
            .collect();
        let control = LayoutControl::of(control);
        control.iter().for_each(|control| control.label(&mut cells));
        (cells, control)
    }

    /// Evaluates the cells. All are estimated before the first is decided, because their primary
    /// measures are one family for Holm's correction.
    pub(super) fn cells(&self, blocks: &[&Block]) -> Vec<Cell> {
        let drafts: Vec<Vec<Draft>> = blocks.iter().map(|block| self.drafts(block)).collect();
        let primaries = metrics::primaries(&drafts);
        let questions = blocks.iter().zip(drafts).zip(primaries);
        questions
            .map(|((block, drafts), primary)| self.cell(block, drafts, primary))
            .collect()
    }

    pub(super) fn drafts(&self, block: &Block) -> Vec<Draft> {
        let seed = seed(self.plan).nth(block.cell.into());
        let scenario = &self.plan.scenarios[block.scenario as usize].name;
        let floors = self.record.addenda.floors.as_ref();
        let floor =
            |measure: Measure| floors.map_or(0.0, |floors| floors.share(scenario, &measure.name()));
        let rounds = self.replicates(block);
        metrics::estimates(
            self.plan,
            &rounds,
            &self.settings,
            &self.thresholds,
            floor,
            seed,
        )
    }

    pub(super) fn cell(&self, block: &Block, drafts: Vec<Draft>, primary: Option<f64>) -> Cell {
        let scenario = &self.plan.scenarios[block.scenario as usize];
        let (rounds, replicates) = (self.trials.rounds(block.cell), self.replicates(block));
        let (found, checks) = facts::check(self.record, scenario, block, &rounds, &self.thresholds);
        let assessment = Assessment::of(found);
        let metrics = metrics::decided(
            drafts,
            primary,
            (
                &assessment.validity,
                (!self.at_interim).then_some(self.rounds as usize),
            ),
            &self.settings,
        );
        let primary = metrics
            .iter()
            .find(|metric| metric.primary && block.candidate.is_some());
        let of_places = |metric: &MetricComparison| {
            places::places(metric.measure, &replicates, metric.within(), &self.settings)
        };
        Cell {
            index: block.cell,
            title: self.title(block),
            scenario: scenario.name.clone(),
            requests: scenario.requests(),
            sent: sent(&rounds),
            alpha: self.settings.alpha,
            baseline: block.baseline.clone(),
            candidate: block.candidate.clone(),
            rounds: (
                u32::try_from(replicates.count()).unwrap_or(u32::MAX),
                self.rounds,
            ),
            round_time: pace::of_a_round(&self.record.blocks, self.plan.windows),
            assessment,
            checks,
            arms: summary::arms(block, &rounds, &self.thresholds),
            places: primary.and_then(of_places),
            signals: primary.map(signals::signals).unwrap_or_default(),
            metrics,
        }
    }

    fn replicates(&self, block: &Block) -> Replicates<'_> {
        Replicates::of(&self.trials.rounds(block.cell), self.plan.windows)
    }

    pub(super) fn title(&self, block: &Block) -> String {
        let scenario = &self.plan.scenarios[block.scenario as usize].name;
        let others = self.record.header.variants.iter().skip(1);
        let candidates = others
            .filter(|variant| Layout::named(&variant.name).is_none())
            .count();
        match &block.candidate {
            Some(candidate) if candidates > 1 || block.layout().is_some() => {
                format!("{scenario}, {candidate}")
            }
            _ => scenario.clone(),
        }
    }
}

pub(super) fn sent(rounds: &[&Round]) -> Option<Sent> {
    let parts = rounds
        .iter()
        .flat_map(|round| round.arms.values())
        .flat_map(|trial| &trial.parts);
    let mut all = Sent::default();
    for part in parts {
        all.add(part.sent.as_ref()?);
    }
    (all.requests > 0).then_some(all)
}
