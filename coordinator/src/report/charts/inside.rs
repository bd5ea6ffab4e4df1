//! The course of the measured windows: throughput, requests in flight and time to first token,
//! averaged over an arm's trials. Must not derive a figure.

use contract::id::Arm;
use maud::{Markup, html};

use super::chart::{Axis, Chart, legend};
use super::mark;
use super::scale::{Scale, Unit};
use super::scene::Scene;
use crate::compare::{Slice, Timeline};
use crate::report::phrases::words::{digits, joined, nanos, seconds, shown};
use crate::report::tables::table::Table;

/// Fewest slices with a value for a curve. Requests that are all due at once have all their
/// first-token times in one slice.
const LEAST: usize = 4;

/// Greatest number of rows of a table.
const ROWS: usize = 20;

/// The quantity of one chart.
struct Quantity {
    name: &'static str,
    title: &'static str,
    about: &'static str,
    unit: Unit,
    of: fn(&Slice) -> Option<f64>,
    shown: fn(f64) -> String,
}

const QUANTITIES: [Quantity; 3] = [
    Quantity {
        name: "throughput",
        title: "Inside the window: throughput",
        about: "Output tokens a second, counted when their request ends; average over trials. Higher is better.",
        unit: Unit::Number,
        of: |slice| Some(slice.tokens_per_second),
        shown: digits,
    },
    Quantity {
        name: "flight",
        title: "Inside the window: requests in flight",
        about: "From sending to end; average over trials. This is the load, not a score: the sooner it \
                falls, the better.",
        unit: Unit::Number,
        of: |slice| Some(slice.in_flight),
        shown: digits,
    },
    Quantity {
        name: "ttft",
        title: "Inside the window: time to first token",
        about: "Mean of the requests due at that time; average over trials. Lower is better; a rise means \
                that the engine falls behind.",
        unit: Unit::Time,
        of: |slice| slice.ttft,
        shown: nanos,
    },
];

pub(crate) fn draw(scene: &Scene<'_>) -> Markup {
    let lines = &scene.picture.timelines;
    let known = |quantity: &&Quantity| {
        lines
            .iter()
            .all(|(_, line)| line.slices.iter().filter_map(quantity.of).count() >= LEAST)
    };
    if lines.is_empty() {
        return html! {};
    }
    html! { @for quantity in QUANTITIES.iter().filter(known) { (chart(scene, quantity, lines).draw()) } }
}

fn chart(scene: &Scene<'_>, quantity: &Quantity, lines: &[(Arm, Timeline)]) -> Chart {
    let values = lines
        .iter()
        .flat_map(|(_, line)| &line.slices)
        .filter_map(quantity.of);
    let y = Scale::from_zero(values, quantity.unit);
    let longest = lines
        .iter()
        .map(|(_, line)| length(line))
        .fold(0.0, f64::max);
    let x = Scale::straight(0.0, longest, Unit::Time);
    let middle = |line: &Timeline, at: usize| (at as f64 + 0.5) * line.width.as_nanos() as f64;
    let points = |line: &Timeline| -> Vec<mark::Point> {
        let point = |(at, slice)| Some((x.at(middle(line, at)), y.down((quantity.of)(slice)?)));
        line.slices.iter().enumerate().filter_map(point).collect()
    };
    Chart {
        id: scene.id(quantity.name),
        title: quantity.title.to_owned(),
        about: quantity.about.to_owned(),
        description: described(quantity, lines),
        legend: legend(&scene.arms(), true),
        height: 200,
        x: Axis::new("time since the common start", x.along(5)),
        y: Axis::new("", y.up(4)),
        side: Vec::new(),
        marks: html! { @for (arm, line) in lines.iter().rev() { (mark::line(mark::class(*arm), points(line))) } },
        data: vec![table(scene, quantity, lines)],
    }
}

/// Length of the window, nanoseconds.
fn length(line: &Timeline) -> f64 {
    line.width.as_nanos() as f64 * line.slices.len() as f64
}

fn described(quantity: &Quantity, lines: &[(Arm, Timeline)]) -> String {
    let of = |(arm, line): &(Arm, Timeline)| {
        let values = || line.slices.iter().filter_map(quantity.of);
        let most = (quantity.shown)(values().fold(0.0, f64::max));
        let last = shown(values().next_back(), quantity.shown);
        format!("{arm}: at most {most}, at the end {last}")
    };
    joined(lines.iter().map(of), "; ")
}

/// Every slice, or every second one and so on; the curve shows all.
fn table(scene: &Scene<'_>, quantity: &Quantity, lines: &[(Arm, Timeline)]) -> Table {
    let mut headings = vec!["from".to_owned()];
    headings.extend(lines.iter().map(|(arm, _)| scene.heading(*arm)));
    let most = lines
        .iter()
        .map(|(_, line)| line.slices.len())
        .max()
        .unwrap_or(0);
    let row = |at: usize| {
        let from = lines
            .first()
            .map_or(0.0, |(_, line)| line.width.as_secs_f64() * at as f64);
        let cell =
            |line: &Timeline| shown(line.slices.get(at).and_then(quantity.of), quantity.shown);
        std::iter::once(seconds(from))
            .chain(lines.iter().map(|(_, line)| cell(line)))
            .collect::<Vec<_>>()
    };
    let every = most.div_ceil(ROWS).max(1);
    Table::new(quantity.title, headings).with((0..most).step_by(every).map(row))
}
