//! Decides whether an answer is that of the planned interim analysis or of the end. Derived from
//! the plan and the completed blocks, so a stored run gives the same answer at any time.

use std::collections::BTreeSet;

use contract::run::BlockDone;
use stats::compare::{Stage, Verdict};

use super::{Cell, Findings};
use crate::plan::Plan;
use crate::schedule::Block;

/// An interim analysis planned before the run, and the stage of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Number of rounds before it.
    pub at: u32,
    /// Rounds of the whole run.
    pub rounds: u32,
    /// Whether these findings are the interim ones or the final ones.
    pub stage: Stage,
}

/// The plan's interim analysis; `None` if it has none.
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
    /// Whether the run may end here: this is the interim analysis, and every primary measure is
    /// decided.
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
