//! When a phase ends, with three answers: go on, done, failed. Rules are small and combine: a
//! count, a time, two minimums, a limit on errors, and over-saturation. Must not know how load is
//! offered.

use std::time::Duration;

use contract::part::StopCause;
use contract::spec::{Planned, Scenario, ShapeKind, Share};

use super::saturation::Saturation;

/// With fewer ended requests, the share of errors is computed over this many, so that the first
/// failure alone does not stop a phase.
const LEAST_ENDED: u64 = 50;

/// Input of a stop rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Time since the window opened; zero before.
    pub since: Duration,
    /// Requests of the window that were sent.
    pub issued: u64,
    /// Sent requests that have ended with any outcome.
    pub ended: u64,
    /// Ended requests without an answer.
    pub not_ok: u64,
    /// Requests in flight, from the window or before it.
    pub in_flight: u64,
    /// Whether the engine has failed.
    pub engine_down: bool,
    /// Whether the model has computed a value that is not finite.
    pub spoilt: bool,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not over yet.
    GoOn,
    /// Ended as planned.
    Done,
    /// Ended early.
    Failed(Reason),
}

/// Why a phase ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The engine has failed and can answer nothing more.
    #[error("the engine failed; its message is in the worker's standard error")]
    EngineDown,
    /// Measurements of such a model mean nothing.
    #[error(
        "the model computed a logit that is NaN or infinite although every weight is finite, so its \
         activations overflow F32 for any request; try the model in the program it was made for, or name \
         another with --model"
    )]
    NotFinite,
    /// It did not release cancelled requests.
    #[error("the engine did not release cancelled requests")]
    Stuck,
    /// The load's own rule: too many requests ended without an answer.
    #[error("more requests failed than the stop rule allows")]
    Errors,
    /// The load's own rule: the engine fell further and further behind.
    #[error("requests in flight and time to first token kept growing")]
    OverSaturated,
}

/// The stop rules of a phase.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Greatest number of requests.
    most: u64,
    /// Time since the window opened after which nothing more is sent.
    until: Option<Duration>,
    /// Nothing more is sent once both are reached.
    least: Option<(u64, Duration)>,
    max_error_rate: Option<f64>,
    saturation: Option<Box<Saturation>>,
}

impl Stop {
    /// Ends when this many requests have ended.
    #[must_use]
    pub fn after(requests: u64) -> Self {
        Self {
            most: requests,
            until: None,
            least: None,
            max_error_rate: None,
            saturation: None,
        }
    }

    /// The rules of a share's window.
    #[must_use]
    pub fn of(scenario: &Scenario, share: Share) -> Self {
        let stop = &scenario.stop;
        let watched = Self {
            max_error_rate: stop.max_error_rate,
            saturation: stop.over_saturation.then(Box::default),
            ..Self::after(share.count(scenario.requests()).into())
        };
        // Open loops and bursts have a number that includes every other rule.
        if scenario.shape.kind() != ShapeKind::Closed
            || matches!(scenario.planned(), Planned::Exactly(_))
        {
            return watched;
        }
        let least = stop
            .min_requests
            .map(|requests| u64::from(share.count(requests)));
        let least = (least.is_some() || stop.min_duration.is_some())
            .then(|| (least.unwrap_or(0), stop.min_duration.unwrap_or_default()));
        Self {
            until: scenario.window(),
            least,
            ..watched
        }
    }

    /// Whether a request with this intended time since the window opened may still be sent.
    #[must_use]
    pub fn admits(&self, issued: u64, intended: Duration) -> bool {
        let enough = |(requests, time): (u64, Duration)| issued >= requests && intended >= time;
        issued < self.most
            && self.until.is_none_or(|until| intended < until)
            && !self.least.is_some_and(enough)
    }

    /// When nothing more will be sent, if time decides.
    #[must_use]
    pub fn until(&self) -> Option<Duration> {
        self.until
    }

    /// Evaluates the rules.
    pub fn ask(&mut self, tally: Tally) -> Answer {
        if tally.engine_down {
            // Even if nothing is left to do: requests in flight failed for a reason that is not the
            // load's.
            return Answer::Failed(Reason::EngineDown);
        }
        if tally.spoilt {
            return Answer::Failed(Reason::NotFinite);
        }
        if self.max_error_rate.is_some_and(|most| {
            tally.not_ok > 0 && tally.not_ok as f64 > most * tally.ended.max(LEAST_ENDED) as f64
        }) {
            return Answer::Failed(Reason::Errors);
        }
        let sending = self.admits(tally.issued, tally.since);
        if sending
            && self
                .saturation
                .as_mut()
                .is_some_and(|seen| seen.see(tally.since, tally.in_flight))
        {
            return Answer::Failed(Reason::OverSaturated);
        }
        if sending || tally.in_flight > 0 {
            Answer::GoOn
        } else {
            Answer::Done
        }
    }

    /// A request of the window was answered; its first token came this long after its intended
    /// time.
    pub fn answered(&mut self, ttft: Duration) {
        if let Some(saturation) = &mut self.saturation {
            saturation.answered(ttft);
        }
    }
}

impl Reason {
    /// The cause as recorded in a part; `None` if there is no part because the engine is at fault.
    #[must_use]
    pub fn cause(self) -> Option<StopCause> {
        match self {
            Self::EngineDown | Self::NotFinite | Self::Stuck => None,
            Self::Errors => Some(StopCause::ErrorRate),
            Self::OverSaturated => Some(StopCause::OverSaturated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn tally(issued: u64, ended: u64) -> Tally {
        Tally {
            issued,
            ended,
            in_flight: issued - ended,
            ..Tally::default()
        }
    }

    #[test]
    fn a_count_is_done_when_all_of_it_has_ended_and_fails_with_its_engine() {
        let mut stop = Stop::after(2);
        assert_eq!(stop.ask(tally(1, 1)), Answer::GoOn);
        assert_eq!(stop.ask(tally(2, 1)), Answer::GoOn);
        assert_eq!(stop.ask(tally(2, 2)), Answer::Done);
        let down = Tally {
            engine_down: true,
            ..tally(2, 2)
        };
        assert_eq!(stop.ask(down), Answer::Failed(Reason::EngineDown));
        let spoilt = Tally {
            spoilt: true,
            ..tally(2, 1)
        };
        assert_eq!(stop.ask(spoilt), Answer::Failed(Reason::NotFinite));
    }

    #[test]
    fn time_ends_sending_and_then_waits_for_what_is_in_flight() {
        let mut stop = Stop {
            until: Some(3 * SECOND),
            ..Stop::after(1000)
        };
        assert!(
            stop.admits(999, 2 * SECOND)
                && !stop.admits(0, 3 * SECOND)
                && !stop.admits(1000, SECOND)
        );
        let at = |seconds, ended| Tally {
            since: seconds * SECOND,
            ..tally(10, ended)
        };
        assert_eq!(stop.ask(at(2, 10)), Answer::GoOn);
        assert_eq!(stop.ask(at(3, 9)), Answer::GoOn);
        assert_eq!(stop.ask(at(3, 10)), Answer::Done);
    }

    #[test]
    fn both_minimums_hold_together() {
        let stop = Stop {
            least: Some((100, 3 * SECOND)),
            ..Stop::after(1000)
        };
        assert!(
            stop.admits(100, 2 * SECOND)
                && stop.admits(99, 9 * SECOND)
                && !stop.admits(100, 3 * SECOND)
        );
    }

    #[test]
    fn errors_beyond_the_share_fail_the_window_but_the_first_alone_does_not() {
        let mut stop = Stop {
            max_error_rate: Some(0.1),
            ..Stop::after(1000)
        };
        let failing = |ended, not_ok| Tally {
            not_ok,
            ..tally(500, ended)
        };
        assert_eq!(stop.ask(failing(1, 1)), Answer::GoOn);
        assert_eq!(stop.ask(failing(20, 5)), Answer::GoOn);
        assert_eq!(stop.ask(failing(20, 6)), Answer::Failed(Reason::Errors));
        assert_eq!(stop.ask(failing(200, 20)), Answer::GoOn);
        assert_eq!(stop.ask(failing(200, 21)), Answer::Failed(Reason::Errors));
    }
}
