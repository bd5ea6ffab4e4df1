//! When requests are due: an iterator of intended times, fixed beforehand or freed by requests that end. It must not
//! know what is sent, nor whether it was sent in time.

use std::collections::VecDeque;
use std::time::Duration;

use contract::spec::{Offer, Scenario, Share};

use super::schedule::Schedule;
use crate::stream::{Purpose, Stream};

/// Intended times of one share, offsets from the start instant, in order.
pub struct Arrivals {
    fixed: Box<dyn Iterator<Item = Duration> + Send>,
    freed: VecDeque<Duration>,
    closed: bool,
    next: Option<Duration>,
}

impl Arrivals {
    /// The arrivals of one share of a scenario. A closed loop has the share's part of its concurrency.
    #[must_use]
    pub fn of(scenario: &Scenario, share: Share, seed: u64) -> Self {
        match scenario.shape.offer() {
            Offer::AtOnce(requests) => Self::at_once(share.count(requests)),
            Offer::InFlight(levels) => {
                Self::closed(levels.first().map_or(0, |level| share.count(level.concurrency)))
            }
            Offer::Along { profile, cv } => {
                let stream = Stream::new(seed, Purpose::Arrival, share.index.into());
                Self::fixed(Schedule::new(profile, cv, scenario.requests(), share, stream))
            }
        }
    }

    /// So many at the start.
    #[must_use]
    pub fn at_once(requests: u32) -> Self {
        Self::fixed(at_once(requests))
    }

    /// Times known beforehand: bursts and every open loop. They are not computed before they are needed.
    pub fn fixed(times: impl Iterator<Item = Duration> + Send + 'static) -> Self {
        let mut times = Box::new(times);
        let next = times.next();
        Self { fixed: times, freed: VecDeque::new(), closed: false, next }
    }

    /// A fixed number in flight: the first are due at once, each further one when another ends.
    #[must_use]
    pub fn closed(concurrency: u32) -> Self {
        let freed = VecDeque::with_capacity(concurrency as usize + 1);
        Self { freed, closed: true, ..Self::fixed(at_once(concurrency)) }
    }

    /// When the next request is due; `None` while that is not known.
    #[must_use]
    pub fn peek(&self) -> Option<Duration> {
        self.next
    }

    /// Takes the next time if it is due by `now`.
    pub fn due(&mut self, now: Duration) -> Option<Duration> {
        let due = self.next.filter(|next| *next <= now)?;
        self.next = self.fixed.next().or_else(|| self.freed.pop_front());
        Some(due)
    }

    /// A request ended: in a closed loop that is when another is due.
    pub fn ended(&mut self, at: Duration) {
        if self.closed {
            match self.next {
                Some(_) => self.freed.push_back(at),
                None => self.next = Some(at),
            }
        }
    }
}

fn at_once(requests: u32) -> impl Iterator<Item = Duration> + Send {
    (0..requests).map(|_| Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const HALF: Share = Share { index: 1, of: 2 };

    #[test]
    fn a_burst_is_due_at_once_and_ends_free_nothing() {
        let mut arrivals = Arrivals::at_once(HALF.count(5));
        assert_eq!([arrivals.due(MS), arrivals.due(MS)], [Some(Duration::ZERO); 2]);
        arrivals.ended(MS);
        assert_eq!(arrivals.due(9 * MS), None);
    }

    #[test]
    fn a_closed_loop_is_due_when_another_ends() {
        let mut arrivals = Arrivals::closed(HALF.count(4));
        assert_eq!(
            [arrivals.due(MS), arrivals.due(MS), arrivals.due(MS)],
            [Some(Duration::ZERO), Some(Duration::ZERO), None]
        );
        arrivals.ended(3 * MS);
        arrivals.ended(4 * MS);
        assert_eq!(arrivals.peek(), Some(3 * MS));
        assert_eq!(
            [arrivals.due(2 * MS), arrivals.due(5 * MS), arrivals.due(5 * MS)],
            [None, Some(3 * MS), Some(4 * MS)]
        );
    }

    #[test]
    fn times_in_the_future_are_not_due() {
        let mut arrivals = Arrivals::fixed([MS, 3 * MS].into_iter());
        assert_eq!((arrivals.due(2 * MS), arrivals.due(2 * MS)), (Some(MS), None));
        assert_eq!(arrivals.peek(), Some(3 * MS));
    }
}
