//! Where the time of a request goes: queue, prefill, decode. Must not derive a figure.

use contract::metric::Metric;
use maud::{Markup, html};

use super::super::human::words::{NONE, nanos, percent};
use super::chart::{Axis, Chart, row, rows};
use super::scale::{Scale, Unit};
use super::table::Table;
use super::{Scene, heading, mark};
use crate::compare::ArmSummary;

/// The three times that a request's service consists of.
const SPANS: [(Metric, &str); 3] = [
    (Metric::Queue, "queue"),
    (Metric::Prefill, "prefill"),
    (Metric::Decode, "decode"),
];

/// Pixels of a bar with its room.
const BAR: u32 = 34;

pub(super) fn draw(scene: &Scene<'_>) -> Markup {
    let arms = &scene.cell.arms;
    let mean = |arm: &ArmSummary, metric: Metric| {
        arm.latencies
            .iter()
            .find(|latency| latency.metric == metric)
            .map_or(0.0, |latency| latency.mean)
    };
    let spans = |arm: &ArmSummary| SPANS.map(|(metric, _)| mean(arm, metric));
    let total = |arm: &ArmSummary| spans(arm).iter().sum::<f64>();
    if arms.iter().all(|arm| total(arm) == 0.0) {
        return html! {};
    }
    let x = Scale::from_zero(arms.iter().map(total), Unit::Time);
    let said = |arm: &ArmSummary| {
        let share = arm
            .views
            .queue_share
            .map_or_else(|| NONE.to_owned(), percent);
        format!(
            "{}: {share} of {} in the queue",
            heading(scene.cell, arm.arm),
            nanos(total(arm))
        )
    };
    let chart = Chart {
        id: scene.id("service"),
        title: "Waiting and working".to_owned(),
        about: "Mean time of an answered request in the engine, all rounds together; shorter is better."
            .to_owned(),
        description: arms.iter().map(said).collect::<Vec<_>>().join("; "),
        legend: SPANS.iter().map(|(metric, name)| (piece_key(*metric), span_name(name))).collect(),
        height: BAR * u32::try_from(arms.len()).unwrap_or(1),
        x: Axis::new("", x.along(4)),
        y: Axis::bare("", rows(arms.iter().map(|arm| heading(scene.cell, arm.arm)))),
        side: Vec::new(),
        marks: html! { @for (at, arm) in arms.iter().enumerate() { (stack(&x, &spans(arm), (at, arms.len()))) } },
        data: vec![service_table(scene)],
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

/// The spans of one arm end to end.
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

fn service_table(scene: &Scene<'_>) -> Table {
    let row = |arm: &ArmSummary| {
        let of = |metric| {
            arm.latencies
                .iter()
                .find(|latency| latency.metric == metric)
        };
        let mean =
            |metric| of(metric).map_or_else(|| NONE.to_owned(), |latency| nanos(latency.mean));
        let mut row = vec![heading(scene.cell, arm.arm)];
        row.extend(SPANS.map(|(metric, _)| mean(metric)));
        row.push(mean(Metric::Service));
        row.push(
            arm.views
                .queue_share
                .map_or_else(|| NONE.to_owned(), percent),
        );
        row
    };
    let headings = [
        "arm",
        "queue",
        "prefill",
        "decode",
        "service",
        "queue, share (median over trials)",
    ];
    Table::new("Mean times of answered requests", headings).with(scene.cell.arms.iter().map(row))
}
