//! The answer of a search: its outcome in rates, and the probes that it rests on. Must not know how
//! it is shown.

use stats::capacity::{
    Count, Estimate, Gain, GainQuestion, Level, NoLaw, Outcome, Purpose, Rungs, Scaling, Step,
    StepLaw, gain, scaling, step_law,
};
use stats::compare::holm;
use stats::rng::Seed;

use super::{CapacitySearch, HostSeen, Tally};
use crate::plan::{CapacityPlan, Objective};

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
    /// The decision about the candidate's capacity; `None` without a candidate or an estimate.
    pub gain: Option<Gain>,
    /// The capacities of each objective alone; only if there are several.
    pub by_objective: Vec<OfObjective>,
    /// Each host of a fleet; empty with one host, or without an estimate.
    pub hosts: Vec<HostSeen>,
    /// The closed loops.
    pub levels: Vec<LevelSeen>,
    /// Time of a step with N sequences, a + bN, seconds.
    pub step_law: Option<StepLaw>,
    /// Tokens a second over the number in flight, or why the levels carry no law.
    pub scaling: Result<Scaling, NoLaw>,
    /// The other probes, in order.
    pub probes: Vec<ProbeSeen>,
    /// Windows measured.
    pub windows: u32,
    /// Output tokens of a request that was answered; `None` if none was.
    pub tokens_per_request: Option<f64>,
}

/// The capacities of one objective alone.
#[derive(Clone, Debug, PartialEq)]
pub struct OfObjective {
    /// The objective.
    pub objective: Objective,
    /// In ln rate.
    pub estimate: Estimate,
    /// The decision about the candidate, corrected over the objectives.
    pub gain: Option<Gain>,
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
    /// Its rate, or number in flight.
    pub rate: f64,
    /// Violations of each objective, for each arm, in order of the arms' names.
    pub arms: Vec<(&'static str, Vec<Count>)>,
    /// For each arm, the quantile that each objective of a time limits, nanoseconds.
    pub quantiles: Vec<Vec<Option<f64>>>,
    /// Requests answered a second in its first window.
    pub requests_per_second: f64,
    /// The baseline's margin: negative if it passed.
    pub margin: f64,
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
    /// The variant that an arm ran, by the arm's name.
    #[must_use]
    pub fn variant(&self, arm: &str) -> &str {
        match &self.candidate {
            Some(candidate) if arm == "B" => candidate,
            _ => &self.baseline,
        }
    }

    /// What is known of the capacity, confirmed or not.
    #[must_use]
    pub fn estimate(&self) -> Option<&Estimate> {
        match self.outcome.as_ref()? {
            Outcome::Found { estimate, .. } => Some(estimate),
            Outcome::Budget { estimate, .. } => estimate.as_ref(),
            _ => None,
        }
    }

    /// The capacity, if it was found and its lower end held.
    #[must_use]
    pub fn confirmed(&self) -> Option<&Estimate> {
        match self.outcome.as_ref()? {
            Outcome::Found {
                estimate,
                confirmation,
            } if confirmation.holds() => Some(estimate),
            _ => None,
        }
    }

    /// The number in flight that passes while one more breaks down: no whole number lies between, so
    /// it is the capacity.
    #[must_use]
    pub fn exact(&self) -> Option<f64> {
        match self.outcome {
            Some(Outcome::Cliff { pass, fail }) if self.rungs.are_whole() => {
                let (pass, fail) = (self.rate(pass), self.rate(fail));
                (fail - pass <= 1.0).then_some(pass)
            }
            _ => None,
        }
    }

    /// Whether the search has a capacity to rely on.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.confirmed().is_some() || self.exact().is_some()
    }

    /// Why there is no capacity to rely on: the outcome's name.
    #[must_use]
    pub fn what_instead(&self) -> &'static str {
        match &self.outcome {
            None => "not over",
            Some(Outcome::Found { .. }) => "FOUND but not confirmed",
            Some(other) => other.name(),
        }
    }

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
        let rungs = self.search.settings().rungs.clone();
        let outcome = match self.search.next() {
            Step::End(outcome) => Some(*outcome),
            Step::Probe(_) => None,
        };
        let seen = self.search.seen().iter();
        let probes = seen
            .filter(|seen| seen.probe.purpose != Purpose::Level)
            .zip(&self.quantiles)
            .map(|(seen, quantiles)| {
                let windows = seen.windows.iter();
                let mut arms: Vec<_> = windows.map(|w| (w.arm, w.counts.clone())).collect();
                arms.sort_by_key(|(arm, _)| *arm);
                ProbeSeen {
                    purpose: seen.probe.purpose,
                    rate: rungs.rate(seen.probe.at),
                    arms: arms.into_iter().map(|(arm, c)| (arm.name(), c)).collect(),
                    quantiles: quantiles.clone(),
                    requests_per_second: seen.throughput,
                    margin: self.search.margin(seen),
                    limited: seen.limited,
                }
            })
            .collect();
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
        let mut answer = CapacityAnswer {
            run,
            plan: self.plan.name.clone(),
            labels,
            baseline: self.lineup.baseline().to_owned(),
            candidate: self.lineup.candidates().first().cloned(),
            capacity: self.capacity.clone(),
            rungs,
            outcome,
            gain: None,
            by_objective: Vec::new(),
            hosts: Vec::new(),
            levels: self.levels.clone(),
            step_law: step_law(&levels),
            scaling: scaling(&levels, Seed(self.plan.seed).child("scaling")),
            probes,
            windows: self.search.spent(),
            tokens_per_request: (ok > 0).then(|| tokens as f64 / ok as f64),
        };
        self.decide(&mut answer);
        if answer.estimate().is_some() {
            let tolerance = self.plan.tolerance.throughput;
            answer.hosts = self.hosts.hosts(&self.search, tolerance);
        }
        answer
    }

    /// Decides about the candidate; over several objectives with Holm's correction.
    fn decide(&self, answer: &mut CapacityAnswer) {
        let question = GainQuestion {
            tolerance: self.plan.tolerance.throughput,
            confirmed: answer.confirmed().is_some(),
            adjusted_p: None,
        };
        answer.gain = answer.estimate().and_then(|e| gain(e, &question));
        let objectives = &self.capacity.objectives;
        if objectives.len() < 2 || answer.estimate().is_none() {
            return;
        }
        let estimates = objectives.iter().zip(self.search.by_objective());
        let estimates: Vec<_> = estimates
            .filter_map(|(objective, estimate)| Some((*objective, estimate?)))
            .collect();
        let first = estimates.iter().map(|(_, e)| gain(e, &question));
        let p: Option<Vec<f64>> = first.map(|gain| Some(gain?.p)).collect();
        let adjusted = p.map(|p| holm(&p)).unwrap_or_default();
        let of = |(at, (objective, estimate)): (usize, (Objective, Estimate))| OfObjective {
            objective,
            gain: gain(
                &estimate,
                &GainQuestion {
                    adjusted_p: adjusted.get(at).copied(),
                    ..question
                },
            ),
            estimate,
        };
        answer.by_objective = estimates.into_iter().enumerate().map(of).collect();
    }
}
