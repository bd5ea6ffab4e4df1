//! The inside of a measured window, from the requests that parts keep one by one: latency piece by piece, the number in
//! flight, how the first requests fared. Must not judge. Where parts kept only their first requests nothing is said: the
//! beginning of a window does not speak for its end.

use std::time::Duration;

use contract::metric::Metric;
use contract::part::{Outcome, Part, RequestRecord};

use super::trials::Trial;

/// Pieces of a window.
const PIECES: usize = 40;

/// Requests of the curve of first requests.
const FIRST: usize = 64;

/// One point of the curve of first requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstRequest {
    /// Median E2E over the trials, nanoseconds.
    pub e2e: f64,
    /// Median TTFT over the trials, nanoseconds.
    pub ttft: f64,
}

/// Answered requests by intended time; `None` where not all were kept.
fn answered(trial: &Trial<'_>) -> Option<Vec<RequestRecord>> {
    let complete =
        |part: &&Part| part.requests_not_kept == 0 && part.requests.len() as u64 == part.outcomes.ended();
    if trial.parts.is_empty() || !trial.parts.iter().all(complete) {
        return None;
    }
    let all = trial.parts.iter().flat_map(|part| &part.requests);
    let mut answered: Vec<RequestRecord> = all.filter(|r| r.outcome == Outcome::Ok).copied().collect();
    answered.sort_by_key(|request| (request.intended_ns, request.index));
    Some(answered)
}

/// ln of the mean E2E in pieces of equally many requests, by intended time. The first and the last `concurrency`
/// requests are left out: a loop begins with all of them at once and ends with fewer and fewer.
pub(super) fn latency(trial: &Trial<'_>, concurrency: usize) -> Option<Vec<f64>> {
    pieces(&answered(trial)?, concurrency, |request| request.done_ns - request.intended_ns)
}

fn pieces(
    requests: &[RequestRecord],
    margin: usize,
    value: impl Fn(&RequestRecord) -> u64,
) -> Option<Vec<f64>> {
    let middle = requests.get(margin..requests.len().checked_sub(margin)?)?;
    let values: Vec<f64> = middle.iter().map(|request| value(request) as f64).collect();
    let size = (values.len() / PIECES).max(1);
    Some(stats::series::regroup(&values, PIECES).iter().map(|sum| (sum / size as f64).ln()).collect())
}

/// Mean number in flight by the single requests, throughput by the counts, mean residence by the histogram: three
/// accounts of one window that Little's law holds together. Of answered requests.
pub(super) fn little(trials: &[&Trial<'_>]) -> Option<(f64, f64, f64)> {
    let (mut flight, mut wall, mut ok, mut residence, mut count) = (0.0, 0.0, 0_u64, 0.0, 0_u64);
    for trial in trials {
        let spans = answered(trial)?;
        flight += spans.iter().map(|r| (r.done_ns - r.sent_ns) as f64 / 1e9).sum::<f64>();
        wall += trial.wall.as_secs_f64();
        ok += trial.outcomes.ok;
        let service = trial.histograms.get(Metric::Service).exact();
        residence += service.sum as f64 / 1e9;
        count += service.count;
    }
    (wall > 0.0 && count > 0).then(|| (flight / wall, ok as f64 / wall, residence / count as f64))
}

/// Independent values among the latencies of an arm: batch means over each trial's requests, all trials together.
pub(super) fn effective_requests(trials: &[&Trial<'_>]) -> Option<f64> {
    let size = |trial: &&Trial<'_>| {
        let values: Vec<f64> = answered(trial)?.iter().map(|r| (r.done_ns - r.intended_ns) as f64).collect();
        stats::series::effective_size(&values)
    };
    trials.iter().map(size).sum()
}

/// How the first requests of a window fared, by intended time: the median over the trials that have so many.
pub(super) fn first_requests(trials: &[&Trial<'_>]) -> Vec<FirstRequest> {
    let known: Vec<Vec<RequestRecord>> = trials.iter().filter_map(|trial| answered(trial)).collect();
    let least = known.iter().map(Vec::len).min().unwrap_or(0).min(FIRST);
    let over = |at: usize, value: fn(&RequestRecord) -> u64| {
        let mut values: Vec<u64> = known.iter().map(|requests| value(&requests[at])).collect();
        values.sort_unstable();
        values[values.len() / 2] as f64
    };
    (0..least)
        .map(|at| FirstRequest {
            e2e: over(at, |r| r.done_ns - r.intended_ns),
            ttft: over(at, |r| r.first_token_ns - r.intended_ns),
        })
        .collect()
}

/// The shortest window of an arm's trials: every worker's own is as long as its trial's.
pub(super) fn shortest(trials: &[&Trial<'_>]) -> Duration {
    trials.iter().map(|trial| trial.wall).min().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(index: u32, ms: u64) -> RequestRecord {
        let intended_ns = u64::from(index) * 1_000_000;
        RequestRecord {
            index,
            outcome: Outcome::Ok,
            intended_ns,
            sent_ns: intended_ns,
            started_ns: intended_ns,
            first_token_ns: intended_ns,
            done_ns: intended_ns + ms * 1_000_000,
            prompt_tokens: 1,
            output_tokens: 1,
        }
    }

    #[test]
    fn the_margins_of_a_loop_are_left_out() {
        let requests: Vec<RequestRecord> =
            (0..100).map(|i| request(i, if (10..90).contains(&i) { 2 } else { 50 })).collect();
        let e2e = |r: &RequestRecord| r.done_ns - r.intended_ns;
        let inside = pieces(&requests, 10, e2e).expect("enough");
        assert_eq!((inside.len(), inside.iter().all(|v| (v - 2e6_f64.ln()).abs() < 1e-9)), (PIECES, true));
        let whole = pieces(&requests, 0, e2e).expect("enough");
        assert!(whole[0] > inside[0]);
        assert_eq!(pieces(&requests, 60, e2e), None);
    }
}
