//! Parts to trials: the parts of all slots of one arm in one round, merged exactly. A round is the unit of
//! comparison; slots of one host share its noise and are not replicates.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use contract::id::Arm;
use contract::metric::Metric;
use contract::part::{Histograms, Outcomes, Part};
use contract::run::BlockDone;

use crate::store::RunRecord;

/// One arm in one round, all slots together.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    /// Its parts, by slot.
    pub parts: Vec<&'a Part>,
    /// Their histograms merged.
    pub histograms: Histograms,
    /// Requests that were left to these parts, where a block went on without some slots.
    pub left: Option<u64>,
    /// Their counts added.
    pub outcomes: Outcomes,
    /// Output tokens of successful requests.
    pub output_tokens: u64,
    /// From the start instant until the last request ended, whichever way, in any slot. Rates are over this, so that a
    /// build which loses its slowest requests gains nothing by it.
    pub wall: Duration,
}

/// One round of one cell: its arms and the order in which they ran.
#[derive(Clone, Debug)]
pub struct Round<'a> {
    /// Round, from zero.
    pub index: u32,
    /// Arms in the order they ran.
    pub order: Vec<Arm>,
    /// What each did.
    pub arms: BTreeMap<Arm, Trial<'a>>,
}

/// Every accepted trial of a run.
#[derive(Clone, Debug)]
pub struct Trials<'a> {
    rounds: BTreeMap<(u32, u32), Round<'a>>,
}

impl<'a> Trials<'a> {
    /// Merges the accepted parts. Blocks without a marker have none.
    #[must_use]
    pub fn of(record: &'a RunRecord) -> Self {
        let mut rounds = BTreeMap::new();
        for block in &record.blocks {
            let slots = whole_slots(record, block);
            let of_arm = |arm: Arm| {
                let here = |part: &&Part| {
                    let key = part.place.key;
                    (key.scenario, key.round, key.arm) == (block.scenario, block.round, arm)
                        && slots.as_ref().is_none_or(|slots| slots.contains(&part.place.slot))
                };
                let trial = Trial::of(record.parts.iter().filter(here).collect());
                let left = slots.as_ref().map(|_| trial.parts.iter().map(|part| part.outcomes.planned).sum());
                (arm, Trial { left, ..trial })
            };
            let arms = block.order.iter().copied().map(of_arm).collect();
            let round = Round { index: block.round, order: block.order.clone(), arms };
            rounds.insert((block.scenario, block.round), round);
        }
        Self { rounds }
    }

    /// The done rounds of a cell, in order.
    #[must_use]
    pub fn rounds(&self, cell: u32) -> Vec<&Round<'a>> {
        self.rounds.range((cell, 0)..=(cell, u32::MAX)).map(|(_, round)| round).collect()
    }
}

/// Of a block that went on without some slots: those that took part in every arm. Arms are compared on the same slots or
/// not at all. `None` where nothing was lost.
fn whole_slots(record: &RunRecord, block: &BlockDone) -> Option<BTreeSet<u32>> {
    if block.lost_requests == 0 {
        return None;
    }
    let of_arm = |arm: &Arm| -> BTreeSet<u32> {
        let here = |part: &&Part| {
            let key = part.place.key;
            (key.scenario, key.round, key.arm) == (block.scenario, block.round, *arm)
        };
        record.parts.iter().filter(here).map(|part| part.place.slot).collect()
    };
    block.order.iter().map(of_arm).reduce(|all, these| &all & &these)
}

impl<'a> Trial<'a> {
    pub(super) fn of(parts: Vec<&'a Part>) -> Self {
        let mut trial = Self {
            parts: Vec::new(),
            left: None,
            histograms: Histograms::default(),
            outcomes: Outcomes::default(),
            output_tokens: 0,
            wall: Duration::ZERO,
        };
        for part in &parts {
            trial.histograms.add(&part.histograms);
            trial.outcomes.add(&part.outcomes);
            trial.output_tokens += part.output_tokens;
            trial.wall = trial.wall.max(part.usage.wall);
        }
        Self { parts, ..trial }
    }

    /// A quantile in nanoseconds, interpolated within its bucket; `None` when there are no values.
    #[must_use]
    pub fn quantile(&self, metric: Metric, q: f64) -> Option<f64> {
        stats::summary::quantile(self.histograms.get(metric).buckets(), q)
    }

    /// Output tokens of successful requests per second of the window.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        rate(self.output_tokens, self.wall)
    }

    /// Successful requests per second of the window.
    #[must_use]
    pub fn requests_per_second(&self) -> Option<f64> {
        rate(self.outcomes.ok, self.wall)
    }

    /// Requests that met every objective per second of the window; none where the scenario has no objectives.
    #[must_use]
    pub fn goodput_per_second(&self) -> Option<f64> {
        let good = self.parts.iter().map(|part| part.good).sum::<Option<u64>>()?;
        rate(good, self.wall)
    }

    /// Requests of an open loop sent within its window ÷ offered.
    #[must_use]
    pub fn achieved(&self) -> Option<f64> {
        let in_time = self.parts.iter().map(|part| part.in_time).sum::<Option<u64>>()?;
        let offered: u64 = self.parts.iter().map(|part| part.offered).sum();
        (offered > 0).then(|| in_time as f64 / offered as f64)
    }
}

pub(super) fn rate(count: u64, wall: Duration) -> Option<f64> {
    (count > 0 && !wall.is_zero()).then(|| count as f64 / wall.as_secs_f64())
}

impl Round<'_> {
    /// Where an arm stood in the order.
    #[must_use]
    pub fn position(&self, arm: Arm) -> Option<usize> {
        self.order.iter().position(|a| *a == arm)
    }
}
