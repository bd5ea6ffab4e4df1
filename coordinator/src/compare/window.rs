//! The inside of a measured window, from the requests that parts keep one by one: latency piece by
//! piece, the number in flight, how the first requests fared. Must not judge. Where parts kept only
//! their first requests nothing is said: the beginning of a window does not speak for its end.

use std::time::Duration;

use contract::metric::Metric;
use contract::part::{Outcome, Part, RequestRecord};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::slices;
use super::trials::Trial;

/// Pieces of a window.
const PIECES: usize = 40;

/// Requests of the curve of first requests.
const FIRST: usize = 64;

/// One point of the curve of first requests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstRequest {
    /// Median E2E over the arm's trials, from the intended time, nanoseconds.
    #[serde(rename = "e2e_ns")]
    pub e2e: f64,
    /// Median TTFT over the arm's trials, from the intended time, nanoseconds.
    #[serde(rename = "ttft_ns")]
    pub ttft: f64,
}

/// What the single requests of one trial tell, once they are looked at and let go.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Inside {
    /// ln of the mean E2E in pieces of equally many requests, by intended time.
    latency: Option<Vec<f64>>,
    /// Time between sending and end of all requests, seconds.
    in_flight: f64,
    /// E2E and TTFT of the first requests, nanoseconds.
    first: Vec<(u64, u64)>,
    /// Independent values among the latencies (batch means).
    effective: Option<f64>,
}

impl Inside {
    /// Of a trial's answered requests. The first and the last `margin` are left out of the latency:
    /// a closed loop begins with all of them at once and ends with fewer and fewer.
    pub(super) fn of(mut answered: Vec<RequestRecord>, margin: usize) -> Self {
        answered.sort_by_key(|request| (request.intended_ns, request.index));
        // Vetted parts have every request's times in order; a store of before may hold others.
        let span = |from: u64, to: u64| to.saturating_sub(from);
        let e2e: Vec<f64> = answered
            .iter()
            .map(|r| span(r.intended_ns, r.done_ns) as f64)
            .collect();
        let first = answered.iter().take(FIRST);
        Self {
            latency: pieces(&answered, margin, |r| span(r.intended_ns, r.done_ns)),
            in_flight: answered
                .iter()
                .map(|r| span(r.sent_ns, r.done_ns) as f64 / 1e9)
                .sum(),
            first: first
                .map(|r| {
                    (
                        span(r.intended_ns, r.done_ns),
                        span(r.intended_ns, r.first_token_ns),
                    )
                })
                .collect(),
            effective: stats::series::effective_size(&e2e),
        }
    }
}

/// A part's answered requests, which it loses; `None` where not all were kept.
pub(super) fn answered(part: &mut Part) -> Option<Vec<RequestRecord>> {
    let all = std::mem::take(&mut part.requests);
    let complete = part.requests_not_kept == 0 && all.len() as u64 == part.outcomes.ended();
    complete.then(|| {
        all.into_iter()
            .filter(|r| r.outcome == Outcome::Ok)
            .collect()
    })
}

/// ln of the mean E2E in pieces of equally many requests, by intended time.
pub(super) fn latency(trial: &Trial) -> Option<Vec<f64>> {
    trial.inside.as_ref()?.latency.clone()
}

fn pieces(
    requests: &[RequestRecord],
    margin: usize,
    value: impl Fn(&RequestRecord) -> u64,
) -> Option<Vec<f64>> {
    let middle = requests.get(margin..requests.len().checked_sub(margin)?)?;
    let values: Vec<f64> = middle.iter().map(|request| value(request) as f64).collect();
    let size = (values.len() / PIECES).max(1);
    Some(
        stats::series::regroup(&values, PIECES)
            .iter()
            .map(|sum| (sum / size as f64).ln())
            .collect(),
    )
}

/// Mean number in flight by the single requests, throughput by the counts, mean residence by the
/// histogram: three accounts of one window that Little's law holds together. Of answered requests.
pub(super) fn little(trials: &[&Trial]) -> Option<(f64, f64, f64)> {
    let (mut flight, mut wall, mut ok, mut residence, mut count) = (0.0, 0.0, 0_u64, 0.0, 0_u64);
    for trial in trials {
        let inside = trial.inside.as_ref().map(|inside| inside.in_flight);
        flight += inside.or_else(|| slices::in_flight(trial))?;
        wall += trial.wall.as_secs_f64();
        ok += trial.outcomes.ok;
        let service = trial.histograms.get(Metric::Service).exact();
        residence += service.sum as f64 / 1e9;
        count += service.count;
    }
    (wall > 0.0 && count > 0).then(|| (flight / wall, ok as f64 / wall, residence / count as f64))
}

/// Independent values among the latencies of an arm: batch means over each trial's requests, all
/// trials together.
pub(super) fn effective_requests(trials: &[&Trial]) -> Option<f64> {
    trials
        .iter()
        .map(|trial| trial.inside.as_ref()?.effective)
        .sum()
}

/// How the first requests of a window fared, by intended time: the median over the trials that have
/// so many.
pub(super) fn first_requests(trials: &[&Trial]) -> Vec<FirstRequest> {
    let known: Vec<&[(u64, u64)]> = trials
        .iter()
        .filter_map(|trial| Some(&*trial.inside.as_ref()?.first))
        .collect();
    let least = known.iter().map(|first| first.len()).min().unwrap_or(0);
    let over = |at: usize, value: fn((u64, u64)) -> u64| {
        let mut values: Vec<u64> = known.iter().map(|requests| value(requests[at])).collect();
        values.sort_unstable();
        values[values.len() / 2] as f64
    };
    (0..least)
        .map(|at| FirstRequest {
            e2e: over(at, |r| r.0),
            ttft: over(at, |r| r.1),
        })
        .collect()
}

/// The shortest window of an arm's trials: every worker's own is as long as its trial's.
pub(super) fn shortest(trials: &[&Trial]) -> Duration {
    trials
        .iter()
        .map(|trial| trial.wall)
        .min()
        .unwrap_or_default()
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
        let requests: Vec<RequestRecord> = (0..100)
            .map(|i| request(i, if (10..90).contains(&i) { 2 } else { 50 }))
            .collect();
        let e2e = |r: &RequestRecord| r.done_ns - r.intended_ns;
        let inside = pieces(&requests, 10, e2e).expect("enough");
        assert_eq!(
            (
                inside.len(),
                inside.iter().all(|v| (v - 2e6_f64.ln()).abs() < 1e-9)
            ),
            (PIECES, true)
        );
        let whole = pieces(&requests, 0, e2e).expect("enough");
        assert!(whole[0] > inside[0]);
        assert_eq!(pieces(&requests, 60, e2e), None);
    }
}
