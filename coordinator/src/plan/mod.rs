//! What a run is to do: the validated [`Plan`]. Owns its types, the presets, the file format and
//! the way flags change it. It reads plan files and nothing else; it must not know workers, clocks,
//! the store or how results are judged.
//!
//! ```text
//! preset | file ──parse──> PlanFile ──flags──> PlanFile ──check──> Plan ──> run header (JSON, the same format)
//! ```

use std::time::Duration;

use contract::spec::{Demand, Planned, Scenario};

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
mod overrides;
pub mod preset;
mod problem;
mod server;
mod server_problem;
mod sim;
mod texts;
mod timeouts;
mod validity;
mod window;

pub use check::Remark;
pub use engine::{EnginePlan, ModelPlace, VariantsAre};
pub use error::{PlanError, Unknown};
pub use files::Ahead;
pub use flags::{Source, ahead, resolve};
pub use kind::EngineKind;
pub use linked::LinkedPlan;
pub use measure::{InterimAnalysis, Primary, Tolerances};
pub use names::nearest;
pub use native::{NativePlan, Verify};
pub use overrides::Overrides;
pub use problem::Problem;
pub use server::{ServerPlan, ServerVariant};
pub use server_problem::ServerProblem;
pub use sim::{SimParams, SimPlan};
pub use timeouts::Timeouts;
pub use validity::Limits;

/// Rounds where a plan does not say.
pub const DEFAULT_ROUNDS: u32 = 10;

/// A validated plan with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// For people and for finding comparable runs.
    pub name: String,
    /// Repetitions of every block.
    pub rounds: u32,
    /// The interim analysis planned beforehand; without one the answer waits for the last round.
    pub look: Option<InterimAnalysis>,
    /// The root of every random draw of the run. Below 2^53, so that every JSON reader keeps it.
    pub seed: u64,
    /// Whether comparisons carry the baseline once more (arm A2).
    pub control: bool,
    /// Worker processes side by side on each host.
    pub slots: u32,
    /// Keeps workers over all trials instead of starting them anew for each.
    pub resident: bool,
    /// Runs A and B at the same time, each in half of every host's slots, on processors of their
    /// own.
    pub duet: bool,
    /// The loads, in the order of reports. Not empty; names are unique.
    pub scenarios: Vec<Scenario>,
    /// What answers the requests.
    pub engine: EnginePlan,
    /// The one metric that is judged without correction for many.
    pub primary: Primary,
    /// How much of a difference does not matter.
    pub tolerance: Tolerances,
    /// Beyond what the measurement itself is doubted.
    pub validity: Limits,
    /// What to do when a worker is lost.
    pub on_loss: OnLoss,
    /// Tries of one block before the run is given up.
    pub max_attempts: u32,
    /// How long each phase may last.
    pub timeouts: Timeouts,
}

/// What to do when a worker is lost in the middle of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnLoss {
    /// End the run.
    Fail,
    /// Run the block again, whole, under a new attempt.
    #[default]
    Repeat,
    /// Go on without the lost slots until the block's end. Their requests are not sent by others;
    /// they are counted as lost, and those slots are left out of the block's comparison.
    Shrink,
}

impl Plan {
    /// Of `slots`, those over which the load of one arm is spread.
    #[must_use]
    pub fn slots_of_an_arm(&self, slots: u32) -> u32 {
        if self.duet { slots / 2 } else { slots }
    }

    /// The most that will be asked of one worker when there are `slots` of them: over all
    /// scenarios, the warm-up included.
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

    /// Requests of one pass over all scenarios under one arm.
    #[must_use]
    pub fn requests_per_round(&self) -> u64 {
        self.scenarios.iter().map(|s| u64::from(s.requests())).sum()
    }

    /// Which engine.
    #[must_use]
    pub fn engine_kind(&self) -> EngineKind {
        self.engine.kind()
    }

    /// Whether every host's agent is to hash all of the model before anything is measured.
    #[must_use]
    pub fn verifies_model(&self) -> bool {
        self.engine.verifies_model()
    }

    /// The plan with `factor` times the patience, for instrumented builds, which are slow.
    #[must_use]
    pub fn with_patience(mut self, factor: u32) -> Self {
        self.timeouts = self.timeouts.scaled(factor);
        for scenario in &mut self.scenarios {
            scenario.timeout *= factor;
        }
        self
    }

    /// The longest a trial of `scenario` may last, from the start instant until every part has
    /// come.
    #[must_use]
    pub fn trial_limit(&self, scenario: &Scenario) -> Duration {
        // Where time ends the sending, everything then has the same time to end.
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
