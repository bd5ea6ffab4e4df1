//! When requests are due: an iterator of intended times, fixed beforehand or released by requests
//! that end. Must not know what is sent, nor whether it was sent in time.

use std::collections::VecDeque;
use std::time::Duration;

use contract::prompt_files::Entry;
use contract::spec::{Level, Offer, Piece, Scenario, Share};

use super::schedule::Schedule;
use crate::stream::{Purpose, Stream};

/// Intended times of one share in order, as offsets from the beginning of its load.
pub struct Arrivals {
    fixed: Box<dyn Iterator<Item = Duration> + Send>,
    next: Option<Duration>,
    freed: VecDeque<Duration>,
    /// For a closed loop: times at which the number in flight decreases, and by how much, in order.
    falls: VecDeque<(Duration, u32)>,
    /// Number of ends that release no new request, because the number in flight decreases.
    surplus: u32,
    closed: bool,
}

impl Arrivals {
    /// The arrivals of one share of a scenario, its run-in first. A closed loop gets the share's
    /// part of its concurrency.
    #[must_use]
    pub fn of(scenario: &Scenario, share: Share, seed: u64, trace: Option<&[Entry]>) -> Self {
        let opens = scenario.run_in();
        match scenario.shape.offer() {
            Offer::AtOnce(requests) => Self::at_once(share.count(requests)),
            Offer::Listed { speed } => {
                let entries = trace.unwrap_or_default();
                let of_share = entries
                    .iter()
                    .skip(share.index as usize)
                    .step_by(share.of as usize);
                let times: Vec<Duration> = of_share
                    .map(|entry| opens + entry.at.div_f64(speed))
                    .collect();
                Self::fixed(times.into_iter())
            }
            Offer::InFlight(levels) => Self::levels(&levels, share, opens),
            Offer::Along { profile, cv } => {
                let stream = |purpose| Stream::new(seed, purpose, share.index.into());
                let rate = profile.first().map_or(0.0, |piece| piece.from);
                let flat = vec![Piece {
                    from: rate,
                    to: rate,
                    over: None,
                }];
                let early = (scenario.run_in_arrivals(), rate * opens.as_secs_f64());
                let early = Schedule::new(flat, cv, early, share, stream(Purpose::RunIn));
                let comes_to = scenario.arrivals_within(scenario.closes().unwrap_or_default());
                let window = (scenario.requests(), comes_to);
                let window = Schedule::new(profile, cv, window, share, stream(Purpose::Arrival));
                Self::fixed(early.chain(window.map(move |at| opens + at)))
            }
        }
    }

    /// All at the start.
    #[must_use]
    pub fn at_once(requests: u32) -> Self {
        Self::fixed(std::iter::repeat_n(Duration::ZERO, requests as usize))
    }

    /// Times known beforehand: bursts and every open loop. Computed lazily.
    pub fn fixed(times: impl Iterator<Item = Duration> + Send + 'static) -> Self {
        let mut times = Box::new(times);
        let next = times.next();
        let (freed, falls) = (VecDeque::new(), VecDeque::new());
        Self {
            fixed: times,
            next,
            freed,
            falls,
            surplus: 0,
            closed: false,
        }
    }

    /// A fixed number in flight: the first are due at once, each later one when another ends.
    #[must_use]
    pub fn closed(concurrency: u32) -> Self {
        let level = Level {
            concurrency,
            from: Duration::ZERO,
        };
        Self::levels(&[level], Share { index: 0, of: 1 }, Duration::ZERO)
    }

    /// One level after another; the first begins at once, the others `opens` later than stated.
    #[must_use]
    fn levels(levels: &[Level], share: Share, opens: Duration) -> Self {
        let (mut rises, mut falls, mut before, mut most) = (Vec::new(), VecDeque::new(), 0, 0);
        for level in levels {
            let (now, from) = (share.count(level.concurrency), opens + level.from);
            let from = if level.from.is_zero() {
                Duration::ZERO
            } else {
                from
            };
            if now > before {
                rises.push((from, now - before));
            } else {
                falls.push_back((from, before - now));
            }
            (before, most) = (now, most.max(now));
        }
        let due = rises
            .into_iter()
            .flat_map(|(at, more)| std::iter::repeat_n(at, more as usize));
        Self {
            falls,
            closed: true,
            freed: VecDeque::with_capacity(most as usize + 1),
            ..Self::fixed(due)
        }
    }

    /// When the next request is due; `None` while unknown.
    #[must_use]
    pub fn peek(&self) -> Option<Duration> {
        match (self.next, self.freed.front()) {
            (Some(fixed), Some(freed)) => Some(fixed.min(*freed)),
            (fixed, freed) => fixed.or(freed.copied()),
        }
    }

    /// Takes the next time if it is due by `now`.
    pub fn due(&mut self, now: Duration) -> Option<Duration> {
        let due = self.peek().filter(|next| *next <= now)?;
        if self.freed.front() == Some(&due) {
            return self.freed.pop_front();
        }
        self.next = self.fixed.next();
        Some(due)
    }

    /// A request ended. In a closed loop another one is then due, unless the number in flight
    /// decreases.
    pub fn ended(&mut self, at: Duration) {
        if !self.closed {
            return;
        }
        while let Some((_, fewer)) = self.falls.pop_front_if(|(from, _)| *from <= at) {
            self.surplus += fewer;
        }
        match self.surplus.checked_sub(1) {
            Some(left) => self.surplus = left,
            None => self.freed.push_back(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const HALF: Share = Share { index: 1, of: 2 };

    #[test]
    fn a_burst_is_due_at_once_and_ends_free_nothing() {
        let mut arrivals = Arrivals::at_once(HALF.count(5));
        assert_eq!(
            [arrivals.due(MS), arrivals.due(MS)],
            [Some(Duration::ZERO); 2]
        );
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
            [
                arrivals.due(2 * MS),
                arrivals.due(5 * MS),
                arrivals.due(5 * MS)
            ],
            [None, Some(3 * MS), Some(4 * MS)]
        );
    }

    #[test]
    fn times_in_the_future_are_not_due() {
        let mut arrivals = Arrivals::fixed([MS, 3 * MS].into_iter());
        assert_eq!(
            (arrivals.due(2 * MS), arrivals.due(2 * MS)),
            (Some(MS), None)
        );
        assert_eq!(arrivals.peek(), Some(3 * MS));
    }

    #[test]
    fn a_ladder_rises_by_itself_and_falls_by_ends_that_free_nothing() {
        let level = |concurrency, from| Level { concurrency, from };
        let levels = [
            level(2, Duration::ZERO),
            level(6, 10 * MS),
            level(3, 20 * MS),
        ];
        let mut arrivals = Arrivals::levels(&levels, Share { index: 0, of: 1 }, 5 * MS);
        let due = |arrivals: &mut Arrivals, at: Duration| {
            std::iter::from_fn(|| arrivals.due(at)).collect::<Vec<_>>()
        };
        assert_eq!(due(&mut arrivals, Duration::ZERO), [Duration::ZERO; 2]);
        arrivals.ended(14 * MS);
        assert_eq!(
            due(&mut arrivals, 15 * MS),
            [14 * MS, 15 * MS, 15 * MS, 15 * MS, 15 * MS]
        );
        // Six in flight; from 25 ms on there are three too many.
        (0..5).for_each(|n| arrivals.ended((24 + n) * MS));
        assert_eq!(due(&mut arrivals, 30 * MS), [24 * MS, 28 * MS]);
    }
}
