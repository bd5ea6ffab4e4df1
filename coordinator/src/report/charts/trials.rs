//! Every trial's value in the order in which they ran: shows drift of the host, a slow start,
//! single outliers. Must not derive a figure.

use contract::id::Arm;
use maud::{Markup, html};

use super::chart::{Axis, Chart, legend};
use super::mark;
use super::scale::{Scale, Tick, Unit};
use super::scene::Scene;
use crate::compare::MetricComparison;
use crate::report::phrases::changes::better;
use crate::report::phrases::words::{joined, value};
use crate::report::tables::table::Table;

/// Greatest number of labels on the axis.
const LABELS: usize = 10;

/// One trial.
struct Shot {
    round: u32,
    arm: Arm,
    value: f64,
}

pub(crate) fn draw(scene: &Scene<'_>) -> Markup {
    match scene.cell.primary().map(|metric| (metric, shots(metric))) {
        Some((metric, shots)) if !shots.is_empty() => chart(scene, metric, &shots).draw(),
        _ => html! {},
    }
}

fn shots(metric: &MetricComparison) -> Vec<Shot> {
    let of_round = |round: &crate::compare::RoundValues| {
        let mut values = round.values.clone();
        values.sort_by(|(_, one, _), (_, other, _)| one.total_cmp(other));
        let shot = |(arm, _, value): (Arm, f64, f64)| Shot {
            round: round.round,
            arm,
            value,
        };
        values.into_iter().map(shot).collect::<Vec<_>>()
    };
    metric.rounds.iter().flat_map(of_round).collect()
}

fn chart(scene: &Scene<'_>, metric: &MetricComparison, shots: &[Shot]) -> Chart {
    let y = Scale::around(
        shots.iter().map(|shot| shot.value),
        Unit::of(metric.measure),
    );
    let x = |at: usize| 100.0 * (at as f64 + 0.5) / shots.len() as f64;
    let (label, better) = (metric.measure.label(), capital(better(metric)));
    let all = || shots.iter().enumerate();
    let of = |arm: Arm| all().filter(move |(_, shot)| shot.arm == arm);
    let tip = |shot: &Shot| {
        let value = value(metric.measure, shot.value);
        format!("round {}, {}: {value}", shot.round + 1, shot.arm)
    };
    Chart {
        id: scene.id("trials"),
        title: format!("Every trial in the order it ran: {label}"),
        about: format!(
            "{better}; a slope common to all arms comes from the host, not from a build."
        ),
        description: joined(shots.iter().map(tip), "; "),
        legend: legend(&scene.arms(), false),
        height: 240,
        x: Axis::bare("round", labels(shots, x)),
        y: Axis::new("", y.up(5)),
        side: Vec::new(),
        marks: html! {
            @for arm in Arm::ALL { (mark::line(&format!("thin {}", mark::class(arm)), of(arm).map(|(at, shot)| (x(at), y.down(shot.value))))) }
            @for (at, shot) in shots.iter().enumerate() { (mark::dot(shot.arm, (x(at), y.down(shot.value)), &tip(shot))) }
        },
        data: vec![table(scene, metric, shots)],
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// A label in the middle of each round, or of some of them.
fn labels(shots: &[Shot], x: impl Fn(usize) -> f64) -> Vec<Tick> {
    let mut rounds: Vec<u32> = shots.iter().map(|shot| shot.round).collect();
    rounds.dedup();
    let every = rounds.len().div_ceil(LABELS).max(1);
    let middle = |round: u32| {
        let here = shots
            .iter()
            .enumerate()
            .filter(|(_, shot)| shot.round == round);
        let places: Vec<f64> = here.map(|(at, _)| x(at)).collect();
        places.iter().sum::<f64>() / places.len().max(1) as f64
    };
    let tick = |round: u32| Tick {
        at: middle(round),
        label: (round + 1).to_string(),
    };
    rounds.into_iter().step_by(every).map(tick).collect()
}

fn table(scene: &Scene<'_>, metric: &MetricComparison, shots: &[Shot]) -> Table {
    let row = |(at, shot): (usize, &Shot)| {
        let (trial, round) = ((at + 1).to_string(), (shot.round + 1).to_string());
        let value = value(metric.measure, shot.value);
        [trial, round, scene.heading(shot.arm), value]
    };
    let label = metric.measure.label();
    let headings = ["trial", "round", "arm", &label];
    let table = Table::new(format!("{label} of every trial"), headings).words(&[2]);
    table.with(shots.iter().enumerate().map(row))
}
