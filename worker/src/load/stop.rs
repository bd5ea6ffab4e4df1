//! When a phase is over, with three answers: go on, done, failed. It must not know how load is offered.

/// What a stop rule may look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that have ended, in whatever way.
    pub ended: u64,
    /// The engine has broken down.
    pub engine_down: bool,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not over yet.
    GoOn,
    /// Ended as planned.
    Done,
    /// Ended without a result.
    Failed(Reason),
}

/// Why there is no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nothing it is asked can be answered any more.
    #[error("the engine broke down; its own message is in the worker's standard error")]
    EngineDown,
    /// It did not give back cancelled requests.
    #[error("the engine did not let go of cancelled requests")]
    Stuck,
}

/// A stop rule: every phase has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// When this many requests have ended.
    Requests(u64),
}

impl Stop {
    /// Asks the rule.
    #[must_use]
    pub fn ask(self, tally: Tally) -> Answer {
        let Self::Requests(planned) = self;
        if tally.engine_down {
            // Even if nothing is left to do: what was in flight has failed for a reason that is not the load's.
            Answer::Failed(Reason::EngineDown)
        } else if tally.ended >= planned {
            Answer::Done
        } else {
            Answer::GoOn
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_cause() {
        let stop = Stop::Requests(2);
        let ask = |ended, engine_down| stop.ask(Tally { ended, engine_down });
        assert_eq!(ask(1, false), Answer::GoOn);
        assert_eq!(ask(2, false), Answer::Done);
        assert_eq!([ask(1, true), ask(2, true)], [Answer::Failed(Reason::EngineDown); 2]);
    }
}
