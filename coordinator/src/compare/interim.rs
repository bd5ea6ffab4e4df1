//! Decides which planned analysis an answer is from. Derived from the plan and the completed blocks,
//! so a stored run gives the same answer at any time.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::run::BlockDone;
use stats::compare::{Analyses, Analysis, Verdict};

use super::{Cell, Findings, pace};
use crate::plan::{Plan, Stop};
use crate::schedule::Block;

/// Rounds from whose pace the number that fits into a budget is derived. Their times say nothing
/// about which build is faster.
const PACE_ROUNDS: u32 = 3;

/// The analyses planned before the run, and the one that these findings are from.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// All of them, in order.
    pub analyses: Analyses,
    /// Index of the analysis that these findings are from; the last if the run is between two.
    pub index: usize,
    /// Whether exactly the rounds of that analysis are done.
    pub due: bool,
    /// The budget that the number of rounds was derived from.
    pub budget: Option<Duration>,
}

impl Planned {
    /// The analysis that these findings are from.
    #[must_use]
    pub fn current(&self) -> Analysis {
        self.analyses.list()[self.index]
    }

    /// Rounds of the whole run.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.analyses.last().rounds
    }

    /// Whether these findings are from an analysis before the last.
    #[must_use]
    pub fn is_interim(&self) -> bool {
        self.index + 1 < self.analyses.list().len()
    }
}

/// The analyses of a run, and where it is.
pub(super) fn planned(plan: &Plan, blocks: &[Block], done: &[BlockDone]) -> Planned {
    let budget = plan.stop.budget();
    let analyses = match plan.stop {
        Stop::AtEnd => Analyses::at_end(plan.rounds),
        Stop::Once { at } => Analyses::one_interim(at, plan.rounds),
        Stop::Decided { budget } => Analyses::until_decided(affordable(plan, blocks, budget, done)),
    };
    let done: BTreeSet<_> = done.iter().map(|block| (block.cell, block.round)).collect();
    let due = |analysis: &Analysis| {
        let wanted: BTreeSet<_> = blocks
            .iter()
            .filter(|block| block.round < analysis.rounds * plan.windows)
            .map(|block| (block.cell, block.round))
            .collect();
        wanted == done
    };
    let list = analyses.list();
    let now = list.iter().position(due);
    Planned {
        index: now.unwrap_or(list.len() - 1),
        due: now.is_some(),
        analyses,
        budget,
    }
}

/// The number of rounds that fit into the budget at the pace of the first rounds; at least those
/// that an answer needs. The plan's own number until they are done, and at most that.
fn affordable(plan: &Plan, blocks: &[Block], budget: Option<Duration>, done: &[BlockDone]) -> u32 {
    let paced = PACE_ROUNDS * plan.windows;
    let first = blocks.iter().filter(|block| block.round < paced);
    let of_first: Vec<BlockDone> = done
        .iter()
        .filter(|block| block.round < paced)
        .cloned()
        .collect();
    let round = match (budget, of_first.len() == first.count()) {
        (Some(budget), true) => {
            pace::of_a_round(&of_first, plan.windows).map(|round| (budget, round))
        }
        _ => None,
    };
    let least = u32::try_from(stats::compare::LEAST_ROUNDS).expect("a handful");
    round.map_or(plan.rounds, |(budget, round)| {
        let fit = budget.as_secs_f64() / round.as_secs_f64();
        (fit as u32).max(least).min(plan.rounds)
    })
}

impl Findings {
    /// Whether the run may end here before its last round: this is an interim analysis, and every
    /// primary measure is decided.
    #[must_use]
    pub fn settles(&self) -> bool {
        let clear = |cell: &Cell| {
            matches!(
                cell.verdict(),
                None | Some(Verdict::Faster | Verdict::Slower | Verdict::Same)
            )
        };
        let compared = self.compared().next().is_some();
        self.planned.is_interim() && self.planned.due && compared && self.cells.iter().all(clear)
    }

    /// Whether the budget ends the run here: the rounds that fit into it are done, and the plan
    /// has more.
    #[must_use]
    pub fn budget_spent(&self) -> bool {
        self.planned.due && !self.planned.is_interim() && self.planned.rounds() < self.plan.rounds
    }
}
