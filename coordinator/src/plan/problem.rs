//! Everything that can be wrong with a plan, one sentence each. Must not know how it is detected.

use super::load::LoadProblem;
use super::server_problem::ServerProblem;
use super::window::WindowProblem;

/// A reason why a plan is invalid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Problem {
    /// A number outside its range.
    #[error("`{key}` is {value}, it must lie between {low} and {high}")]
    OutOfRange {
        /// The key with its tables.
        key: String,
        /// The given value.
        value: f64,
        /// Least valid value.
        low: f64,
        /// Greatest valid value.
        high: f64,
    },
    /// A name that cannot be part of a path or a report.
    #[error(
        "`{key}` is `{name}`, a name is 1 to 64 letters, digits, `-`, `_` or `.`, and begins with a letter or digit"
    )]
    BadName {
        /// The key with its tables.
        key: String,
        /// The given name.
        name: String,
    },
    /// An interim analysis that could not give an answer.
    #[error(
        "`look.at` is {at}: the interim analysis must come after at least {least} rounds, because fewer \
         cannot answer at its level, and before the last of {rounds}; raise --rounds or leave it out"
    )]
    Look {
        /// Number of rounds before it.
        at: u32,
        /// The fewest rounds after which it can give an answer.
        least: u32,
        /// Rounds of the plan.
        rounds: u32,
    },
    /// Two ways to end a run early.
    #[error("`look` plans one interim analysis and `until` several; leave one of them out")]
    LookAndUntil,
    /// A budget of a run of fixed length.
    #[error(
        "`budget` limits a run that ends when it is decided; add `until = \"decided\"` (--until decided), or leave it out"
    )]
    BudgetAlone,
    /// A plan without a scenario.
    #[error("there is no [[scenario]], at least one is needed")]
    NoScenario,
    /// Two scenarios with the same name.
    #[error("two scenarios are called `{name}`, names must differ")]
    SameName {
        /// The name.
        name: String,
    },
    /// A slot would have no request.
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
    /// A contradiction within a load.
    #[error("the scenario `{scenario}` {problem}")]
    Load {
        /// Name of the scenario.
        scenario: String,
        /// The contradiction.
        problem: LoadProblem,
    },
    /// A contradiction between a window and its load.
    #[error("the scenario `{scenario}` {problem}")]
    Window {
        /// Name of the scenario.
        scenario: String,
        /// The contradiction.
        problem: WindowProblem,
    },
    /// A problem of the servers.
    #[error("the server {0}")]
    Server(ServerProblem),
    /// Windows with workers that stay for the whole run.
    #[error(
        "`resident` keeps workers for the whole run, and `windows` ends them after each round: leave one out"
    )]
    WindowsOfResidents,
    /// A handicap with resident workers, which both arms would share.
    #[error("`native.handicap` needs separate workers for each arm: leave out `resident`")]
    SharedHandicap,
    /// Pinning with several workers on a host.
    #[error(
        "native.pin pins threads to their own processors and needs a host with one slot; lower --slots from \
         {slots} to 1"
    )]
    PinnedSlots {
        /// Slots of the plan.
        slots: u32,
    },
    /// A number of slots that cannot be halved, or an option that a duet does not support.
    #[error("`duet` runs A and B at the same time: {0}")]
    Duet(&'static str),
    /// A closed loop with fewer requests than its concurrency.
    #[error(
        "the scenario `{scenario}` has {requests} requests but a concurrency of {concurrency}, it must have at least as many; \
         raise its requests or lower its concurrency"
    )]
    NeverFull {
        /// Name of the scenario.
        scenario: String,
        /// Number of requests.
        requests: u32,
        /// Number in flight.
        concurrency: u32,
    },
}

impl Problem {
    /// Whether the number of requests is the problem, so that no further problem of it is reported.
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
