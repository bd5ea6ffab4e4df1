//! Number of requests and duration of a window. Both follow from shape and stop rule alone, so that
//! every arm and every round does the same work. Must not know the spacing of requests.

use std::time::Duration;

use super::{Offer, Planned, Scenario, Shape, ShapeKind, when};

impl Scenario {
    /// Greatest number of requests of a closed loop ended by time, if the plan does not say.
    pub const MOST_UNCOUNTED: u32 = 100_000;

    /// Requests over all slots: exact for everything except closed loops ended by time.
    #[must_use]
    pub fn planned(&self) -> Planned {
        let stop = &self.stop;
        match &self.shape {
            Shape::Burst { requests } => Planned::Exactly(*requests),
            Shape::ClosedLoop { requests, .. }
                if self.window().is_none() && stop.min_duration.is_none() =>
            {
                Planned::Exactly(requests.or(stop.requests).unwrap_or(0))
            }
            Shape::ClosedLoop { requests, .. } => {
                Planned::AtMost(requests.or(stop.requests).unwrap_or(Self::MOST_UNCOUNTED))
            }
            Shape::Ladder { .. } => Planned::AtMost(stop.requests.unwrap_or(Self::MOST_UNCOUNTED)),
            _ => Planned::Exactly(self.arrivals()),
        }
    }

    /// Number of leading requests that every arm is certain to send, and whose answers are
    /// compared.
    #[must_use]
    pub fn compared(&self) -> u32 {
        match (self.planned(), self.shape.offer()) {
            (Planned::AtMost(most), Offer::InFlight(levels)) => {
                let first = levels.first().map_or(0, |level| level.concurrency);
                most.min(first.max(self.stop.min_requests.unwrap_or(0)))
            }
            (planned, _) => planned.most(),
        }
    }

    /// Greatest number of requests over all slots.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.planned().most()
    }

    /// Number of arrivals of an open loop: the rate's integral over its window, rounded, so that
    /// every round and arm has the same number.
    fn arrivals(&self) -> u32 {
        if let Shape::Trace { facts, .. } = &self.shape {
            let all = facts.map_or(0, |facts| facts.requests);
            return all.min(self.stop.requests.unwrap_or(all));
        }
        if let Some(requests) = self.stop.requests {
            return requests;
        }
        let window = self.window().or(self.stop.min_duration).unwrap_or_default();
        let count = self.arrivals_within(window).round();
        // Saturates: `check` refuses plans of that size.
        (count as u32).max(self.stop.min_requests.unwrap_or(0))
    }

    /// Integral of an open loop's rate over the first `window`: requests, not rounded.
    #[must_use]
    pub fn arrivals_within(&self, window: Duration) -> f64 {
        let Offer::Along { profile, .. } = self.shape.offer() else {
            return 0.0;
        };
        let mut left = window;
        let pieces = profile.iter().map(|piece| {
            let requests = piece.requests(left);
            left = left.saturating_sub(piece.over.unwrap_or(left));
            requests
        });
        pieces.sum()
    }

    /// End of a window of arrivals along a rate, fixed before it begins: the requested duration,
    /// however the number of requests was rounded. `None` for every other shape.
    #[must_use]
    pub fn closes(&self) -> Option<Duration> {
        let Offer::Along { profile, .. } = self.shape.offer() else {
            return None;
        };
        let until = |requests: u32| when(&profile, requests.into());
        let stop = &self.stop;
        Some(match (stop.requests, self.window()) {
            (Some(requests), _) => until(requests),
            (None, Some(window)) => window,
            (None, None) => stop
                .min_duration
                .unwrap_or_default()
                .max(stop.min_requests.map_or(Duration::ZERO, until)),
        })
    }

    /// Time for which requests are sent, if fixed.
    #[must_use]
    pub fn window(&self) -> Option<Duration> {
        match (self.stop.duration, self.shape.length()) {
            (Some(stop), Some(shape)) => Some(stop.min(shape)),
            (stop, shape) => stop.or(shape),
        }
    }

    /// Duration of the load before the window begins. By default a tenth of a steady window that
    /// has a duration, at most five seconds; other loads have none.
    #[must_use]
    pub fn run_in(&self) -> Duration {
        let chosen = || {
            let steady = self.shape.is_steady();
            let window = self.stop.duration.filter(|_| steady).unwrap_or_default();
            (window / 10).min(Duration::from_secs(5))
        };
        match self.shape.kind() {
            ShapeKind::Burst => Duration::ZERO,
            ShapeKind::Closed | ShapeKind::Open => self.warmup.run_in.unwrap_or_else(chosen),
        }
    }

    /// Requests of an open loop before its window begins, over all slots, at its initial rate.
    #[must_use]
    pub fn run_in_arrivals(&self) -> u32 {
        let Offer::Along { profile, .. } = self.shape.offer() else {
            return 0;
        };
        let rate = profile.first().map_or(0.0, |piece| piece.from);
        // Saturates: `check` refuses plans of that size.
        (rate * self.run_in().as_secs_f64()).round() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Length, Objectives, PromptSet, PromptSpec, Spacing, StopSpec, Warmup};

    fn load(shape: Shape, stop: StopSpec) -> Scenario {
        Scenario {
            name: "s".to_owned(),
            shape,
            prompt: PromptSpec::of(PromptSet::Evaluation, 8),
            output_tokens: Length::Fixed(4),
            mix: Vec::new(),
            stop,
            max_in_flight: None,
            objectives: Objectives::default(),
            warmup: Warmup::default(),
            timeout: Duration::from_secs(1),
        }
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_window_is_as_long_as_asked_however_its_number_is_rounded() {
        let timed = |length| StopSpec {
            duration: Some(seconds(length)),
            ..StopSpec::default()
        };
        for (rate, length, requests) in [
            (1.5, 5.0, 8),
            (1.4, 3.0, 4),
            (0.5, 3.0, 2),
            (20.0, 30.0, 600),
        ] {
            let load = load(Shape::Poisson { rate }, timed(length));
            assert_eq!(
                (load.requests(), load.closes()),
                (requests, Some(seconds(length))),
                "{rate} for {length}"
            );
        }
        let counted = StopSpec {
            requests: Some(7),
            ..StopSpec::default()
        };
        let seven = load(Shape::Constant { rate: 2.0 }, counted);
        assert_eq!((seven.requests(), seven.closes()), (7, Some(seconds(3.5))));
    }

    #[test]
    fn of_two_minimums_the_one_that_needs_more_decides_and_neither_is_missed() {
        let least = |requests, time: f64| StopSpec {
            min_requests: Some(requests),
            min_duration: Some(seconds(time)),
            ..StopSpec::default()
        };
        let of = |requests, time| {
            let load = load(Shape::Poisson { rate: 1.4 }, least(requests, time));
            (
                load.requests(),
                load.closes().expect("it is an open loop").as_secs_f64(),
            )
        };
        assert_eq!(
            of(1, 3.0),
            (4, 3.0),
            "4.2 requests, rounded down, take no time away"
        );
        let (requests, closes) = of(7, 3.0);
        assert!(
            requests == 7 && (closes - 5.0).abs() < 1e-9,
            "{requests} in {closes} s"
        );
    }

    #[test]
    fn a_ramp_that_is_counted_ends_where_its_last_request_lies() {
        let shape = Shape::Ramp {
            from: 10.0,
            to: 20.0,
            over: seconds(3.0),
            arrivals: Spacing::Poisson,
        };
        let whole = load(shape.clone(), StopSpec::default());
        assert_eq!((whole.requests(), whole.closes()), (45, Some(seconds(3.0))));
        let part = load(
            shape,
            StopSpec {
                requests: Some(20),
                ..StopSpec::default()
            },
        );
        let closes = part.closes().expect("it is an open loop");
        assert!(
            (part.arrivals_within(closes) - 20.0).abs() < 1e-6 && closes < seconds(3.0),
            "{closes:?}"
        );
    }
}
