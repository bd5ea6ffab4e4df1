//! The course of a measured window: throughput, requests in flight, time to first token, averaged
//! over an arm's trials. Uses the slices that parts keep; parts without slices are left out.

use std::time::Duration;

use contract::id::Arm;
use contract::part::{Bucket, Series};

use super::super::slices;
use super::super::trials::{Round, Trial};

/// Greatest number of pieces of a window.
const PIECES: usize = 64;

/// An arm's window in pieces of equal length, from the common start.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Length of a piece.
    pub width: Duration,
    /// Pieces in order.
    pub slices: Vec<Slice>,
}

/// One piece.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Slice {
    /// Output tokens per second of the requests that were answered in it.
    pub tokens_per_second: f64,
    /// Mean number of requests in flight.
    pub in_flight: f64,
    /// Mean time to first token of the answered requests that were due in it, nanoseconds.
    pub ttft: Option<f64>,
}

/// Every arm whose parts kept slices.
pub(super) fn of(rounds: &[&Round]) -> Vec<(Arm, Timeline)> {
    let of_arm = |arm: Arm| {
        let trials: Vec<&Trial> = rounds
            .iter()
            .filter_map(|round| round.arms.get(&arm))
            .collect();
        let all: Option<Vec<&Series>> = trials.iter().map(|trial| trial.series.as_ref()).collect();
        let all = slices::merged(&all?)?;
        Some((arm, timeline(&all, trials.len())?))
    };
    Arm::ALL.into_iter().filter_map(of_arm).collect()
}

/// The average over `trials`; `None` without slices.
fn timeline(all: &Series, trials: usize) -> Option<Timeline> {
    let size = all.buckets.len().div_ceil(PIECES).max(1);
    let width = all.width * u32::try_from(size).unwrap_or(u32::MAX);
    let (seconds, count) = (width.as_secs_f64(), trials as f64);
    let piece = |buckets: &[Bucket]| {
        let mut sum = Bucket::default();
        buckets.iter().for_each(|bucket| sum.add(bucket));
        Slice {
            tokens_per_second: sum.tokens as f64 / seconds / count,
            in_flight: sum.in_flight_ns as f64 / 1e9 / seconds / count,
            ttft: (sum.intended_ok > 0).then(|| sum.ttft_sum_ns as f64 / sum.intended_ok as f64),
        }
    };
    let slices: Vec<Slice> = all.buckets.chunks(size).map(piece).collect();
    (!slices.is_empty()).then_some(Timeline { width, slices })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_averages_over_the_trials() {
        let bucket = Bucket {
            tokens: 10,
            in_flight_ns: 20_000_000,
            intended_ok: 2,
            ttft_sum_ns: 6,
            ..Bucket::default()
        };
        let all = Series {
            width: Series::FINEST,
            buckets: vec![bucket; 128],
        };
        let line = timeline(&all, 2).expect("it has slices");
        assert_eq!((line.width, line.slices.len()), (2 * Series::FINEST, 64));
        let wanted = Slice {
            tokens_per_second: 500.0,
            in_flight: 1.0,
            ttft: Some(3.0),
        };
        assert_eq!(line.slices[0], wanted);
        assert_eq!(timeline(&Series::default(), 2), None);
    }
}
