//! Derives from a plan the blocks in the order they run. Owns the design of the experiment:
//! comparisons, balanced orders, seeds, shares, and the position of each trial (docs/method.md).
//! Pure: must not know hosts, times or the result of a block.
//!
//! All blocks of a round precede those of the next, so that an interrupted run has whole rounds;
//! within a round the blocks are shuffled. Every candidate is compared with the baseline in its own
//! blocks. A block is identified by its *cell* (a scenario with one candidate) and its round; with
//! two variants the cell is the scenario's index.

use contract::id::{Arm, RunId, TrialKey};
use contract::run::BlockDone;
use contract::spec::{Assignment, Share};
use stats::order::{ArmOrder, ArmSet};
use stats::rng::Seed;

use crate::layout::Layout;
use crate::plan::{Plan, Stop};

mod lineup;
mod sim;

pub use lineup::{Lineup, LineupError};
pub use sim::sim_spec;

/// Rounds whose orders are balanced by themselves if a run may end early.
const SET: usize = 6;

/// All arms of one cell in one round: the unit of resampling, repetition and resumption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Used as the scenario in every [`TrialKey`]: `candidate × scenarios + scenario`.
    pub cell: u32,
    /// Index of the scenario in the plan.
    pub scenario: u32,
    /// Stored round, from zero: the window, counted over all rounds ([`Block::replicate`]).
    pub round: u32,
    /// Windows of a round, which the same processes measure.
    pub windows: u32,
    /// Arms in the order they run; in a duet those of the even and of the odd slots.
    pub order: Vec<Arm>,
    /// Both arms run at the same time, in neighbouring slots.
    pub duet: bool,
    /// Seed of the request list: the same for all arms, and for all candidates of the same scenario
    /// and round.
    pub seed: u64,
    /// Name of the variant of arms A and A2.
    pub baseline: String,
    /// Name of the variant of arm B, if there is one.
    pub candidate: Option<String>,
    /// Number of turns planned before this block in the whole run.
    pub trials_before: u32,
    /// Number of turns of the whole run; equal to its trials unless two run at the same time.
    pub trials: u32,
}

/// All blocks of a run in order. The same plan and lineup give the same blocks.
#[must_use]
pub fn blocks(plan: &Plan, lineup: &Lineup) -> Vec<Block> {
    let cells = cells(plan, lineup);
    let orders: Vec<Vec<Vec<Arm>>> = (0..cells)
        .map(|cell| orders(plan, lineup, u64::from(cell)))
        .collect();
    let mut blocks: Vec<Block> = (0..plan.rounds)
        .flat_map(|round| {
            let windows = round * plan.windows..(round + 1) * plan.windows;
            shuffled_cells(plan.seed, round, cells)
                .into_iter()
                .flat_map(move |cell| windows.clone().map(move |window| (window, cell)))
        })
        .map(|(round, cell)| {
            block(
                plan,
                lineup,
                cell,
                round,
                orders[cell as usize][round as usize].clone(),
            )
        })
        .collect();
    number(&mut blocks);
    blocks
}

/// Seed of the request list of a scenario in a round, the same for every arm.
#[must_use]
pub fn request_seed(run_seed: u64, scenario: u32, round: u32) -> u64 {
    Seed(run_seed)
        .child("requests")
        .nth(scenario.into())
        .nth(round.into())
        .0
}

/// The blocks that are not done, in their planned order.
#[must_use]
pub fn remaining(blocks: Vec<Block>, done: &[BlockDone]) -> Vec<Block> {
    let is_done = |b: &Block| done.iter().any(|d| (d.cell, d.round) == (b.cell, b.round));
    blocks.into_iter().filter(|block| !is_done(block)).collect()
}

/// The name of a cell's scenario; "?" if the plan does not have the cell.
#[must_use]
pub fn scenario_of(plan: &Plan, cell: u32) -> &str {
    let (scenario, _) = of_cell(plan, cell);
    let scenario = plan.scenarios.get(scenario);
    scenario.map_or("?", |scenario| &scenario.name)
}

/// A cell's scenario index in the plan and candidate index in the lineup.
#[must_use]
pub fn of_cell(plan: &Plan, cell: u32) -> (usize, usize) {
    let (cell, scenarios) = (cell as usize, plan.scenarios.len());
    (cell % scenarios, cell / scenarios)
}

impl Block {
    /// The trial of one of its arms.
    #[must_use]
    pub fn key(&self, arm: Arm) -> TrialKey {
        TrialKey {
            cell: self.cell,
            round: self.round,
            arm,
        }
    }

    /// Its round, from zero.
    #[must_use]
    pub const fn replicate(&self) -> u32 {
        self.round / self.windows
    }

    /// Whether the processes of this block also measure the next one.
    #[must_use]
    pub fn continues_in(&self, next: &Self) -> bool {
        self.windows > 1 && (self.cell, self.replicate()) == (next.cell, next.replicate())
    }

    /// The variant of an arm.
    #[must_use]
    pub fn variant(&self, arm: Arm) -> &str {
        match (&self.candidate, arm.is_baseline()) {
            (Some(candidate), false) => candidate,
            _ => &self.baseline,
        }
    }

    /// The layout in arm B, if the block belongs to the layout control.
    #[must_use]
    pub fn layout(&self) -> Option<Layout> {
        self.candidate.as_deref().and_then(Layout::named)
    }

    /// Position of the arm's trial in the experiment: 0 is the first, 1 the last.
    #[must_use]
    pub fn position(&self, arm: Arm) -> f64 {
        let place = self
            .order
            .iter()
            .position(|a| *a == arm && !self.duet)
            .unwrap_or(0);
        let last = self.trials.saturating_sub(1).max(1);
        (f64::from(self.trials_before) + place as f64) / f64::from(last)
    }

    /// Number of turns of its slots: one for each arm, or one for both.
    #[must_use]
    pub fn turns(&self) -> usize {
        if self.duet { 1 } else { self.order.len() }
    }

    /// The arm of a slot in a turn.
    #[must_use]
    pub fn arm(&self, turn: usize, slot: u32) -> Arm {
        self.order[if self.duet {
            slot as usize % self.order.len()
        } else {
            turn
        }]
    }

    /// A slot's share of an arm's requests. In a duet neighbouring slots have the same share.
    #[must_use]
    pub fn share(&self, slot: u32, slots: u32) -> Share {
        share(self.duet, slot, slots)
    }

    /// The assignment of the worker in one of `slots` for the arm's trial.
    #[must_use]
    pub fn assignment(
        &self,
        plan: &Plan,
        run: RunId,
        arm: Arm,
        slot: u32,
        slots: u32,
    ) -> Assignment {
        Assignment {
            run,
            key: self.key(arm),
            variant: self.variant(arm).to_owned(),
            slot,
            scenario: plan.scenarios[self.scenario as usize].clone(),
            share: self.share(slot, slots),
            seed: self.seed,
        }
    }

    /// Requests over all its arms.
    #[must_use]
    pub fn planned_requests(&self, plan: &Plan) -> u64 {
        u64::from(plan.scenarios[self.scenario as usize].requests()) * self.order.len() as u64
    }
}

/// A slot's share of an arm's requests. In a duet neighbouring slots have the same share.
#[must_use]
pub fn share(duet: bool, slot: u32, slots: u32) -> Share {
    if duet {
        Share {
            index: slot / 2,
            of: slots / 2,
        }
    } else {
        Share {
            index: slot,
            of: slots,
        }
    }
}

fn cells(plan: &Plan, lineup: &Lineup) -> u32 {
    let count = plan.scenarios.len() * lineup.candidates().len().max(1);
    u32::try_from(count).expect("a plan lists its scenarios one by one")
}

fn block(plan: &Plan, lineup: &Lineup, cell: u32, round: u32, order: Vec<Arm>) -> Block {
    let (scenario, candidate) = of_cell(plan, cell);
    let scenario = u32::try_from(scenario).expect("at most the cell");
    Block {
        cell,
        scenario,
        round,
        windows: plan.windows,
        duet: plan.duet && order.len() == 2,
        order,
        seed: request_seed(plan.seed, scenario, round),
        baseline: lineup.baseline().to_owned(),
        candidate: lineup.candidates().get(candidate).cloned(),
        trials_before: 0,
        trials: 0,
    }
}

fn number(blocks: &mut [Block]) {
    let size = |block: &Block| u32::try_from(block.turns()).expect("at most three arms");
    let trials = blocks.iter().map(size).sum();
    let mut before = 0;
    for block in blocks {
        (block.trials_before, block.trials) = (before, trials);
        before += size(block);
    }
}

/// The order of each round of one cell.
fn orders(plan: &Plan, lineup: &Lineup, cell: u64) -> Vec<Vec<Arm>> {
    let rounds = plan.rounds as usize;
    if lineup.candidates().is_empty() {
        return vec![vec![Arm::A]; rounds * plan.windows as usize];
    }
    let arms = if plan.control {
        ArmSet::Three
    } else {
        ArmSet::Two
    };
    let seed = Seed(plan.seed).child("order").nth(cell);
    balanced(arms, rounds, plan, seed)
        .iter()
        .map(|order| order.arms().iter().map(arm).collect())
        .collect()
}

/// Balanced orders. The windows of a round are balanced by themselves, because they are compared
/// with each other. If the run may end before its last round, so is every set of six rounds.
fn balanced(arms: ArmSet, rounds: usize, plan: &Plan, seed: Seed) -> Vec<ArmOrder> {
    if plan.windows > 1 {
        return (0..u64::from(plan.rounds))
            .flat_map(|round| ArmOrder::balanced(arms, plan.windows as usize, seed.nth(round)))
            .collect();
    }
    if !matches!(plan.stop, Stop::Decided { .. }) {
        return ArmOrder::balanced(arms, rounds, seed);
    }
    (0..rounds.div_ceil(SET))
        .zip(0..)
        .flat_map(|(set, index)| {
            ArmOrder::balanced(arms, SET.min(rounds - set * SET), seed.nth(index))
        })
        .collect()
}

fn shuffled_cells(seed: u64, round: u32, cells: u32) -> Vec<u32> {
    let mut order: Vec<u32> = (0..cells).collect();
    Seed(seed)
        .child("blocks")
        .nth(round.into())
        .rng()
        .shuffle(&mut order);
    order
}

/// The arm with the same role.
pub(crate) fn arm(arm: &stats::order::Arm) -> Arm {
    match arm {
        stats::order::Arm::A => Arm::A,
        stats::order::Arm::B => Arm::B,
        stats::order::Arm::A2 => Arm::A2,
    }
}

/// The role of an arm.
pub(crate) fn arm_of(arm: Arm) -> stats::order::Arm {
    match arm {
        Arm::A => stats::order::Arm::A,
        Arm::B => stats::order::Arm::B,
        Arm::A2 => stats::order::Arm::A2,
    }
}

#[cfg(test)]
mod tests;
