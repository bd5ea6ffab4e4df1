//! A soak over the parts of a run: one interval for each round. Owns the way from parts to intervals;
//! must not know how they are tested or shown.

use contract::metric::Metric;
use contract::part::{Histograms, Part};
use contract::run::BlockDone;
use contract::spec::Shape;
use stats::soak::{Piece, Soaked, soaked};
use stats::summary::quantile;

use crate::plan::Plan;

/// Fewest requests of an interval whose 99th percentile is followed: ten lie beyond it.
const LEAST_FOR_P99: u64 = 1000;

/// Everything that a soak found.
#[derive(Clone, Debug, PartialEq)]
pub struct SoakAnswer {
    /// The run.
    pub run: String,
    /// Name of the plan.
    pub plan: String,
    /// Labels of the run.
    pub labels: Vec<String>,
    /// The build.
    pub variant: String,
    /// Rate of the load, requests a second.
    pub rate: f64,
    /// Length of an interval, seconds.
    pub seconds: f64,
    /// Intervals that were planned.
    pub planned: u32,
    /// The intervals, in order; latency is the E2E median, nanoseconds.
    pub pieces: Vec<Piece>,
    /// What they say, with the E2E median as latency.
    pub found: Soaked,
    /// The same of the 99th percentile of E2E; `None` with too few requests in an interval.
    pub tail: Option<Soaked>,
}

/// Reads the parts of a soak in order of rounds.
#[derive(Debug, Default)]
pub struct SoakReader {
    intervals: Vec<Interval>,
    last: Option<(u32, Sum)>,
}

/// One interval.
#[derive(Clone, Copy, Debug)]
struct Interval {
    round: u32,
    median: Option<f64>,
    p99: Option<f64>,
    memory: u64,
    errors: u64,
    requests: u64,
}

/// Sums over the slots of a round.
#[derive(Debug, Default)]
struct Sum {
    histograms: Histograms,
    memory: u64,
    errors: u64,
    requests: u64,
}

impl SoakReader {
    /// Takes in an accepted part; those of a round follow each other.
    pub fn take(&mut self, part: &Part) {
        let round = part.place.key.round;
        if self.last.as_ref().is_none_or(|(last, _)| *last != round) {
            self.close();
            self.last = Some((round, Sum::default()));
        }
        if let Some((_, sum)) = &mut self.last {
            sum.histograms.add(&part.histograms);
            sum.memory += part.usage.peak_rss_bytes;
            sum.errors += part.outcomes.not_ok();
            sum.requests += part.outcomes.ended();
        }
    }

    fn close(&mut self) {
        let Some((round, sum)) = self.last.take() else {
            return;
        };
        let e2e = sum.histograms.get(Metric::E2e);
        let enough = e2e.exact().count >= LEAST_FOR_P99;
        self.intervals.push(Interval {
            round,
            median: quantile(e2e.buckets(), 0.5),
            p99: quantile(e2e.buckets(), 0.99).filter(|_| enough),
            memory: sum.memory,
            errors: sum.errors,
            requests: sum.requests,
        });
    }

    /// What was found so far. `blocks` gives the times; `least` is the relative change of a latency
    /// that matters. `None` if the plan is no soak.
    #[must_use]
    pub fn answer(
        mut self,
        run: String,
        labels: Vec<String>,
        variant: String,
        plan: &Plan,
        blocks: &[BlockDone],
    ) -> Option<SoakAnswer> {
        self.close();
        let scenario = plan.scenarios.first().filter(|_| plan.soaks())?;
        let seconds = scenario.stop.duration.unwrap_or_default().as_secs_f64();
        let ended = |round: u32| {
            let block = blocks.iter().find(|block| block.round == round);
            block.map_or(0, |block| block.finished_unix_ms)
        };
        let first = blocks.iter().map(|block| block.finished_unix_ms).min();
        let piece = |interval: &Interval, latency: Option<f64>| Piece {
            at: ended(interval.round).saturating_sub(first.unwrap_or(0)) as f64 / 1e3
                + seconds / 2.0,
            latency,
            memory: interval.memory,
            errors: interval.errors,
            requests: interval.requests,
        };
        let pieces = |of: fn(&Interval) -> Option<f64>| -> Vec<Piece> {
            self.intervals.iter().map(|i| piece(i, of(i))).collect()
        };
        let tolerance = plan.tolerance.latency;
        let medians = pieces(|interval| interval.median);
        let tails = pieces(|interval| interval.p99);
        let has_tail = !tails.is_empty() && tails.iter().all(|piece| piece.latency.is_some());
        Some(SoakAnswer {
            run,
            plan: plan.name.clone(),
            labels,
            variant,
            rate: match scenario.shape {
                Shape::Constant { rate } | Shape::Poisson { rate } | Shape::Gamma { rate, .. } => {
                    rate
                }
                _ => 0.0,
            },
            seconds,
            planned: plan.rounds,
            found: soaked(&medians, tolerance),
            tail: has_tail.then(|| soaked(&tails, plan.tolerance.tail)),
            pieces: medians,
        })
    }
}

impl SoakAnswer {
    /// Whether nothing drifts, grows or bursts.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let drifts = |soaked: &Soaked| {
            soaked
                .drift
                .as_ref()
                .is_some_and(stats::soak::Drift::is_found)
        };
        self.found.is_clean() && !self.tail.as_ref().is_some_and(drifts)
    }

    /// Whether all that was planned was done, and there is enough of it to say something.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.pieces.len() >= self.planned as usize && self.found.drift.is_some()
    }
}
