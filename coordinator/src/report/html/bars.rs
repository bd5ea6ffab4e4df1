//! Bars: where the time of a request goes (queue, prefill, decode), and where that of a cold start goes. Must not derive
//! a figure.

use contract::metric::Metric;
use maud::{Markup, html};

use super::super::human::words::{NONE, nanos, percent, seconds};
use super::chart::{Axis, Chart, row, rows};
use super::scale::{Scale, Unit};
use super::table::Table;
use super::{Scene, arm_names, heading, mark};
use crate::compare::ArmSummary;

/// The three times that a request's service consists of.
const SPANS: [(Metric, &str); 3] =
    [(Metric::Queue, "queue"), (Metric::Prefill, "prefill"), (Metric::Decode, "decode")];

/// Pixels of a bar with its room.
const BAR: u32 = 34;

pub(super) fn draw(scene: &Scene<'_>) -> Markup {
    html! { (service(scene)) (cold(scene)) }
}

fn service(scene: &Scene<'_>) -> Markup {
    let arms = &scene.cell.arms;
    let mean = |arm: &ArmSummary, metric: Metric| {
        arm.latencies.iter().find(|latency| latency.metric == metric).map_or(0.0, |latency| latency.mean)
    };
    let spans = |arm: &ArmSummary| SPANS.map(|(metric, _)| mean(arm, metric));
    let total = |arm: &ArmSummary| spans(arm).iter().sum::<f64>();
    if arms.iter().all(|arm| total(arm) == 0.0) {
        return html! {};
    }
    let x = Scale::from_zero(arms.iter().map(total), Unit::Time);
    let said = |arm: &ArmSummary| {
        let share = arm.views.queue_share;
        format!("{}: {} of {} in the queue", heading(scene.cell, arm.arm), percent(share), nanos(total(arm)))
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
        let piece = mark::rect(&piece_class(*metric), (x.at(from), middle - half), (x.at(to), middle + half));
        from = to;
        piece
    });
    html! { @for piece in pieces { (piece) } }
}

fn service_table(scene: &Scene<'_>) -> Table {
    let row = |arm: &ArmSummary| {
        let of = |metric| arm.latencies.iter().find(|latency| latency.metric == metric);
        let mean = |metric| of(metric).map_or_else(|| NONE.to_owned(), |latency| nanos(latency.mean));
        let mut row = vec![heading(scene.cell, arm.arm)];
        row.extend(SPANS.map(|(metric, _)| mean(metric)));
        row.push(mean(Metric::Service));
        row.push(percent(arm.views.queue_share));
        row
    };
    let headings = ["arm", "queue", "prefill", "decode", "service", "queue, share (median over trials)"];
    Table::new("Mean times of answered requests", headings).with(scene.cell.arms.iter().map(row))
}

/// Every phase of every arm, in order; every arm has the first one's phases.
fn cold(scene: &Scene<'_>) -> Markup {
    let arms = &scene.cell.arms;
    let Some(phases) = arms.first().map(|arm| &arm.cold).filter(|cold| !cold.is_empty()) else {
        return html! {};
    };
    let took = |arm: &ArmSummary, phase: &str| {
        arm.cold.iter().find(|cold| cold.phase == phase).map(|cold| cold.median.as_secs_f64())
    };
    let total = |arm: &ArmSummary| arm.cold.iter().map(|cold| cold.median.as_secs_f64()).sum::<f64>();
    let names: Vec<&str> = phases.iter().map(|cold| cold.phase.as_str()).collect();
    let all = names.iter().flat_map(|phase| arms.iter().filter_map(|arm| took(arm, phase)));
    let x = Scale::from_zero(all.map(|s| 1e9 * s), Unit::Time);
    let bars = names.iter().enumerate().flat_map(|(at, phase)| {
        arms.iter().enumerate().map(move |(nth, arm)| (at, nth, arm, took(arm, phase)))
    });
    let lane = |at: usize, nth: usize| {
        let height = 84.0 / (names.len() * arms.len()) as f64;
        let top = row(at, names.len()) - height * arms.len() as f64 / 2.0 + height * nth as f64;
        (top + 0.1 * height, top + 0.9 * height)
    };
    let said =
        |arm: &ArmSummary| format!("{}: {} together", heading(scene.cell, arm.arm), seconds(total(arm)));
    let chart = Chart {
        id: scene.id("cold"),
        title: "Cold start, phase by phase".to_owned(),
        about: "Median over worker processes; never part of the figures above. Shorter is better.".to_owned(),
        description: arms.iter().map(said).collect::<Vec<_>>().join("; "),
        legend: arm_names(scene.cell)
            .iter()
            .map(|(arm, _)| {
                (
                    mark::swatch(&mark::rect(
                        &format!("bar {}", mark::class(*arm)),
                        (2.0, 10.0),
                        (98.0, 90.0),
                    )),
                    heading(scene.cell, *arm),
                )
            })
            .collect(),
        height: BAR * u32::try_from(names.len()).unwrap_or(1),
        x: Axis::new("", x.along(4)),
        y: Axis::bare("", rows(names.iter().map(|phase| phase.replace('_', " ")))),
        side: Vec::new(),
        marks: html! { @for (at, nth, arm, took) in bars { @if let Some(took) = took {
            @let (top, bottom) = lane(at, nth);
            (mark::rect(&format!("bar {}", mark::class(arm.arm)), (0.0, top), (x.at(1e9 * took), bottom)))
        } } },
        data: vec![cold_table(scene, &names)],
    };
    chart.draw()
}

fn cold_table(scene: &Scene<'_>, names: &[&str]) -> Table {
    let arms = &scene.cell.arms;
    let mut headings = vec!["phase".to_owned()];
    headings.extend(arms.iter().map(|arm| heading(scene.cell, arm.arm)));
    let row = |phase: &&str| {
        let cell = |arm: &ArmSummary| {
            let found = arm.cold.iter().find(|cold| cold.phase == **phase);
            found.map_or_else(|| NONE.to_owned(), |cold| seconds(cold.median.as_secs_f64()))
        };
        std::iter::once(phase.replace('_', " ")).chain(arms.iter().map(cell)).collect::<Vec<_>>()
    };
    let together = |arm: &ArmSummary| seconds(arm.cold.iter().map(|cold| cold.median.as_secs_f64()).sum());
    let mut table =
        Table::new("Cold start, median over worker processes", headings).with(names.iter().map(row));
    table.row(std::iter::once("together".to_owned()).chain(arms.iter().map(together)));
    table
}
