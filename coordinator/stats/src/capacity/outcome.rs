//! How a search ends. Must not know how it got there, nor the words in which a report says it.

use super::confirm::Confirmation;
use super::estimate::{Estimate, Interval};

/// The end of a search. Rungs are indices into [`super::Rungs`].
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The capacity, as precise as asked.
    Found {
        /// In ln rate.
        estimate: Estimate,
        /// What held at the lower end of its interval.
        confirmation: Confirmation,
    },
    /// It is at least the rate of this rung, the highest that passed.
    AtLeast {
        /// `None` if no rung passed.
        rung: Option<u32>,
        /// What ended the search.
        limit: Limit,
    },
    /// It is at most the rate of this rung, the lowest; even that failed.
    AtMost {
        /// The lowest rung.
        rung: u32,
    },
    /// The objective holds at one rung and breaks down at the next, so that no curve lies between.
    Cliff {
        /// The highest rung that passes.
        pass: u32,
        /// The lowest rung that fails.
        fail: u32,
    },
    /// A rate failed below others that pass.
    NotMonotone {
        /// The highest rung up to which every rung that was probed passed; `None` if there is none.
        pass: Option<u32>,
        /// The lowest rung that failed.
        fail: u32,
    },
    /// The capacity moved during the search.
    Unsteady {
        /// ln capacity in the first half of the rounds.
        early: Interval,
        /// ln capacity in the second half.
        late: Interval,
    },
    /// The budget ended first.
    Budget {
        /// What is known so far.
        estimate: Option<Estimate>,
        /// Windows that the precision would take in all, if that can be told.
        needed: Option<u32>,
    },
}

/// What kept a search from probing higher rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The highest rung passed.
    Range,
    /// The load generator was late.
    Generator,
}

impl Outcome {
    /// The stable name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Found { .. } => "FOUND",
            Self::AtLeast { .. } => "AT-LEAST",
            Self::AtMost { .. } => "AT-MOST",
            Self::Cliff { .. } => "CLIFF",
            Self::NotMonotone { .. } => "NOT-MONOTONE",
            Self::Unsteady { .. } => "UNSTEADY",
            Self::Budget { .. } => "BUDGET",
        }
    }
}
