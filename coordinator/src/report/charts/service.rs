//! Time of a request by phase: queue, prefill, decode. Must not derive a figure.

use contract::metric::Metric;
use maud::{Markup, html};

use super::chart::{Axis, Chart, row, rows};
use super::mark;
use super::scale::{Scale, Unit};
use super::scene::Scene;
use crate::compare::ArmSummary;
use crate::report::phrases::words::{joined, nanos, percent, shown};
use crate::report::tables::arms::{SPANS, service as table};

/// Height of a bar including its spacing, pixels.
const BAR: u32 = 34;

pub(crate) fn draw(scene: &Scene<'_>) -> Markup {
    let arms = &scene.cell.arms;
    let mean = |arm: &ArmSummary, metric| arm.latency(metric).map_or(0.0, |found| found.mean);
    let spans = |arm: &ArmSummary| SPANS.map(|(metric, _)| mean(arm, metric));
    let total = |arm: &ArmSummary| spans(arm).iter().sum::<f64>();
    if arms.iter().all(|arm| total(arm) == 0.0) {
        return html! {};
    }
    let x = Scale::from_zero(arms.iter().map(total), Unit::Time);
    let said = |arm: &ArmSummary| {
        let share = shown(arm.views.queue_share, percent);
        format!(
            "{}: {share} of {} in the queue",
            scene.heading(arm.arm),
            nanos(total(arm))
        )
    };
    let chart = Chart {
        id: scene.id("service"),
        title: "Waiting and working".to_owned(),
        about: "Mean time of an answered request in the engine, all rounds together; shorter is better."
            .to_owned(),
        description: joined(arms.iter().map(said), "; "),
        legend: SPANS.iter().map(|(metric, name)| (piece_key(*metric), span_name(name))).collect(),
        height: BAR * u32::try_from(arms.len()).unwrap_or(1),
        x: Axis::new("", x.along(4)),
        y: Axis::bare("", rows(arms.iter().map(|arm| scene.heading(arm.arm)))),
        side: Vec::new(),
        marks: html! { @for (at, arm) in arms.iter().enumerate() { (stack(&x, &spans(arm), (at, arms.len()))) } },
        data: vec![table(scene.cell)],
    };
    chart.draw()
}

fn span_name(name: &str) -> String {
    match name {
        "queue" => "queue: until the engine begins".to_owned(),
        "prefill" => "prefill: until the first token".to_owned(),
        _ => "decode: until the last token".to_owned(),
    }
}

fn piece_class(metric: Metric) -> String {
    format!("piece {}", metric.name())
}

fn piece_key(metric: Metric) -> Markup {
    mark::swatch(&mark::rect(&piece_class(metric), (2.0, 5.0), (98.0, 95.0)))
}

/// The spans of one arm, stacked end to end.
fn stack(x: &Scale, spans: &[f64; 3], (at, count): (usize, usize)) -> Markup {
    let (middle, half) = (row(at, count), 32.0 / count as f64);
    let mut from = 0.0;
    let pieces = SPANS.iter().zip(spans).map(|((metric, _), span)| {
        let to = from + span;
        let piece = mark::rect(
            &piece_class(*metric),
            (x.at(from), middle - half),
            (x.at(to), middle + half),
        );
        from = to;
        piece
    });
    html! { @for piece in pieces { (piece) } }
}
