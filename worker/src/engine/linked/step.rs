//! Engines that advance all their requests together: continuous batching. Owns the trait and its
//! adapter for a step thread.

use contract::spec::Demand;

use super::super::threaded::{Mailbox, Stepper, Threaded};
use super::super::{
    Engine, EngineEvent, EngineRequest, ErrorKind, StepLoad, StepSink, WindowStart,
};
use super::{LinkedEngine, Start, Tokenize, encoder};

/// An engine that advances all its requests with each call of [`step`](Self::step). All calls come
/// from one thread.
pub trait StepEngine: LinkedEngine {
    /// Accepts a request; work on it begins with the next step. Prompts are not empty, at least one
    /// token is requested, and requests that are held at the same time have different indices.
    ///
    /// # Errors
    /// Why it is refused: [`ErrorKind::TooLong`], [`ErrorKind::Overloaded`] or
    /// [`ErrorKind::Invalid`]. No event follows for it.
    fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind>;

    /// Drops a request; no event follows for it. Returns whether it was held.
    fn cancel(&mut self, index: u32) -> bool;

    /// Whether it holds no request.
    fn is_idle(&self) -> bool;

    /// One step, usually one pass through the model. Appends what happened: `Started` once for each
    /// request, one `Token` for each token, `Ended` once. A request ends with exactly
    /// `max_new_tokens` tokens, also past an end-of-sequence token, so that all builds do the same
    /// work.
    fn step(&mut self, events: &mut Vec<EngineEvent>) -> StepLoad;

    /// The measured window begins: drop what the warm-up left, for example a prompt cache.
    fn begin_window(&mut self) {}
}

struct OnThread<E>(E);

impl<E: StepEngine> Start for E {
    fn start(
        self,
        tokenize: Tokenize,
        sink: Box<dyn StepSink>,
        demand: Demand,
    ) -> std::io::Result<Box<dyn Engine>> {
        let in_flight = demand.concurrency as usize;
        let encode = Box::new(encoder(tokenize));
        let engine = Threaded::start(move || OnThread(self), encode, sink, in_flight)?;
        Ok(Box::new(engine))
    }
}

impl<E: StepEngine> Stepper for OnThread<E> {
    fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind> {
        if request.prompt.is_empty() || request.max_new_tokens == 0 {
            return Err(ErrorKind::Invalid);
        }
        self.0.submit(request)
    }

    fn cancel(&mut self, index: u32) -> bool {
        self.0.cancel(index)
    }

    fn begin_window(&mut self, _: WindowStart) {
        self.0.begin_window();
    }

    fn is_idle(&self) -> bool {
        self.0.is_idle()
    }

    fn step(&mut self, events: &mut Vec<EngineEvent>, _: &Mailbox) -> StepLoad {
        self.0.step(events)
    }
}
