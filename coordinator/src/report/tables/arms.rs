//! Results of each arm: rates, completions, queue against inference, processor and memory,
//! outcomes, latencies, cold start. These are the views of the original crate. Must not compare.

use contract::metric::Metric;
use contract::part::{Outcomes, ServerFacts};

use super::table::{Cell, Table};
use crate::compare::{self, ArmSummary, Latency, Views};
use crate::report::phrases::words::{NONE, bytes, cut, digits, nanos, percent, seconds, shown};

/// Greatest length of a name in a heading.
const NAME: usize = 11;

type Figure = (&'static str, fn(&Views) -> String);

/// The figures that describe an arm: name, and how to read each.
const FIGURES: [Figure; 16] = [
    ("tokens/s", |v| digits(v.tokens_per_second)),
    ("requests/s", |v| digits(v.requests_per_second)),
    ("goodput/s", |v| shown(v.goodput_per_second, digits)),
    ("sent in time, of those offered", |v| {
        shown(v.achieved, percent)
    }),
    ("first completion after", |v| {
        shown(v.first_completion, seconds)
    }),
    ("last completion after", |v| {
        shown(v.last_completion, seconds)
    }),
    ("queue wait, share of service", |v| {
        shown(v.queue_share, percent)
    }),
    ("inference, share of service", |v| {
        shown(v.queue_share, |share| percent(1.0 - share))
    }),
    ("processor time", |v| seconds(v.cpu_seconds)),
    ("parallel efficiency", |v| percent(v.parallel_efficiency)),
    ("peak resident memory", |v| bytes(v.peak_rss_bytes)),
    ("peak key/value cache", |v| bytes(v.peak_kv_bytes)),
    ("limit of that cache", |v| shown(v.kv_bytes_total, bytes)),
    ("scheduler, share of a step", |v| {
        shown(v.scheduling_share, percent)
    }),
    ("most requests waiting", |v| {
        format!("{:.0}", v.peak_waiting)
    }),
    ("most sequences in a step", |v| {
        format!("{:.0}", v.peak_running)
    }),
];

type ServerFigure = (&'static str, fn(&ServerFacts) -> String);

/// Figures of a server.
const SERVER: [ServerFigure; 10] = [
    ("time between tokens is", |s| s.itl.label().to_owned()),
    ("moments of text or tokens", |s| s.moments.to_string()),
    ("answers with usage", |s| s.with_usage.to_string()),
    ("prompt tokens by usage", |s| s.prompt_tokens.to_string()),
    ("output tokens by usage", |s| s.output_tokens.to_string()),
    ("cached prompt tokens", |s| {
        shown(s.cached_tokens, |n| n.to_string())
    }),
    ("reasoning tokens", |s| {
        shown(s.reasoning_tokens, |n| n.to_string())
    }),
    ("accepted speculated tokens", |s| {
        shown(s.accepted_tokens, |n| n.to_string())
    }),
    ("connections opened", |s| s.connections.to_string()),
    ("requests on a connection kept alive", |s| {
        s.reused.to_string()
    }),
];

type Kind = (&'static str, fn(&Outcomes) -> u64);

/// Outcomes of a request.
const KINDS: [Kind; 7] = [
    ("planned", |o| o.planned),
    ("answered", |o| o.ok),
    ("refused", |o| o.refused),
    ("failed", |o| o.failed),
    ("cancelled", |o| o.cancelled),
    ("timed out", |o| o.timed_out),
    ("disconnected", |o| o.disconnected),
];

/// An arm with its variant, for headings.
pub(crate) fn heading(arm: &ArmSummary) -> Cell {
    let [full, short] = [arm.variant.clone(), cut(&arm.variant, NAME)];
    let of = |name: String| format!("{name} {}", arm.arm);
    Cell::both(of(full), of(short))
}

fn by_arm(cell: &compare::Cell, caption: Cell, first: &str) -> Table {
    let first = std::iter::once(Cell::both(first, ""));
    Table::new(caption, first.chain(cell.arms.iter().map(heading)))
}

fn row(name: impl Into<Cell>, cells: Vec<String>) -> Vec<Cell> {
    let cells = cells.into_iter().map(Cell::from);
    [name.into()].into_iter().chain(cells).collect()
}

/// All tables about the arms of one scenario.
pub(crate) fn all(cell: &compare::Cell) -> Vec<Table> {
    let tables = [views(cell), outcomes(cell), servers(cell), latencies(cell)];
    tables
        .into_iter()
        .filter(|table| !table.is_empty())
        .collect()
}

fn views(cell: &compare::Cell) -> Table {
    let caption = Cell::both("Median over trials", "each arm, median over its trials");
    let row = |(name, figure): &Figure| {
        let cells: Vec<String> = cell.arms.iter().map(|arm| figure(&arm.views)).collect();
        // Some figures exist only for some shapes.
        let known = cells.iter().any(|cell| cell != NONE);
        known.then(|| row(*name, cells))
    };
    by_arm(cell, caption, "figure").with(FIGURES.iter().filter_map(row))
}

/// Outcomes that did not occur are left out.
fn outcomes(cell: &compare::Cell) -> Table {
    let caption = "requests of all rounds, by outcome";
    let caption = Cell::both("Requests of all rounds", caption);
    let row = |(at, (name, pick)): (usize, &Kind)| {
        let counts: Vec<u64> = cell.arms.iter().map(|arm| pick(&arm.outcomes)).collect();
        let narrow = match at {
            0 => format!("requests {name}"),
            _ => (*name).to_owned(),
        };
        let known = at < 2 || counts.iter().any(|count| *count > 0);
        let cells = counts.iter().map(u64::to_string).collect();
        known.then(|| row(Cell::both(*name, narrow), cells))
    };
    by_arm(cell, caption, "requests").with(KINDS.iter().enumerate().filter_map(row))
}

/// The server's own counts. Without a server there is no table.
fn servers(cell: &compare::Cell) -> Table {
    let caption = Cell::both("The server, all rounds together", "the server, all rounds");
    let table = by_arm(cell, caption, "counted");
    let servers: Option<Vec<&ServerFacts>> =
        cell.arms.iter().map(|arm| arm.server.as_ref()).collect();
    let Some(servers) = servers.filter(|servers| !servers.is_empty()) else {
        return table;
    };
    let row = |(name, figure): &ServerFigure| {
        let cells: Vec<String> = servers.iter().map(|server| figure(server)).collect();
        let known = cells.iter().any(|cell| cell != NONE);
        known.then(|| row(*name, cells))
    };
    table.with(SERVER.iter().filter_map(row))
}

/// Quantiles that are hidden in every arm are left out.
fn latencies(cell: &compare::Cell) -> Table {
    let all = || cell.arms.iter().flat_map(|arm| &arm.latencies);
    let shown = |at: &usize| all().any(|latency| latency.quantiles[*at].1.is_some());
    let quantiles = all().map(|latency| latency.quantiles.len()).min();
    let quantiles: Vec<usize> = (0..quantiles.unwrap_or(0)).filter(shown).collect();
    let name = |latency: &Latency, at: &usize| format!("p{}", 100.0 * latency.quantiles[*at].0);
    let names = all().next().into_iter();
    let names = names.flat_map(|one| quantiles.iter().map(move |at| name(one, at)));
    let mut headings = vec![Cell::both("time", "")];
    headings.extend(["arm", "mean", "min"].map(Cell::from));
    headings.extend(names.map(Cell::from));
    headings.push("max".into());
    let caption = "times of answered requests, all rounds together";
    let caption = Cell::both("Times of answered requests, all rounds together", caption);
    let mut table = Table::new(caption, headings).words(&[1]);
    let mut seen: Vec<_> = all().map(|latency| latency.metric).collect();
    // The time from sending is shown beside the time from the intended send time.
    let whole = [Metric::E2e, Metric::Service];
    seen.sort_unstable_by_key(|metric| (!whole.contains(metric), *metric));
    seen.dedup();
    for metric in seen {
        let mut narrow = metric.label();
        for arm in &cell.arms {
            let Some(found) = arm.latency(metric) else {
                continue;
            };
            let label = Cell::both(metric.label(), std::mem::take(&mut narrow));
            let first = [label, arm.arm.to_string().into()];
            table.row(first.into_iter().chain(times(found, &quantiles)));
        }
    }
    table
}

fn times(latency: &Latency, quantiles: &[usize]) -> Vec<Cell> {
    let quantile = |at: &usize| Cell::some(latency.quantiles[*at].1, nanos);
    let mut times = vec![nanos(latency.mean).into(), nanos(latency.min as f64).into()];
    times.extend(quantiles.iter().map(quantile));
    times.push(nanos(latency.max as f64).into());
    times
}

/// The first arm's phases in order; every arm has the same. Empty without phases.
pub(crate) fn cold(cell: &compare::Cell) -> Table {
    let caption = "cold start, median over worker processes";
    let caption = Cell::both("Cold start, median over worker processes", caption);
    let mut table = by_arm(cell, caption, "phase");
    let phases = cell.arms.first().map_or(&[][..], |arm| &arm.cold);
    for phase in phases {
        let took =
            |arm: &ArmSummary| shown(arm.cold(&phase.phase), |took| seconds(took.as_secs_f64()));
        let took = cell.arms.iter().map(took).collect();
        table.row(row(phase.phase.replace('_', " "), took));
    }
    if !table.is_empty() {
        table.row(row("together", cell.arms.iter().map(together).collect()));
    }
    table
}

/// All phases of an arm's cold start.
pub(crate) fn together(arm: &ArmSummary) -> String {
    seconds(arm.cold.iter().map(|cold| cold.median.as_secs_f64()).sum())
}

/// The three components of a request's service time.
pub(crate) const SPANS: [(Metric, &str); 3] = [
    (Metric::Queue, "queue"),
    (Metric::Prefill, "prefill"),
    (Metric::Decode, "decode"),
];

/// The service time by component.
pub(crate) fn service(cell: &compare::Cell) -> Table {
    let row = |arm: &ArmSummary| {
        let mean = |metric| Cell::some(arm.latency(metric), |latency| nanos(latency.mean));
        let spans = SPANS.map(|(metric, _)| mean(metric));
        let share = Cell::some(arm.views.queue_share, percent);
        let whole = [mean(Metric::Service), share];
        [heading(arm)].into_iter().chain(spans).chain(whole)
    };
    let share = "queue, share (median over trials)";
    let headings = ["arm", "queue", "prefill", "decode", "service", share];
    Table::new("Mean times of answered requests", headings).with(cell.arms.iter().map(row))
}
