//! The search for a capacity as a plan: the levels and the rungs are its scenarios, fixed before the
//! run, and the search chooses among them. Owns the scenarios' names and order; must not know the
//! search.

use std::time::Duration;

use contract::spec::{Scenario, Shape, Spacing, StopSpec};
use serde::{Deserialize, Serialize};
use stats::capacity::Rungs;

use super::{Objective, Plan, PlanError, Stop};

/// Number of requests of the burst that warms a new process up; the run-in follows.
const WARM_UP: u32 = 4;

/// A level's times are this share of a window's: throughput needs fewer requests than a tail.
const LEVEL_SHARE: u32 = 3;

/// What to search for. In the plan of a search's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapacityPlan {
    /// Version of the method ([`stats::capacity::METHOD`]); 1 where it is not recorded.
    #[serde(default = "first_method")]
    pub method: u32,
    /// What is varied.
    #[serde(default, skip_serializing_if = "Varied::is_rate")]
    pub varied: Varied,
    /// The objectives.
    pub objectives: Vec<Objective>,
    /// Numbers in flight of the closed loops that come first.
    #[serde(default)]
    pub levels: Vec<u32>,
    /// The lowest rate, requests a second over all slots; or the fewest requests in flight.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
    /// Each rung ÷ the one below; numbers in flight are rounded.
    pub ratio: f64,
    /// Relative half width of the interval to reach.
    pub precision: f64,
    /// Windows at most.
    pub windows: u32,
}

/// What a search varies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Varied {
    /// The rate of arrivals, requests a second.
    #[default]
    Rate,
    /// The number of requests in flight: as one is answered, the next is sent.
    Concurrency,
}

impl Varied {
    fn is_rate(&self) -> bool {
        *self == Self::Rate
    }
}

fn first_method() -> u32 {
    1
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
    /// The rungs; `None` if the lowest and the highest give no range.
    #[must_use]
    pub fn rungs(&self) -> Option<Rungs> {
        match self.varied {
            Varied::Rate => Rungs::new(self.lowest, self.highest, self.ratio),
            Varied::Concurrency => {
                Rungs::whole(self.lowest as u32, self.highest as u32, self.ratio)
            }
        }
    }

    /// Values of the rungs, from the lowest.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        self.rungs().map_or_else(Vec::new, |rungs| {
            (0..rungs.count()).map(|rung| rungs.rate(rung)).collect()
        })
    }

    /// The name of a rung. Four significant digits tell rates three per cent apart.
    fn name(&self, value: f64) -> String {
        let decimals = (3.0 - value.log10().floor()).clamp(0.0, 9.0) as usize;
        match self.varied {
            Varied::Rate => format!("rate-{value:.decimals$}"),
            Varied::Concurrency => format!("concurrent-{value:.0}"),
        }
    }
}

impl Plan {
    /// The plan of a search: its scenarios are the levels, then the rungs, all with the requests of
    /// `of`, a scenario of this plan.
    ///
    /// # Errors
    /// When the rungs and the windows do not go together.
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
        let closed = |concurrency: u32| Shape::ClosedLoop {
            concurrency,
            requests: None,
        };
        let shape = |rate: f64| match of.shape {
            _ if capacity.varied == Varied::Concurrency => closed(rate as u32),
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
            let name = format!("in-flight-{concurrency}");
            each(name, closed(concurrency), LEVEL_SHARE)
        });
        let values = capacity.values().into_iter();
        let rungs = values.map(|value| each(capacity.name(value), shape(value), 1));
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

    /// The plan of a search without what only says how it searched: rungs, levels, precision and
    /// budget. Two searches with the same of it ask the same question. Other plans stay as they are.
    #[must_use]
    pub fn without_rungs(mut self) -> Self {
        let Some(capacity) = &mut self.capacity else {
            return self;
        };
        let Some(mut load) = self.scenarios.pop() else {
            return self;
        };
        capacity.levels.clear();
        (capacity.lowest, capacity.highest) = (1.0, 2.0);
        (capacity.precision, capacity.windows) = (1.0, 1);
        load.name = "load".to_owned();
        load.shape = match load.shape {
            Shape::Constant { .. } => Shape::Constant { rate: 1.0 },
            Shape::Gamma { cv, .. } => Shape::Gamma { rate: 1.0, cv },
            Shape::ClosedLoop { requests, .. } => Shape::ClosedLoop {
                concurrency: 1,
                requests,
            },
            _ => Shape::Poisson { rate: 1.0 },
        };
        self.scenarios = vec![load];
        self
    }

    /// Variance of the number of arrivals ÷ its mean: 0 for even spacing, 1 for Poisson arrivals,
    /// cv² for gamma-distributed gaps. 0 where the number in flight is fixed: nothing arrives.
    #[must_use]
    pub fn dispersion(&self) -> f64 {
        match self.scenarios.last().map(|scenario| &scenario.shape) {
            Some(Shape::Constant { .. } | Shape::ClosedLoop { .. }) => 0.0,
            Some(Shape::Gamma { cv, .. }) => cv * cv,
            _ => 1.0,
        }
    }
}
