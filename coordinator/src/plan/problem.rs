//! What can be wrong with a plan, one sentence each. Must not know how it is found.

use super::load::LoadProblem;
use super::server_problem::ServerProblem;
use super::window::WindowProblem;

/// One thing that makes a plan senseless.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A number beyond its range.
    #[error("`{key}` is {value}, it must lie between {low} and {high}")]
    OutOfRange {
        /// The key with its tables.
        key: String,
        /// What was given.
        value: f64,
        /// Least.
        low: f64,
        /// Greatest.
        high: f64,
    },
    /// A name that cannot be part of a path or a report.
    #[error(
        "`{key}` is `{name}`, a name is 1 to 64 letters, digits, `-`, `_` or `.`, and begins with a letter or digit"
    )]
    BadName {
        /// The key with its tables.
        key: String,
        /// What was given.
        name: String,
    },
    /// An interim analysis that could not answer, or none.
    #[error(
        "`look.at` is {at}: the interim analysis must come after at least {least} rounds, because fewer \
         cannot answer at its level, and before the last of {rounds}; raise --rounds or leave it out"
    )]
    Look {
        /// After how many rounds.
        at: u32,
        /// The fewest after which it can answer.
        least: u32,
        /// Rounds of the plan.
        rounds: u32,
    },
    /// Nothing to do.
    #[error("there is no [[scenario]], at least one is needed")]
    NoScenario,
    /// Two scenarios of one name.
    #[error("two scenarios are called `{name}`, names must differ")]
    SameName {
        /// Theirs.
        name: String,
    },
    /// A slot would have nothing to do.
    #[error(
        "the scenario `{scenario}` has at most {at_once} requests in flight for {slots} slots, and every \
         slot needs one; lower --slots to {at_once}, or allow more requests in flight"
    )]
    IdleSlots {
        /// Name of the scenario.
        scenario: String,
        /// Requests in flight over all slots.
        at_once: u32,
        /// Slots of the plan.
        slots: u32,
    },
    /// A load that contradicts itself.
    #[error("the scenario `{scenario}` {problem}")]
    Load {
        /// Name of the scenario.
        scenario: String,
        /// What is wrong with its load.
        problem: LoadProblem,
    },
    /// A window that contradicts its load.
    #[error("the scenario `{scenario}` {problem}")]
    Window {
        /// Name of the scenario.
        scenario: String,
        /// What is wrong with its window.
        problem: WindowProblem,
    },
    /// Servers that cannot be started or found.
    #[error("the server {0}")]
    Server(ServerProblem),
    /// Resident workers would be shared by a slowed and an unhindered arm.
    #[error("`native.handicap` needs separate workers for each arm: leave out `resident`")]
    SharedHandicap,
    /// Processors of their own for each of several workers on a host.
    #[error(
        "native.pin pins threads to their own processors and needs a host with one slot; lower --slots from \
         {slots} to 1"
    )]
    PinnedSlots {
        /// Slots of the plan.
        slots: u32,
    },
    /// Slots that cannot be halved, or a plan that needs what two arms at the same time cannot
    /// have.
    #[error("`duet` runs A and B at the same time: {0}")]
    Duet(&'static str),
    /// A closed loop that never fills.
    #[error(
        "the scenario `{scenario}` has {requests} requests but a concurrency of {concurrency}, it must have at least as many; \
         raise its requests or lower its concurrency"
    )]
    NeverFull {
        /// Name of the scenario.
        scenario: String,
        /// In total.
        requests: u32,
        /// In flight.
        concurrency: u32,
    },
}

impl Problem {
    /// Whether the number of requests is what is wrong, so that nothing more need be said of it.
    pub(super) fn counts(&self) -> bool {
        use WindowProblem::{NoRequest, TooMany};
        matches!(
            self,
            Self::Window {
                problem: NoRequest { .. } | TooMany { .. },
                ..
            }
        )
    }
}
