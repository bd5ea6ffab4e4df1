//! One stretch of load, prepared to the last token before it begins: the warm-up or the measured
//! window. Owns how a scenario is divided into shares. Must not know how load is offered or
//! recorded.

use std::time::Duration;

use contract::prompt_files::Entry;
use contract::spec::{
    Assignment, Length, Objectives, Offer, PromptSpec, Scenario, ShapeKind, Share,
};

use super::arrival::Arrivals;
pub use super::error::PhaseError;
use super::files::Files;
use super::maker::Maker;
use super::requests::{DIFFERENT, Requests};
use super::stop::Stop;
use crate::engine::{Engine, WindowStart};
use crate::measure::{RUN_IN, RecordingPlan};

/// A stretch of load of one share, ready to be offered.
pub struct Phase {
    /// Whether it counts in [`super::control::Control::progress`].
    pub kind: PhaseKind,
    /// Duration of the run-in, from the start of the load until the window opens.
    pub opens: Duration,
    /// Requests sent until then, in order.
    pub run_in: Requests,
    /// Passed to the engine when the window opens after a run-in.
    pub opening: Option<WindowStart>,
    /// Requests sent from then on, in order.
    pub requests: Requests,
    /// Their times, from the start of the load.
    pub arrivals: Arrivals,
    /// The stop rule.
    pub stop: Stop,
    /// How it is recorded; the start instant is filled in once it is known.
    pub plan: RecordingPlan,
}

/// Kind of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseKind {
    /// Before the window; measured only to check that it works.
    WarmUp,
    /// The window.
    Measured,
}

impl Phase {
    /// The measured window of an assignment, with its run-in.
    ///
    /// # Errors
    /// When a prompt cannot be made.
    pub fn measured(
        assignment: &Assignment,
        engine: &dyn Engine,
        files: &Files,
    ) -> Result<Self, PhaseError> {
        let (share, scenario) = (assignment.share, &assignment.scenario);
        let total = scenario.requests();
        let early = run_in_most(scenario);
        let mut maker = Maker::new(assignment, engine, files);
        let run_in = Requests::prepare(early, RUN_IN, share, DIFFERENT, |kind| {
            maker.warming(kind, None)
        })?;
        // A trace is replayed to its end.
        let trace = files.trace.as_deref();
        let different = if trace.is_some() { u32::MAX } else { DIFFERENT };
        let requests = Requests::prepare(total, 0, share, different, |kind| maker.measured(kind))?;
        let plan = RecordingPlan {
            run_in: share.count(early),
            compared: share.count(scenario.compared()),
            in_flight: in_flight(scenario, share),
            ends: ends(scenario, trace),
            objectives: scenario.objectives,
            ..plan(assignment, total, scenario.longest_answer())
        };
        Ok(Self {
            opens: scenario.run_in(),
            run_in,
            arrivals: Arrivals::of(scenario, share, assignment.seed, trace),
            stop: Stop::of(scenario, share),
            ..Self::simple(PhaseKind::Measured, requests, plan)
        })
    }

    /// The warm-up of an assignment: all at once, with texts of the training set.
    ///
    /// # Errors
    /// When a prompt cannot be made.
    pub fn warm_up(
        assignment: &Assignment,
        engine: &dyn Engine,
        files: &Files,
    ) -> Result<Self, PhaseError> {
        let (share, scenario) = (assignment.share, &assignment.scenario);
        let (total, output) = (
            scenario
                .warmup
                .requests
                .unwrap_or_else(|| scenario.concurrency()),
            scenario.warmup.output_tokens,
        );
        let mut maker = Maker::new(assignment, engine, files);
        let requests = Requests::prepare(total, 0, share, DIFFERENT, |kind| {
            maker.warming(kind, Some(output))
        })?;
        Ok(Self::simple(
            PhaseKind::WarmUp,
            requests,
            plan(assignment, total, output),
        ))
    }

    /// All at once; ends when every request has ended.
    #[must_use]
    pub fn simple(kind: PhaseKind, requests: Requests, plan: RecordingPlan) -> Self {
        Self {
            kind,
            opens: Duration::ZERO,
            run_in: Requests::none(),
            opening: None,
            arrivals: Arrivals::at_once(plan.requests),
            stop: Stop::after(plan.requests.into()),
            requests,
            plan,
        }
    }
}

/// How to record `total` requests over all slots that may all be in flight together.
fn plan(assignment: &Assignment, total: u32, output_tokens: u32) -> RecordingPlan {
    let share = assignment.share;
    let requests = share.count(total);
    RecordingPlan {
        share,
        requests,
        run_in: 0,
        compared: requests,
        in_flight: requests,
        output_tokens,
        timeout: assignment.scenario.timeout,
        objectives: Objectives::default(),
        start: Duration::ZERO,
        ends: None,
    }
}

/// If arrivals do not wait for answers, only the plan limits the number in flight.
fn in_flight(scenario: &Scenario, share: Share) -> u32 {
    match (scenario.shape.kind(), scenario.max_in_flight) {
        (ShapeKind::Open, Some(most)) => share.count(most),
        (ShapeKind::Open, None) => {
            share.count(scenario.requests()) + share.count(run_in_most(scenario))
        }
        (ShapeKind::Burst | ShapeKind::Closed, _) => share.count(scenario.concurrency()),
    }
}

/// Greatest number of requests before the window; a closed loop sends as many as fit.
fn run_in_most(scenario: &Scenario) -> u32 {
    match scenario.shape.kind() {
        ShapeKind::Closed if !scenario.run_in().is_zero() => Scenario::MOST_UNCOUNTED,
        _ => scenario.run_in_arrivals(),
    }
}

/// End of an open loop's window. That of a trace is its last arrival plus the mean gap.
fn ends(scenario: &Scenario, trace: Option<&[Entry]>) -> Option<Duration> {
    match scenario.shape.offer() {
        Offer::Along { .. } => scenario.closes(),
        Offer::Listed { speed } => {
            let entries = trace?;
            let last = entries.last()?.at.div_f64(speed);
            Some(last + last / u32::try_from(entries.len()).unwrap_or(u32::MAX))
        }
        Offer::AtOnce(_) | Offer::InFlight(_) => None,
    }
}

/// Checks whether an engine with this context can perform an assignment.
///
/// # Errors
/// The contradiction.
pub fn check(assignment: &Assignment, max_context: u32) -> Result<(), PhaseError> {
    let (share, scenario) = (assignment.share, &assignment.scenario);
    if share.index >= share.of {
        return Err(PhaseError::Share {
            index: share.index,
            of: share.of,
        });
    }
    nothing(scenario)?;
    let asked = scenario.tokens_per_request();
    if asked > max_context {
        return Err(PhaseError::Context {
            asked,
            limit: max_context,
        });
    }
    let (requests, concurrency) = (
        share.count(scenario.requests()),
        share.count(scenario.concurrency()),
    );
    if requests > 0 && concurrency == 0 {
        return Err(PhaseError::TooManySlots {
            concurrency: scenario.concurrency(),
            slots: share.of,
        });
    }
    Ok(())
}

fn nothing(scenario: &Scenario) -> Result<(), PhaseError> {
    let shortest =
        |pick: fn(&PromptSpec, Length) -> u32| scenario.asks().map(|(_, p, o)| pick(p, o)).min();
    let needed = [
        (shortest(|prompt, _| prompt.tokens.min()), "prompt tokens"),
        (shortest(|_, output| output.min()), "output tokens"),
        (
            Some(scenario.warmup.output_tokens),
            "output tokens in the warm-up",
        ),
    ];
    needed
        .iter()
        .find(|(n, _)| *n == Some(0))
        .map_or(Ok(()), |&(_, what)| Err(PhaseError::Nothing { what }))
}
