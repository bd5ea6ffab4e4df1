//! Trials: the exactly merged parts of all slots of one arm in one round. A round is the unit of
//! comparison; slots of one host share its noise and are not replicates.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::id::Arm;
use contract::metric::Metric;
use contract::part::{Histograms, Outcomes, Part, Series};

use super::part_summary::PartSummary;
use super::window_stats::WindowStats;

/// One arm in one round, over all slots.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// Summaries of its parts, by slot.
    pub parts: Vec<PartSummary>,
    /// Merged histograms of its parts.
    pub histograms: Histograms,
    /// Requests assigned to these parts, if the block continued without some slots.
    pub left: Option<u64>,
    /// Sum of its parts' outcomes.
    pub outcomes: Outcomes,
    /// Output tokens of successful requests.
    pub output_tokens: u64,
    /// Time from the start instant until the last request ended with any outcome, in any slot.
    /// Rates are over this time, so a build gains nothing by losing its slowest requests.
    pub wall: Duration,
    /// Statistics from single requests; `None` if not all were kept.
    pub(super) inside: Option<WindowStats>,
    /// The window in time slices, summed over all slots; `None` if a part has none.
    pub(super) series: Option<Series>,
}

/// One round of one cell: its arms and the order in which they ran.
#[derive(Clone, Debug)]
pub struct Round {
    /// Round, from zero.
    pub index: u32,
    /// Arms in the order they ran.
    pub order: Vec<Arm>,
    /// The trial of each arm.
    pub arms: BTreeMap<Arm, Trial>,
}

/// Every accepted trial of a run.
#[derive(Clone, Debug)]
pub struct Trials {
    pub(super) rounds: BTreeMap<(u32, u32), Round>,
    /// Accepted parts that belong to no trial, from slots that were lost before their block ended.
    pub(super) left_out: Vec<PartSummary>,
}

impl Trials {
    /// The completed rounds of a cell, in order.
    #[must_use]
    pub fn rounds(&self, cell: u32) -> Vec<&Round> {
        self.rounds
            .range((cell, 0)..=(cell, u32::MAX))
            .map(|(_, round)| round)
            .collect()
    }

    /// Every accepted part, by scenario, round, arm and slot.
    #[must_use]
    pub fn parts(&self) -> Vec<&PartSummary> {
        let merged = self
            .rounds
            .values()
            .flat_map(|round| round.arms.values())
            .flat_map(|trial| &trial.parts);
        let mut parts: Vec<&PartSummary> = merged.chain(&self.left_out).collect();
        parts.sort_by_key(|part| (part.place.key, part.place.slot));
        parts
    }
}

impl Trial {
    /// Merges a part and keeps its summary.
    pub(super) fn add(&mut self, part: Part, share: u32) {
        self.histograms.add(&part.histograms);
        self.outcomes.add(&part.outcomes);
        self.output_tokens += part.output_tokens;
        self.wall = self.wall.max(part.usage.wall);
        self.parts.push(PartSummary::of(part, share));
    }

    /// A quantile in nanoseconds, interpolated within its bucket; `None` without values.
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

    /// Requests per second of the window that met every objective; `None` if the scenario has no
    /// objectives.
    #[must_use]
    pub fn goodput_per_second(&self) -> Option<f64> {
        let good = self
            .parts
            .iter()
            .map(|part| part.good)
            .sum::<Option<u64>>()?;
        rate(good, self.wall)
    }

    /// Requests of an open loop sent within its window ÷ requests offered.
    #[must_use]
    pub fn achieved(&self) -> Option<f64> {
        let in_time = self
            .parts
            .iter()
            .map(|part| part.in_time)
            .sum::<Option<u64>>()?;
        let offered: u64 = self.parts.iter().map(|part| part.offered).sum();
        (offered > 0).then(|| in_time as f64 / offered as f64)
    }
}

/// A count of zero is a rate of zero; a window of zero length has no rate.
pub(super) fn rate(count: u64, wall: Duration) -> Option<f64> {
    (!wall.is_zero()).then(|| count as f64 / wall.as_secs_f64())
}

impl Round {
    /// Position of an arm in the order.
    #[must_use]
    pub fn position(&self, arm: Arm) -> Option<usize> {
        self.order.iter().position(|a| *a == arm)
    }
}
