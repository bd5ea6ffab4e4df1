//! The simulated engine in virtual time: it has no thread, and advances only when called. It must
//! not know who advances the clock.

use std::sync::Arc;
use std::time::Duration;

use super::sim::{Core, encode};
use super::{
    Counters, Ending, Engine, EngineError, EngineEvent, EngineRequest, Simulated, StepSink, Time,
    WindowStart,
};

/// A simulated engine in virtual time.
pub(super) struct Inline {
    core: Core,
    time: Arc<dyn Time>,
    sink: Box<dyn StepSink>,
    counters: Counters,
    events: Vec<EngineEvent>,
}

impl Inline {
    pub(super) fn new(core: Core, time: Arc<dyn Time>, sink: Box<dyn StepSink>) -> Self {
        Self {
            core,
            time,
            sink,
            counters: Counters::default(),
            events: Vec::with_capacity(1024),
        }
    }

    /// Begins a step if none is running and there is work.
    fn begin(&mut self, now: Duration) {
        if self.core.end().is_none() && !self.core.is_idle() {
            self.sink.begins();
            self.core.begin(now);
        }
    }

    fn tell(&mut self) {
        if !self.events.is_empty() {
            self.sink.happened(&self.events);
            self.events.clear();
        }
    }
}

impl Engine for Inline {
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError> {
        for request in batch.drain(..) {
            let index = request.index;
            if let Err(kind) = self.core.submit(request) {
                self.events.push(EngineEvent::Ended {
                    index,
                    ending: Ending::Refused(kind),
                });
            }
        }
        self.tell();
        self.begin(self.time.now());
        Ok(())
    }

    fn cancel(&mut self, index: u32) {
        if self.core.cancel(index) {
            self.events.push(EngineEvent::Ended {
                index,
                ending: Ending::Cancelled,
            });
            self.tell();
        }
    }

    fn begin_window(&mut self, window: WindowStart) {
        self.counters = Counters::default();
        self.core.begin_window(window);
    }

    fn counters(&self) -> Counters {
        self.counters
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        Ok(encode(text))
    }

    fn simulated(&mut self) -> Option<&mut dyn Simulated> {
        Some(self)
    }
}

impl Simulated for Inline {
    fn next_at(&self) -> Option<Duration> {
        self.core.end()
    }

    fn advance(&mut self, now: Duration) {
        if self.core.end().is_some_and(|end| end <= now) {
            let load = self.core.finish(&mut self.events);
            self.counters.step(load);
            self.tell();
            self.begin(now);
        }
    }
}
