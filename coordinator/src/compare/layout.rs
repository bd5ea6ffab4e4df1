//! The layout control of a run. Layouts are builds of the baseline that differ only in the order of
//! their functions. Derives their effect on each measure, and which differences of candidates are
//! no greater (docs/method.md). The result is a label and never a verdict: it enters no gate, no
//! family of questions and no validity. Must not know how it is shown.

use stats::compare::{Spread, Verdict, layout_spread};
use stats::validity::Validity;

use super::layout_label::LayoutLabel;
use super::metrics::{ComparisonResult, MetricComparison};
use super::{Cell, Findings, Measure};
use crate::layout::Layout;

/// The layouts of a run and their effects.
#[derive(Clone, Debug)]
pub struct LayoutControl {
    /// One cell for each scenario and layout, compared with the baseline like a candidate but never
    /// judged.
    pub cells: Vec<Cell>,
    /// One entry for each scenario and measure, the primary of each scenario first.
    pub noises: Vec<LayoutNoise>,
}

/// Effect of the layouts on one measure of one scenario.
#[derive(Clone, Debug)]
pub struct LayoutNoise {
    /// Name of the scenario.
    pub scenario: String,
    /// Measure.
    pub measure: Measure,
    /// Whether this is the primary measure, declared before the run.
    pub primary: bool,
    /// The layouts with a VALID measurement.
    pub counted: Vec<LayoutEffect>,
    /// The other layouts, each with the reason.
    pub left_out: Vec<(String, String)>,
    /// Spread of the counted layouts; `None` for fewer than two.
    pub spread: Option<Spread>,
}

/// One layout against the baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct LayoutEffect {
    /// Name of the layout, as the build gave it.
    pub layout: String,
    /// δ̂, a log ratio; more is worse.
    pub delta: f64,
    /// Its standard error.
    pub se: f64,
}

impl LayoutControl {
    /// From the layouts' cells, in the plan's order; `None` without layouts.
    pub(super) fn of(cells: Vec<Cell>) -> Option<Self> {
        let first = cells.first()?.candidate.clone();
        let scenarios = cells.iter().filter(|cell| cell.candidate == first);
        let noises = scenarios.flat_map(|like| {
            let alike: Vec<&Cell> = cells
                .iter()
                .filter(|cell| cell.scenario == like.scenario)
                .collect();
            like.metrics
                .iter()
                .map(|metric| noise(&alike, metric))
                .collect::<Vec<_>>()
        });
        Some(Self {
            noises: noises.collect(),
            cells,
        })
    }

    /// Labels the measures of the candidates' cells.
    pub(super) fn label(&self, cells: &mut [Cell]) {
        for cell in cells {
            for metric in &mut cell.metrics {
                metric.layout = self
                    .noise(&cell.scenario, metric.measure)
                    .and_then(|noise| noise.label(metric));
            }
        }
    }

    /// Effect of the layouts on a measure of a scenario.
    #[must_use]
    pub fn noise(&self, scenario: &str, measure: Measure) -> Option<&LayoutNoise> {
        self.noises
            .iter()
            .find(|noise| noise.scenario == scenario && noise.measure == measure)
    }

    /// Number of layouts of the run.
    #[must_use]
    pub fn layouts(&self) -> usize {
        self.noises.first().map_or(0, LayoutNoise::layouts)
    }

    /// Whether every primary measure has its spread.
    pub(super) fn is_known(&self) -> bool {
        self.noises
            .iter()
            .filter(|noise| noise.primary)
            .all(|noise| noise.spread.is_some())
    }
}

impl LayoutNoise {
    /// Number of layouts measured, counted or not.
    #[must_use]
    pub fn layouts(&self) -> usize {
        self.counted.len() + self.left_out.len()
    }

    /// The label of a candidate's comparison; `None` if there is nothing to compare.
    fn label(&self, metric: &MetricComparison) -> Option<LayoutLabel> {
        let ComparisonResult::Compared {
            comparison,
            decision,
            ..
        } = &metric.outcome
        else {
            return None;
        };
        if decision.verdict == Verdict::Invalid {
            return None;
        }
        Some(match self.spread {
            None => LayoutLabel::Unknown {
                layouts: self.layouts(),
            },
            // The layouts' spread is in log ratios.
            Some(_) if !metric.scale.is_log() => LayoutLabel::Unknown {
                layouts: self.layouts(),
            },
            Some(spread) if spread.covers(comparison.effect.delta) => LayoutLabel::Within(spread),
            Some(spread) => LayoutLabel::Beyond(spread),
        })
    }
}

fn noise(cells: &[&Cell], like: &MetricComparison) -> LayoutNoise {
    let (mut counted, mut left_out) = (Vec::new(), Vec::new());
    for cell in cells {
        let layout = cell.candidate.clone().unwrap_or_default();
        match believed(cell, like.measure) {
            Ok((delta, se)) => counted.push(LayoutEffect { layout, delta, se }),
            Err(why) => left_out.push((layout, why)),
        }
    }
    let figures: Vec<(f64, f64)> = counted
        .iter()
        .map(|effect| (effect.delta, effect.se))
        .collect();
    LayoutNoise {
        scenario: cells
            .first()
            .map_or_else(String::new, |cell| cell.scenario.clone()),
        measure: like.measure,
        primary: like.primary,
        counted,
        left_out,
        spread: layout_spread(&figures),
    }
}

/// δ̂ and SE of a layout, or why it does not count. A layout must meet the same criteria as a
/// candidate.
fn believed(cell: &Cell, measure: Measure) -> Result<(f64, f64), String> {
    match &cell.assessment.validity {
        Validity::Valid => {}
        Validity::Inconclusive(reasons) | Validity::Invalid(reasons) => {
            let (word, why) = (cell.assessment.validity.name(), reasons.first());
            let why = why.map_or_else(String::new, |reason| format!(": {reason}"));
            return Err(format!("its measurement is {word}{why}"));
        }
    }
    let metric = cell.metrics.iter().find(|metric| metric.measure == measure);
    match metric.map(|metric| &metric.outcome) {
        Some(ComparisonResult::Compared { decision, .. })
            if decision.verdict == Verdict::Invalid =>
        {
            Err("the baseline beside it differs from itself".to_owned())
        }
        Some(ComparisonResult::Compared { .. })
            if metric.is_some_and(|metric| !metric.scale.is_log()) =>
        {
            Err("it is zero in some round, so there is no ratio".to_owned())
        }
        Some(ComparisonResult::Compared { comparison, .. }) => {
            Ok((comparison.effect.delta, comparison.effect.se))
        }
        Some(ComparisonResult::Hidden { exceedances, .. }) => Err(format!(
            "only {exceedances} requests of an arm and round lie beyond the quantile"
        )),
        Some(ComparisonResult::Missing { reason }) => Err(reason.clone()),
        None => Err("it was not measured".to_owned()),
    }
}

impl Cell {
    /// Whether the cell belongs to the layout control.
    #[must_use]
    pub fn is_layout(&self) -> bool {
        self.candidate
            .as_deref()
            .is_some_and(|name| Layout::named(name).is_some())
    }
}

impl Findings {
    /// Every cell of the run, the layout control's last.
    pub fn all_cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells
            .iter()
            .chain(self.layout.iter().flat_map(|control| &control.cells))
    }

    /// The cells that decide the run's validity: the candidates', or the layout control's if there
    /// are no others.
    pub fn judged_cells(&self) -> impl Iterator<Item = &Cell> {
        let control = self.layout.iter().filter(|_| self.cells.is_empty());
        self.cells
            .iter()
            .chain(control.flat_map(|control| &control.cells))
    }
}
