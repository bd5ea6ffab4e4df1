//! Statistics from the inside of a measured window over several trials: latency of each piece,
//! number in flight, the first requests. Must not judge. If parts kept only their first requests
//! there is no result, because the beginning of a window does not represent its end.

use std::time::Duration;

use contract::metric::Metric;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::slices;
use super::trials::Trial;

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

/// ln of the mean E2E in pieces with equal numbers of requests, by intended time.
pub(super) fn latency(trial: &Trial) -> Option<Vec<f64>> {
    trial.inside.as_ref()?.latency.clone()
}

/// The two sides of Little's law for answered requests: mean number in flight (from single
/// requests), and throughput (from counts) × mean residence (from the histogram).
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

/// Effective number of independent latencies of an arm: batch means over each trial's requests,
/// summed over its trials.
pub(super) fn effective_requests(trials: &[&Trial]) -> Option<f64> {
    trials
        .iter()
        .map(|trial| trial.inside.as_ref()?.effective)
        .sum()
}

/// The first requests of a window, by intended time: medians over the trials that have that many
/// requests.
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

/// The shortest window of an arm's trials. Each worker's window is as long as its trial's.
pub(super) fn shortest(trials: &[&Trial]) -> Duration {
    trials
        .iter()
        .map(|trial| trial.wall)
        .min()
        .unwrap_or_default()
}
