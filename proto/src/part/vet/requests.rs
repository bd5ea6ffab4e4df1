//! Checks counts of requests and the requests kept individually: their order, and that counts,
//! tokens, completions, slices and every histogram agree with them. Must not know the assignment.

use super::figures::{REQUESTS, at_least, at_most, equal};
use super::{Allowed, ONE_EACH, PartFault};
use crate::histogram::LOWEST;
use crate::metric::Metric;
use crate::part::{Outcome, Outcomes, Part, REQUESTS_KEPT, RequestRecord, Series, Step};

/// Greatest possible length of an answer, tokens.
const ANSWER: u128 = 1 << 24;

pub(super) fn counts(part: &Part) -> Result<(), PartFault> {
    let Outcomes {
        planned,
        ok,
        refused,
        failed,
        cancelled,
        timed_out,
        disconnected,
    } = part.outcomes;
    at_most("outcomes.planned", planned, "its bound", REQUESTS)?;
    let each = [ok, refused, failed, cancelled, timed_out, disconnected];
    let ended: u128 = each.iter().map(|count| u128::from(*count)).sum();
    if ended != u128::from(planned) {
        return Err(PartFault::Requests {
            ended,
            planned,
            expected: Allowed(None),
        });
    }
    at_least("offered", part.offered, "outcomes.planned", planned)?;
    at_most("offered", part.offered, "its bound", REQUESTS)?;
    at_most("good", part.good.unwrap_or(0), "outcomes.ok", ok)?;
    at_most(
        "in_time",
        part.in_time.unwrap_or(0),
        "outcomes.planned",
        planned,
    )?;
    at_most("run_in", part.run_in, "its bound", REQUESTS)?;
    at_most(
        "prompt_tokens",
        part.prompt_tokens,
        "answered requests",
        u128::from(ok) * ANSWER,
    )?;
    at_most(
        "output_tokens",
        part.output_tokens,
        "answered requests",
        u128::from(ok) * ANSWER,
    )?;
    lengths(part)?;
    let kept = part.requests.len() as u64;
    at_most("requests", kept, "its bound", REQUESTS_KEPT as u64)?;
    let not_kept = u128::from(planned).saturating_sub(kept.into());
    equal(
        "requests_not_kept",
        part.requests_not_kept,
        "outcomes.planned",
        not_kept,
    )?;
    at_most("requests", kept, "outcomes.planned", planned)
}

/// Lengths counted when requests were sent; older parts have none.
fn lengths(part: &Part) -> Result<(), PartFault> {
    let Some(sent) = part.sent else { return Ok(()) };
    let Outcomes { planned, ok, .. } = part.outcomes;
    if !sent.is_possible(planned) {
        return Err(PartFault::Lengths { planned });
    }
    let each = [
        ("prompt_tokens", part.prompt_tokens, sent.prompts.sent.sum),
        ("output_tokens", part.output_tokens, sent.answers.sent.sum),
    ];
    each.into_iter()
        .try_for_each(|(field, answered, sent)| match ok == planned {
            true => equal(field, answered, "the lengths that were sent", sent),
            false => at_most(field, answered, "the lengths that were sent", sent),
        })
}

pub(super) fn records(part: &Part) -> Result<(), PartFault> {
    let mut before = None;
    for request in &part.requests {
        if before.is_some_and(|before| before >= request.index) {
            return Err(PartFault::Index {
                index: request.index,
            });
        }
        before = Some(request.index);
        order(request)?;
        at_most(
            "requests.done_ns",
            request.done_ns,
            "usage.wall",
            part.usage.wall.as_nanos(),
        )?;
    }
    let all = part.requests_not_kept == 0;
    // No record says how many tokens arrived with the first chunk of a server, and TPOT covers only
    // the others.
    let unknown = |metric: &Metric| {
        *metric == Metric::Itl || (*metric == Metric::Tpot && part.engine.server.is_some())
    };
    for metric in Metric::ALL.into_iter().filter(|metric| !unknown(metric)) {
        values(part, metric, all)?;
    }
    totals(part, all)
}

/// An event that did not happen is zero. Only an answered request has all events.
fn order(r: &RequestRecord) -> Result<(), PartFault> {
    let (due, sent, done) = (
        ("intended", r.intended_ns),
        ("sent", r.sent_ns),
        ("done", r.done_ns),
    );
    let (started, first) = (("started", r.started_ns), ("first_token", r.first_token_ns));
    let answered = [due, sent, started, first, done];
    let times = if r.outcome == Outcome::Ok {
        &answered[..]
    } else {
        &[due, sent, done][..]
    };
    times
        .windows(2)
        .try_for_each(|pair| in_turn(r.index, pair[0], pair[1]))?;
    let mut happened = [started, first]
        .into_iter()
        .filter(|(_, at)| r.outcome != Outcome::Ok && *at > 0);
    happened.try_for_each(|later| in_turn(r.index, sent, later))
}

fn in_turn(
    index: u32,
    (earlier, from): (&'static str, u64),
    (later, to): (&'static str, u64),
) -> Result<(), PartFault> {
    if from <= to {
        Ok(())
    } else {
        Err(PartFault::Order {
            index,
            earlier,
            later,
        })
    }
}

/// The value of a request in a metric's histogram, if it has one.
fn value(metric: Metric, r: &RequestRecord) -> Option<u64> {
    let span = |from: u64, to: u64| to.saturating_sub(from);
    if metric == Metric::Lateness {
        return Some(span(r.intended_ns, r.sent_ns));
    }
    if r.outcome != Outcome::Ok {
        return None;
    }
    let decode = span(r.first_token_ns, r.done_ns);
    match metric {
        Metric::E2e => Some(span(r.intended_ns, r.done_ns)),
        Metric::Ttft => Some(span(r.intended_ns, r.first_token_ns)),
        Metric::Queue => Some(span(r.sent_ns, r.started_ns)),
        Metric::Prefill => Some(span(r.started_ns, r.first_token_ns)),
        Metric::Decode => Some(decode),
        Metric::Service => Some(span(r.sent_ns, r.done_ns)),
        Metric::Tpot => decode.checked_div(u64::from(r.output_tokens.saturating_sub(1))),
        Metric::Itl | Metric::Lateness => None,
    }
}

/// The kept requests' values must be in the histogram's buckets; if all requests were kept, the
/// histogram must contain nothing else, to the nanosecond.
fn values(part: &Part, metric: Metric, all: bool) -> Result<(), PartFault> {
    let histogram = part.histograms.get(metric);
    let exact = histogram.exact();
    let fault = || {
        Err(PartFault::Records {
            metric: metric.name(),
        })
    };
    // With an in-flight limit, lateness counts from the end of the wait, so the histogram does not
    // follow from the records.
    if metric == Metric::Lateness {
        let latest = part
            .requests
            .iter()
            .filter_map(|r| value(metric, r))
            .max()
            .unwrap_or(0);
        return if all && !part.requests.is_empty() && exact.max > latest.max(LOWEST) {
            fault()
        } else {
            Ok(())
        };
    }
    let mut own: Vec<u64> = part
        .requests
        .iter()
        .filter_map(|r| value(metric, r))
        .map(|ns| ns.max(LOWEST))
        .collect();
    own.sort_unstable();
    let beyond = own.partition_point(|ns| *ns <= crate::histogram::HIGHEST);
    let (within, over) = own.split_at(beyond);
    let mut runs = within.chunk_by(|a, b| histogram.bucket_of(*a) == histogram.bucket_of(*b));
    let mut fits = runs.all(|run| run.len() as u64 <= histogram.count_near(run[0]));
    fits &= over.len() as u64 <= exact.overflow;
    if let (Some(least), Some(most)) = (within.first(), own.last()) {
        fits &= exact.min <= *least && *most <= exact.max;
    }
    if all {
        let sum: u128 = within.iter().map(|ns| u128::from(*ns)).sum();
        let ends = (
            within.first().copied().unwrap_or(0),
            own.last().copied().unwrap_or(0),
        );
        fits &= (within.len() as u64, over.len() as u64) == (exact.count, exact.overflow);
        fits &= sum == exact.sum && ends == (exact.min, exact.max);
    }
    if fits { Ok(()) } else { fault() }
}

fn totals(part: &Part, all: bool) -> Result<(), PartFault> {
    let mut outcomes = Outcomes::default();
    part.requests
        .iter()
        .for_each(|request| outcomes.count(request.outcome));
    let ok = || {
        part.requests
            .iter()
            .filter(|request| request.outcome == Outcome::Ok)
    };
    let sum = |pick: fn(&RequestRecord) -> u32| ok().map(|r| u128::from(pick(r))).sum::<u128>();
    let (prompt, output) = (sum(|r| r.prompt_tokens), sum(|r| r.output_tokens));
    let by = "the kept requests";
    let said = part.outcomes;
    for (field, said, found) in [
        ("outcomes.ok", said.ok, u128::from(outcomes.ok)),
        ("outcomes.refused", said.refused, outcomes.refused.into()),
        ("outcomes.failed", said.failed, outcomes.failed.into()),
        (
            "outcomes.cancelled",
            said.cancelled,
            outcomes.cancelled.into(),
        ),
        (
            "outcomes.timed_out",
            said.timed_out,
            outcomes.timed_out.into(),
        ),
        (
            "outcomes.disconnected",
            said.disconnected,
            outcomes.disconnected.into(),
        ),
        ("prompt_tokens", part.prompt_tokens, prompt),
        ("output_tokens", part.output_tokens, output),
    ] {
        if all {
            equal(field, said, by, found)?;
        } else {
            at_least(field, said, by, found)?;
        }
    }
    if !all {
        return Ok(());
    }
    let done = || ok().map(|request| u128::from(request.done_ns));
    let ended = part
        .requests
        .iter()
        .map(|r| u128::from(r.done_ns))
        .max()
        .unwrap_or(0);
    let (first, last) = (done().min().unwrap_or(0), done().max().unwrap_or(0));
    equal(
        "window.first_completion",
        part.window.first_completion.as_nanos(),
        by,
        first,
    )?;
    equal(
        "window.last_completion",
        part.window.last_completion.as_nanos(),
        by,
        last,
    )?;
    equal("usage.wall", part.usage.wall.as_nanos(), by, ended)?;
    steps(part)?;
    series(part)
}

/// Answers begin and end in steps, and all tokens belong to steps.
fn steps(part: &Part) -> Result<(), PartFault> {
    let kept = &part.steps.kept;
    if part.steps.not_kept > 0 || kept.is_empty() {
        return Ok(());
    }
    let made: u128 = part
        .requests
        .iter()
        .map(|r| u128::from(r.output_tokens))
        .sum();
    let told: u128 = kept.iter().map(|step| u128::from(step.tokens)).sum();
    equal("steps.tokens", told, "the kept requests", made)?;
    let is_step = |at: u64| {
        kept.binary_search_by_key(&at, |step: &Step| step.at_ns)
            .is_ok()
    };
    let answered = part.requests.iter().filter(|r| r.outcome == Outcome::Ok);
    let stray = answered
        .flat_map(|r| [r.first_token_ns, r.done_ns])
        .find(|at| !is_step(*at));
    match stray {
        None => Ok(()),
        Some(at) => Err(PartFault::Differs {
            field: "steps.at_ns",
            found: 0,
            by: "a token that came",
            expected: at.into(),
        }),
    }
}

fn series(part: &Part) -> Result<(), PartFault> {
    if part.series == Series::default() {
        return Ok(());
    }
    let due = Series::of(part.requests.iter().copied(), part.usage.wall);
    let differs = due
        .buckets
        .iter()
        .zip(&part.series.buckets)
        .position(|(due, said)| due != said);
    match differs {
        None => Ok(()),
        Some(at) => {
            let (found, expected) = (at as u128, u128::MAX);
            Err(PartFault::Differs {
                field: "series (the slice of this number)",
                found,
                by: "the kept requests",
                expected,
            })
        }
    }
}

/// Metrics with one value for each answered request; asserted so that a new metric is not
/// forgotten.
const _: () = assert!(ONE_EACH.len() + 3 == Metric::ALL.len());
