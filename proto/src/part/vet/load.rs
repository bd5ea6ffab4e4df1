//! Checks a part against the assigned load: how many requests, which, of what length, and how its
//! window may end. Must not know who measured it.

use super::figures::{at_most, equal, ns, within};
use super::{Age, Allowed, Load, PartFault};
use crate::histogram::{HIGHEST, LOWEST};
use crate::metric::Metric;
use crate::part::{ON_THE_DOT_NS, Outcome, Part, RequestRecord, StopCause};
use crate::spec::{Length, Objectives, Offer, Planned, Scenario, Shape, ShapeKind};

/// The count of requests, and how the window ended.
pub(super) fn planned(part: &Part, Load { scenario, share }: Load<'_>) -> Result<(), PartFault> {
    let (expected, planned) = (scenario.planned().of(share), part.outcomes.planned);
    // A window ended by its own stop rule has fewer, and its validity says so.
    let allowed = match part.stopped {
        StopCause::AsPlanned => expected.allows(planned),
        StopCause::ErrorRate | StopCause::OverSaturated => planned <= expected.most().into(),
    };
    let asked = match part.stopped {
        StopCause::AsPlanned => true,
        StopCause::ErrorRate => scenario.stop.max_error_rate.is_some(),
        StopCause::OverSaturated => scenario.stop.over_saturation,
    };
    if !allowed {
        let ended = planned.into();
        return Err(PartFault::Requests {
            ended,
            planned,
            expected: Allowed(Some(expected)),
        });
    }
    let offered = match expected {
        Planned::Exactly(requests) => requests.into(),
        Planned::AtMost(_) => planned,
    };
    equal("offered", part.offered, "the plan", offered)?;
    if asked {
        Ok(())
    } else {
        Err(PartFault::Presence {
            field: "stopped",
            there: true,
        })
    }
}

pub(super) fn check(part: &Part, load: Load<'_>, age: Age) -> Result<(), PartFault> {
    let Load { scenario, share } = load;
    presence(part, scenario, age)?;
    for request in &part.requests {
        let mine = request.index % share.of == share.index;
        let place = u64::from(request.index / share.of);
        // Requests are sent in order, and none is left out.
        if !mine || place >= part.outcomes.planned {
            return Err(PartFault::Index {
                index: request.index,
            });
        }
    }
    lengths(part, scenario)?;
    if scenario.shape.kind() == ShapeKind::Burst {
        burst(part)?;
    }
    let e2e = part.histograms.get(Metric::E2e).exact();
    let timeout = ns(scenario.timeout).max(LOWEST.into());
    at_most("e2e.max", e2e.max, "the scenario's timeout", timeout)?;
    if part.requests_not_kept == 0 {
        counted(part, scenario)?;
    }
    run_in(part, load)
}

fn presence(part: &Part, scenario: &Scenario, age: Age) -> Result<(), PartFault> {
    let open = scenario.shape.kind() == ShapeKind::Open;
    let asks = [
        ("good", part.good.is_some(), !scenario.objectives.is_none()),
        ("in_time", part.in_time.is_some(), open),
    ];
    for (field, there, asked) in asks {
        let older = age == Age::Any && field == "in_time" && !there;
        if there != asked && !older {
            return Err(PartFault::Presence { field, there });
        }
    }
    Ok(())
}

/// Answers have exactly the requested length, so if all lengths are equal the number of tokens is
/// known.
fn lengths(part: &Part, scenario: &Scenario) -> Result<(), PartFault> {
    let listed = matches!(scenario.shape, Shape::Trace { .. });
    let least = |length: Length| if listed { 1 } else { length.min() };
    let asks = || scenario.asks();
    let answer = asks()
        .map(|(_, _, output)| least(output))
        .min()
        .unwrap_or(1);
    let (answer, longest) = (u128::from(answer), u128::from(scenario.longest_answer()));
    let whole = |prompt: &crate::spec::PromptSpec| !listed && prompt.file.is_none();
    let beginning =
        |prompt: &crate::spec::PromptSpec| prompt.prefix.map_or(0, |prefix| prefix.tokens);
    let shortest = |prompt| {
        if whole(prompt) {
            beginning(prompt).saturating_add(prompt.tokens.min())
        } else {
            1
        }
    };
    let prompt = asks()
        .map(|(_, prompt, _)| shortest(prompt))
        .min()
        .unwrap_or(1);
    let (prompt, prompts) = (
        u128::from(prompt),
        u128::from(
            asks()
                .map(|(_, prompt, _)| prompt.longest())
                .max()
                .unwrap_or(0),
        ),
    );
    let ok = u128::from(part.outcomes.ok);
    within(
        "output_tokens",
        part.output_tokens,
        "the lengths asked for",
        answer * ok,
        longest * ok,
    )?;
    within(
        "prompt_tokens",
        part.prompt_tokens,
        "the lengths asked for",
        prompt * ok,
        prompts * ok,
    )?;
    for request in &part.requests {
        at_most(
            "requests.prompt_tokens",
            request.prompt_tokens,
            "the lengths asked for",
            prompts,
        )?;
        if request.outcome == Outcome::Ok {
            let by = "the lengths asked for";
            within(
                "requests.output_tokens",
                request.output_tokens,
                by,
                answer,
                longest,
            )?;
            within(
                "requests.prompt_tokens",
                request.prompt_tokens,
                by,
                prompt,
                prompts,
            )?;
        }
    }
    Ok(())
}

/// All requests are due at the start, so latencies equal completion times.
fn burst(part: &Part) -> Result<(), PartFault> {
    if let Some(late) = part.requests.iter().find(|request| request.intended_ns > 0) {
        return Err(PartFault::Order {
            index: late.index,
            earlier: "intended",
            later: "the start of a burst",
        });
    }
    let e2e = part.histograms.get(Metric::E2e).exact();
    if part.outcomes.ok > 0 && e2e.overflow == 0 {
        let (first, last) = (part.window.first_completion, part.window.last_completion);
        equal(
            "window.first_completion",
            ns(first),
            "the shortest E2E",
            e2e.min,
        )?;
        equal(
            "window.last_completion",
            ns(last),
            "the longest E2E",
            e2e.max,
        )?;
    }
    let late = part.histograms.get(Metric::Lateness).exact();
    if part.outcomes.planned > 0 && late.overflow == 0 {
        let start = ns(part.window.start_late).max(LOWEST.into());
        equal(
            "window.start_late",
            start,
            "the lateness of a burst",
            late.max,
        )?;
        equal(
            "lateness.min",
            late.min,
            "the lateness of a burst",
            late.max,
        )?;
    }
    Ok(())
}

/// Counts that follow if all requests were kept.
fn counted(part: &Part, scenario: &Scenario) -> Result<(), PartFault> {
    if let Some(good) = part.good {
        let met = part
            .requests
            .iter()
            .filter(|request| meets(request, &scenario.objectives))
            .count();
        equal("good", good, "the kept requests", met as u64)?;
    }
    let window = scenario
        .window()
        .filter(|_| matches!(scenario.shape.offer(), Offer::Along { .. }));
    if let (Some(in_time), Some(window)) = (part.in_time, window) {
        let ends = u64::try_from(ns(window)).unwrap_or(u64::MAX);
        let sent_by = |grace: u64| {
            let due =
                |r: &&RequestRecord| r.sent_ns <= ends.max(r.intended_ns.saturating_add(grace));
            part.requests.iter().filter(due).count() as u64
        };
        // Older programs had no grace period.
        within(
            "in_time",
            in_time,
            "the kept requests",
            sent_by(0),
            sent_by(ON_THE_DOT_NS),
        )?;
    }
    if scenario.max_in_flight.is_none() {
        lateness(part)?;
    }
    Ok(())
}

/// Without an in-flight limit, lateness counts from the intended time.
fn lateness(part: &Part) -> Result<(), PartFault> {
    let late = part.histograms.get(Metric::Lateness);
    let own = || {
        part.requests
            .iter()
            .map(|r| r.sent_ns.saturating_sub(r.intended_ns).max(LOWEST))
    };
    let sum: u128 = own().filter(|ns| *ns <= HIGHEST).map(u128::from).sum();
    let exact = late.exact();
    let ends = (
        own().filter(|ns| *ns <= HIGHEST).min().unwrap_or(0),
        own().max().unwrap_or(0),
    );
    let agrees = sum == exact.sum && ends == (exact.min, exact.max);
    if agrees {
        Ok(())
    } else {
        Err(PartFault::Records {
            metric: Metric::Lateness.name(),
        })
    }
}

fn meets(r: &RequestRecord, objectives: &Objectives) -> bool {
    let within = |limit: Option<std::time::Duration>, from: u64, to: u64| {
        limit.is_none_or(|limit| u128::from(to.saturating_sub(from)) <= ns(limit))
    };
    let gaps = u64::from(r.output_tokens.saturating_sub(1)).max(1);
    r.outcome == Outcome::Ok
        && within(objectives.ttft, r.intended_ns, r.first_token_ns)
        && within(objectives.e2e, r.intended_ns, r.done_ns)
        && within(
            objectives.tpot,
            0,
            r.done_ns.saturating_sub(r.first_token_ns) / gaps,
        )
}

fn run_in(part: &Part, Load { scenario, share }: Load<'_>) -> Result<(), PartFault> {
    let most = match scenario.shape.kind() {
        _ if scenario.run_in().is_zero() => 0,
        ShapeKind::Closed => Scenario::MOST_UNCOUNTED,
        ShapeKind::Burst | ShapeKind::Open => scenario.run_in_arrivals(),
    };
    at_most("run_in", part.run_in, "the plan", share.count(most))?;
    // Nothing is sent before the driver begins.
    let late = if part.outcomes.planned > 0 {
        part.window.start_late
    } else {
        std::time::Duration::ZERO
    };
    at_most(
        "window.start_late",
        ns(late),
        "run-in and usage.wall",
        ns(scenario.run_in() + part.usage.wall),
    )
}
