//! The seats of a fleet: which agents are there and which slot of which agent is which slot of the run. Slots are
//! numbered by the agents' names, so that every variant takes its turn in the same places, also after an agent was
//! lost and has come back.

use super::event::AgentId;

/// One slot of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    /// Host.
    pub agent: AgentId,
    /// Slot on that host.
    pub local: u32,
}

/// Agents by name.
#[derive(Debug, Default)]
pub(super) struct Seats {
    homes: Vec<Home>,
}

#[derive(Debug)]
struct Home {
    name: String,
    slots: u32,
    /// `None` while it is lost.
    agent: Option<AgentId>,
}

impl Seats {
    pub(super) fn join(&mut self, agent: AgentId, name: String, slots: u32) {
        match self.homes.binary_search_by(|home| home.name.cmp(&name)) {
            Ok(at) => self.homes[at] = Home { name, slots, agent: Some(agent) },
            Err(at) => self.homes.insert(at, Home { name, slots, agent: Some(agent) }),
        }
    }

    /// The name of the agent that left, if it was one.
    pub(super) fn leave(&mut self, agent: AgentId) -> Option<&str> {
        let home = self.homes.iter_mut().find(|home| home.agent == Some(agent))?;
        home.agent = None;
        Some(&home.name)
    }

    /// The name of an agent that is there.
    pub(super) fn name(&self, agent: AgentId) -> Option<&str> {
        self.homes.iter().find(|home| home.agent == Some(agent)).map(|home| home.name.as_str())
    }

    pub(super) fn count(&self) -> u32 {
        let here = self.homes.iter().filter(|home| home.agent.is_some());
        here.map(|home| home.slots).fold(0, u32::saturating_add)
    }

    /// A seat for each of `wanted` slots, host after host: of those that are there if they suffice, else where it was
    /// when all were there; `None` where its agent is lost.
    pub(super) fn places(&self, wanted: u32) -> Vec<Option<Seat>> {
        let whole = self.count() >= wanted;
        let seats = self.homes.iter().flat_map(Home::seats).filter(|seat| !whole || seat.is_some());
        seats.take(wanted as usize).collect()
    }
}

impl Home {
    fn seats(&self) -> impl Iterator<Item = Option<Seat>> {
        let agent = self.agent;
        (0..self.slots).map(move |local| agent.map(|agent| Seat { agent, local }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(seats: &Seats, wanted: u32) -> Vec<Option<u64>> {
        seats.places(wanted).into_iter().map(|seat| seat.map(|seat| seat.agent.0)).collect()
    }

    #[test]
    fn a_host_that_comes_back_has_its_old_place() {
        let mut seats = Seats::default();
        for (agent, name) in [(1, "c"), (2, "a"), (3, "b")] {
            seats.join(AgentId(agent), name.into(), 1);
        }
        assert_eq!(agents(&seats, 3), [Some(2), Some(3), Some(1)]);
        assert_eq!(seats.leave(AgentId(3)), Some("b"));
        assert_eq!(agents(&seats, 3), [Some(2), None, Some(1)], "nobody moves up");
        assert_eq!(agents(&seats, 2), [Some(2), Some(1)], "who is there suffices");
        assert_eq!(seats.count(), 2);
        seats.join(AgentId(9), "b".into(), 1);
        assert_eq!(agents(&seats, 3), [Some(2), Some(9), Some(1)]);
        assert_eq!(seats.leave(AgentId(3)), None, "a session that was replaced leaves nothing");
    }
}
