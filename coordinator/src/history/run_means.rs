//! What is kept of a run for comparison with runs of other times: the means over its rounds.

use std::collections::{BTreeMap, BTreeSet};

use contract::id::{Arm, RunId};
use stats::compare::{RunMean, Scale};
use stats::validity::Validity;

use super::conditions::Conditions;
use crate::compare::{Findings, MetricComparison};
use crate::layout::Layout;

/// The means of one run.
#[derive(Clone, Debug)]
pub struct RunMeans {
    /// Id of the run.
    pub run: RunId,
    pub(super) validity: Validity,
    pub(super) conditions: Conditions,
    /// Means by scenario, variant and measure.
    pub(super) means: BTreeMap<(String, String, String), Shown>,
    pub(super) tolerances: BTreeMap<(String, String), f64>,
    pub(super) primary: String,
    /// Every scenario and variant that was run, without layouts.
    pub(super) measured: BTreeSet<(String, String)>,
}

impl RunMeans {
    /// The means of a run; nothing else of it is needed afterwards.
    #[must_use]
    pub fn of(findings: &Findings) -> Self {
        let header = &findings.record.header;
        let mut sketch = Self {
            run: header.run,
            validity: findings.validity.clone(),
            conditions: Conditions::of(findings),
            means: BTreeMap::new(),
            tolerances: BTreeMap::new(),
            primary: findings.plan.primary.name().to_owned(),
            measured: BTreeSet::new(),
        };
        for cell in findings.all_cells() {
            let other = cell
                .candidate
                .as_ref()
                .filter(|name| **name != cell.baseline);
            // Layouts are controls of their run.
            let candidate = other.filter(|name| Layout::named(name).is_none());
            let run = std::iter::once(&cell.baseline).chain(candidate);
            sketch
                .measured
                .extend(run.map(|variant| (cell.scenario.clone(), variant.clone())));
            for metric in cell.metrics.iter().filter(|metric| !metric.is_hidden()) {
                let measure = metric.measure.name();
                sketch
                    .tolerances
                    .insert((cell.scenario.clone(), measure.clone()), metric.within());
                let mut put = |variant: &str, shown: Option<Shown>| {
                    let key = (cell.scenario.clone(), variant.to_owned(), measure.clone());
                    shown.map(|shown| sketch.means.entry(key).or_insert(shown));
                };
                // In an A/A run both arms are the baseline.
                put(
                    &cell.baseline,
                    shown(metric, |arm| arm.is_baseline() || other.is_none()),
                );
                if let Some(candidate) = candidate {
                    put(candidate, shown(metric, |arm| !arm.is_baseline()));
                }
            }
        }
        sketch
    }
}

/// Mean of a variant over its rounds; within a round, arms of the same build are averaged.
pub(super) fn shown(metric: &MetricComparison, of: impl Fn(Arm) -> bool) -> Option<Shown> {
    let rounds = || {
        metric
            .rounds
            .iter()
            .map(|round| round.values.iter().filter(|(arm, ..)| of(*arm)))
    };
    let plain: Vec<f64> = rounds()
        .filter_map(|values| mean(values.map(|(.., value)| *value)))
        .collect();
    let most = plain.iter().copied().fold(0.0, f64::max);
    let zero = rounds().flatten().any(|(.., value)| *value == 0.0);
    let log = rounds().filter_map(|values| {
        let costs: Option<Vec<f64>> = values
            .map(|(.., value)| metric.measure.cost(Scale::Log, *value))
            .collect();
        mean(costs?.into_iter())
    });
    let log = if zero {
        None
    } else {
        run_mean(&log.collect::<Vec<_>>())
    };
    Some(Shown {
        log,
        plain: run_mean(&plain)?,
        most,
    })
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Mean and its variance over rounds.
pub(super) fn run_mean(rounds: &[f64]) -> Option<RunMean> {
    let n = rounds.len() as f64;
    let mean = mean(rounds.iter().copied())?;
    let squares: f64 = rounds.iter().map(|value| (value - mean).powi(2)).sum();
    (rounds.len() > 1).then(|| RunMean {
        mean,
        variance: squares / (n - 1.0) / n,
        rounds: rounds.len(),
    })
}

/// The mean of one variant in one run, on both scales: the scale of the comparison is not known
/// until all runs are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Mean of the logarithmic costs; `None` if a value is zero.
    pub(super) log: Option<RunMean>,
    /// Mean of the values themselves.
    pub(super) plain: RunMean,
    /// The greatest value.
    pub(super) most: f64,
}
