//! One stretch of load, prepared to the last token before it begins: warming up or the measured window. Owns what of
//! a scenario belongs to a share. It must not know how load is offered or recorded.

use std::time::Duration;

use contract::spec::{Assignment, Length, PromptSet, PromptSpec, Scenario, ShapeKind};

use super::arrival::Arrivals;
use super::draw;
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
        let requests = scenario.requests();
        // Nothing bounds what is in flight where arrivals do not wait for answers.
        let open = scenario.shape.kind() == ShapeKind::Open;
        let in_flight = if open { requests } else { scenario.concurrency() };
        let arrivals = Arrivals::of(scenario, assignment.share, assignment.seed);
        let sizes = Sizes { requests, in_flight, output_tokens: scenario.longest_answer() };
        let request = |index| measured(index, assignment, engine);
        Self::prepare(PhaseKind::Measured, assignment, sizes, arrivals, request)
    }

    /// The warm-up of an assignment: all at once, with texts of the training set.
    ///
    /// # Errors
    /// When a prompt cannot be made.
    pub fn warm_up(assignment: &Assignment, engine: &dyn Engine) -> Result<Self, PhaseError> {
        let scenario = &assignment.scenario;
        let requests = scenario.warmup.requests.unwrap_or_else(|| scenario.concurrency());
        let sizes = Sizes { requests, in_flight: requests, output_tokens: scenario.warmup.output_tokens };
        let arrivals = Arrivals::at_once(assignment.share.count(requests));
        let request = |index| warming(index, assignment, engine);
        Self::prepare(PhaseKind::WarmUp, assignment, sizes, arrivals, request)
    }

    fn prepare(
        kind: PhaseKind,
        assignment: &Assignment,
        sizes: Sizes,
        arrivals: Arrivals,
        request: impl Fn(u32) -> Result<EngineRequest, PromptError>,
    ) -> Result<Self, PhaseError> {
        let (share, scenario) = (assignment.share, &assignment.scenario);
        let requests = share.indices(sizes.requests).map(request).collect::<Result<Vec<_>, _>>()?;
        let plan = Plan {
            share,
            requests: share.count(sizes.requests),
            in_flight: share.count(sizes.in_flight),
            output_tokens: sizes.output_tokens,
            timeout: scenario.timeout,
            objectives: scenario.objectives,
            start: Duration::ZERO,
        };
        Ok(Self { kind, requests, arrivals, stop: Stop::Requests(plan.requests.into()), plan })
    }
}

/// What there has to be room for, over all slots.
#[derive(Clone, Copy)]
struct Sizes {
    requests: u32,
    in_flight: u32,
    output_tokens: u32,
}

/// Depends on seed, scenario and index only, so that it is equal for every arm and number of slots.
fn measured(index: u32, of: &Assignment, engine: &dyn Engine) -> Result<EngineRequest, PromptError> {
    let drawn = draw::request(&of.scenario, of.seed, index);
    let set = drawn.prompt.set;
    let mut text = Stream::new(of.seed, Purpose::Prompt, index.into());
    let own = prompt::compose(set, drawn.prompt_tokens, &mut text, engine)?;
    let prompt = match drawn.prompt.prefix {
        None => own,
        Some(prefix) => {
            let mut text = Stream::new(of.seed, Purpose::Prefix, drawn.group.into());
            let shared = prompt::compose(set, prefix.tokens, &mut text, engine)?;
            [shared, own].concat()
        }
    };
    Ok(EngineRequest { index, prompt, max_new_tokens: drawn.output_tokens })
}

/// As long as the measured one of this index, with a text of its own.
fn warming(index: u32, of: &Assignment, engine: &dyn Engine) -> Result<EngineRequest, PromptError> {
    let drawn = draw::request(&of.scenario, of.seed, index);
    let tokens = drawn.prompt.prefix.map_or(0, |prefix| prefix.tokens) + drawn.prompt_tokens;
    let mut text = Stream::new(of.seed, Purpose::WarmUp, index.into());
    let prompt = prompt::compose(PromptSet::Training, tokens, &mut text, engine)?;
    Ok(EngineRequest { index, prompt, max_new_tokens: of.scenario.warmup.output_tokens })
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
    let shortest = |pick: fn(&PromptSpec, Length) -> u32| scenario.asks().map(|(_, p, o)| pick(p, o)).min();
    let needed = [
        (shortest(|prompt, _| prompt.tokens.min()), "prompt tokens"),
        (shortest(|_, output| output.min()), "output tokens"),
        (Some(scenario.warmup.output_tokens), "output tokens in the warm-up"),
    ];
    needed.iter().find(|(n, _)| *n == Some(0)).map_or(Ok(()), |&(_, what)| Err(PhaseError::Nothing { what }))
}
