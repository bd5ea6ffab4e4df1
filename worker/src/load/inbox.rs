//! The queue between the engine's step thread and the driver. Events are stamped on the step
//! thread, with one clock reading for each step, and handed over in a buffer that both sides swap.
//! The driver is woken when a request has ended or the buffer is half full. Must not know what
//! events mean.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crate::engine::{EngineEvent, StepSink};
use crate::measure::Clock;

/// An event and its instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// When the sink received it, on the load's clock.
    pub at: Duration,
    /// The event.
    pub event: EngineEvent,
}

/// The driver's end.
#[derive(Clone, Default)]
pub struct Inbox(Arc<Mutex<Shared>>);

/// The engine's end.
struct Stamper {
    inbox: Inbox,
    clock: Clock,
    began: Duration,
}

#[derive(Default)]
struct Shared {
    events: Vec<Stamped>,
    driver: Option<Thread>,
}

impl Inbox {
    /// The sink that fills this inbox.
    #[must_use]
    pub fn sink(&self, clock: &Clock) -> Box<dyn StepSink> {
        Box::new(Stamper {
            inbox: self.clone(),
            clock: clock.clone(),
            began: clock.now(),
        })
    }

    /// Registers the calling thread to be woken, and reserves space for `events`; up to that number
    /// nothing is allocated.
    pub fn attach(&self, events: usize) {
        let mut shared = self.lock();
        shared.driver = Some(std::thread::current());
        shared.events.reserve(events);
    }

    /// Swaps the received events into the empty `events`.
    pub fn take(&self, events: &mut Vec<Stamped>) {
        std::mem::swap(&mut self.lock().events, events);
    }

    /// A push cannot leave the buffer in an inconsistent state, so a panic elsewhere does no harm.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StepSink for Stamper {
    fn begins(&mut self) {
        self.began = self.clock.now();
    }

    fn happened(&mut self, events: &[EngineEvent]) {
        let now = self.clock.now();
        self.hand_over(events, self.began, now);
    }

    fn arrived(&mut self, at: Duration, events: &[EngineEvent]) {
        self.hand_over(events, at, at);
    }
}

impl Stamper {
    fn hand_over(&mut self, events: &[EngineEvent], began: Duration, ended: Duration) {
        let mut shared = self.inbox.lock();
        shared.events.extend(events.iter().map(|&event| {
            // Work begins when its step begins; everything else is known when the step ends.
            let at = if matches!(event, EngineEvent::Started { .. }) {
                began
            } else {
                ended
            };
            Stamped { at, event }
        }));
        let full = shared.events.len() * 2 > shared.events.capacity();
        if full || events.iter().any(|event| event.is_end()) {
            let driver = shared.driver.clone();
            drop(shared);
            driver.inspect(Thread::unpark);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Ending, Time};

    #[test]
    fn events_carry_the_step_that_they_belong_to_or_the_instant_of_their_arrival() {
        let (inbox, clock) = (Inbox::default(), Clock::simulated());
        let mut sink = inbox.sink(&clock);
        clock.pass(Duration::from_nanos(5));
        sink.begins();
        clock.pass(Duration::from_nanos(2));
        let ended = EngineEvent::Ended {
            index: 1,
            ending: Ending::Finished,
        };
        let same = [
            EngineEvent::Started { index: 1 },
            EngineEvent::Token { index: 1, token: 2 },
            ended,
        ];
        sink.happened(&same);
        let mut events = Vec::new();
        inbox.take(&mut events);
        assert_eq!(
            events.iter().map(|e| e.at.as_nanos()).collect::<Vec<_>>(),
            [5, 7, 7]
        );
        events.clear();
        // The same events, of an instant between the two.
        sink.arrived(Duration::from_nanos(6), &same);
        inbox.take(&mut events);
        assert!(
            events.len() == 3 && events.iter().all(|e| e.at.as_nanos() == 6),
            "{events:?}"
        );
    }

    #[test]
    fn an_end_wakes_the_driver() {
        let (inbox, clock) = (Inbox::default(), Clock::monotonic());
        inbox.attach(1024);
        let mut sink = inbox.sink(&clock);
        let thread = std::thread::spawn(move || sink.happened(&[EngineEvent::Down]));
        std::thread::park();
        thread.join().unwrap();
    }
}
