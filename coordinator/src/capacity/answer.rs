//! The answer of a search: its outcome in rates, and the probes that it rests on. Must not know how
//! it is shown.

use stats::capacity::{Level, Outcome, Purpose, Rungs, Step, StepLaw, step_law};

use super::{CapacitySearch, Tally};
use crate::plan::CapacityPlan;

/// Assumed relative deviation of a level's throughput, for the weights of the step law.
const LEVEL_CV: f64 = 0.02;

/// Everything that a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct CapacityAnswer {
    /// The run.
    pub run: String,
    /// Name of the plan.
    pub plan: String,
    /// Labels of the run.
    pub labels: Vec<String>,
    /// Baseline.
    pub baseline: String,
    /// Candidate, if there is one.
    pub candidate: Option<String>,
    /// What was searched for.
    pub capacity: CapacityPlan,
    /// The rates.
    pub rungs: Rungs,
    /// The outcome; `None` if the search is not over.
    pub outcome: Option<Outcome>,
    /// The closed loops.
    pub levels: Vec<LevelSeen>,
    /// Time of a step with N sequences, a + bN, seconds.
    pub step_law: Option<StepLaw>,
    /// The other probes, in order.
    pub probes: Vec<ProbeSeen>,
    /// Windows measured.
    pub windows: u32,
    /// Output tokens of a request that was answered; `None` if none was.
    pub tokens_per_request: Option<f64>,
}

/// One level of the closed loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelSeen {
    /// Number in flight.
    pub in_flight: u32,
    /// Requests a second.
    pub requests_per_second: f64,
    /// Output tokens a second.
    pub tokens_per_second: f64,
}

/// One probe.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeSeen {
    /// Why.
    pub purpose: Purpose,
    /// Its rate.
    pub rate: f64,
    /// Share of violations of each objective, for each arm, in order of the arms' names.
    pub shares: Vec<(&'static str, Vec<f64>)>,
    /// The generator was late.
    pub limited: bool,
}

impl LevelSeen {
    pub(super) fn of(in_flight: u32, tally: &Tally) -> Self {
        Self {
            in_flight,
            requests_per_second: tally.requests_per_second(),
            tokens_per_second: tally.tokens_per_second(),
        }
    }
}

impl CapacityAnswer {
    /// The rate of a rung.
    #[must_use]
    pub fn rate(&self, rung: u32) -> f64 {
        self.rungs.rate(rung)
    }
}

impl CapacitySearch {
    /// What has been found so far.
    #[must_use]
    pub fn answer(&self, run: String, labels: Vec<String>) -> CapacityAnswer {
        let rungs = self.search.settings().rungs;
        let seen = self.search.seen().iter();
        let probes = seen
            .filter(|seen| seen.probe.purpose != Purpose::Level)
            .map(|seen| {
                let mut shares: Vec<_> = seen
                    .windows
                    .iter()
                    .map(|w| (w.arm, w.counts.iter().map(|count| count.share()).collect()))
                    .collect();
                shares.sort_by_key(|(arm, _)| *arm);
                ProbeSeen {
                    purpose: seen.probe.purpose,
                    rate: rungs.rate(seen.probe.at),
                    shares: shares.into_iter().map(|(arm, s)| (arm.name(), s)).collect(),
                    limited: seen.limited,
                }
            });
        let levels: Vec<Level> = self
            .levels
            .iter()
            .map(|level| Level {
                in_flight: level.in_flight.into(),
                throughput: level.tokens_per_second,
                cv: LEVEL_CV,
            })
            .collect();
        let (ok, tokens) = self.tallies.values().fold((0, 0), |(ok, tokens), tally| {
            (ok + tally.ok, tokens + tally.tokens)
        });
        CapacityAnswer {
            run,
            plan: self.plan.name.clone(),
            labels,
            baseline: self.lineup.baseline().to_owned(),
            candidate: self.lineup.candidates().first().cloned(),
            capacity: self.capacity.clone(),
            rungs,
            outcome: match self.search.next() {
                Step::End(outcome) => Some(*outcome),
                Step::Probe(_) => None,
            },
            levels: self.levels.clone(),
            step_law: step_law(&levels),
            probes: probes.collect(),
            windows: self.search.spent(),
            tokens_per_request: (ok > 0).then(|| tokens as f64 / ok as f64),
        }
    }
}
