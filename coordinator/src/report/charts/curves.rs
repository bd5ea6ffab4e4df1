//! Percentile curves on the axis of HdrHistogram: every halving of 1−q takes the same width. Must
//! not derive a figure.

use contract::metric::Metric;
use maud::{Markup, html};

use super::chart::{Axis, Chart, legend};
use super::mark;
use super::scale::{Scale, Tick, Unit};
use super::scene::Scene;
use crate::compare::Curve;
use crate::report::phrases::words::{joined, nanos};
use crate::report::tables::table::{Cell, Table};

/// Quantiles that get a label.
const LABELS: [f64; 8] = [0.0, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 0.99999];

/// Number of halvings from which labels below p90 would overlap.
const CROWDED: f64 = 5.0;

/// Quantiles of the table, if the curve reaches them.
const FIGURES: [f64; 8] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/// One chart for each metric.
pub(crate) fn draw(scene: &Scene<'_>) -> Markup {
    html! { @for curve in &scene.picture.curves { (chart(scene, curve).draw()) } }
}

fn chart(scene: &Scene<'_>, curve: &Curve) -> Chart {
    let points = || curve.lines.iter().flat_map(|(_, points)| points);
    let far = points().map(|(q, _)| depth(*q)).fold(1.0, f64::max);
    let x = |q: f64| 100.0 * depth(q) / far;
    let y = Scale::around(points().map(|(_, ns)| *ns), Unit::Time);
    let tick = |q: f64| Tick {
        at: x(q),
        label: percentile(q),
    };
    let room = |q: &f64| depth(*q) <= far && (far < CROWDED || ![0.0, 0.75].contains(q));
    let ticks = LABELS.into_iter().filter(room).map(tick).collect();
    Chart {
        id: scene.id(&format!("curve-{}", curve.metric.name())),
        title: format!("{}, percentile by percentile", full_name(curve.metric)),
        about: "All rounds together; lower is better. Rarer requests are further to the right; at least ten \
                lie beyond the end."
            .to_owned(),
        description: described(curve),
        legend: legend(&scene.arms(), true)
            .into_iter()
            .zip(scene.arms())
            .filter(|(_, (arm, _))| curve.lines.iter().any(|(one, _)| one == arm))
            .map(|(key, _)| key)
            .collect(),
        height: 240,
        x: Axis::new("percentile", ticks),
        y: Axis::new("", y.up(5)),
        side: Vec::new(),
        marks: html! { @for (arm, points) in curve.lines.iter().rev() {
            (mark::line(mark::class(*arm), points.iter().map(|(q, ns)| (x(*q), y.down(*ns)))))
        } },
        data: vec![table(scene, curve)],
    }
}

/// Position of a quantile: number of halvings of 1−q.
fn depth(q: f64) -> f64 {
    -(1.0 - q).log2()
}

fn percentile(q: f64) -> String {
    if q == 0.0 {
        "least".to_owned()
    } else {
        format!("p{}", text(q))
    }
}

fn text(q: f64) -> String {
    let text = format!("{:.4}", 100.0 * q);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn full_name(metric: Metric) -> &'static str {
    match metric {
        Metric::E2e => "Whole request (E2E)",
        Metric::Ttft => "Time to first token (TTFT)",
        Metric::Itl => "Gap between tokens (ITL)",
        other => other.label(),
    }
}

fn value(points: &[(f64, f64)], q: f64) -> Option<f64> {
    points
        .iter()
        .find(|point| (point.0 - q).abs() < 1e-12)
        .map(|point| point.1)
}

fn table(scene: &Scene<'_>, curve: &Curve) -> Table {
    let arms = curve.lines.iter().map(|(arm, _)| scene.heading(*arm));
    let headings = std::iter::once("percentile".to_owned()).chain(arms);
    let row = |q: f64| {
        let values: Vec<_> = curve
            .lines
            .iter()
            .map(|(_, points)| value(points, q))
            .collect();
        let known = values.iter().any(Option::is_some);
        let cells = values.into_iter().map(|value| Cell::some(value, nanos));
        known.then(|| {
            std::iter::once(percentile(q).into())
                .chain(cells)
                .collect::<Vec<Cell>>()
        })
    };
    Table::new(
        format!("{} by percentile", full_name(curve.metric)),
        headings,
    )
    .with(FIGURES.into_iter().filter_map(row))
}

fn described(curve: &Curve) -> String {
    let of = |(arm, points): &(contract::id::Arm, Vec<(f64, f64)>)| {
        let at = |q: f64| value(points, q).map(|ns| format!("{} {}", percentile(q), nanos(ns)));
        let figures: Vec<String> = [0.0, 0.5, 0.9, 0.99].into_iter().filter_map(at).collect();
        format!("{arm}: {}", figures.join(", "))
    };
    joined(curve.lines.iter().map(of), "; ")
}
