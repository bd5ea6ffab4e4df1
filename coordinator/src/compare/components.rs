//! Where the noise of a run of several windows comes from, what a start and a window cost in time,
//! and how many windows would decide soonest. Nothing here affects a verdict.

use std::time::Duration;

use contract::run::BlockDone;
use stats::compare::{Components, Design, Paired};

use super::measure::Measure;
use super::replicates::Replicates;
use super::{Cell, Findings};

/// Numbers of windows that are compared.
const CHOICES: [u32; 7] = [1, 2, 4, 6, 8, 12, 16];

/// The noise of one scenario with one candidate.
#[derive(Clone, Debug)]
pub struct CellNoise {
    /// Title of the cell.
    pub title: String,
    /// Time that a round spends beside its windows: starting, loading, ending.
    pub start: Duration,
    /// Time of a window of all arms, with warm-up and reporting.
    pub window: Duration,
    /// One for each measure that was compared on a logarithmic scale, the primary first.
    pub measures: Vec<MeasureNoise>,
}

/// The noise of one measure.
#[derive(Clone, Debug)]
pub struct MeasureNoise {
    /// Measure.
    pub measure: Measure,
    /// Whether this is the primary measure.
    pub primary: bool,
    /// The relative difference that a design must find.
    pub within: f64,
    /// Standard deviations, in log ratios.
    pub components: Components,
    /// What finding that difference takes, by windows of a round.
    pub designs: Vec<Design>,
}

/// One entry for each cell of a run of several windows; empty if its rounds have one.
#[must_use]
pub fn noise(findings: &Findings) -> Vec<CellNoise> {
    let of = |cell: &Cell| {
        let (start, window) = costs(&findings.record.blocks, cell.index, findings.plan.windows)?;
        let stored = findings.trials.rounds(cell.index);
        let rounds = Replicates::of(&stored, findings.plan.windows);
        let measure = |metric: &super::MetricComparison| {
            if !metric.scale.is_log() || metric.compared().is_none() {
                return None;
            }
            let of_round = |windows: &[&super::Round]| {
                let each = windows.iter().map(|window| {
                    let value = |trial: &super::Trial| metric.measure.value(trial);
                    metric.measure.block_of(metric.scale, window, value)
                });
                let blocks: Option<Vec<_>> = each.collect();
                Some(Paired::effect(&blocks?).differences)
            };
            let rounds: Option<Vec<Vec<f64>>> = rounds.rounds().map(of_round).collect();
            let components = Components::of(&rounds?)?;
            let costs = (start.as_secs_f64(), window.as_secs_f64());
            let design =
                |windows| components.design(windows, costs, metric.limit(), &findings.settings);
            Some(MeasureNoise {
                measure: metric.measure,
                primary: metric.primary,
                within: metric.within(),
                components,
                designs: CHOICES.map(design).to_vec(),
            })
        };
        Some(CellNoise {
            title: cell.title.clone(),
            start,
            window,
            measures: cell.metrics.iter().filter_map(measure).collect(),
        })
    };
    findings.cells.iter().filter_map(of).collect()
}

impl CellNoise {
    /// The number of windows that finds the tolerance soonest in the primary measure; `None` if no
    /// number does.
    #[must_use]
    pub fn best(&self) -> Option<Design> {
        let primary = self.measures.iter().find(|measure| measure.primary)?;
        let known = primary
            .designs
            .iter()
            .filter(|design| design.seconds.is_some());
        known
            .min_by(|one, other| {
                let seconds = |design: &Design| design.seconds.unwrap_or(f64::INFINITY);
                seconds(one).total_cmp(&seconds(other))
            })
            .copied()
    }
}

/// Time of a round beside its windows, and of a window: medians over the rounds, from the ends of
/// the blocks. `None` without a round of several windows that has a predecessor.
fn costs(blocks: &[BlockDone], cell: u32, windows: u32) -> Option<(Duration, Duration)> {
    let mut ends: Vec<(u64, u32, u32)> = blocks
        .iter()
        .map(|block| (block.finished_unix_ms, block.cell, block.round))
        .collect();
    ends.sort_unstable();
    let (mut first, mut later) = (Vec::new(), Vec::new());
    for pair in ends.windows(2).filter(|pair| pair[1].1 == cell) {
        let time = pair[1].0 - pair[0].0;
        match pair[1].2 % windows {
            0 => first.push(time),
            _ => later.push(time),
        }
    }
    let median = |mut times: Vec<u64>| {
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    };
    let window = median(later)?;
    // The last window also waits for the processes to end, as the first does for their start.
    let start = median(first)?.saturating_sub(window);
    Some((Duration::from_millis(start), Duration::from_millis(window)))
}
