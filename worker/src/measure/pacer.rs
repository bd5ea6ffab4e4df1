//! Waiting until an instant, better than the kernel's timers alone would: sleep until shortly before, then spin. The
//! spin is bounded, and its cost is in the driver's processor time. In virtual time nothing waits: the clock jumps
//! from event to event. It must not know what is waited for.

use std::time::Duration;

use super::clock::Clock;
use crate::engine::{Engine, Time};

/// Distance to the instant below which the pacer spins.
const SPIN: Duration = Duration::from_micros(150);

/// Longest sleep, so that progress is shown while nothing happens.
const NAP: Duration = Duration::from_millis(200);

/// Until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// An instant to be met as closely as possible.
    Exactly(Duration),
    /// Some time after an instant.
    After(Duration),
    /// When somebody wakes the thread.
    Called,
}

/// Waits by a clock.
#[derive(Clone, Debug)]
pub struct Pacer(Clock);

impl Pacer {
    /// The pacer of a clock.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self(clock.clone())
    }

    /// Returns at the instant or earlier: when the thread is unparked, or to let the caller look around. Callers
    /// loop. An engine in virtual time is moved on meanwhile.
    pub fn wait(&self, wake: Wake, engine: &mut dyn Engine) {
        if self.0.is_virtual() { self.jump(wake, engine) } else { self.sleep(wake) }
    }

    fn sleep(&self, wake: Wake) {
        let rest = |until: Duration| until.saturating_sub(self.0.now());
        match wake {
            Wake::Called => std::thread::park_timeout(NAP),
            Wake::After(until) => std::thread::park_timeout(rest(until).min(NAP)),
            Wake::Exactly(until) => match rest(until) {
                far if far > SPIN => std::thread::park_timeout((far - SPIN).min(NAP)),
                _ => {
                    while self.0.now() < until {
                        std::hint::spin_loop();
                    }
                }
            },
        }
    }

    /// To the next event of the engine or the instant asked for, whichever is first.
    fn jump(&self, wake: Wake, engine: &mut dyn Engine) {
        let asked = match wake {
            Wake::Exactly(until) | Wake::After(until) => Some(until),
            Wake::Called => None,
        };
        let mut simulated = engine.simulated();
        let event = simulated.as_ref().and_then(|engine| engine.next_at());
        let next = asked.into_iter().chain(event).min().expect("in virtual time something must come next");
        self.0.move_to(next);
        if let Some(engine) = simulated.as_mut() {
            engine.advance(next);
        }
    }
}
