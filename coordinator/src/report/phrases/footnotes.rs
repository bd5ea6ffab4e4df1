//! Footnotes on single measures below a narrow table: each note once, however many measures it
//! concerns.

use stats::compare::Verdict;
use stats::validity::Thresholds;

use super::changes::{plain_level, share_of};
use super::layouts::WITHIN_LAYOUT;
use super::notes::notes;
use super::verdicts::outlook;
use super::words::{NONE, percent, tolerance};
use crate::compare::{Cell, ComparisonResult, LayoutLabel, MetricComparison};

type Shown<'a> = [&'a MetricComparison];

/// All footnotes.
pub(crate) fn footnotes(limits: &Thresholds, cell: &Cell, shown: &Shown<'_>) -> Vec<String> {
    let (hidden, care) = (limits.hide_below, limits.warn_below);
    let mut all = notes(cell);
    all.extend(undecided(shown));
    all.extend(floors(shown));
    all.extend(within_layouts(shown));
    if each(shown, |m| real(m).then(String::new)).is_some() {
        let level = plain_level(cell.alpha);
        all.push(format!(
            "* small but real: within the tolerance, but the {level} interval excludes zero"
        ));
    }
    let pooled = |m: &MetricComparison| match &m.outcome {
        ComparisonResult::Hidden { pooled, .. } => Some(pooled.is_some()),
        _ => None,
    };
    let labels = |pick: &dyn Fn(&MetricComparison) -> bool| {
        each(shown, |m| pick(m).then(|| m.measure.label()))
    };
    all.extend(labels(&|m| pooled(m) == Some(true)).map(|which| {
        format!(
            "(pooled) {which}: fewer than {hidden} requests of a round lie beyond it, so no single round has \
             a value. The table shows the ratio over all rounds with its delete-one-round interval; it has \
             no effect on the verdict"
        )
    }));
    all.extend(labels(&|m| pooled(m) == Some(false)).map(|which| {
        format!("{NONE} {which}: hidden, fewer than {hidden} requests of a round lie beyond it")
    }));
    all.extend(labels(&|m| m.warning.is_some()).map(|which| {
        format!("{which}: fewer than {care} requests of a round lie beyond it; read with care")
    }));
    for metric in shown {
        let label = metric.measure.label();
        let shares = share_of(metric.measure, metric.scale);
        all.extend(shares.map(|of| format!("{label}: {of}")));
        if let ComparisonResult::Missing { reason } = &metric.outcome {
            all.push(format!("{NONE} {label}: {reason}"));
        }
    }
    all
}

/// A note for each measure that has one.
fn each(shown: &Shown<'_>, said: impl Fn(&MetricComparison) -> Option<String>) -> Option<String> {
    let all: Vec<String> = shown.iter().filter_map(|metric| said(metric)).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn real(metric: &MetricComparison) -> bool {
    metric
        .compared()
        .is_some_and(|(_, decision)| decision.small_but_real)
}

/// The minimum detectable effect of each undecided secondary measure; the headline has the
/// primary's.
fn undecided(shown: &Shown<'_>) -> Option<String> {
    let open = each(shown, |metric| {
        let (comparison, decision) = metric.compared()?;
        let open = !metric.primary && decision.verdict == Verdict::Undecided;
        let seen = percent(metric.share(comparison.effect.mde));
        let (label, outlook) = (metric.measure.label(), outlook(comparison, decision));
        open.then(|| format!("{label} {seen} ({outlook})"))
    });
    open.map(|open| format!("UNDECIDED, with the minimum detectable effect: {open}"))
}

/// The tolerances that the noise floor of the hosts replaces.
fn floors(shown: &Shown<'_>) -> Option<String> {
    let raised = each(shown, |metric| {
        let raised = metric.noise_floor > metric.tolerance;
        raised.then(|| {
            format!(
                "{} ±{}",
                metric.measure.label(),
                tolerance(metric.noise_floor)
            )
        })
    });
    raised.map(|raised| format!("tolerances raised to the noise floor of these hosts: {raised}"))
}

/// The measures that differ by less than code placement alone does.
fn within_layouts(shown: &Shown<'_>) -> Option<String> {
    let spread = |metric: &MetricComparison| match metric.layout {
        Some(LayoutLabel::Within(spread)) => Some(spread),
        _ => None,
    };
    let over = shown
        .iter()
        .filter_map(|metric| Some(spread(metric)?.layouts))
        .max();
    let within = each(shown, |metric| {
        let sd = percent(spread(metric)?.sd.exp_m1());
        Some(format!("{} (±{sd})", metric.measure.label()))
    });
    let said = |(over, within)| {
        format!("{WITHIN_LAYOUT}, the SD over {over} shuffled baselines: {within}")
    };
    over.zip(within).map(said)
}
