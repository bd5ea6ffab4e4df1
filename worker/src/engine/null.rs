//! The engine that does no work: it answers every request in full during the submission, on the
//! caller's thread. The cost of driving it is therefore the cost of the generator. It must not know
//! what is measured.

use super::{
    Counters, Ending, Engine, EngineError, EngineEvent, EngineRequest, StepLoad, StepSink,
    WindowStart,
};

/// Answers at once.
struct Null {
    sink: Box<dyn StepSink>,
    events: Vec<EngineEvent>,
    counters: Counters,
}

/// Opens it, with space for answers of `events` events in one submission.
#[must_use]
pub fn null(sink: Box<dyn StepSink>, events: usize) -> Box<dyn Engine> {
    Box::new(Null {
        sink,
        events: Vec::with_capacity(events),
        counters: Counters::default(),
    })
}

impl Engine for Null {
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError> {
        self.sink.begins();
        let running = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        for EngineRequest {
            index,
            max_new_tokens,
            ..
        } in batch.drain(..)
        {
            self.events.push(EngineEvent::Started { index });
            self.events
                .extend((0..max_new_tokens).map(|token| EngineEvent::Token { index, token }));
            self.events.push(EngineEvent::Ended {
                index,
                ending: Ending::Finished,
            });
        }
        self.counters.step(StepLoad {
            running,
            ..StepLoad::default()
        });
        self.sink.happened(&self.events);
        self.events.clear();
        Ok(())
    }

    fn cancel(&mut self, _: u32) {}

    fn begin_window(&mut self, _: WindowStart) {
        self.counters = Counters::default();
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        Ok(super::sim::encode(text))
    }
}
