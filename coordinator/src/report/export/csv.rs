//! CSV with one row for each value: what every part measured, in a table that any tool can group,
//! filter and pivot. Owns the columns, whose names and types never change; RFC 4180. Absent values
//! have no row.

use contract::metric::Metric;
use contract::text;
use serde_json::Value;
use stats::validity::Thresholds;

use super::{Item, Selection};
use crate::compare::{Findings, PartSummary, shown_quantile};

/// Quantiles written for every histogram.
const QUANTILES: [(&str, f64); 6] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
];

const COLUMNS: &str = "run,begun_unix_ms,plan,simulated,scenario,cell,round,position,attempt,arm,variant,slot,\
                       hostname,kind,name,statistic,unit,value\n";

pub(super) fn render(findings: &Findings, items: &[Item<'_>], metric: Option<Metric>) -> String {
    let header = &findings.record.header;
    let run = format!(
        "{},{},{},{}",
        header.run,
        header.run.unix_ms(),
        quoted(&findings.plan.name),
        header.simulated
    );
    let thresholds = findings.plan.validity.thresholds();
    let mut text = COLUMNS.to_owned();
    for item in items {
        for part in &item.trial.parts {
            let place = [
                quoted(item.scenario),
                item.cell.to_string(),
                item.round.to_string(),
                item.position.to_string(),
                item.attempt.to_string(),
                item.arm.to_string(),
                quoted(item.variant),
                part.place.slot.to_string(),
                quoted(&part.origin.hostname),
            ];
            let mut table = Table {
                before: format!("{run},{}", place.join(",")),
                text: &mut text,
            };
            latencies(&mut table, part, metric, &thresholds);
            if metric.is_none() {
                counts(&mut table, part);
                usage(&mut table, part);
            }
        }
    }
    text
}

struct Table<'a> {
    /// The columns that are the same for all rows of a part.
    before: String,
    text: &'a mut String,
}

impl Table<'_> {
    fn row(
        &mut self,
        kind: &str,
        name: &str,
        statistic: &str,
        unit: &str,
        value: impl std::fmt::Display,
    ) {
        let name = quoted(name);
        self.text.push_str(&format!(
            "{},{kind},{name},{statistic},{unit},{value}\n",
            self.before
        ));
    }
}

fn latencies(
    table: &mut Table<'_>,
    part: &PartSummary,
    metric: Option<Metric>,
    thresholds: &Thresholds,
) {
    for metric in Selection::metrics(metric) {
        let histogram = part.histogram(metric);
        let exact = histogram.exact();
        if exact.count == 0 {
            continue;
        }
        let name = metric.name();
        let mut row = |statistic, unit, value: f64| {
            table.row("latency", name, statistic, unit, value);
        };
        row("count", "1", exact.count as f64);
        row("overflow", "1", exact.overflow as f64);
        row("min", "ns", exact.min as f64);
        row("max", "ns", exact.max as f64);
        row("mean", "ns", exact.sum as f64 / exact.count as f64);
        // Quantiles that the report hides because there are too few values have no row.
        for (statistic, q) in QUANTILES {
            if let Some(value) = shown_quantile(&histogram, q, thresholds) {
                row(statistic, "ns", value);
            }
        }
    }
}

fn counts(table: &mut Table<'_>, part: &PartSummary) {
    let outcomes = part.outcomes;
    let requests = [
        ("planned", outcomes.planned),
        ("ok", outcomes.ok),
        ("refused", outcomes.refused),
        ("failed", outcomes.failed),
        ("cancelled", outcomes.cancelled),
        ("timed_out", outcomes.timed_out),
        ("disconnected", outcomes.disconnected),
    ];
    let offered = [
        ("offered", Some(part.offered)),
        ("in_time", part.in_time),
        ("good", part.good),
    ];
    let offered = offered
        .into_iter()
        .filter_map(|(name, count)| Some((name, count?)));
    for (name, count) in requests.into_iter().chain(offered) {
        table.row("requests", name, "count", "1", count);
    }
    table.row("tokens", "prompt", "count", "1", part.prompt_tokens);
    table.row("tokens", "output", "count", "1", part.output_tokens);
}

fn usage(table: &mut Table<'_>, part: &PartSummary) {
    let usage = part.usage;
    let times = [
        ("wall", usage.wall),
        ("cpu_user", usage.cpu_user),
        ("cpu_system", usage.cpu_system),
        ("driver_cpu", usage.driver_cpu),
        ("first_completion", part.window.first_completion),
        ("last_completion", part.window.last_completion),
        ("start_late", part.window.start_late),
    ];
    times
        .iter()
        .for_each(|(name, time)| table.row("window", name, "value", "ns", time.as_nanos()));
    table.row("usage", "peak_rss", "value", "bytes", usage.peak_rss_bytes);
    let counts = [
        ("usage", "involuntary_switches", usage.involuntary_switches),
        ("usage", "major_faults", usage.major_faults),
        ("usage", "host_ticks", usage.host_ticks),
        ("usage", "host_steal_ticks", usage.host_steal_ticks),
        ("usage", "host_busy_ticks", usage.host_busy_ticks),
    ];
    for (kind, name, count) in counts {
        table.row(kind, name, "count", "1", count);
    }
    engine(table, part);
    part.cold
        .iter()
        .for_each(|phase| table.row("cold", &phase.name, "value", "ns", phase.took.as_nanos()));
}

/// Every integer that the engine reports, under its name in the document.
fn engine(table: &mut Table<'_>, part: &PartSummary) {
    let Ok(Value::Object(facts)) = serde_json::to_value(&part.engine) else {
        return;
    };
    for (name, count) in facts
        .iter()
        .filter_map(|(name, v)| Some((name, v.as_u64()?)))
    {
        match name.strip_suffix("_ns") {
            Some(time) => table.row("engine", time, "value", "ns", count),
            None if name.contains("_bytes") => table.row("engine", name, "value", "bytes", count),
            None => table.row("engine", name, "count", "1", count),
        }
    }
}

/// A text field, quoted if necessary. If a spreadsheet would read it as a formula, an apostrophe
/// precedes it, which spreadsheets read as "this is text".
pub(super) fn quoted(text: &str) -> String {
    let text = text::line(text, text::NAME);
    let formula = text.starts_with(['=', '+', '-', '@']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.into_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_only_where_they_must_be() {
        assert_eq!(quoted("burst-200"), "burst-200");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }

    #[test]
    fn no_name_is_a_formula_or_a_row_of_its_own() {
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(
            [quoted("+1"), quoted("-x"), quoted("@a"), quoted("a=b")],
            ["'+1", "'-x", "'@a", "a=b"]
        );
        assert_eq!(quoted("a\r\nb\u{1b}[2J"), "a  b\u{fffd}[2J");
    }
}
