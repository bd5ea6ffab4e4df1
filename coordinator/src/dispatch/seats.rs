//! The seats of a fleet: which agents are there and which slot of which agent is which slot of the run. Slots are
//! numbered by the order in which agents joined, so that every variant takes its turn in the same places.

use super::event::AgentId;

/// One slot of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    /// Host.
    pub agent: AgentId,
    /// Slot on that host.
    pub local: u32,
}

/// Agents in order of joining.
#[derive(Debug, Default)]
pub(super) struct Seats {
    agents: Vec<(AgentId, u32)>,
}

impl Seats {
    pub(super) fn join(&mut self, agent: AgentId, slots: u32) {
        self.agents.push((agent, slots));
    }

    pub(super) fn leave(&mut self, agent: AgentId) {
        self.agents.retain(|(id, _)| *id != agent);
    }

    pub(super) fn count(&self) -> u32 {
        self.agents.iter().map(|(_, slots)| slots).sum()
    }

    /// The first `wanted` seats, host after host.
    pub(super) fn first(&self, wanted: u32) -> Vec<Seat> {
        self.agents
            .iter()
            .flat_map(|(agent, slots)| (0..*slots).map(|local| Seat { agent: *agent, local }))
            .take(wanted as usize)
            .collect()
    }
}
