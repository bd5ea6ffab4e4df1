//! Waits until an instant, more precisely than the kernel's timers alone: sleeps until shortly
//! before, then spins. It learns this margin, within bounds, from how late the machine wakes a
//! sleeping thread; the spin costs processor time of the driver, which is recorded. In virtual time
//! it does not wait: the clock jumps from event to event. It must not know what is waited for.

use std::time::Duration;

use super::clock::Clock;
use crate::engine::{Engine, Time};

/// Longest spin before an instant. A thread that wakes later than this had no processor, and
/// spinning does not help against that.
const LONGEST: Duration = Duration::from_micros(250);

/// Shortest spin.
const SHORTEST: Duration = Duration::from_micros(20);

/// Longest sleep, so that progress is shown while nothing happens.
const MAX_SLEEP: Duration = Duration::from_millis(200);

/// When to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// As close to this instant as possible.
    Exactly(Duration),
    /// Some time after this instant.
    After(Duration),
    /// When another thread unparks this one.
    Called,
}

/// Waits by a clock.
#[derive(Clone, Debug)]
pub struct Pacer {
    clock: Clock,
    margin: Margin,
}

/// How long before an instant a sleep is to end: one sleep in fifty exceeds this margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Margin(Duration);

impl Pacer {
    /// The pacer of a clock.
    #[must_use]
    pub fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            margin: Margin(LONGEST),
        }
    }

    /// Returns at the instant or earlier: when the thread is unparked, or so that the caller can
    /// check its state. Callers loop. An engine in virtual time is advanced meanwhile.
    pub fn wait(&mut self, wake: Wake, engine: &mut dyn Engine) {
        if self.clock.is_virtual() {
            self.jump(wake, engine);
        } else {
            self.sleep(wake);
        }
    }

    fn sleep(&mut self, wake: Wake) {
        let rest = |until: Duration| until.saturating_sub(self.clock.now());
        match wake {
            Wake::Called => std::thread::park_timeout(MAX_SLEEP),
            Wake::After(until) => std::thread::park_timeout(rest(until).min(MAX_SLEEP)),
            Wake::Exactly(until) => match rest(until) {
                far if far > self.margin.0 => {
                    self.sleep_until(until - self.margin.0, far - self.margin.0);
                }
                _ => {
                    while self.clock.now() < until {
                        std::hint::spin_loop();
                    }
                }
            },
        }
    }

    /// Sleeps for `rest`, which ends at `aim`, and learns from how much later it woke.
    fn sleep_until(&mut self, aim: Duration, rest: Duration) {
        std::thread::park_timeout(rest.min(MAX_SLEEP));
        if let Some(late) = self.clock.now().checked_sub(aim) {
            self.margin.learn(late);
        }
    }

    /// Jumps to the next event of the engine or to the requested instant, whichever is first.
    fn jump(&self, wake: Wake, engine: &mut dyn Engine) {
        let asked = match wake {
            Wake::Exactly(until) | Wake::After(until) => Some(until),
            Wake::Called => None,
        };
        let mut simulated = engine.simulated();
        let event = simulated.as_ref().and_then(|engine| engine.next_at());
        let next = asked
            .into_iter()
            .chain(event)
            .min()
            .expect("in virtual time something must come next");
        self.clock.move_to(next);
        if let Some(engine) = simulated.as_mut() {
            engine.advance(next);
        }
    }
}

impl Margin {
    /// One step up for every sleep that exceeded the margin, a fiftieth of a step down for every
    /// other (stochastic approximation of the quantile: Robbins and Monro, 1951).
    fn learn(&mut self, late: Duration) {
        let next = match late {
            _ if late > LONGEST => return,
            _ if late > self.0 => self.0 + self.0 / 4,
            _ => self.0 - self.0 / 200,
        };
        self.0 = next.clamp(SHORTEST, LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    fn after(mut margin: Margin, lates: impl Iterator<Item = Duration>) -> Duration {
        lates.for_each(|late| margin.learn(late));
        margin.0
    }

    #[test]
    fn the_margin_settles_where_one_sleep_in_fifty_outlasts_it() {
        // 1 to 100 µs, each equally often, in a scattered order.
        let lates = (0..10_000u32).map(|n| (n * 37 % 100 + 1) * US);
        let settled = after(Margin(LONGEST), lates);
        assert!((85 * US..125 * US).contains(&settled), "{settled:?}");
    }

    #[test]
    fn the_margin_is_bounded_and_learns_nothing_from_a_taken_processor() {
        assert_eq!(
            after(Margin(LONGEST), (0..10_000).map(|_| Duration::ZERO)),
            SHORTEST
        );
        assert_eq!(after(Margin(240 * US), std::iter::once(245 * US)), LONGEST);
        assert_eq!(
            after(Margin(50 * US), (0..9).map(|_| Duration::from_millis(5))),
            50 * US
        );
    }
}
