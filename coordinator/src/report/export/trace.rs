//! One trial as Chrome trace events, for Perfetto: one process for each slot, with one row for each
//! request (late, queue, prefill, decode), one row for the engine's steps, and counters. Everything
//! comes from what the parts keep, so tracing records nothing extra during the measurement. Owns
//! the events; times are microseconds from the start instant.

use contract::id::Arm;
use contract::part::{Outcome, Part, RequestRecord, Step};
use contract::text;
use serde_json::{Value, json};

use super::Item;
use crate::compare::Findings;

/// Row of the steps; requests follow below, by index.
const STEPS_ROW: u64 = 0;

/// The trial shown if several are selected: arm B of the last round of the last scenario.
pub(super) fn choose<'a, 'b>(items: &'b [Item<'a>]) -> &'b Item<'a> {
    let last = items
        .iter()
        .max_by_key(|item| (item.cell, item.round, item.arm == Arm::B));
    last.expect("something was selected")
}

pub(super) fn render(findings: &Findings, item: &Item<'_>, parts: &[Part]) -> Vec<u8> {
    let header = &findings.record.header;
    let trial = format!(
        "{}, round {}, arm {} ({})",
        item.scenario, item.round, item.arm, item.variant
    );
    let events: Vec<Value> = parts.iter().flat_map(events).collect();
    let lost: u64 = parts.iter().map(|part| part.requests_not_kept).sum();
    let steps: u64 = parts.iter().map(|part| part.steps.not_kept).sum();
    let document = json!({
        "displayTimeUnit": "ms",
        "otherData": {
            "run": header.run.to_string(),
            "plan": findings.plan.name,
            "trial": trial,
            "simulated": header.simulated,
            "requests_not_kept": lost,
            "steps_not_kept": steps,
        },
        "traceEvents": events,
    });
    text::json(&document.to_string()).into_owned().into_bytes()
}

fn events(part: &Part) -> Vec<Value> {
    let slot = part.place.slot;
    let name = format!(
        "slot {slot}: {} on {}",
        part.origin.variant, part.origin.hostname
    );
    let mut events = vec![
        meta(slot, None, "process_name", "name", &json!(name)),
        meta(slot, None, "process_sort_index", "sort_index", &json!(slot)),
    ];
    if !part.steps.kept.is_empty() {
        events.push(meta(
            slot,
            Some(STEPS_ROW),
            "thread_name",
            "name",
            &json!("engine steps"),
        ));
    }
    events.extend(steps(slot, &part.steps.kept, &part.requests));
    part.requests
        .iter()
        .for_each(|request| events.extend(of_request(slot, request)));
    events.extend(counters(slot, &part.requests));
    events
}

fn meta(slot: u32, row: Option<u64>, what: &str, key: &str, value: &Value) -> Value {
    json!({ "ph": "M", "pid": slot, "tid": row.unwrap_or(0), "name": what, "args": { key: value } })
}

fn slice(slot: u32, row: u64, name: &str, span: (u64, u64), args: &Value) -> Value {
    let (from, to) = span;
    let (ts, dur) = (micros(from), micros(to.saturating_sub(from)));
    json!({ "ph": "X", "pid": slot, "tid": row, "name": name, "cat": "trial", "ts": ts, "dur": dur, "args": args })
}

fn micros(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// A step ends when its tokens arrive. It began when the previous step ended, or when work reached
/// an idle engine.
fn steps(slot: u32, steps: &[Step], requests: &[RequestRecord]) -> Vec<Value> {
    let mut begins: Vec<u64> = requests
        .iter()
        .map(|r| r.started_ns)
        .filter(|ns| *ns > 0)
        .collect();
    begins.sort_unstable();
    let mut before = 0;
    let mut slices = Vec::new();
    for step in steps {
        let idle = !requests
            .iter()
            .any(|r| r.started_ns <= before && before < r.done_ns);
        let next = begins[begins.partition_point(|ns| *ns < before)..]
            .first()
            .filter(|ns| **ns < step.at_ns);
        let from = next.filter(|_| idle).copied().unwrap_or(before);
        slices.push(slice(
            slot,
            STEPS_ROW,
            "step",
            (from, step.at_ns),
            &json!({ "tokens": step.tokens }),
        ));
        before = step.at_ns;
    }
    slices
}

/// A request with its phases inside; phases that it did not reach are left out.
fn of_request(slot: u32, request: &RequestRecord) -> Vec<Value> {
    let r = request;
    let row = u64::from(r.index) + 1;
    let args = json!({
        "outcome": outcome(r.outcome),
        "prompt_tokens": r.prompt_tokens,
        "output_tokens": r.output_tokens,
    });
    let name = format!("request {}", r.index);
    let mut events = vec![
        meta(slot, Some(row), "thread_name", "name", &json!(name)),
        meta(
            slot,
            Some(row),
            "thread_sort_index",
            "sort_index",
            &json!(row),
        ),
        slice(slot, row, &name, (r.intended_ns, r.done_ns), &args),
    ];
    let mut phase = |name: &str, from: u64, to: u64| {
        if to > from {
            events.push(slice(slot, row, name, (from, to), &json!({})));
        }
    };
    let reached = |ns: u64| if ns > 0 { ns } else { r.done_ns };
    phase("late", r.intended_ns, r.sent_ns);
    phase("queue", r.sent_ns, reached(r.started_ns));
    if r.started_ns > 0 {
        phase("prefill", r.started_ns, reached(r.first_token_ns));
    }
    if r.first_token_ns > 0 {
        phase("decode", r.first_token_ns, r.done_ns);
    }
    events
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
        Outcome::Cancelled => "cancelled",
        Outcome::TimedOut => "timed_out",
        Outcome::Disconnected => "disconnected",
    }
}

/// Number of requests in the engine whenever it changed.
fn counters(slot: u32, requests: &[RequestRecord]) -> Vec<Value> {
    let mut changes: Vec<(u64, i64, i64)> = Vec::new();
    for r in requests {
        changes.push((r.sent_ns, 1, 0));
        let started = if r.started_ns > 0 {
            r.started_ns
        } else {
            r.done_ns
        };
        changes.push((started, -1, i64::from(r.started_ns > 0)));
        if r.started_ns > 0 {
            changes.push((r.done_ns, 0, -1));
        }
    }
    changes.sort_unstable();
    let (mut waiting, mut running) = (0, 0);
    let mut events = Vec::new();
    for (at, pair) in changes.iter().enumerate() {
        (waiting, running) = (waiting + pair.1, running + pair.2);
        // One event for each instant.
        if changes.get(at + 1).is_none_or(|next| next.0 != pair.0) {
            let args = json!({ "waiting": waiting, "running": running });
            events.push(
                json!({ "ph": "C", "pid": slot, "name": "requests", "ts": micros(pair.0), "args": args }),
            );
        }
    }
    events
}
