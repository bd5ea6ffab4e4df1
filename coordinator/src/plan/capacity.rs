//! The search for a capacity as a plan: the levels and the rungs are its scenarios, fixed before the
//! run, and the search chooses among them. Owns the scenarios' names and order; must not know the
//! search.

use std::time::Duration;

use contract::spec::{Scenario, Shape, Spacing, StopSpec};
use serde::{Deserialize, Serialize};

use super::{Objective, Plan, PlanError, Stop};

/// Number of requests of the burst that warms a new process up; the run-in follows.
const WARM_UP: u32 = 4;

/// A level's times are this share of a window's: throughput needs fewer requests than a tail.
const LEVEL_SHARE: u32 = 3;

/// What to search for. In the plan of a search's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapacityPlan {
    /// The objectives.
    pub objectives: Vec<Objective>,
    /// Numbers in flight of the closed loops that come first.
    #[serde(default)]
    pub levels: Vec<u32>,
    /// The lowest rate, requests a second over all slots.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
    /// Each rung's rate ÷ that of the one below.
    pub ratio: f64,
    /// Relative half width of the interval to reach.
    pub precision: f64,
    /// Windows at most.
    pub windows: u32,
}

/// Times of each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowTimes {
    /// Load before it.
    pub run_in: Duration,
    /// The window.
    pub window: Duration,
}

impl CapacityPlan {
    /// Rates of the rungs, from the lowest.
    #[must_use]
    pub fn rates(&self) -> Vec<f64> {
        let rungs = stats::capacity::Rungs::new(self.lowest, self.highest, self.ratio);
        rungs.map_or_else(Vec::new, |rungs| {
            (0..rungs.count()).map(|r| rungs.rate(r)).collect()
        })
    }
}

/// The name of a rung: its rate with four significant digits, which tell rungs three per cent apart.
fn rung_name(rate: f64) -> String {
    let decimals = (3.0 - rate.log10().floor()).clamp(0.0, 9.0) as usize;
    format!("rate-{rate:.decimals$}")
}

impl Plan {
    /// The plan of a search: its scenarios are the levels, then the rungs, all with the requests of
    /// `of`, a scenario of this plan.
    ///
    /// # Errors
    /// When the rates and the windows do not go together.
    pub fn searching(
        mut self,
        of: &Scenario,
        capacity: CapacityPlan,
        times: WindowTimes,
    ) -> Result<Self, PlanError> {
        let each = |name: String, shape: Shape, share: u32| {
            let mut scenario = of.clone();
            scenario.name = name;
            scenario.shape = shape;
            scenario.stop = StopSpec {
                duration: Some(times.window / share),
                ..StopSpec::default()
            };
            scenario.warmup.requests = scenario.warmup.requests.or(Some(WARM_UP));
            scenario.warmup.run_in = Some(times.run_in / share);
            scenario
        };
        let shape = |rate: f64| match of.shape {
            Shape::Constant { .. } => Shape::Constant { rate },
            Shape::Gamma { cv, .. } => Shape::Gamma { rate, cv },
            Shape::Steps {
                arrivals: Spacing::Constant,
                ..
            }
            | Shape::Ramp {
                arrivals: Spacing::Constant,
                ..
            } => Shape::Constant { rate },
            _ => Shape::Poisson { rate },
        };
        let levels = capacity.levels.iter().map(|&concurrency| {
            let shape = Shape::ClosedLoop {
                concurrency,
                requests: None,
            };
            each(format!("in-flight-{concurrency}"), shape, LEVEL_SHARE)
        });
        let rungs = capacity.rates().into_iter();
        let rungs = rungs.map(|rate| each(rung_name(rate), shape(rate), 1));
        self.scenarios = levels.chain(rungs).collect();
        // Another name than that of the plan's comparisons, because it is another history.
        self.name = format!("{}-capacity", self.name);
        // No rung can be visited more often.
        self.rounds = capacity.windows;
        // A duet's arms disturb each other, so that neither has the capacity of its build.
        self.duet = false;
        // A probe is one block.
        self.windows = 1;
        (self.stop, self.capacity) = (Stop::AtEnd, Some(capacity));
        self.checked_anew("the search")
    }

    /// Variance of the number of arrivals ÷ its mean: 0 for even spacing, 1 for Poisson arrivals,
    /// cv² for gamma-distributed gaps.
    #[must_use]
    pub fn dispersion(&self) -> f64 {
        match self.scenarios.last().map(|scenario| &scenario.shape) {
            Some(Shape::Constant { .. }) => 0.0,
            Some(Shape::Gamma { cv, .. }) => cv * cv,
            _ => 1.0,
        }
    }
}
