//! The tables of one scenario: every measure of the candidate beside the baseline, and the control.
//! Must not decide anything.

use contract::id::Arm;
use contract::metric::Metric;
use stats::compare::{Estimate, Interval, Verdict};

use super::table::{Cell, Table};
use crate::compare::{self, ComparisonResult, Measure, MetricComparison};
use crate::report::phrases::changes::{plain_level, share_of};
use crate::report::phrases::layouts::layout_mark;
use crate::report::phrases::verdicts::{control_word, outlook};
use crate::report::phrases::words::{NONE, cut, percent, shown, tolerance, value};

/// Greatest length of a name in a heading.
const NAME: usize = 12;

/// The measures to show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The most commonly used.
    Short,
    /// All measures.
    Full,
}

/// The measures of the short form besides the primary one.
const SHORT: [Measure; 7] = [
    Measure::Quantile(Metric::E2e, 0.5),
    Measure::Quantile(Metric::E2e, 0.9),
    Measure::Quantile(Metric::E2e, 0.99),
    Measure::Quantile(Metric::Ttft, 0.5),
    Measure::Quantile(Metric::Itl, 0.5),
    Measure::TokensPerSecond,
    Measure::RequestsPerSecond,
];

impl Depth {
    /// The measures of a scenario to show.
    pub(crate) fn of(self, cell: &compare::Cell) -> Vec<&MetricComparison> {
        let takes = |metric: &&MetricComparison| {
            let optional = [Measure::GoodputPerSecond, Measure::CpuPerToken];
            let told = optional.contains(&metric.measure) && metric.is_measured();
            let listed = metric.primary || SHORT.contains(&metric.measure);
            self == Self::Full || told || listed
        };
        cell.metrics.iter().filter(takes).collect()
    }
}

/// Every measure of B against A.
pub(crate) fn effects(cell: &compare::Cell, shown: &[&MetricComparison]) -> Table {
    let (baseline, candidate) = (
        &cell.baseline,
        cell.candidate.as_deref().unwrap_or_default(),
    );
    // If both builds are the same, the arm names tell them apart.
    let name = |name: &str, arm: Arm| match baseline == candidate {
        true => Cell::both(
            format!("{name} {arm}"),
            format!("{} {arm}", cut(name, NAME - 2)),
        ),
        false => Cell::both(name, cut(name, NAME)),
    };
    let headings = [
        "measure".into(),
        name(baseline, Arm::A),
        name(candidate, Arm::B),
        Cell::per_cent("change"),
        level(cell.alpha),
        "tolerance".into(),
        "MDE".into(),
        "verdict".into(),
    ];
    let caption = format!("Every measure of {candidate} (B) against {baseline} (A)");
    let rows = shown.iter().map(|metric| effect(metric));
    Table::new(caption, headings)
        .words(&[7])
        .wide(&[5, 6])
        .with(rows)
}

fn level(alpha: f64) -> Cell {
    Cell::per_cent(&format!("{} interval", plain_level(alpha)))
}

fn effect(metric: &MetricComparison) -> [Cell; 8] {
    let none = || Cell::from(NONE);
    let arm = |baseline: bool| match metric.is_hidden() {
        true => none(),
        false => typical(metric, |arm| arm.is_baseline() == baseline),
    };
    let [change, interval] = match &metric.outcome {
        ComparisonResult::Compared { comparison, .. } => {
            difference(metric, comparison.effect.delta, &comparison.effect.ci)
        }
        ComparisonResult::Hidden {
            pooled: Some(pooled),
            ..
        } => difference(metric, pooled.theta, &pooled.ci),
        ComparisonResult::Hidden { pooled: None, .. } | ComparisonResult::Missing { .. } => {
            [none(), none()]
        }
    };
    let mde = match &metric.outcome {
        ComparisonResult::Compared { comparison, .. } => {
            percent(metric.share(comparison.effect.mde))
        }
        _ => NONE.to_owned(),
    };
    [
        Cell::label(metric.measure.label(), metric.primary),
        arm(true),
        arm(false),
        change,
        interval,
        format!("±{}", tolerance(metric.within())).into(),
        mde.into(),
        verdict(metric),
    ]
}

fn typical(metric: &MetricComparison, of: impl Fn(Arm) -> bool) -> Cell {
    Cell::some(metric.typical(of), |typical| value(metric.measure, typical))
}

fn difference(metric: &MetricComparison, delta: f64, ci: &Interval) -> [Cell; 2] {
    [Cell::change(metric, delta), Cell::interval(metric, ci)]
}

/// The verdict with its remarks, or why there is none. In a narrow table, footnotes have the rest.
fn verdict(metric: &MetricComparison) -> Cell {
    let (comparison, decision) = match &metric.outcome {
        ComparisonResult::Missing { reason } => return Cell::both(reason, NONE),
        ComparisonResult::Hidden {
            exceedances,
            pooled,
        } => {
            let why = format!("hidden: {exceedances} requests of a round lie beyond it");
            return match pooled {
                Some(_) => Cell::both(
                    format!("{why}; the figure is for all rounds together"),
                    "(pooled)",
                ),
                None => Cell::both(why, NONE),
            };
        }
        ComparisonResult::Compared {
            comparison,
            decision,
            ..
        } => (comparison, decision),
    };
    let name = decision.verdict.name();
    let small = match decision.verdict {
        Verdict::Undecided => format!(" ({})", outlook(comparison, decision)),
        _ if decision.small_but_real => " (small but real)".to_owned(),
        _ => String::new(),
    };
    let care = if metric.warning.is_some() {
        " (few requests)"
    } else {
        ""
    };
    let shares = share_of(metric.measure, metric.scale);
    let shares = shares.map_or_else(String::new, |of| format!(" ({of})"));
    let real = decision.verdict == Verdict::Same && decision.small_but_real;
    let star = if real { "*" } else { "" };
    let full = format!("{name}{small}{}", layout_mark(metric));
    Cell::both(full, format!("{name}{star}")).aside(format!("{care}{shares}"))
}

/// The baseline against itself.
pub(crate) fn control(cell: &compare::Cell, shown: &[&MetricComparison]) -> Table {
    let caption = Cell::both(
        "The control: A2 against A; they should not differ",
        "control: the baseline again (A2) against itself (A); they should not differ",
    );
    let headings = [
        "measure".into(),
        "A".into(),
        "A2".into(),
        Cell::per_cent("change"),
        level(cell.alpha),
        Cell::both("found", ""),
    ];
    let rows = shown.iter().filter_map(|metric| control_row(metric));
    Table::new(caption, headings).words(&[5]).with(rows)
}

fn control_row(metric: &MetricComparison) -> Option<[Cell; 6]> {
    let (comparison, decision) = metric.compared()?;
    let control: &Estimate = comparison.control.as_ref()?;
    let [change, interval] = difference(metric, control.delta, &control.ci);
    Some([
        metric.measure.label().into(),
        typical(metric, |arm| arm == Arm::A),
        typical(metric, |arm| arm == Arm::A2),
        change,
        interval,
        control_word(control, decision.limit).into(),
    ])
}

/// The value of an arm in a round.
pub(crate) fn of_arm(metric: &MetricComparison, round: &compare::RoundValues, arm: Arm) -> String {
    let found = round.values.iter().find(|(one, ..)| *one == arm);
    shown(found, |(.., v)| value(metric.measure, *v))
}
