//! Which values are valid. Owns the ranges of all keys, one sentence for each violation, and the
//! remarks about plans that are valid but weak; must not know where a plan came from.

use std::collections::BTreeSet;
use std::fmt;

use contract::spec::{Scenario, ShapeKind};

use super::ledger::Ledger;
use super::load;
use super::problem::Problem;
use super::window::{self, MOST_REQUESTS};
use super::{OnLoss, Plan, PlanError, Stop};

/// Fewest rounds before an interim analysis. With the control, the exact check's least p is about
/// 1/3^R, which is below .005 from here on. With fewer than six rounds there is never an answer.
const LEAST_LOOK: u32 = 6;
/// The same without the control, where the least p is 2/2^R.
const LEAST_LOOK_OF_TWO: u32 = 9;

/// A setting that is valid but weakens the run's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Too few rounds for an answer.
    FewRounds {
        /// Rounds of the plan.
        rounds: u32,
        /// Rounds that an answer needs.
        least: u32,
    },
    /// No arm A2.
    NoControl,
    /// Workers are not restarted.
    Resident,
    /// Arms disturb each other.
    Duet,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewRounds { rounds, least } => {
                write!(f, "{rounds} rounds never give FASTER or SLOWER; at least {least} are needed")
            }
            Self::NoControl => f.write_str("without arm A2 the run does not show what no change looks like \
                                            on this host"),
            Self::Resident => f.write_str(
                "resident workers keep one address layout for the whole run, which the interval does not cover",
            ),
            Self::Duet => f.write_str(
                "arms that run at the same time share caches and memory, so the answer is about builds that \
                 slow each other down",
            ),
        }
    }
}

impl Plan {
    /// The plan's weaknesses.
    #[must_use]
    pub fn remarks(&self) -> Vec<Remark> {
        let least = u32::try_from(stats::compare::LEAST_ROUNDS).expect("a handful");
        let few = (self.rounds < least).then_some(Remark::FewRounds {
            rounds: self.rounds,
            least,
        });
        let no_control = (!self.control).then_some(Remark::NoControl);
        let resident = self.resident.then_some(Remark::Resident);
        let duet = self.duet.then_some(Remark::Duet);
        few.into_iter()
            .chain(no_control)
            .chain(resident)
            .chain(duet)
            .collect()
    }

    /// Checks a recorded plan: old runs stay readable, whatever the rules for new plans are.
    pub(super) fn checked(self, origin: &str) -> Result<Self, PlanError> {
        self.checked_by(Ledger::default(), origin)
    }

    /// Checks a plan that has not been run yet.
    pub(super) fn checked_anew(self, origin: &str) -> Result<Self, PlanError> {
        let mut ledger = Ledger::default();
        for scenario in &self.scenarios {
            let told = |problem| Problem::Window {
                scenario: scenario.name.clone(),
                problem,
            };
            let found: Vec<Problem> = window::problems(scenario).into_iter().map(told).collect();
            if found.iter().any(Problem::counts) {
                ledger.miscounted.insert(scenario.name.clone());
            }
            ledger.problems.extend(found);
        }
        self.checked_by(ledger, origin)
    }

    fn checked_by(self, mut ledger: Ledger, origin: &str) -> Result<Self, PlanError> {
        ledger.plan(&self);
        ledger.scenarios(&self);
        ledger.duet(&self);
        self.engine.check(&self, &mut ledger);
        match ledger.problems.is_empty() {
            true => Ok(self),
            false => Err(PlanError::Invalid {
                origin: origin.to_owned(),
                problems: ledger.problems,
            }),
        }
    }
}

impl Ledger {
    fn plan(&mut self, plan: &Plan) {
        self.name("name", &plan.name);
        self.range("rounds", plan.rounds, 1, 10_000);
        self.range("windows", plan.windows, 1, 100);
        if plan.windows > 1 && plan.resident {
            self.problems.push(Problem::WindowsOfResidents);
        }
        if let Stop::Once { at } = plan.stop {
            let least = if plan.control {
                LEAST_LOOK
            } else {
                LEAST_LOOK_OF_TWO
            };
            self.problems.extend(
                (!(least..plan.rounds).contains(&at)).then_some(Problem::Look {
                    at,
                    least,
                    rounds: plan.rounds,
                }),
            );
        }
        self.range("slots", plan.slots, 1, 1024);
        self.range("max_attempts", plan.max_attempts, 1, 100);
        self.real("seed", plan.seed as f64, 0.0, Plan::SEED_MAX as f64);
        let tolerance = plan.tolerance;
        for (key, value) in [
            ("latency", tolerance.latency),
            ("tail", tolerance.tail),
            ("throughput", tolerance.throughput),
        ] {
            self.real(&format!("tolerance.{key}"), value, 0.0001, 1.0);
        }
        for (key, value, low, high) in plan.validity.ranges() {
            self.real(&format!("validity.{key}"), value, low, high);
        }
        for (key, limit) in plan.timeouts.entries() {
            self.real(
                &format!("timeouts.{key}"),
                limit.as_secs_f64(),
                1.0,
                604_800.0,
            );
        }
    }

    fn scenarios(&mut self, plan: &Plan) {
        if plan.scenarios.is_empty() {
            self.problems.push(Problem::NoScenario);
        }
        let mut names = BTreeSet::new();
        for (index, scenario) in plan.scenarios.iter().enumerate() {
            self.scenario(&format!("scenario[{index}]"), scenario);
            if !self.miscounted.contains(&scenario.name) {
                self.range(
                    &format!("scenario[{index}].shape.requests"),
                    scenario.requests(),
                    1,
                    MOST_REQUESTS,
                );
                self.spread(scenario, plan.slots_of_an_arm(plan.slots));
            }
            if !names.insert(&scenario.name) {
                self.problems.push(Problem::SameName {
                    name: scenario.name.clone(),
                });
            }
        }
    }

    fn duet(&mut self, plan: &Plan) {
        let wrong = [
            (
                !plan.slots.is_multiple_of(2),
                "each needs half of a host's slots; give an even number such as --slots 2",
            ),
            (
                plan.control,
                "there are no free processors for the control, arm A2; add --no-aa",
            ),
            (
                plan.on_loss == OnLoss::Shrink,
                "a slot cannot be compared without its partner; use on_loss `repeat` or `fail`",
            ),
            (
                plan.engine.pins(),
                "it already pins every worker to its own processors; leave out native.pin",
            ),
        ];
        let wrong = wrong.into_iter().filter(|(is, _)| *is && plan.duet);
        self.problems
            .extend(wrong.map(|(_, why)| Problem::Duet(why)));
    }

    fn scenario(&mut self, at: &str, scenario: &Scenario) {
        self.name(&format!("{at}.name"), &scenario.name);
        self.range(
            &format!("{at}.warmup.output_tokens"),
            scenario.warmup.output_tokens,
            1,
            1_000_000,
        );
        self.range(
            &format!("{at}.warmup.requests"),
            scenario.warmup.requests.unwrap_or(0),
            0,
            1_000_000,
        );
        self.real(
            &format!("{at}.timeout"),
            scenario.timeout.as_secs_f64(),
            0.001,
            604_800.0,
        );
        for (key, value, low, high) in load::ranges(scenario) {
            self.real(&format!("{at}.{key}"), value, low, high);
        }
        let told = |problem| Problem::Load {
            scenario: scenario.name.clone(),
            problem,
        };
        self.problems
            .extend(load::problems(scenario).into_iter().map(told));
    }

    fn spread(&mut self, scenario: &Scenario, slots: u32) {
        let (at_once, name) = (scenario.concurrency(), scenario.name.clone());
        let (requests, concurrency) = (scenario.requests(), at_once);
        if requests == 0 || at_once == 0 {
            return;
        }
        if scenario.shape.kind() == ShapeKind::Closed && requests < concurrency {
            self.problems.push(Problem::NeverFull {
                scenario: name,
                requests,
                concurrency,
            });
        } else if at_once < slots {
            self.problems.push(Problem::IdleSlots {
                scenario: name,
                at_once,
                slots,
            });
        }
    }
}
