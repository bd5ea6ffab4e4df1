//! Consistent parts: everything except the requests is derived from the requests.

use std::time::Duration;

use contract::identity::Sha256;
use contract::metric::Metric;
use contract::part::{
    EngineFacts, Histograms, Origin, Outcome, Outcomes, Part, PartKey, RequestRecord, Series, Step,
    StepLog, StopCause, Usage, Window,
};

/// The part that a worker would report for these requests, all of which it kept.
pub(crate) fn part(place: PartKey, origin: Origin, requests: Vec<RequestRecord>) -> Part {
    let ok = || {
        requests
            .iter()
            .filter(|request| request.outcome == Outcome::Ok)
    };
    let nanos = |at: Option<u64>| Duration::from_nanos(at.unwrap_or(0));
    let mut outcomes = Outcomes {
        planned: requests.len() as u64,
        ..Outcomes::default()
    };
    requests
        .iter()
        .for_each(|request| outcomes.count(request.outcome));
    let mut histograms = Histograms::default();
    requests
        .iter()
        .for_each(|request| record(&mut histograms, request));
    let wall = nanos(requests.iter().map(|request| request.done_ns).max());
    let tokens =
        |pick: fn(&RequestRecord) -> u32| ok().map(|request| u64::from(pick(request))).sum();
    Part {
        place,
        origin,
        histograms,
        outcomes,
        requests_not_kept: 0,
        steps: steps(ok().flat_map(times).collect()),
        token_digest: Sha256([8; 32]),
        prompt_tokens: tokens(|request| request.prompt_tokens),
        output_tokens: tokens(|request| request.output_tokens),
        offered: outcomes.planned,
        in_time: None,
        stopped: StopCause::AsPlanned,
        good: None,
        run_in: 0,
        sent: None,
        series: Series::of(requests.iter().copied(), wall),
        window: Window {
            first_completion: nanos(ok().map(|request| request.done_ns).min()),
            last_completion: nanos(ok().map(|request| request.done_ns).max()),
            ..Window::default()
        },
        cold: Vec::new(),
        usage: Usage {
            wall,
            ..Usage::default()
        },
        engine: EngineFacts::default(),
        requests,
    }
}

/// Instants of an answer's tokens, evenly spaced from first to last.
fn times(r: &RequestRecord) -> Vec<u64> {
    let gaps = u64::from(r.output_tokens - 1);
    let span = r.done_ns - r.first_token_ns;
    (0..=gaps)
        .map(|at| r.first_token_ns + span * at / gaps.max(1))
        .collect()
}

fn steps(mut all: Vec<u64>) -> StepLog {
    all.sort_unstable();
    let step = |same: &[u64]| Step {
        at_ns: same[0],
        tokens: u32::try_from(same.len()).unwrap(),
    };
    StepLog {
        kept: all.chunk_by(|a, b| a == b).map(step).collect(),
        not_kept: 0,
    }
}

fn record(histograms: &mut Histograms, r: &RequestRecord) {
    let mut put = |metric, from: u64, to: u64| histograms.get_mut(metric).record_ns(to - from);
    put(Metric::Lateness, r.intended_ns, r.sent_ns);
    if r.outcome != Outcome::Ok {
        return;
    }
    put(Metric::E2e, r.intended_ns, r.done_ns);
    put(Metric::Ttft, r.intended_ns, r.first_token_ns);
    put(Metric::Queue, r.sent_ns, r.started_ns);
    put(Metric::Prefill, r.started_ns, r.first_token_ns);
    put(Metric::Decode, r.first_token_ns, r.done_ns);
    put(Metric::Service, r.sent_ns, r.done_ns);
    if r.output_tokens > 1 {
        put(
            Metric::Tpot,
            0,
            (r.done_ns - r.first_token_ns) / u64::from(r.output_tokens - 1),
        );
    }
    times(r)
        .windows(2)
        .for_each(|pair| put(Metric::Itl, pair[0], pair[1]));
}
