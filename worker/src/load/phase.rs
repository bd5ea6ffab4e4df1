//! One stretch of load, prepared to the last token before it begins: warming up or the measured window. Owns what of
//! a scenario belongs to a share. It must not know how load is offered or recorded.

use std::time::Duration;

use contract::spec::{Assignment, PromptSet, Scenario, Shape};

use super::arrival::Arrivals;
use super::prompt::{self, PromptError};
use super::stop::Stop;
use crate::engine::{Engine, EngineRequest};
use crate::measure::Plan;
use crate::stream::{Purpose, Stream};

/// A stretch of load of one share, ready to be offered.
pub struct Phase {
    /// Whether it shows in [`super::control::Control::progress`].
    pub kind: PhaseKind,
    /// What is sent, in this order.
    pub requests: Vec<EngineRequest>,
    /// When.
    pub arrivals: Arrivals,
    /// Until when.
    pub stop: Stop,
    /// How it is recorded; the start instant is filled in when it is known.
    pub plan: Plan,
}

/// Which stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseKind {
    /// Before the window; measured only to see that it works.
    WarmUp,
    /// The window.
    Measured,
}

/// Why an assignment cannot be carried out as it stands. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum PhaseError {
    /// The share does not exist.
    #[error("take share {index} of {of}: shares are counted from zero")]
    Share {
        /// Index given.
        index: u32,
        /// Of how many.
        of: u32,
    },
    /// The scenario asks for nothing.
    #[error("send requests without {what}: set it to one or more")]
    Nothing {
        /// What is zero.
        what: &'static str,
    },
    /// There would be requests that nobody may send.
    #[error(
        "spread {concurrency} requests in flight over {slots} slots: use at most {concurrency} slots, or more in flight"
    )]
    TooManySlots {
        /// In flight over all slots.
        concurrency: u32,
        /// Slots.
        slots: u32,
    },
    /// A request does not fit into the model's context.
    #[error("send requests of {asked} tokens to a model with a context of {limit}: shorten prompt or output")]
    Context {
        /// Prompt and output.
        asked: u32,
        /// Longest sequence.
        limit: u32,
    },
    /// A prompt could not be made.
    #[error(transparent)]
    Prompt(#[from] PromptError),
}

impl Phase {
    /// The measured window of an assignment.
    ///
    /// # Errors
    /// When a prompt cannot be made.
    pub fn measured(assignment: &Assignment, engine: &dyn Engine) -> Result<Self, PhaseError> {
        let scenario = &assignment.scenario;
        let ask = Ask {
            purpose: Purpose::Prompt,
            set: scenario.prompt.set,
            output_tokens: scenario.output_tokens,
            shape: scenario.shape,
        };
        Self::prepare(PhaseKind::Measured, assignment, &ask, engine)
    }

    /// The warm-up of an assignment: all at once, with texts of the training set.
    ///
    /// # Errors
    /// When a prompt cannot be made.
    pub fn warm_up(assignment: &Assignment, engine: &dyn Engine) -> Result<Self, PhaseError> {
        let scenario = &assignment.scenario;
        let requests = scenario.warmup.requests.unwrap_or_else(|| scenario.concurrency());
        let ask = Ask {
            purpose: Purpose::WarmUp,
            set: PromptSet::Training,
            output_tokens: scenario.warmup.output_tokens,
            shape: Shape::Burst { requests },
        };
        Self::prepare(PhaseKind::WarmUp, assignment, &ask, engine)
    }

    fn prepare(
        kind: PhaseKind,
        assignment: &Assignment,
        ask: &Ask,
        engine: &dyn Engine,
    ) -> Result<Self, PhaseError> {
        let (total, in_flight) = ask.totals();
        let share = assignment.share;
        let request = |index| ask.request(index, assignment, engine);
        let requests = share.indices(total).map(request).collect::<Result<Vec<_>, _>>()?;
        let plan = Plan {
            share,
            requests: share.count(total),
            in_flight: share.count(in_flight),
            output_tokens: ask.output_tokens,
            timeout: assignment.scenario.timeout,
            start: Duration::ZERO,
        };
        let arrivals = Arrivals::of(ask.shape, share);
        Ok(Self { kind, requests, arrivals, stop: Stop::Requests(plan.requests.into()), plan })
    }
}

/// What a phase takes from its scenario.
struct Ask {
    purpose: Purpose,
    set: PromptSet,
    output_tokens: u32,
    shape: Shape,
}

impl Ask {
    /// Requests in total and in flight, over all slots.
    fn totals(&self) -> (u32, u32) {
        match self.shape {
            Shape::Burst { requests } => (requests, requests),
            Shape::ClosedLoop { concurrency, requests } => (requests, concurrency),
        }
    }

    /// Depends on seed, scenario and index only, so that it is equal for every arm and number of slots.
    fn request(
        &self,
        index: u32,
        assignment: &Assignment,
        engine: &dyn Engine,
    ) -> Result<EngineRequest, PromptError> {
        let mut stream = Stream::new(assignment.seed, self.purpose, index.into());
        let prompt = prompt::compose(self.set, assignment.scenario.prompt.tokens, &mut stream, engine)?;
        Ok(EngineRequest { index, prompt, max_new_tokens: self.output_tokens })
    }
}

/// Whether an assignment can be carried out by an engine with this context.
///
/// # Errors
/// What contradicts what.
pub fn check(assignment: &Assignment, max_context: u32) -> Result<(), PhaseError> {
    let (share, scenario) = (assignment.share, &assignment.scenario);
    if share.index >= share.of {
        return Err(PhaseError::Share { index: share.index, of: share.of });
    }
    nothing(scenario)?;
    let asked = scenario.tokens_per_request();
    if asked > max_context {
        return Err(PhaseError::Context { asked, limit: max_context });
    }
    let (requests, concurrency) = (share.count(scenario.requests()), share.count(scenario.concurrency()));
    if requests > 0 && concurrency == 0 {
        return Err(PhaseError::TooManySlots { concurrency: scenario.concurrency(), slots: share.of });
    }
    Ok(())
}

fn nothing(scenario: &Scenario) -> Result<(), PhaseError> {
    let needed = [
        (scenario.prompt.tokens, "prompt tokens"),
        (scenario.output_tokens, "output tokens"),
        (scenario.warmup.output_tokens, "output tokens in the warm-up"),
    ];
    needed.iter().find(|(n, _)| *n == 0).map_or(Ok(()), |&(_, what)| Err(PhaseError::Nothing { what }))
}
