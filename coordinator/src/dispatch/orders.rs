//! The core's orders as messages, with what the plan says filled in. Pure.

use std::sync::Arc;

use contract::id::{Arm, RunId};
use contract::identity::HostFacts;
use contract::message::Down;
use contract::spec::{EngineSpec, NativeSpec};

use super::event::Order;
use crate::plan::{EnginePlan, Plan};
use crate::schedule::{self, Block};

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
    /// The message for a worker on `host`, which it shares with `host_slots` slots.
    pub(super) fn message(&self, order: &Order, host: &HostFacts, host_slots: u32) -> Down {
        match order {
            Order::Load { attempt, block, arm } => Down::Load {
                attempt: *attempt,
                engine: self.engine(block, *arm, host, host_slots),
                demand: self.plan.demand(self.slots),
            },
            Order::Arm { attempt, block, arm, slot } => {
                let mut all = block.assignments(&self.plan, self.run, *arm, self.slots);
                Down::Arm { attempt: *attempt, assignment: Box::new(all.swap_remove(*slot as usize)) }
            }
            Order::PartStored(attempt) => Down::PartStored(*attempt),
            Order::Flush => Down::Flush,
            Order::Drain => Down::Drain,
        }
    }

    fn engine(&self, block: &Block, arm: Arm, host: &HostFacts, host_slots: u32) -> EngineSpec {
        match &self.plan.engine {
            EnginePlan::Native(native) => {
                let spec = native.spec(&self.model);
                EngineSpec::Native(NativeSpec { threads: threads(spec.threads, host, host_slots), ..spec })
            }
            EnginePlan::Sim(sim) => EngineSpec::Sim(schedule::sim_spec(&self.plan, sim, block, arm)),
        }
    }
}

/// As asked, or the host's cores divided by the slots that share them.
fn threads(asked: u32, host: &HostFacts, slots: u32) -> u32 {
    if asked > 0 { asked } else { (host.cores / slots.max(1)).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_share_the_cores_and_every_slot_has_one() {
        let host = HostFacts { cores: 8, ..HostFacts::default() };
        assert_eq!([1, 2, 3, 16].map(|slots| threads(0, &host, slots)), [8, 4, 2, 1]);
        assert_eq!(threads(5, &host, 4), 5);
    }
}
