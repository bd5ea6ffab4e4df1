//! Merges parts into trials, one part at a time. Each part is merged and dropped before the next
//! arrives, so memory is needed only for the trials and one part, however long the run is. Owns
//! what must wait for a trial's or a block's last part; must not know where parts come from.

use std::collections::{BTreeMap, BTreeSet};

use contract::id::{Arm, TrialKey};
use contract::part::{Part, RequestRecord, Series};
use contract::run::BlockDone;
use contract::spec::Shape;

use super::part_summary::PartSummary;
use super::slices;
use super::trials::{Round, Trial, Trials};
use super::window_stats::{WindowStats, answered};
use crate::plan::Plan;
use crate::schedule;

/// Takes the accepted parts of a run, trial by trial.
#[derive(Debug)]
pub(super) struct PartMerger {
    blocks: BTreeMap<(u32, u32), BlockDone>,
    /// For each cell: number of requests at either end of a trial that are not representative of
    /// its middle.
    margins: Vec<usize>,
    duet: bool,
    rounds: BTreeMap<(u32, u32), Round>,
    left_out: Vec<PartSummary>,
    open: Option<Open>,
    /// Parts of a block that continued without some slots, until it is known which.
    waiting: Vec<Part>,
}

/// The trial whose parts are coming.
#[derive(Debug)]
struct Open {
    key: TrialKey,
    trial: Trial,
    /// Requests of the parts so far; `None` once a part did not keep all of its requests.
    requests: Option<Vec<RequestRecord>>,
    series: Vec<Series>,
}

impl PartMerger {
    pub(super) fn new(plan: &Plan, cells: u32, blocks: &[BlockDone]) -> Self {
        let margin = |cell| match plan.scenarios[schedule::of_cell(plan, cell).0].shape {
            Shape::ClosedLoop { concurrency, .. } => concurrency as usize,
            _ => 0,
        };
        let empty = |block: &BlockDone| {
            let round = Round {
                index: block.round,
                order: block.order.clone(),
                arms: BTreeMap::new(),
            };
            ((block.cell, block.round), round)
        };
        Self {
            blocks: blocks
                .iter()
                .map(|block| ((block.cell, block.round), block.clone()))
                .collect(),
            margins: (0..cells).map(margin).collect(),
            duet: plan.duet,
            rounds: blocks.iter().map(empty).collect(),
            left_out: Vec::new(),
            open: None,
            waiting: Vec::new(),
        }
    }

    /// Adds the next part.
    pub(super) fn take(&mut self, part: Part) {
        let place = |part: &Part| (part.place.key.cell, part.place.key.round);
        if self
            .waiting
            .first()
            .is_some_and(|first| place(first) != place(&part))
        {
            self.release();
        }
        match self.blocks.get(&place(&part)) {
            Some(block) if block.lost_requests > 0 => self.waiting.push(part),
            Some(_) => self.merge(part),
            None => self.leave_out(part),
        }
    }

    /// Returns all trials, merged.
    pub(super) fn finish(mut self) -> Trials {
        self.release();
        self.close();
        for (place, round) in &mut self.rounds {
            let lost = self.blocks[place].lost_requests > 0;
            for arm in round.order.clone() {
                let trial = round.arms.entry(arm).or_default();
                trial.left =
                    lost.then(|| trial.parts.iter().map(|part| part.outcomes.planned).sum());
            }
        }
        Trials {
            rounds: self.rounds,
            left_out: self.left_out,
        }
    }

    /// Keeps, of a block that continued without some slots, the slots that took part in every arm:
    /// arms are compared on the same slots or not at all.
    fn release(&mut self) {
        let parts = std::mem::take(&mut self.waiting);
        let Some(first) = parts.first() else { return };
        let block = &self.blocks[&(first.place.key.cell, first.place.key.round)];
        let of_arm = |arm: &Arm| -> BTreeSet<u32> {
            parts
                .iter()
                .filter(|part| part.place.key.arm == *arm)
                .map(|part| part.place.slot)
                .collect()
        };
        let whole = block
            .order
            .iter()
            .map(of_arm)
            .reduce(|all, these| &all & &these)
            .unwrap_or_default();
        for part in parts {
            match whole.contains(&part.place.slot) {
                true => self.merge(part),
                false => self.leave_out(part),
            }
        }
    }

    fn merge(&mut self, part: Part) {
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.key != part.place.key)
        {
            self.close();
        }
        let key = part.place.key;
        let begin = || Open {
            key,
            trial: Trial::default(),
            requests: Some(Vec::new()),
            series: Vec::new(),
        };
        let share = self.share(&part);
        self.open.get_or_insert_with(begin).add(part, share);
    }

    fn leave_out(&mut self, part: Part) {
        let share = self.share(&part);
        self.left_out.push(PartSummary::of(part, share));
    }

    fn share(&self, part: &Part) -> u32 {
        if self.duet {
            part.place.slot / 2
        } else {
            part.place.slot
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let margin = self
            .margins
            .get(open.key.cell as usize)
            .copied()
            .unwrap_or(0);
        let round = self.rounds.get_mut(&(open.key.cell, open.key.round));
        let round = round.expect("parts without a block are left out");
        let earlier = round.arms.insert(open.key.arm, open.closed(margin));
        debug_assert!(
            earlier.is_none(),
            "the parts of a trial come one after the other"
        );
    }
}

impl Open {
    fn add(&mut self, mut part: Part, share: u32) {
        self.requests = self.requests.take().and_then(|mut all| {
            all.append(&mut answered(&mut part)?);
            Some(all)
        });
        self.series.push(std::mem::take(&mut part.series));
        self.trial.add(part, share);
    }

    fn closed(self, margin: usize) -> Trial {
        let inside = self
            .requests
            .map(|requests| WindowStats::of(requests, margin));
        Trial {
            inside,
            series: slices::merged(&self.series),
            ..self.trial
        }
    }
}
