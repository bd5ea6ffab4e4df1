//! The rounds of a cell as replicates. In a plan with several windows a round, the same processes
//! measure each window in turns; the windows of a round share those processes' memory layout, so
//! the round counts once, with the mean of its windows. Only here does a stored round, which is a
//! window, become a replicate.

use contract::histogram::LatencyHistogram;
use contract::id::Arm;
use contract::metric::Metric;
use stats::compare::{RoundCosts, Scale};

use super::measure::Measure;
use super::trials::{Round, Trial};

/// The whole rounds of a cell, each with its windows in order.
#[derive(Clone, Debug)]
pub(super) struct Replicates<'a> {
    windows: Vec<&'a Round>,
    each: u32,
}

/// One round of one measure.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundValues {
    /// Round, from zero.
    pub round: u32,
    /// Arm, its position in the order, its value; with several windows, the means over them.
    pub values: Vec<(Arm, f64, f64)>,
}

impl<'a> Replicates<'a> {
    /// Groups the stored rounds, `each` windows a round. A round that lacks a window is left out.
    pub(super) fn of(stored: &[&'a Round], each: u32) -> Self {
        let whole = |group: &&[&Round]| group.len() == each as usize;
        let groups = stored.chunk_by(|one, next| one.index / each == next.index / each);
        Self {
            windows: groups.filter(whole).flatten().copied().collect(),
            each,
        }
    }

    /// Every window of every whole round.
    pub(super) fn windows(&self) -> &[&'a Round] {
        &self.windows
    }

    /// The windows of each whole round.
    pub(super) fn rounds(&self) -> impl Iterator<Item = &[&'a Round]> {
        self.windows.chunks(self.each as usize)
    }

    /// Number of whole rounds.
    pub(super) fn count(&self) -> usize {
        self.windows.len() / self.each as usize
    }

    /// Each round's costs; `None` if an arm has no value in some window.
    pub(super) fn costs(
        &self,
        measure: Measure,
        scale: Scale,
        value: impl Fn(&Trial) -> Option<f64>,
    ) -> Option<Vec<RoundCosts>> {
        let of_round = |windows: &[&Round]| {
            let costs = windows
                .iter()
                .map(|window| measure.block_of(scale, window, &value));
            RoundCosts::mean(&costs.collect::<Option<Vec<_>>>()?)
        };
        self.rounds().map(of_round).collect()
    }

    /// Each round's values, in the measure's unit: with several windows the mean of their costs,
    /// converted back, which is the geometric mean of latencies.
    pub(super) fn values(
        &self,
        measure: Measure,
        value: impl Fn(&Trial) -> Option<f64>,
    ) -> Vec<RoundValues> {
        let scale = measure.scale(&self.windows);
        let of_arm = |windows: &[&Round], arm: Arm| {
            let seats: Option<Vec<(usize, f64)>> = windows
                .iter()
                .map(|window| Some((window.position(arm)?, value(window.arms.get(&arm)?)?)))
                .collect();
            let seats = seats?;
            if let [(place, value)] = seats[..] {
                return Some((arm, place as f64, value));
            }
            let n = seats.len() as f64;
            let place = seats.iter().map(|(place, _)| *place as f64).sum::<f64>() / n;
            let costs: Option<Vec<f64>> = seats
                .iter()
                .map(|(_, value)| measure.cost(scale, *value))
                .collect();
            let mean = costs?.iter().sum::<f64>() / n;
            Some((arm, place, measure.value_of(scale, mean)))
        };
        let of_round = |windows: &[&Round]| RoundValues {
            round: windows[0].index / self.each,
            values: windows[0]
                .order
                .iter()
                .filter_map(|arm| of_arm(windows, *arm))
                .collect(),
        };
        self.rounds().map(of_round).collect()
    }

    /// An arm's histogram of each round, over all its windows; `None` if the arm is missing.
    pub(super) fn histograms(&self, arm: Arm, metric: Metric) -> Option<Vec<LatencyHistogram>> {
        let of_round = |windows: &[&Round]| {
            let mut all = LatencyHistogram::default();
            for window in windows {
                all.add(window.arms.get(&arm)?.histograms.get(metric));
            }
            Some(all)
        };
        self.rounds().map(of_round).collect()
    }
}
