//! Which of a run's answers is asked for: that of the planned interim analysis, or that of the end.
//! Derived from the plan and from the blocks that are done, so that a stored run says the same at
//! any time.

use std::collections::BTreeSet;

use contract::run::BlockDone;
use stats::compare::{Stage, Verdict};

use super::{Cell, Findings};
use crate::plan::Plan;
use crate::schedule::Block;

/// An interim analysis planned before the run, and where the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// After how many rounds it comes.
    pub at: u32,
    /// Of how many.
    pub rounds: u32,
    /// Whether these findings are those of the interim analysis.
    pub stage: Stage,
}

/// The plan's interim analysis; `None` where it has none.
pub(super) fn planned(plan: &Plan, blocks: &[Block], done: &[BlockDone]) -> Option<Planned> {
    let at = plan.look?.at;
    let wanted: BTreeSet<_> = blocks
        .iter()
        .filter(|b| b.round < at)
        .map(|b| (b.cell, b.round))
        .collect();
    let done: BTreeSet<_> = done.iter().map(|block| (block.cell, block.round)).collect();
    let stage = if wanted == done {
        Stage::Interim
    } else {
        Stage::Final
    };
    Some(Planned {
        at,
        rounds: plan.rounds,
        stage,
    })
}

impl Findings {
    /// Whether a run may end here: these are the interim analysis's findings, and every primary
    /// measure has its answer.
    #[must_use]
    pub fn settles(&self) -> bool {
        let clear = |cell: &Cell| {
            matches!(
                cell.verdict(),
                None | Some(Verdict::Faster | Verdict::Slower | Verdict::Same)
            )
        };
        let compared = self.compared().next().is_some();
        self.interim
            .is_some_and(|look| look.stage == Stage::Interim)
            && compared
            && self.cells.iter().all(clear)
    }
}
