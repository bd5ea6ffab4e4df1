//! Statistics from the single requests that a trial's parts keep: latency of each piece, number in
//! flight, the first requests. Must not judge.

use contract::part::{Outcome, Part, RequestRecord};

/// Pieces of a window.
const PIECES: usize = 40;

/// Number of first requests on the curve.
const FIRST: usize = 64;

/// Statistics of one trial's single requests, which are then dropped.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WindowStats {
    /// ln of the mean E2E in pieces with equal numbers of requests, by intended time.
    pub latency: Option<Vec<f64>>,
    /// Sum of the times from sending to end over all requests, seconds.
    pub in_flight: f64,
    /// E2E and TTFT of the first requests, nanoseconds.
    pub first: Vec<(u64, u64)>,
    /// Effective number of independent latencies (batch means).
    pub effective: Option<f64>,
}

impl WindowStats {
    /// From a trial's answered requests. The first and last `margin` are left out of the latency: a
    /// closed loop starts all its requests at once and ends with fewer and fewer.
    pub(super) fn of(mut answered: Vec<RequestRecord>, margin: usize) -> Self {
        answered.sort_by_key(|request| (request.intended_ns, request.index));
        // Checked parts have each request's times in order; older stores may contain others.
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

/// Takes a part's answered requests out of it; `None` if not all were kept.
pub(super) fn answered(part: &mut Part) -> Option<Vec<RequestRecord>> {
    let all = std::mem::take(&mut part.requests);
    let complete = part.requests_not_kept == 0 && all.len() as u64 == part.outcomes.ended();
    complete.then(|| {
        all.into_iter()
            .filter(|r| r.outcome == Outcome::Ok)
            .collect()
    })
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
