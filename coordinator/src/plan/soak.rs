//! A soak as a plan: one load that is held in intervals of equal length, on workers that stay. Owns
//! what it changes; must not know what the intervals are tested for.

use contract::spec::{Scenario, Shape, StopSpec};

use super::{Plan, PlanError, Stop, WindowTimes};

/// Name of its scenario.
const SCENARIO: &str = "soak";

impl Plan {
    /// The plan of a soak: the requests of `of`, a scenario of this plan, at a rate, in this many
    /// intervals. Workers stay over all intervals, because what grows must not begin anew.
    ///
    /// # Errors
    /// When the rate and the intervals do not go together.
    pub fn soaking(
        mut self,
        of: &Scenario,
        rate: f64,
        intervals: u32,
        times: WindowTimes,
    ) -> Result<Self, PlanError> {
        let mut scenario = of.clone();
        scenario.name = SCENARIO.to_owned();
        scenario.shape = match of.shape {
            Shape::Constant { .. } => Shape::Constant { rate },
            Shape::Gamma { cv, .. } => Shape::Gamma { rate, cv },
            _ => Shape::Poisson { rate },
        };
        scenario.stop = StopSpec {
            duration: Some(times.window),
            ..StopSpec::default()
        };
        scenario.warmup.run_in = Some(times.run_in);
        self.scenarios = vec![scenario];
        self.name = format!("{}-soak", self.name);
        // An interval is one block.
        (self.rounds, self.windows) = (intervals, 1);
        (self.resident, self.duet, self.control) = (true, false, false);
        self.stop = Stop::AtEnd;
        self.checked_anew("the soak")
    }

    /// Whether it is the plan of a soak.
    #[must_use]
    pub fn soaks(&self) -> bool {
        let only = |scenario: &Scenario| scenario.name == SCENARIO;
        self.resident && self.scenarios.len() == 1 && self.scenarios.iter().all(only)
    }
}
