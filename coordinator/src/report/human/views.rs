//! What each arm did: rates, completions, queue against inference, processor and memory, outcomes,
//! latencies, cold start. The seed's views. Must not compare.

use contract::id::Arm;
use contract::metric::Metric;
use contract::part::Outcomes;

use super::page::Page;
use super::table::{Table, cut};
use super::words::{NONE, bytes, digits, nanos, percent, seconds};
use crate::compare::{ArmSummary, Cell, Latency, Views};

/// Longest name in a heading.
const NAME: usize = 14;

pub(in crate::report) type Figure = (&'static str, fn(&Views) -> String);

/// What an arm is described by: names, and how each is read.
pub(in crate::report) const FIGURES: [Figure; 16] = [
    ("tokens/s", |v| digits(v.tokens_per_second)),
    ("requests/s", |v| digits(v.requests_per_second)),
    ("goodput/s", |v| {
        v.goodput_per_second.map_or_else(|| NONE.to_owned(), digits)
    }),
    ("sent in time, of those offered", |v| {
        v.achieved.map_or_else(|| NONE.to_owned(), percent)
    }),
    ("first completion after", |v| {
        v.first_completion.map_or_else(|| NONE.to_owned(), seconds)
    }),
    ("last completion after", |v| {
        v.last_completion.map_or_else(|| NONE.to_owned(), seconds)
    }),
    ("queue wait, share of service", |v| {
        v.queue_share.map_or_else(|| NONE.to_owned(), percent)
    }),
    ("inference, share of service", |v| {
        v.queue_share
            .map_or_else(|| NONE.to_owned(), |share| percent(1.0 - share))
    }),
    ("processor time", |v| seconds(v.cpu_seconds)),
    ("parallel efficiency", |v| percent(v.parallel_efficiency)),
    ("peak resident memory", |v| bytes(v.peak_rss_bytes)),
    ("peak key/value cache", |v| bytes(v.peak_kv_bytes)),
    ("limit of that cache", |v| {
        v.kv_bytes_total.map_or_else(|| NONE.to_owned(), bytes)
    }),
    ("scheduler, share of a step", |v| {
        v.scheduling_share.map_or_else(|| NONE.to_owned(), percent)
    }),
    ("most requests waiting", |v| {
        format!("{:.0}", v.peak_waiting)
    }),
    ("most sequences in a step", |v| {
        format!("{:.0}", v.peak_running)
    }),
];

pub(in crate::report) type Kind = (&'static str, fn(&Outcomes) -> u64);

/// What can become of a request.
pub(in crate::report) const KINDS: [Kind; 7] = [
    ("requests planned", |o| o.planned),
    ("answered", |o| o.ok),
    ("refused", |o| o.refused),
    ("failed", |o| o.failed),
    ("cancelled", |o| o.cancelled),
    ("timed out", |o| o.timed_out),
    ("disconnected", |o| o.disconnected),
];

/// Prints everything about the arms of one scenario.
pub(super) fn print(page: &mut Page, cell: &Cell) {
    if cell.arms.is_empty() {
        return;
    }
    page.heading(&format!("{}: each arm, median over its trials", cell.title));
    let mut table = by_arm(cell);
    for (name, figure) in FIGURES {
        let figures: Vec<String> = cell.arms.iter().map(|arm| figure(&arm.views)).collect();
        // Some figures belong to some shapes.
        if figures.iter().any(|figure| figure != NONE) {
            table.row(std::iter::once(name.to_owned()).chain(figures));
        }
    }
    table.print(page);
    page.heading(&format!(
        "{}: requests of all rounds, by outcome",
        cell.title
    ));
    outcomes(cell).print(page);
    page.heading(&format!(
        "{}: times of answered requests, all rounds together",
        cell.title
    ));
    latencies(cell).print(page);
    cold(page, cell);
}

fn by_arm(cell: &Cell) -> Table {
    let heading = |arm: &ArmSummary| format!("{} {}", cut(&arm.variant, NAME - 3), arm.arm);
    Table::new(std::iter::once(String::new()).chain(cell.arms.iter().map(heading)))
}

/// Kinds that nobody met are left out.
fn outcomes(cell: &Cell) -> Table {
    let mut table = by_arm(cell);
    for (at, (name, pick)) in KINDS.into_iter().enumerate() {
        let counts: Vec<u64> = cell.arms.iter().map(|arm| pick(&arm.outcomes)).collect();
        if at < 2 || counts.iter().any(|count| *count > 0) {
            table.row(std::iter::once(name.to_owned()).chain(counts.iter().map(u64::to_string)));
        }
    }
    table
}

fn latencies(cell: &Cell) -> Table {
    let shown = |at: &usize| latencies_of(cell).any(|latency| latency.quantiles[*at].1.is_some());
    let quantiles = latencies_of(cell)
        .map(|latency| latency.quantiles.len())
        .min()
        .unwrap_or(0);
    let quantiles: Vec<usize> = (0..quantiles).filter(shown).collect();
    let mut headings = ["", "arm", "mean", "min"].map(str::to_owned).to_vec();
    let q = |at: &usize| {
        latencies_of(cell)
            .next()
            .map(|latency| format!("p{}", 100.0 * latency.quantiles[*at].0))
    };
    headings.extend(quantiles.iter().filter_map(q));
    headings.push("max".to_owned());
    let mut table = Table::new(headings).left(&[1]);
    let mut seen: Vec<_> = latencies_of(cell).map(|latency| latency.metric).collect();
    // What a request took from when it was sent stands beside what it took from when it was due.
    seen.sort_unstable_by_key(|metric| {
        (
            *metric != Metric::E2e && *metric != Metric::Service,
            *metric,
        )
    });
    seen.dedup();
    for metric in seen {
        let mut label = metric.label();
        for arm in &cell.arms {
            let Some(latency) = arm
                .latencies
                .iter()
                .find(|latency| latency.metric == metric)
            else {
                continue;
            };
            table.row(latency_row(label, arm.arm, latency, &quantiles));
            label = "";
        }
    }
    table
}

fn latencies_of(cell: &Cell) -> impl Iterator<Item = &Latency> {
    cell.arms.iter().flat_map(|arm| &arm.latencies)
}

fn latency_row(label: &str, arm: Arm, latency: &Latency, quantiles: &[usize]) -> Vec<String> {
    let mut row = vec![
        label.to_owned(),
        arm.to_string(),
        nanos(latency.mean),
        nanos(latency.min as f64),
    ];
    let quantile = |at: &usize| {
        latency.quantiles[*at]
            .1
            .map_or_else(|| NONE.to_owned(), nanos)
    };
    row.extend(quantiles.iter().map(quantile));
    row.push(nanos(latency.max as f64));
    row
}

/// The first arm's phases in order; every arm has the same ones.
fn cold(page: &mut Page, cell: &Cell) {
    let Some(first) = cell.arms.first().filter(|arm| !arm.cold.is_empty()) else {
        return;
    };
    page.heading(&format!(
        "{}: cold start, median over worker processes",
        cell.title
    ));
    let mut table = by_arm(cell);
    for phase in &first.cold {
        let took = |arm: &ArmSummary| {
            let found = arm.cold.iter().find(|cold| cold.phase == phase.phase);
            found.map_or_else(
                || NONE.to_owned(),
                |cold| seconds(cold.median.as_secs_f64()),
            )
        };
        table.row(std::iter::once(phase.phase.replace('_', " ")).chain(cell.arms.iter().map(took)));
    }
    let total =
        |arm: &ArmSummary| seconds(arm.cold.iter().map(|cold| cold.median.as_secs_f64()).sum());
    table.row(std::iter::once("together".to_owned()).chain(cell.arms.iter().map(total)));
    table.print(page);
}
