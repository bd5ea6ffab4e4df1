//! Output of `soak`: what drifts, grows or bursts, and the intervals. Must not judge.

use std::io;

use serde_json::{Value, json};
use stats::soak::{Burst, Drift, Piece, Soaked};

use crate::report::Answer;
use crate::report::phrases::capacity::figure;
use crate::report::phrases::words::{bytes, count, nanos, wait};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::table::Table;
use crate::soak::SoakAnswer;

/// Rows of the table; more intervals are summed up.
const ROWS: usize = 24;

impl Answer for SoakAnswer {
    fn text(&self, page: &mut Page) {
        let (done, planned) = (self.pieces.len(), self.planned);
        page.say(&format!(
            "Soak of {}, {}: {} requests/s, {done} of {planned} intervals of {}",
            self.variant,
            self.plan,
            figure(self.rate),
            wait(self.seconds)
        ));
        if !self.labels.is_empty() {
            page.say(&self.labels.join(", "));
        }
        page.gap();
        page.say(&headline(self));
        sentences(self).iter().for_each(|line| page.item(line));
        page.gap();
        page.table(&table(self));
        page.gap();
        page.say(&format!(
            "run {}; `coordinator soak --show {}` prints this again",
            self.run, self.run
        ));
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("soak", document(self))
    }

    fn quiet(&self) -> Vec<String> {
        vec![format!("{} {}", self.run, word(self))]
    }
}

fn word(answer: &SoakAnswer) -> &'static str {
    match (answer.is_clean(), answer.is_whole()) {
        (false, _) => "CHANGED",
        (true, true) => "STEADY",
        (true, false) => "UNFINISHED",
    }
}

fn headline(answer: &SoakAnswer) -> String {
    match word(answer) {
        "CHANGED" => "CHANGED: the engine did not stay as it was.".to_owned(),
        "STEADY" => "STEADY: nothing drifts, grows or bursts beyond chance.".to_owned(),
        _ => format!(
            "UNFINISHED: nothing found so far; `coordinator soak --resume {}` goes on. A finding takes at least \
             12 intervals.",
            answer.run
        ),
    }
}

fn sentences(answer: &SoakAnswer) -> Vec<String> {
    let mut all = Vec::new();
    let tail = answer.tail.as_ref().and_then(|tail| tail.drift.as_ref());
    for (name, drift) in [("E2E p50", answer.found.drift.as_ref()), ("E2E p99", tail)] {
        if let Some(drift) = drift {
            all.push(drifts(name, drift, answer));
        }
    }
    if let Some(growth) = &answer.found.growth {
        let what = if growth.is_found() {
            "memory GROWS"
        } else {
            "memory has reached its level"
        };
        all.push(format!(
            "{what}: {} an hour over the second half, a new peak in {} of its {} intervals ({})",
            bytes(growth.per_hour),
            growth.records,
            growth.of,
            chance(growth.p)
        ));
    } else if answer.found.drift.is_some() {
        all.push("memory was not measured in every interval".to_owned());
    }
    let errors: u64 = answer.pieces.iter().map(|piece| piece.errors).sum();
    match &answer.found.bursts[..] {
        [] => all.push(format!("{}, no burst", count(errors, "failed request"))),
        bursts => all.extend(bursts.iter().map(|burst| {
            format!(
                "BURST of errors in interval {}: {} where {:.1} are expected ({})",
                burst.at + 1,
                burst.errors,
                burst.expected,
                chance(burst.p)
            )
        })),
    }
    all
}

fn chance(p: f64) -> String {
    match p {
        p if p < 1e-4 => "p < 0.0001".to_owned(),
        p => format!("p = {p:.4}"),
    }
}

fn drifts(name: &str, drift: &Drift, answer: &SoakAnswer) -> String {
    let percent = |share: f64| format!("{:+.1} %", 100.0 * share);
    // Minutes say little of hours.
    let long = answer.pieces.last().is_some_and(|piece| piece.at >= 1800.0);
    let what = if drift.is_found() {
        "DRIFTS"
    } else {
        "does not drift"
    };
    let steps: Vec<String> = drift
        .steps
        .iter()
        .map(|step| {
            let at = answer.pieces.get(step.index).map_or(0.0, |piece| piece.at);
            format!(
                "; a step of {} after {}",
                percent((step.after - step.before).exp_m1()),
                wait(at)
            )
        })
        .collect();
    format!(
        "{name} {what}: {} over the whole{} ({}, matters from {:.0} %){}",
        percent(drift.whole),
        match long {
            true => format!(", {} an hour", percent(drift.per_hour)),
            false => String::new(),
        },
        chance(drift.p),
        100.0 * drift.least,
        steps.concat()
    )
}

/// The intervals; many are summed up in rows of several, by the median latency.
fn table(answer: &SoakAnswer) -> Table {
    let each = answer.pieces.len().div_ceil(ROWS).max(1);
    let row = |pieces: &[Piece]| {
        let mut latencies: Vec<f64> = pieces.iter().filter_map(|piece| piece.latency).collect();
        latencies.sort_by(f64::total_cmp);
        let memory = pieces.iter().map(|piece| piece.memory).max().unwrap_or(0);
        let sum = |of: fn(&Piece) -> u64| pieces.iter().map(of).sum::<u64>();
        [
            wait(pieces[0].at - answer.seconds / 2.0),
            sum(|piece| piece.requests).to_string(),
            sum(|piece| piece.errors).to_string(),
            latencies
                .get(latencies.len() / 2)
                .map_or_else(|| "–".to_owned(), |ns| nanos(*ns)),
            bytes(memory as f64),
        ]
    };
    Table::new(
        "Intervals",
        ["from", "requests", "failed", "E2E p50", "peak memory"],
    )
    .with(answer.pieces.chunks(each).map(row))
}

/// Times are seconds, latencies nanoseconds, shares of 1.
fn document(answer: &SoakAnswer) -> Value {
    let drift = |soaked: &Soaked| {
        soaked.drift.as_ref().map(|drift| {
            json!({
                "found": drift.is_found(),
                "change_per_hour": drift.per_hour,
                "change": drift.whole,
                "p": drift.p,
                "matters_from": drift.least,
                "steps": drift.steps.iter().map(|step| json!({
                    "interval": step.index,
                    "change": (step.after - step.before).exp_m1(),
                    "p": step.p,
                })).collect::<Vec<_>>(),
            })
        })
    };
    let burst = |burst: &Burst| json!({ "interval": burst.at, "errors": burst.errors, "expected": burst.expected, "p": burst.p });
    json!({
        "run": answer.run,
        "plan": answer.plan,
        "labels": answer.labels,
        "variant": answer.variant,
        "verdict": word(answer),
        "rate": answer.rate,
        "interval_seconds": answer.seconds,
        "intervals_planned": answer.planned,
        "e2e_p50": drift(&answer.found),
        "e2e_p99": answer.tail.as_ref().map(drift),
        "memory": answer.found.growth.map(|growth| json!({
            "found": growth.is_found(),
            "bytes_per_hour": growth.per_hour,
            "new_peaks": growth.records,
            "of": growth.of,
            "p": growth.p,
        })),
        "bursts": answer.found.bursts.iter().map(burst).collect::<Vec<_>>(),
        "intervals": answer.pieces.iter().map(|piece| json!({
            "at": piece.at,
            "requests": piece.requests,
            "errors": piece.errors,
            "e2e_p50_ns": piece.latency,
            "peak_memory_bytes": piece.memory,
        })).collect::<Vec<_>>(),
    })
}
