//! A search for a capacity in the formats of other tools: CSV with one row for each probe, arm and
//! objective, and OpenMetrics text. Owns their columns and names, which never change.

use contract::text;

use super::csv::quoted;
use super::openmetrics::{Text, VERDICTS, states};
use crate::capacity::CapacityAnswer;
use crate::format::Format;
use crate::plan::Varied;
use crate::report::phrases::capacity::purpose;

const COLUMNS: &str = "run,plan,varied,probe,purpose,value,arm,variant,objective,violated,requests,allowed,\
                       margin,requests_per_second,generator_late\n";
const OUTCOMES: [&str; 8] = [
    "FOUND",
    "AT-LEAST",
    "AT-MOST",
    "CLIFF",
    "NOT-MONOTONE",
    "UNSTEADY",
    "BUDGET",
    "UNFINISHED",
];

/// The file; `None` if the format is none of another tool. Values are requests a second, or requests
/// in flight.
#[must_use]
pub fn capacity(format: Format, answer: &CapacityAnswer) -> Option<String> {
    let file = match format {
        Format::Csv => csv(answer),
        Format::OpenMetrics => openmetrics(answer),
        _ => return None,
    };
    Some(text::block(&file, usize::MAX).into_owned())
}

fn varied(answer: &CapacityAnswer) -> &'static str {
    match answer.capacity.varied {
        Varied::Rate => "rate",
        Varied::Concurrency => "concurrency",
    }
}

fn csv(answer: &CapacityAnswer) -> String {
    let mut file = COLUMNS.to_owned();
    let run = format!("{},{},{}", answer.run, quoted(&answer.plan), varied(answer));
    for (at, probe) in answer.probes.iter().enumerate() {
        let before = format!("{run},{at},{},{}", purpose(probe.purpose), probe.rate);
        let after = format!(
            "{},{},{}",
            probe.margin, probe.requests_per_second, probe.limited
        );
        for (arm, counts) in &probe.arms {
            let variant = quoted(answer.variant(arm));
            for (objective, count) in answer.capacity.objectives.iter().zip(counts) {
                file.push_str(&format!(
                    "{before},{arm},{variant},{},{},{},{},{after}\n",
                    quoted(&objective.to_string()),
                    count.violated,
                    count.of,
                    objective.allowed
                ));
            }
        }
    }
    file
}

fn openmetrics(answer: &CapacityAnswer) -> String {
    let mut text = Text(String::new());
    let name = "pgo_benchmarks_capacity_search";
    text.family(name, "info", "", "The search of these metrics.");
    let objectives: Vec<String> = answer
        .capacity
        .objectives
        .iter()
        .map(ToString::to_string)
        .collect();
    let labels = [
        ("run", &*answer.run),
        ("plan", &answer.plan),
        ("varied", varied(answer)),
        ("objectives", &objectives.join(" ")),
    ];
    text.sample(&format!("{name}_info"), &labels, 1);
    let name = "pgo_benchmarks_capacity_outcome";
    text.family(name, "stateset", "", "How the search ended.");
    let outcome = answer.outcome.as_ref().map_or("UNFINISHED", |o| o.name());
    states(&mut text, name, &[], &OUTCOMES, outcome);
    if let Some(estimate) = answer.estimate() {
        let name = "pgo_benchmarks_capacity";
        text.family(
            name,
            "gauge",
            "",
            "Greatest load within the objectives, requests a second or in flight.",
        );
        let candidate = answer.candidate.as_deref().zip(estimate.candidate);
        let own = [("A", &*answer.baseline, estimate.baseline)];
        let rows = own
            .into_iter()
            .chain(candidate.map(|(name, i)| ("B", name, i)));
        for (arm, variant, interval) in rows {
            let values = [
                ("estimate", interval.centre),
                ("low", interval.low()),
                ("high", interval.high()),
            ];
            for (bound, ln) in values.into_iter().filter(|(_, ln)| ln.is_finite()) {
                let labels = [("arm", arm), ("variant", variant), ("bound", bound)];
                text.sample(name, &labels, ln.exp());
            }
        }
    }
    if let Some(gain) = &answer.gain {
        let name = "pgo_benchmarks_capacity_ratio";
        text.family(
            name,
            "gauge",
            "",
            "Capacity of the candidate over that of the baseline.",
        );
        let ratio = gain.ratio;
        for (bound, ln) in [
            ("estimate", ratio.centre),
            ("low", ratio.low()),
            ("high", ratio.high()),
        ] {
            text.sample(name, &[("bound", bound)], ln.exp());
        }
        let name = "pgo_benchmarks_capacity_verdict";
        text.family(name, "stateset", "", "The decision about the ratio.");
        states(
            &mut text,
            name,
            &[],
            &VERDICTS.map(|v| v.name()),
            gain.verdict.name(),
        );
    }
    text.0.push_str("# EOF\n");
    text.0
}
