//! The orders that workers get, and the messages that carry them, filled in from the plan. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::id::{Arm, Attempt, RunId};
use contract::identity::Sha256;
use contract::message::ToPeer;
use contract::spec::EngineSpec;

use crate::plan::{EnginePlan, Plan};
use crate::schedule::{self, Block};

/// An order to a worker.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum WorkerOrder {
    /// Open the engine for this trial.
    Load {
        attempt: Attempt,
        block: Box<Block>,
        arm: Arm,
    },
    /// Prepare the slot's share of the load and warm up.
    Arm {
        attempt: Attempt,
        block: Box<Block>,
        arm: Arm,
        slot: u32,
    },
    /// Confirms that the part is stored.
    PartStored(Attempt),
    /// Rejects the worker's part with the reason; the worker is not used again.
    Refuse(String),
    /// Write the profile.
    Flush,
    /// Leave.
    Drain,
}

/// The parts of a run that fill in an order.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The run.
    pub run: RunId,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// Slots over the whole fleet.
    pub slots: u32,
    /// Path of the model on the workers' hosts; empty for simulated engines.
    pub model: String,
    /// Identities of the servers by variant; empty if the engine is not a server.
    pub identities: BTreeMap<String, Sha256>,
}

impl Orders {
    /// The model whose every byte agents hash, if requested.
    pub(super) fn verified_model(&self) -> Option<&str> {
        self.plan.verifies_model().then_some(self.model.as_str())
    }

    /// The message that carries an order to a worker.
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
        let variant = block.variant(arm);
        match &self.plan.engine {
            EnginePlan::Sim(sim) => {
                EngineSpec::Sim(schedule::sim_spec(&self.plan, sim, block, arm))
            }
            engine => {
                let mut spec = engine.spec(&self.model, variant, arm);
                if let (EngineSpec::Server(server), Some(identity)) =
                    (&mut spec, self.identities.get(variant))
                {
                    server.identity = *identity;
                }
                spec
            }
        }
    }
}
