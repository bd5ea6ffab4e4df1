//! What workers are told, and the messages that say it, with what the plan says filled in. Pure.

use std::sync::Arc;

use contract::id::{Arm, Attempt, RunId};
use contract::message::ToPeer;
use contract::spec::EngineSpec;

use crate::plan::{EnginePlan, Plan};
use crate::schedule::{self, Block};

/// What a worker is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum WorkerOrder {
    /// Open the engine for this trial.
    Load {
        attempt: Attempt,
        block: Box<Block>,
        arm: Arm,
    },
    /// Take your share, that of a slot over the whole fleet, and warm up.
    Arm {
        attempt: Attempt,
        block: Box<Block>,
        arm: Arm,
        slot: u32,
    },
    /// The part is kept.
    PartStored(Attempt),
    /// What it sent is not believed, and it is of no more use: why.
    Refuse(String),
    /// Write the profile.
    Flush,
    /// Leave.
    Drain,
}

/// What fills an order in.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The run.
    pub run: RunId,
    /// What it does.
    pub plan: Arc<Plan>,
    /// Slots over the whole fleet.
    pub slots: u32,
    /// The model as the workers' hosts see it; empty for simulated engines.
    pub model: String,
}

impl Orders {
    /// The model of which agents hash every byte, if they are to.
    pub(super) fn verified_model(&self) -> Option<&str> {
        self.plan.verifies_model().then_some(self.model.as_str())
    }

    /// The message for a worker.
    pub(super) fn message(&self, order: &WorkerOrder) -> ToPeer {
        match order {
            WorkerOrder::Load {
                attempt,
                block,
                arm,
            } => ToPeer::Load {
                attempt: *attempt,
                engine: self.engine(block, *arm),
                demand: self.plan.demand(self.slots),
            },
            WorkerOrder::Arm {
                attempt,
                block,
                arm,
                slot,
            } => {
                let assignment = block.assignment(&self.plan, self.run, *arm, *slot, self.slots);
                ToPeer::Arm {
                    attempt: *attempt,
                    assignment: Box::new(assignment),
                }
            }
            WorkerOrder::PartStored(attempt) => ToPeer::PartStored(*attempt),
            WorkerOrder::Refuse(message) => ToPeer::Refused {
                message: message.clone(),
                last: true,
            },
            WorkerOrder::Flush => ToPeer::Flush,
            WorkerOrder::Drain => ToPeer::Drain,
        }
    }

    fn engine(&self, block: &Block, arm: Arm) -> EngineSpec {
        match &self.plan.engine {
            // Threads left open stay so: only the worker knows which cores it may use.
            EnginePlan::Native(native) => EngineSpec::Native(native.spec(&self.model, arm)),
            EnginePlan::Linked(linked) => EngineSpec::Linked(linked.spec()),
            EnginePlan::Sim(sim) => {
                EngineSpec::Sim(schedule::sim_spec(&self.plan, sim, block, arm))
            }
        }
    }
}
