//! The search for a capacity over the blocks of a run: which block is measured next, and what the
//! parts say of each. Owns the way from a probe to a block and from parts to a probe's results; must
//! not know how blocks are carried out or stored, nor how the answer is shown.
//!
//! The search itself is [`stats::capacity::Search`]. It is a function of its results, so a run is
//! resumed by asking it again with the results of the stored blocks.

mod answer;
mod hosts;
mod profile;
mod tally;

use std::collections::BTreeMap;

use contract::id::{Arm, Attempt};
use contract::part::Part;
use contract::run::BlockDone;
use stats::capacity::{METHOD, Probe, Purpose, Question, Search, Seen, Settings, Step, Window};
use stats::order::{ArmOrder, ArmSet};
use stats::rng::Seed;

pub use answer::{CapacityAnswer, LevelSeen, OfObjective, ProbeSeen};
use hosts::HostCounts;
pub use hosts::HostSeen;
pub use profile::{DayProfile, ProfileError, Stretch, machine_hours};
use tally::Tally;

use crate::plan::{CapacityPlan, Plan, Varied};
use crate::schedule::{self, Block, Lineup};

/// Rounds before the first look at the interval.
const LEAST_ROUNDS: u32 = 8;
/// Two-sided error of the intervals.
const ERROR: f64 = 0.05;

/// Why a run is no search that can go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CapacityError {
    /// The run did something else.
    #[error(
        "read a capacity: this run searched for none; `coordinator capacity PLAN --objective …` searches for one"
    )]
    NoSearch,
    /// `run` was given a search.
    #[error(
        "resume the run: it searches for a capacity; use `coordinator capacity --resume {run}`"
    )]
    IsSearch {
        /// The run.
        run: String,
    },
    /// More than one candidate.
    #[error("search for a capacity: at most two variants are compared, and {0} are given")]
    ManyVariants(usize),
    /// Another version of the method would choose other probes.
    #[error(
        "compute the search again: version {then} of the method made it, and this program has version \
         {now}, which would choose other probes; use the program that made it, or search again"
    )]
    OtherMethod {
        /// Version of the search.
        then: u32,
        /// Version of this program.
        now: u32,
    },
    /// A stored block that the search would not have asked for.
    #[error(
        "resume the search: its stored blocks are not those that it asks for; it was begun by another version"
    )]
    OtherBlocks,
}

/// A search in progress.
#[derive(Debug)]
pub struct CapacitySearch {
    plan: Plan,
    capacity: CapacityPlan,
    lineup: Lineup,
    search: Search,
    orders: Vec<ArmOrder>,
    tallies: BTreeMap<(u32, u32, Attempt, Arm), Tally>,
    hosts: HostCounts,
    levels: Vec<LevelSeen>,
    /// Of each probe but the levels, in order: by arm, then by objective.
    quantiles: Vec<Vec<Vec<Option<f64>>>>,
}

impl CapacitySearch {
    /// The search of a plan, from its beginning.
    ///
    /// # Errors
    /// When the plan has none or one of another method, or there are more than two variants.
    pub fn new(plan: &Plan, lineup: &Lineup) -> Result<Self, CapacityError> {
        let capacity = plan.capacity.clone().ok_or(CapacityError::NoSearch)?;
        if capacity.method != METHOD {
            return Err(CapacityError::OtherMethod {
                then: capacity.method,
                now: METHOD,
            });
        }
        if lineup.candidates().len() > 1 {
            return Err(CapacityError::ManyVariants(lineup.candidates().len() + 1));
        }
        let (arms, set) = match (lineup.candidates().is_empty(), plan.control) {
            (true, _) => (1, ArmSet::Two),
            (false, false) => (2, ArmSet::Two),
            (false, true) => (3, ArmSet::Three),
        };
        let settings = Settings {
            rungs: capacity.rungs().ok_or(CapacityError::NoSearch)?,
            levels: capacity.levels.clone(),
            question: Question {
                allowed: capacity.objectives.iter().map(|o| o.allowed).collect(),
                dispersion: plan.dispersion(),
                error: ERROR,
            },
            arms,
            precision: capacity.precision.ln_1p(),
            windows: capacity.windows,
            least_rounds: LEAST_ROUNDS,
        };
        let seed = Seed(plan.seed).child("capacity");
        Ok(Self {
            orders: ArmOrder::balanced(set, capacity.windows as usize, seed),
            plan: plan.clone(),
            capacity,
            lineup: lineup.clone(),
            search: Search::new(settings),
            tallies: BTreeMap::new(),
            hosts: HostCounts::default(),
            levels: Vec::new(),
            quantiles: Vec::new(),
        })
    }

    /// The next block; `None` once the search is over.
    #[must_use]
    pub fn next_block(&self) -> Option<Block> {
        match self.search.next() {
            Step::Probe(probe) => Some(self.block(&probe)),
            Step::End(_) => None,
        }
    }

    /// Takes in a part of any attempt.
    pub fn note(&mut self, part: &Part) {
        self.hosts.note(part, &self.capacity.objectives);
        let key = part.place.key;
        let tally = Tally::of(part, &self.capacity.objectives);
        self.tallies
            .entry((key.cell, key.round, part.place.attempt, key.arm))
            .or_default()
            .add(&tally);
    }

    /// A block is durable: its parts become the results of the probe.
    ///
    /// # Errors
    /// When it is not the block that the search asked for.
    pub fn done(&mut self, block: &BlockDone) -> Result<(), CapacityError> {
        let Step::Probe(probe) = self.search.next() else {
            return Err(CapacityError::OtherBlocks);
        };
        let wanted = self.block(&probe);
        if (wanted.cell, wanted.round) != (block.cell, block.round) {
            return Err(CapacityError::OtherBlocks);
        }
        self.hosts.done(block);
        let seen = self.seen(probe, block);
        self.search.take(seen);
        Ok(())
    }

    /// Takes in the stored blocks, whose parts were noted, in the order in which the search asks for
    /// them.
    ///
    /// # Errors
    /// When there are others.
    pub fn replay(&mut self, blocks: &[BlockDone]) -> Result<(), CapacityError> {
        for _ in blocks {
            let next = self.next_block().ok_or(CapacityError::OtherBlocks)?;
            let place = (next.cell, next.round);
            let stored = blocks.iter().find(|done| (done.cell, done.round) == place);
            self.done(stored.ok_or(CapacityError::OtherBlocks)?)?;
        }
        Ok(())
    }

    fn levels(&self) -> u32 {
        u32::try_from(self.capacity.levels.len()).expect("a handful")
    }

    fn block(&self, probe: &Probe) -> Block {
        let scenario = match probe.purpose {
            Purpose::Level => probe.at,
            _ => self.levels() + probe.at,
        };
        let candidate = self.lineup.candidates().first();
        let candidate = candidate
            .filter(|_| probe.purpose == Purpose::Round)
            .cloned();
        let round = self.search.rounds() % self.orders.len().max(1);
        let order = match (&candidate, self.orders.get(round)) {
            (Some(_), Some(order)) => order.arms().iter().map(schedule::arm).collect(),
            _ => vec![Arm::A],
        };
        Block {
            cell: scenario,
            scenario,
            round: probe.visit,
            windows: 1,
            order,
            duet: false,
            seed: schedule::request_seed(self.plan.seed, scenario, probe.visit),
            baseline: self.lineup.baseline().to_owned(),
            candidate,
            trials_before: self.search.spent(),
            trials: self.capacity.windows,
        }
    }

    fn seen(&mut self, probe: Probe, block: &BlockDone) -> Seen {
        let x = self.search.settings().rungs.x(probe.at);
        let tally = |arm: Arm| {
            let key = (block.cell, block.round, block.attempt, arm);
            self.tallies.get(&key).cloned().unwrap_or_default()
        };
        let tallies: Vec<(Arm, Tally)> =
            block.order.iter().map(|arm| (*arm, tally(*arm))).collect();
        let window = |(arm, tally): &(Arm, Tally)| Window {
            x,
            arm: schedule::arm_of(*arm),
            counts: tally.counts.clone(),
        };
        let first = tallies
            .first()
            .map(|(_, tally)| tally.clone())
            .unwrap_or_default();
        if probe.purpose == Purpose::Level {
            self.levels.push(LevelSeen::of(
                self.capacity.levels[probe.at as usize],
                &first,
            ));
        } else {
            let mut by_arm: Vec<_> = tallies.iter().collect();
            by_arm.sort_by_key(|(arm, _)| schedule::arm_of(*arm));
            let quantiles = by_arm.into_iter().map(|(_, tally)| tally.quantiles.clone());
            self.quantiles.push(quantiles.collect());
        }
        let windows = match probe.purpose {
            Purpose::Level => Vec::new(),
            _ => tallies.iter().map(window).collect(),
        };
        Seen {
            probe,
            windows,
            throughput: first.requests_per_second(),
            // In a closed loop a late request delays the next one, and violates nothing.
            limited: probe.purpose != Purpose::Level
                && self.capacity.varied == Varied::Rate
                && tallies.iter().any(|(_, tally)| tally.limited),
        }
    }
}

/// The blocks to begin with: the first of a search, else all of the plan.
///
/// # Errors
/// When the plan searches with more than two variants.
pub fn first_blocks(plan: &Plan, lineup: &Lineup) -> Result<Vec<Block>, CapacityError> {
    match plan.capacity {
        None => Ok(schedule::blocks(plan, lineup)),
        Some(_) => Ok(CapacitySearch::new(plan, lineup)?
            .next_block()
            .into_iter()
            .collect()),
    }
}
