//! What the parts of a trial say: violations of each objective, throughput, and whether the load
//! generator kept up. Must not know rates.

use std::time::Duration;

use contract::metric::Metric;
use contract::part::Part;
use stats::capacity::Count;
use stats::summary::quantile;

use crate::plan::{Limited, Objective};

/// The generator is late if its 99th percentile of lateness exceeds this share of the least limit,
const LATE_SHARE: f64 = 0.1;
/// and this time, nanoseconds.
const LATE_FLOOR_NS: u64 = 1_000_000;

/// Sums over the slots of one arm.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    /// One count for each objective.
    pub(super) counts: Vec<Count>,
    /// The quantile that each objective of a time limits, nanoseconds; the greatest over the slots.
    pub(super) quantiles: Vec<Option<f64>>,
    /// Requests answered in full.
    pub(super) ok: u64,
    /// Their output tokens.
    pub(super) tokens: u64,
    /// Longest window of a slot.
    pub(super) wall: Duration,
    /// The generator was late in a slot.
    pub(super) limited: bool,
}

impl Tally {
    /// What one part says. A request that was not answered violates every objective.
    pub(super) fn of(part: &Part, objectives: &[Objective]) -> Self {
        let not_ok = part.outcomes.not_ok();
        let beyond = |metric: Metric, limit_ns: u64| {
            let histogram = part.histograms.get(metric);
            let within = histogram.buckets().count_between(0, limit_ns);
            (histogram.exact().count + histogram.exact().overflow).saturating_sub(within)
        };
        let count = |objective: &Objective| Count {
            violated: match objective.of {
                Limited::Time { metric, limit_ns } => not_ok + beyond(metric, limit_ns),
                Limited::Errors => not_ok,
            },
            of: part.outcomes.ended(),
        };
        let limited = |objective: &Objective| match objective.of {
            Limited::Time { metric, .. } => quantile(
                part.histograms.get(metric).buckets(),
                1.0 - objective.allowed,
            ),
            Limited::Errors => None,
        };
        let least = objectives
            .iter()
            .filter_map(|objective| match objective.of {
                Limited::Time { limit_ns, .. } => Some(limit_ns),
                Limited::Errors => None,
            });
        let late = least
            .min()
            .map_or(LATE_FLOOR_NS, |ns| (ns as f64 * LATE_SHARE) as u64);
        let lateness = part.histograms.get(Metric::Lateness).buckets();
        Self {
            counts: objectives.iter().map(count).collect(),
            quantiles: objectives.iter().map(limited).collect(),
            ok: part.outcomes.ok,
            tokens: part.output_tokens,
            wall: part.usage.wall,
            limited: quantile(lateness, 0.99)
                .is_some_and(|p99| p99 > late.max(LATE_FLOOR_NS) as f64),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.counts
            .resize(other.counts.len(), Count { violated: 0, of: 0 });
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            mine.violated += theirs.violated;
            mine.of += theirs.of;
        }
        self.quantiles.resize(other.quantiles.len(), None);
        for (mine, theirs) in self.quantiles.iter_mut().zip(&other.quantiles) {
            *mine = mine.map_or(*theirs, |mine| Some(mine.max(theirs.unwrap_or(mine))));
        }
        self.ok += other.ok;
        self.tokens += other.tokens;
        self.wall = self.wall.max(other.wall);
        self.limited |= other.limited;
    }

    pub(super) fn requests_per_second(&self) -> f64 {
        per_second(self.ok, self.wall)
    }

    pub(super) fn tokens_per_second(&self) -> f64 {
        per_second(self.tokens, self.wall)
    }
}

fn per_second(count: u64, wall: Duration) -> f64 {
    match wall.as_secs_f64() {
        seconds if seconds > 0.0 => count as f64 / seconds,
        _ => 0.0,
    }
}
