//! OpenMetrics 1.0 text of one run, for Prometheus or a textfile collector. Base units (seconds,
//! bytes); no time stamps, because collectors refuse them. Owns names and labels.

use std::collections::BTreeMap;

use contract::histogram::LatencyHistogram;
use contract::id::Arm;
use contract::metric::Metric;
use contract::part::Outcomes;
use contract::text;
use stats::compare::Verdict;
use stats::validity::{Standing, Thresholds};

use super::{Item, Selection};
use crate::compare::{Cell, Findings, shown_quantile};

const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];
pub(super) const VERDICTS: [Verdict; 5] = [
    Verdict::Faster,
    Verdict::Slower,
    Verdict::Same,
    Verdict::Undecided,
    Verdict::Invalid,
];

pub(super) fn render(findings: &Findings, items: &[Item<'_>], metric: Option<Metric>) -> String {
    let mut text = Text(String::new());
    run(&mut text, findings);
    let groups = groups(findings, items);
    latency(
        &mut text,
        &groups,
        metric,
        &findings.plan.validity.thresholds(),
    );
    requests(&mut text, &groups);
    rates(&mut text, findings);
    changes(&mut text, findings);
    verdicts(&mut text, findings);
    text.0.push_str("# EOF\n");
    text.0
}

pub(super) struct Text(pub(super) String);

impl Text {
    pub(super) fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        self.0.push_str(&format!("# TYPE {name} {kind}\n"));
        if !unit.is_empty() {
            self.0.push_str(&format!("# UNIT {name} {unit}\n"));
        }
        self.0.push_str(&format!("# HELP {name} {help}\n"));
    }

    pub(super) fn sample(
        &mut self,
        name: &str,
        labels: &[(&str, &str)],
        value: impl std::fmt::Display,
    ) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        self.0
            .push_str(&format!("{name}{{{}}} {value}\n", labels.join(",")));
    }
}

fn escaped(value: &str) -> String {
    text::line(value, text::FACT)
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// All selected rounds of one arm.
struct Group<'a> {
    scenario: &'a str,
    variant: &'a str,
    beside: Option<&'a str>,
    arm: Arm,
    histograms: contract::part::Histograms,
    outcomes: Outcomes,
    tokens: u64,
}

/// The candidate of a cell, if its scenario has several cells: each has its own baseline, and
/// nothing else would tell them apart.
fn beside(findings: &Findings, index: u32) -> Option<&str> {
    let cell = findings.all_cells().find(|cell| cell.index == index)?;
    let several = findings
        .all_cells()
        .filter(|other| other.scenario == cell.scenario)
        .count()
        > 1;
    cell.candidate.as_deref().filter(|_| several)
}

fn groups<'a>(findings: &'a Findings, items: &[Item<'a>]) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(u32, Arm), Group<'a>> = BTreeMap::new();
    for item in items {
        let group = groups
            .entry((item.cell, item.arm))
            .or_insert_with(|| Group {
                scenario: item.scenario,
                variant: item.variant,
                beside: beside(findings, item.cell),
                arm: item.arm,
                histograms: contract::part::Histograms::default(),
                outcomes: Outcomes::default(),
                tokens: 0,
            });
        group.histograms.add(&item.trial.histograms);
        group.outcomes.add(&item.trial.outcomes);
        group.tokens += item.trial.output_tokens;
    }
    groups.into_values().collect()
}

impl Group<'_> {
    fn labelled<'b>(&'b self, arm: &'b str) -> Vec<(&'static str, &'b str)> {
        labels(self.scenario, arm, self.variant, self.beside)
    }
}

fn labels<'a>(
    scenario: &'a str,
    arm: &'a str,
    variant: &'a str,
    beside: Option<&'a str>,
) -> Vec<(&'static str, &'a str)> {
    let own = [("scenario", scenario), ("arm", arm), ("variant", variant)];
    own.into_iter()
        .chain(beside.map(|candidate| ("candidate", candidate)))
        .collect()
}

fn run(text: &mut Text, findings: &Findings) {
    let header = &findings.record.header;
    text.family(
        "pgo_benchmarks_run",
        "info",
        "",
        "The run of these metrics.",
    );
    let simulated = header.simulated.to_string();
    let labels = [
        ("run", header.run.as_str()),
        ("plan", &findings.plan.name),
        ("version", &header.tool_version),
        ("simulated", &simulated),
    ];
    text.sample("pgo_benchmarks_run_info", &labels, 1);
    text.family(
        "pgo_benchmarks_begun_timestamp_seconds",
        "gauge",
        "seconds",
        "When the run began, since 1970.",
    );
    let begun = header.run.unix_ms() as f64 / 1e3;
    text.sample("pgo_benchmarks_begun_timestamp_seconds", &[], begun);
    let name = "pgo_benchmarks_measurement";
    text.family(
        name,
        "stateset",
        "",
        "Whether the measurement can be trusted.",
    );
    states(
        text,
        name,
        &[],
        &Standing::ALL.map(Standing::name),
        findings.validity.name(),
    );
}

pub(super) fn states(text: &mut Text, name: &str, labels: &[(&str, &str)], all: &[&str], is: &str) {
    for state in all {
        let labels = [labels, &[(name, *state)]].concat();
        text.sample(name, &labels, u8::from(*state == is));
    }
}

fn latency(text: &mut Text, groups: &[Group<'_>], metric: Option<Metric>, thresholds: &Thresholds) {
    let name = "pgo_benchmarks_latency_seconds";
    text.family(
        name,
        "summary",
        "seconds",
        "Times of requests and tokens, all rounds and slots of an arm merged.",
    );
    for group in groups {
        let arm = group.arm.to_string();
        for metric in Selection::metrics(metric) {
            let histogram = group.histograms.get(metric);
            let labels = [&group.labelled(&arm)[..], &[("metric", metric.name())]].concat();
            if !histogram.is_empty() {
                summary(text, name, &labels, histogram, thresholds);
            }
        }
    }
}

fn summary(
    text: &mut Text,
    name: &str,
    labels: &[(&str, &str)],
    histogram: &LatencyHistogram,
    thresholds: &Thresholds,
) {
    let exact = histogram.exact();
    // Quantiles that the report hides because there are too few values are not exported.
    for q in QUANTILES {
        if let Some(ns) = shown_quantile(histogram, q, thresholds) {
            let quantile = q.to_string();
            let labels = [labels, &[("quantile", &*quantile)]].concat();
            text.sample(name, &labels, ns / 1e9);
        }
    }
    text.sample(&format!("{name}_count"), labels, exact.count);
    text.sample(&format!("{name}_sum"), labels, exact.sum as f64 / 1e9);
}

fn requests(text: &mut Text, groups: &[Group<'_>]) {
    text.family(
        "pgo_benchmarks_requests",
        "counter",
        "",
        "Requests by outcome.",
    );
    for group in groups {
        let arm = group.arm.to_string();
        let all = group.outcomes;
        let outcomes = [
            ("ok", all.ok),
            ("refused", all.refused),
            ("failed", all.failed),
            ("cancelled", all.cancelled),
            ("timed_out", all.timed_out),
            ("disconnected", all.disconnected),
        ];
        for (outcome, count) in outcomes {
            let labels = [&group.labelled(&arm)[..], &[("outcome", outcome)]].concat();
            text.sample("pgo_benchmarks_requests_total", &labels, count);
        }
    }
    text.family(
        "pgo_benchmarks_output_tokens",
        "counter",
        "",
        "Output tokens of successful requests.",
    );
    for group in groups {
        let arm = group.arm.to_string();
        text.sample(
            "pgo_benchmarks_output_tokens_total",
            &group.labelled(&arm),
            group.tokens,
        );
    }
}

fn rates(text: &mut Text, findings: &Findings) {
    let arms = || {
        findings
            .cells
            .iter()
            .flat_map(|cell| cell.arms.iter().map(move |arm| (cell, arm)))
    };
    let mut family =
        |name: &str, unit: &str, help: &str, pick: fn(&crate::compare::Views) -> Option<f64>| {
            text.family(name, "gauge", unit, help);
            for (cell, arm) in arms() {
                let label = arm.arm.to_string();
                let labels = labels(
                    &cell.scenario,
                    &label,
                    &arm.variant,
                    beside(findings, cell.index),
                );
                pick(&arm.views)
                    .iter()
                    .for_each(|value| text.sample(name, &labels, value));
            }
        };
    family(
        "pgo_benchmarks_tokens_per_second",
        "",
        "Output tokens per second, median over rounds.",
        |v| Some(v.tokens_per_second),
    );
    family(
        "pgo_benchmarks_requests_per_second",
        "",
        "Successful requests per second, median over rounds.",
        |v| Some(v.requests_per_second),
    );
    family(
        "pgo_benchmarks_goodput_per_second",
        "",
        "Answered requests per second that met every objective, median over rounds; none without objectives.",
        |v| v.goodput_per_second,
    );
    family(
        "pgo_benchmarks_peak_resident_bytes",
        "bytes",
        "Largest resident set of a worker.",
        |v| Some(v.peak_rss_bytes),
    );
}

/// Labels of a comparison: the variants and the measure.
fn compared<'a>(cell: &'a Cell, measure: &'a str) -> Vec<(&'static str, &'a str)> {
    let candidate = cell.candidate.as_deref().unwrap_or_default();
    vec![
        ("scenario", &cell.scenario),
        ("baseline", &cell.baseline),
        ("candidate", candidate),
        ("measure", measure),
    ]
}

fn changes(text: &mut Text, findings: &Findings) {
    let name = "pgo_benchmarks_change_ratio";
    text.family(
        name,
        "gauge",
        "ratio",
        "Candidate over baseline minus one, with its interval; the label gives its level. 0.02 is 2 % \
         higher.",
    );
    for cell in &findings.cells {
        for metric in &cell.metrics {
            let Some((comparison, _)) = metric.compared() else {
                continue;
            };
            let (effect, measure) = (&comparison.effect, metric.measure.name());
            let (a, b) = (metric.change(effect.ci.low), metric.change(effect.ci.high));
            let bounds = [
                ("estimate", metric.change(effect.delta)),
                ("low", a.min(b)),
                ("high", a.max(b)),
            ];
            // 0.95, or the level that an interim analysis leaves; rounded to the digits that were
            // chosen.
            let level = format!("{}", (1e4 * (1.0 - metric.alpha)).round() / 1e4);
            for (bound, value) in bounds {
                let own = [
                    ("bound", bound),
                    ("level", level.as_str()),
                    ("scale", metric.scale.name()),
                ];
                text.sample(name, &[&compared(cell, &measure)[..], &own].concat(), value);
            }
        }
    }
}

fn verdicts(text: &mut Text, findings: &Findings) {
    let name = "pgo_benchmarks_verdict";
    text.family(name, "stateset", "", "The verdict of each comparison.");
    for cell in &findings.cells {
        for metric in &cell.metrics {
            let Some((_, decision)) = metric.compared() else {
                continue;
            };
            let measure = metric.measure.name();
            states(
                text,
                name,
                &compared(cell, &measure),
                &VERDICTS.map(Verdict::name),
                decision.verdict.name(),
            );
        }
    }
}
