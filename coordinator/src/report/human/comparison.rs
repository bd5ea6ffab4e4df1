//! The tables of one scenario: every measure of the candidate beside the baseline, and the control
//! beside it. Must not decide anything.

use contract::id::Arm;
use contract::metric::Metric;
use stats::compare::{Estimate, Verdict};

use super::load::{changes, offered};
use super::page::Page;
use super::places;
use super::table::{Table, cut};
use super::verdict::outlook;
use super::words::{
    NONE, Unit, WITHIN_LAYOUT, change, interval, percent, plain_level, share_of, tolerance, value,
};
use crate::compare::{Cell, LayoutLabel, Measure, MetricComparison, Outcome};
use crate::plan::Plan;
use crate::schedule;

/// Longest name in a heading.
const NAME: usize = 12;

/// Which measures are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Those that most people ask for.
    Short,
    /// All.
    Full,
}

/// What the short form shows beside the primary measure.
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
    fn shows(self, metric: &MetricComparison) -> bool {
        let objectives = metric.measure == Measure::GoodputPerSecond && metric.is_measured();
        objectives || self.takes(metric.measure, metric.primary)
    }

    /// Whether a measure is among those shown.
    pub(super) fn takes(self, measure: Measure, primary: bool) -> bool {
        self == Self::Full || primary || SHORT.contains(&measure)
    }
}

/// Prints the comparison of one scenario, its control, and what must be said about single measures.
pub(super) fn print(page: &mut Page, plan: &Plan, cell: &Cell, depth: Depth) {
    let Some(candidate) = &cell.candidate else {
        return;
    };
    let shown: Vec<&MetricComparison> = cell
        .metrics
        .iter()
        .filter(|metric| depth.shows(metric))
        .collect();
    let (done, planned) = cell.rounds;
    let (scenario, _) = schedule::of_cell(plan, cell.index);
    let sent = cell.sent.as_ref();
    page.heading(&format!(
        "{}; {done} of {planned} rounds",
        offered(&plan.scenarios[scenario], sent)
    ));
    changes(sent)
        .iter()
        .for_each(|change| page.sentence(change, 2, 4));
    effects(&shown, &cell.baseline, candidate, cell.alpha).print(page);
    let control = controls(&shown, cell.alpha);
    if !control.is_empty() {
        page.gap();
        page.line("  control: the baseline again (A2) against itself (A); they should not differ");
        control.print(page);
    }
    if depth == Depth::Full {
        places::table(page, cell);
    }
    footnotes(page, plan, cell, &shown);
}

fn effects(shown: &[&MetricComparison], baseline: &str, candidate: &str, alpha: f64) -> Table {
    let (a, b) = if baseline == candidate {
        (
            format!("{} A", cut(baseline, NAME - 2)),
            format!("{} B", cut(candidate, NAME - 2)),
        )
    } else {
        (cut(baseline, NAME), cut(candidate, NAME))
    };
    let level = format!("{} interval, %", plain_level(alpha));
    let headings = ["measure", &a, &b, "change, %", &level, "verdict"];
    let mut table = Table::new(headings).left(&[5]);
    for metric in shown {
        let (change, interval, verdict) = effect(metric);
        let (a, b) = (
            typical(metric, Arm::is_baseline),
            typical(metric, |arm| !arm.is_baseline()),
        );
        table.row([metric.measure.label(), a, b, change, interval, verdict]);
    }
    table
}

fn typical(metric: &MetricComparison, of: impl Fn(Arm) -> bool) -> String {
    if metric.is_hidden() {
        return NONE.to_owned();
    }
    metric
        .typical(of)
        .map_or_else(|| NONE.to_owned(), |typical| value(metric.measure, typical))
}

fn effect(metric: &MetricComparison) -> (String, String, String) {
    if let Outcome::Hidden {
        pooled: Some(pooled),
        ..
    } = &metric.outcome
    {
        let (delta, ci) = (pooled.theta, &pooled.ci);
        let figure = (
            change(metric, delta, Unit::InHeading),
            interval(metric, ci, Unit::InHeading),
        );
        return (figure.0, figure.1, "(pooled)".to_owned());
    }
    let Outcome::Compared {
        comparison,
        decision,
        ..
    } = &metric.outcome
    else {
        return (NONE.to_owned(), NONE.to_owned(), NONE.to_owned());
    };
    let (change, interval) = estimate(metric, &comparison.effect);
    let real = decision.verdict == Verdict::Same && decision.small_but_real;
    let mark = if real { "*" } else { "" };
    (
        change,
        interval,
        format!("{}{mark}", decision.verdict.name()),
    )
}

fn estimate(metric: &MetricComparison, estimate: &Estimate) -> (String, String) {
    (
        change(metric, estimate.delta, Unit::InHeading),
        interval(metric, &estimate.ci, Unit::InHeading),
    )
}

fn controls(shown: &[&MetricComparison], alpha: f64) -> Table {
    let level = format!("{} interval, %", plain_level(alpha));
    let mut table = Table::new(["measure", "A", "A2", "change, %", &level, ""]).left(&[5]);
    for metric in shown {
        let Outcome::Compared {
            comparison,
            decision,
            ..
        } = &metric.outcome
        else {
            continue;
        };
        let Some(control) = &comparison.control else {
            continue;
        };
        let (change, interval) = estimate(metric, control);
        let word = control_word(control, decision.limit);
        let of = |arm| typical(metric, move |one| one == arm);
        table.row([
            metric.measure.label(),
            of(Arm::A),
            of(Arm::A2),
            change,
            interval,
            word.to_owned(),
        ]);
    }
    table
}

/// Whether two runs of one build could be told apart.
pub(in crate::report) fn control_word(control: &Estimate, tau: f64) -> &'static str {
    let limit = tau / 2.0;
    if control.ci.low > limit || control.ci.high < -limit {
        "DIFFERS"
    } else if control.tost.within(tau) {
        "same"
    } else {
        "unclear"
    }
}

/// The minimum detectable effect of each undecided secondary measure; the headline has that of the
/// primary.
fn undecided(shown: &[&MetricComparison]) -> Option<String> {
    let open = |metric: &&MetricComparison| {
        let Outcome::Compared {
            comparison,
            decision,
            ..
        } = &metric.outcome
        else {
            return None;
        };
        if metric.primary || decision.verdict != Verdict::Undecided {
            return None;
        }
        let (label, seen) = (
            metric.measure.label(),
            percent(metric.share(comparison.effect.mde)),
        );
        Some(format!(
            "{label} {seen} ({})",
            outlook(comparison, decision)
        ))
    };
    let open: Vec<String> = shown.iter().filter_map(open).collect();
    (!open.is_empty()).then(|| {
        format!(
            "UNDECIDED, with the minimum detectable effect: {}",
            open.join(", ")
        )
    })
}

/// Which tolerances the noise floor of the hosts stands in for.
fn floors(shown: &[&MetricComparison]) -> Option<String> {
    let raised = shown
        .iter()
        .filter(|metric| metric.noise_floor > metric.tolerance);
    let raised: Vec<String> = raised
        .map(|m| format!("{} ±{}", m.measure.label(), tolerance(m.noise_floor)))
        .collect();
    (!raised.is_empty()).then(|| {
        format!(
            "tolerances raised to the noise floor of these hosts: {}",
            raised.join(", ")
        )
    })
}

/// Which measures differ by less than what the placement of code alone does.
fn within_layouts(shown: &[&MetricComparison]) -> Option<String> {
    let mut over = 0;
    let within: Vec<String> = shown
        .iter()
        .filter_map(|metric| {
            let Some(LayoutLabel::Within(spread)) = metric.layout else {
                return None;
            };
            over = over.max(spread.layouts);
            Some(format!(
                "{} (±{})",
                metric.measure.label(),
                percent(spread.sd.exp_m1())
            ))
        })
        .collect();
    (!within.is_empty()).then(|| {
        format!(
            "{WITHIN_LAYOUT}, the SD over {over} shuffled baselines: {}",
            within.join(", ")
        )
    })
}

/// Each thing once, however many measures it concerns.
fn footnotes(page: &mut Page, plan: &Plan, cell: &Cell, shown: &[&MetricComparison]) {
    let labels = |pick: &dyn Fn(&MetricComparison) -> bool| {
        let labels: Vec<String> = shown
            .iter()
            .filter(|m| pick(m))
            .map(|m| m.measure.label())
            .collect();
        (!labels.is_empty()).then(|| labels.join(", "))
    };
    let real = |m: &MetricComparison| matches!(&m.outcome, Outcome::Compared { decision, .. } if decision.small_but_real);
    let limits = plan.validity.thresholds();
    let mut notes = places::notes(cell);
    notes.extend(undecided(shown));
    notes.extend(floors(shown));
    notes.extend(within_layouts(shown));
    if labels(&real).is_some() {
        let level = plain_level(cell.alpha);
        notes.push(format!(
            "* small but real: within the tolerance, but the {level} interval excludes zero"
        ));
    }
    if let Some(which) = labels(&|m| {
        matches!(
            m.outcome,
            Outcome::Hidden {
                pooled: Some(_),
                ..
            }
        )
    }) {
        let least = limits.hide_below;
        notes.push(format!(
            "(pooled) {which}: fewer than {least} requests of a round lie beyond it, so no single round has \
             a value. The table shows the ratio over all rounds with its delete-one-round interval; it has \
             no effect on the verdict"
        ));
    }
    if let Some(which) = labels(&|m| matches!(m.outcome, Outcome::Hidden { pooled: None, .. })) {
        let least = limits.hide_below;
        notes.push(format!(
            "{NONE} {which}: hidden, fewer than {least} requests of a round lie beyond it"
        ));
    }
    if let Some(which) = labels(&|m| m.warning.is_some()) {
        let wanted = limits.warn_below;
        notes.push(format!(
            "{which}: fewer than {wanted} requests of a round lie beyond it; read with care"
        ));
    }
    for metric in shown {
        let shares = share_of(metric.measure, metric.scale);
        notes.extend(shares.map(|of| format!("{}: {of}", metric.measure.label())));
        if let Outcome::Missing { reason } = &metric.outcome {
            notes.push(format!("{NONE} {}: {reason}", metric.measure.label()));
        }
    }
    if !notes.is_empty() {
        page.gap();
    }
    notes.iter().for_each(|note| page.sentence(note, 2, 4));
}
