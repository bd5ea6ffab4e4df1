//! What the requests that parts keep one by one say about the inside of one trial's window: latency
//! piece by piece, the number in flight, the first requests. Must not judge.

use contract::part::{Outcome, Part, RequestRecord};

/// Pieces of a window.
const PIECES: usize = 40;

/// Requests of the curve of first requests.
const FIRST: usize = 64;

/// What the single requests of one trial tell, once they are looked at and let go.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WindowStats {
    /// ln of the mean E2E in pieces of equally many requests, by intended time.
    pub latency: Option<Vec<f64>>,
    /// Time between sending and end of all requests, seconds.
    pub in_flight: f64,
    /// E2E and TTFT of the first requests, nanoseconds.
    pub first: Vec<(u64, u64)>,
    /// Independent values among the latencies (batch means).
    pub effective: Option<f64>,
}

impl WindowStats {
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
