//! The specification of a run: the validated [`Plan`]. Owns its types, the presets, the file format
//! and the effect of flags. It reads only plan files; it must not know workers, clocks, the store
//! or how results are decided.
//!
//! ```text
//! preset | file ──parse──> PlanFile ──flags──> PlanFile ──check──> Plan ──> run header (JSON, the same format)
//! ```

use std::time::Duration;

use contract::spec::{Demand, Planned, Scenario};

mod capacity;
mod check;
mod engine;
mod error;
mod file;
mod files;
mod flags;
mod kind;
mod ledger;
mod linked;
mod load;
mod measure;
pub mod model;
mod names;
mod native;
mod need;
mod objective;
mod overrides;
pub mod preset;
mod problem;
mod server;
mod server_problem;
mod sim;
mod soak;
mod texts;
mod timeouts;
mod validity;
mod verify;
mod window;

pub use capacity::{CapacityPlan, Varied, WindowTimes};
pub use check::Remark;
pub use engine::{EnginePlan, ModelPlace, VariantsAre};
pub use error::{PlanError, Unknown};
pub use files::Ahead;
pub use flags::{Source, ahead, resolve};
pub use kind::EngineKind;
pub use linked::LinkedPlan;
pub use measure::{InterimAnalysis, Primary, Stop, Tolerances, Until};
pub use names::nearest;
pub use native::NativePlan;
pub use need::Need;
pub use objective::{Limited, NoObjective, Objective};
pub use overrides::Overrides;
pub use problem::Problem;
pub use server::{ServerPlan, ServerVariant};
pub use server_problem::ServerProblem;
pub use sim::{SimParams, SimPlan};
pub use timeouts::Timeouts;
pub use validity::Limits;
pub use verify::Verify;

/// Default number of rounds.
pub const DEFAULT_ROUNDS: u32 = 10;

/// Default for the most rounds of a run that ends when it is decided.
pub const MOST_ROUNDS: u32 = 40;

/// A validated plan, including all defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Shown to people, and used to find comparable runs.
    pub name: String,
    /// Number of rounds, or the most of them if the run ends when it is decided.
    pub rounds: u32,
    /// When the run ends, with the analyses that this takes.
    pub stop: Stop,
    /// The seed of all random draws of the run. Below 2^53, so that every JSON reader keeps it
    /// exactly.
    pub seed: u64,
    /// Whether comparisons include the baseline a second time (arm A2).
    pub control: bool,
    /// Worker processes on each host that run at the same time.
    pub slots: u32,
    /// Windows of a round: how often the round's processes measure in turns before they end. Stored
    /// rounds count windows ([`Plan::round_of`]).
    pub windows: u32,
    /// Keeps workers for all trials instead of starting new ones for each.
    pub resident: bool,
    /// Runs A and B at the same time, each in half of every host's slots, on separate processors.
    pub duet: bool,
    /// The loads, in the order of reports. Not empty; names are unique.
    pub scenarios: Vec<Scenario>,
    /// The engine that answers the requests.
    pub engine: EnginePlan,
    /// The one metric that is not corrected for multiple comparisons within a scenario.
    pub primary: Primary,
    /// Differences that do not matter.
    pub tolerance: Tolerances,
    /// Limits beyond which the measurement is in doubt.
    pub validity: Limits,
    /// What to do when a worker is lost.
    pub on_loss: OnLoss,
    /// Maximum number of attempts of one block.
    pub max_attempts: u32,
    /// How long each phase may last.
    pub timeouts: Timeouts,
    /// The search for a capacity that chooses among the scenarios; `None` if all of them are run.
    pub capacity: Option<CapacityPlan>,
}

/// What to do when a worker is lost in the middle of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnLoss {
    /// End the run.
    Fail,
    /// Repeat the whole block under a new attempt.
    #[default]
    Repeat,
    /// Continue without the lost slots until the block's end. No other slot sends their requests;
    /// they are counted as lost, and those slots are left out of the block's comparison.
    Shrink,
}

impl Plan {
    /// The number of `slots` over which the load of one arm is spread.
    #[must_use]
    pub fn slots_of_an_arm(&self, slots: u32) -> u32 {
        if self.duet { slots / 2 } else { slots }
    }

    /// The greatest demand on one worker if there are `slots` of them: over all scenarios,
    /// including the warm-up.
    #[must_use]
    pub fn demand(&self, slots: u32) -> Demand {
        let workers = self.slots_of_an_arm(slots).max(1);
        let at_once = |s: &Scenario| {
            s.concurrency()
                .max(s.warmup.requests.unwrap_or(0))
                .div_ceil(workers)
        };
        Demand {
            concurrency: self.scenarios.iter().map(at_once).max().unwrap_or(0),
            tokens_per_request: self
                .scenarios
                .iter()
                .map(Scenario::tokens_per_request)
                .max()
                .unwrap_or(0),
        }
    }

    /// Requests of one round over all scenarios, under one arm.
    #[must_use]
    pub fn requests_per_round(&self) -> u64 {
        let of_window: u64 = self.scenarios.iter().map(|s| u64::from(s.requests())).sum();
        of_window * u64::from(self.windows)
    }

    /// A stored round for people: its round and, if rounds have several, its window, from one.
    #[must_use]
    pub fn round_of(&self, stored: u32) -> String {
        let (round, window) = (stored / self.windows + 1, stored % self.windows + 1);
        match self.windows {
            1 => format!("round {round}"),
            _ => format!("round {round}, window {window}"),
        }
    }

    /// The engine.
    #[must_use]
    pub fn engine_kind(&self) -> EngineKind {
        self.engine.kind()
    }

    /// Whether every host's agent hashes all files of the model before anything is measured.
    #[must_use]
    pub fn verifies_model(&self) -> bool {
        self.engine.verifies_model()
    }

    /// The plan with all timeouts multiplied by `factor`, for instrumented builds, which are slow.
    #[must_use]
    pub fn with_patience(mut self, factor: u32) -> Self {
        self.timeouts = self.timeouts.scaled(factor);
        for scenario in &mut self.scenarios {
            scenario.timeout *= factor;
        }
        self
    }

    /// The longest that a trial of `scenario` may last, from the start instant until every part has
    /// arrived.
    #[must_use]
    pub fn trial_limit(&self, scenario: &Scenario) -> Duration {
        // If the window ends by time, all requests that are then in flight have the same time to
        // end.
        let waves = match scenario.planned() {
            Planned::Exactly(requests) => requests.div_ceil(scenario.concurrency().max(1)),
            Planned::AtMost(_) => 1,
        };
        let window = scenario.closes().or_else(|| scenario.window());
        let sending = scenario.run_in() + window.or(scenario.stop.min_duration).unwrap_or_default();
        sending + (scenario.timeout * waves).min(self.timeouts.trial) + self.timeouts.report
    }
}

impl OnLoss {
    /// All.
    pub const ALL: [Self; 3] = [Self::Fail, Self::Repeat, Self::Shrink];

    /// The name in plans and flags.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Repeat => "repeat",
            Self::Shrink => "shrink",
        }
    }
}

#[cfg(test)]
mod tests;
