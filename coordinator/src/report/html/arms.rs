//! Tables of one cell: every measure of the candidate beside the baseline, and what each arm did.
//! The figures are those of the terminal report. Must not derive any.

use contract::id::Arm;
use maud::{Markup, html};
use stats::compare::Verdict;

use super::super::human::views::{FIGURES, KINDS};
use super::super::human::words::{
    NONE, Unit, change, interval, layout_mark, level, nanos, percent, share_of, tolerance, value,
};
use super::super::human::{control_word, outlook};
use super::table::Table;
use super::{Scene, heading};
use crate::compare::{ArmSummary, Latency, MetricComparison, Outcome};

/// What each arm did.
pub(super) fn draw(scene: &Scene<'_>) -> Markup {
    if scene.cell.arms.is_empty() {
        return html! {};
    }
    html! {
        h3 { "Arm by arm" }
        div class="tables" {
            (views(scene).draw())
            (outcomes(scene).draw())
            (latencies(scene).draw())
        }
    }
}

/// Every measure, as the forest plot shows it.
pub(super) fn comparison(scene: &Scene<'_>) -> Table {
    let (a, b) = (heading(scene.cell, Arm::A), heading(scene.cell, Arm::B));
    let level = format!("{} interval", level(scene.cell.alpha));
    let headings = [
        "measure",
        &a,
        &b,
        "change",
        &level,
        "tolerance",
        "minimum detectable effect",
        "verdict",
    ];
    Table::new("Every measure of B against A", headings)
        .words(&[7])
        .with(
            scene
                .cell
                .metrics
                .iter()
                .map(|metric| measure(metric).to_vec()),
        )
}

fn measure(metric: &MetricComparison) -> [String; 8] {
    let primary = if metric.primary { " (primary)" } else { "" };
    let label = format!("{}{primary}", metric.measure.label());
    let within = format!("±{}", tolerance(metric.within()));
    let none = || NONE.to_owned();
    let shown = |delta: f64, ci: &stats::compare::Interval| {
        [
            change(metric, delta, Unit::Said),
            interval(metric, ci, Unit::Said),
        ]
    };
    let typical = |baseline: bool| {
        let typical = metric.typical(|arm| arm.is_baseline() == baseline);
        typical.map_or_else(none, |typical| value(metric.measure, typical))
    };
    match &metric.outcome {
        Outcome::Missing { reason } => [
            label,
            typical(true),
            typical(false),
            none(),
            none(),
            within,
            none(),
            reason.clone(),
        ],
        Outcome::Hidden {
            exceedances,
            pooled,
        } => {
            let [change, range] = pooled
                .as_ref()
                .map_or_else(|| [none(), none()], |p| shown(p.theta, &p.ci));
            let why = format!("hidden: {exceedances} requests of a round lie beyond it");
            let why = if pooled.is_some() {
                format!(
                    "{why}; the figure is for all rounds \
                                                     together"
                )
            } else {
                why
            };
            [label, none(), none(), change, range, within, none(), why]
        }
        Outcome::Compared {
            comparison,
            decision,
            ..
        } => {
            let effect = &comparison.effect;
            let [change, range] = shown(effect.delta, &effect.ci);
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
            let shares = share_of(metric.measure, metric.scale)
                .map_or_else(String::new, |of| format!(" ({of})"));
            let mark = layout_mark(metric);
            let verdict = format!("{}{small}{care}{mark}{shares}", decision.verdict.name());
            let seen = percent(metric.share(effect.mde));
            [
                label,
                typical(true),
                typical(false),
                change,
                range,
                within,
                seen,
                verdict,
            ]
        }
    }
}

/// The baseline against itself.
pub(super) fn control(scene: &Scene<'_>) -> Table {
    let row = |metric: &MetricComparison| {
        let Outcome::Compared {
            comparison,
            decision,
            ..
        } = &metric.outcome
        else {
            return None;
        };
        let control = comparison.control.as_ref()?;
        let shown = |typical| value(metric.measure, typical);
        let of = |arm: Arm| {
            metric
                .typical(|one| one == arm)
                .map_or_else(|| NONE.to_owned(), shown)
        };
        let change = change(metric, control.delta, Unit::Said);
        let range = interval(metric, &control.ci, Unit::Said);
        let word = control_word(control, decision.limit).to_owned();
        Some(vec![
            metric.measure.label(),
            of(Arm::A),
            of(Arm::A2),
            change,
            range,
            word,
        ])
    };
    let level = format!("{} interval", level(scene.cell.alpha));
    let headings = ["measure", "A", "A2", "change", &level, "found"];
    Table::new(
        "The control: A2 against A; they should not differ",
        headings,
    )
    .words(&[5])
    .with(scene.cell.metrics.iter().filter_map(row))
}

fn by_arm(scene: &Scene<'_>, caption: &str, first: &str) -> Table {
    let arms = scene
        .cell
        .arms
        .iter()
        .map(|arm| heading(scene.cell, arm.arm));
    Table::new(caption, std::iter::once(first.to_owned()).chain(arms))
}

fn views(scene: &Scene<'_>) -> Table {
    // Some figures belong to some shapes.
    let row = |(name, figure): &(&str, fn(&crate::compare::Views) -> String)| {
        let cells: Vec<String> = scene
            .cell
            .arms
            .iter()
            .map(|arm| figure(&arm.views))
            .collect();
        let known = cells.iter().any(|cell| cell != NONE);
        known.then(|| {
            std::iter::once((*name).to_owned())
                .chain(cells)
                .collect::<Vec<_>>()
        })
    };
    by_arm(scene, "Median over trials", "figure").with(FIGURES.iter().filter_map(row))
}

/// Kinds that nobody met are left out.
fn outcomes(scene: &Scene<'_>) -> Table {
    let mut table = by_arm(scene, "Requests of all rounds", "requests");
    for (at, (name, pick)) in KINDS.into_iter().enumerate() {
        let counts: Vec<u64> = scene
            .cell
            .arms
            .iter()
            .map(|arm| pick(&arm.outcomes))
            .collect();
        if at < 2 || counts.iter().any(|count| *count > 0) {
            table.row(
                std::iter::once(name.strip_prefix("requests ").unwrap_or(name).to_owned())
                    .chain(counts.iter().map(u64::to_string)),
            );
        }
    }
    table
}

fn latencies(scene: &Scene<'_>) -> Table {
    let all = || scene.cell.arms.iter().flat_map(|arm| &arm.latencies);
    let mut seen: Vec<_> = all().map(|latency| latency.metric).collect();
    seen.sort_unstable();
    seen.dedup();
    let mut headings = ["time", "arm", "mean", "min"].map(str::to_owned).to_vec();
    let quantiles = all().next().map(|latency| {
        latency
            .quantiles
            .iter()
            .map(|(q, _)| *q)
            .collect::<Vec<_>>()
    });
    headings.extend(
        quantiles
            .unwrap_or_default()
            .iter()
            .map(|q| format!("p{}", 100.0 * q)),
    );
    headings.push("max".to_owned());
    let of = |arm: &ArmSummary, metric| -> Option<Vec<String>> {
        let latency = arm
            .latencies
            .iter()
            .find(|latency| latency.metric == metric)?;
        Some(times(metric.label(), arm.arm, latency))
    };
    let rows = seen.into_iter().flat_map(|metric| {
        scene
            .cell
            .arms
            .iter()
            .filter_map(move |arm| of(arm, metric))
    });
    Table::new("Times of answered requests, all rounds together", headings)
        .words(&[1])
        .with(rows)
}

fn times(label: &str, arm: Arm, latency: &Latency) -> Vec<String> {
    let quantile = |(_, ns): &(f64, Option<f64>)| ns.map_or_else(|| NONE.to_owned(), nanos);
    let mut row = vec![
        label.to_owned(),
        arm.to_string(),
        nanos(latency.mean),
        nanos(latency.min as f64),
    ];
    row.extend(latency.quantiles.iter().map(quantile));
    row.push(nanos(latency.max as f64));
    row
}
