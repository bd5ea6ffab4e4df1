//! Which host each slot of a run is on. Slots are first numbered by the agents' names. From then on
//! a slot keeps its host until the host is lost. A slot without a host moves to a waiting host only
//! when [`SlotMap::assign`] is called, between blocks. Must not know what a slot is used for.

use std::collections::BTreeSet;

use contract::identity::HostFacts;

use super::peer::PeerId;

/// A slot of a connected agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AgentSlot {
    /// The agent's session.
    pub agent: PeerId,
    /// Slot on that host.
    pub local: u32,
}

/// Slots that moved to another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    /// Slots of the run.
    pub slots: Vec<u32>,
    /// Name of the agent that has them now.
    pub to: String,
    /// Name of the agent that had them, unless this is the first assignment.
    pub from: Option<String>,
}

/// Maps the slots of the run to the slots of the agents.
#[derive(Clone, Debug)]
pub(super) struct SlotMap {
    /// Every host that ever joined, by agent name.
    hosts: Vec<HostSlots>,
    /// Place of each slot of the run; empty before the first assignment.
    places: Vec<Place>,
    wanted: u32,
    /// Number of neighbouring slots that must be on one host.
    unit: u32,
}

/// One agent's slots.
#[derive(Clone, Debug)]
struct HostSlots {
    name: String,
    slots: u32,
    facts: HostFacts,
    /// `None` while the agent is lost.
    agent: Option<PeerId>,
}

/// A slot on a host, identified by names that outlive a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    name: String,
    /// The same agent name on another machine is a different place.
    hostname: String,
    local: u32,
}

impl SlotMap {
    /// A map for `wanted` slots. Each group of `unit` neighbouring slots stays on one host.
    pub(super) fn new(wanted: u32, unit: u32) -> Self {
        Self {
            hosts: Vec::new(),
            places: Vec::new(),
            wanted,
            unit: unit.max(1),
        }
    }

    /// Adds an agent's slots, at most as many as the run has, whatever the agent reports.
    pub(super) fn join(&mut self, agent: PeerId, name: &str, slots: u32, facts: HostFacts) {
        let slots = slots.min(self.wanted);
        let host = HostSlots {
            name: name.to_owned(),
            slots,
            facts,
            agent: Some(agent),
        };
        match self
            .hosts
            .binary_search_by(|host| host.name.as_str().cmp(name))
        {
            Ok(at) => self.hosts[at] = host,
            Err(at) => self.hosts.insert(at, host),
        }
    }

    /// Removes an agent. Returns its name if the session was an agent's.
    pub(super) fn leave(&mut self, agent: PeerId) -> Option<String> {
        let host = self
            .hosts
            .iter_mut()
            .find(|host| host.agent == Some(agent))?;
        host.agent = None;
        Some(host.name.clone())
    }

    /// The name of a connected agent.
    pub(super) fn name(&self, agent: PeerId) -> Option<&str> {
        self.here()
            .find(|host| host.agent == Some(agent))
            .map(|host| host.name.as_str())
    }

    /// Facts of an agent's host, as last reported.
    pub(super) fn facts(&self, name: &str) -> Option<&HostFacts> {
        self.hosts
            .iter()
            .find(|host| host.name == name)
            .map(|host| &host.facts)
    }

    /// Whether slots have been assigned to hosts.
    pub(super) fn is_assigned(&self) -> bool {
        !self.places.is_empty()
    }

    /// Number of slots that could run now; before the first assignment, all slots offered.
    pub(super) fn filled(&self) -> u32 {
        if !self.is_assigned() {
            return self
                .here()
                .map(|host| host.slots)
                .fold(0, u32::saturating_add);
        }
        let mut next = self.clone();
        next.assign();
        u32::try_from(next.seats().iter().flatten().count()).unwrap_or(u32::MAX)
    }

    /// Moves every slot without a host to a host with room. Call it between blocks only.
    pub(super) fn assign(&mut self) -> Vec<Moved> {
        let mut moved = Vec::new();
        if !self.is_assigned() {
            let all = self
                .here()
                .flat_map(|host| (0..host.slots).map(|local| host.place(local)));
            self.places = all.take(self.wanted as usize).collect();
            for (slot, place) in (0..).zip(&self.places) {
                note(&mut moved, slot, &place.name, None);
            }
            return moved;
        }
        let unit = self.unit as usize;
        let held: BTreeSet<Place> = self
            .units()
            .filter(|unit| self.is_held(unit))
            .flatten()
            .cloned()
            .collect();
        let mut free: Vec<Place> = Vec::new();
        for host in self.here() {
            let room: Vec<Place> = (0..host.slots)
                .map(|local| host.place(local))
                .filter(|place| !held.contains(place))
                .collect();
            // Whole units only, so that neighbouring slots stay on one host.
            free.extend(room.chunks_exact(unit).flatten().cloned());
        }
        let mut free = free.chunks_exact(unit);
        for at in (0..self.places.len()).step_by(unit) {
            let end = (at + unit).min(self.places.len());
            if self.is_held(&self.places[at..end]) {
                continue;
            }
            let Some(places) = free.next() else { break };
            for (slot, place) in (at..end).zip(places) {
                let before = std::mem::replace(&mut self.places[slot], place.clone());
                note(
                    &mut moved,
                    u32::try_from(slot).unwrap_or(u32::MAX),
                    &place.name,
                    Some(before.name),
                );
            }
        }
        moved
    }

    /// The agent's slot for each slot of the run; `None` while its host is lost.
    pub(super) fn seats(&self) -> Vec<Option<AgentSlot>> {
        self.places.iter().map(|place| self.seat(place)).collect()
    }

    /// Number of the run's slots on the host of that name.
    pub(super) fn held_by(&self, name: &str) -> u32 {
        let count = self
            .places
            .iter()
            .filter(|place| place.name == name)
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Names of connected agents that have no slot of the run.
    pub(super) fn waiting(&self) -> Vec<String> {
        let has_one =
            |host: &&HostSlots| !self.is_assigned() || self.places.iter().any(|p| host.is(p));
        self.here()
            .filter(|host| !has_one(host))
            .map(|host| host.name.clone())
            .collect()
    }

    /// The hosts that have slots of the run.
    pub(super) fn measuring(&self) -> Vec<(String, HostFacts)> {
        let has_one = |host: &&HostSlots| self.places.iter().any(|place| host.is(place));
        let hosts = self.hosts.iter().filter(has_one);
        hosts
            .map(|host| (host.name.clone(), host.facts.clone()))
            .collect()
    }

    fn here(&self) -> impl Iterator<Item = &HostSlots> {
        self.hosts.iter().filter(|host| host.agent.is_some())
    }

    fn units(&self) -> impl Iterator<Item = &[Place]> {
        self.places.chunks(self.unit as usize)
    }

    fn is_held(&self, places: &[Place]) -> bool {
        places.iter().all(|place| self.seat(place).is_some())
    }

    fn seat(&self, place: &Place) -> Option<AgentSlot> {
        let at = self
            .hosts
            .binary_search_by(|host| host.name.cmp(&place.name))
            .ok()?;
        let host =
            Some(&self.hosts[at]).filter(|host| host.is(place) && place.local < host.slots)?;
        host.agent.map(|agent| AgentSlot {
            agent,
            local: place.local,
        })
    }
}

impl HostSlots {
    fn place(&self, local: u32) -> Place {
        Place {
            name: self.name.clone(),
            hostname: self.facts.hostname.clone(),
            local,
        }
    }

    fn is(&self, place: &Place) -> bool {
        (&self.name, &self.facts.hostname) == (&place.name, &place.hostname)
    }
}

/// Reports neighbouring slots that move together as one move.
fn note(moved: &mut Vec<Moved>, slot: u32, to: &str, from: Option<String>) {
    let follows = |last: &&mut Moved| last.slots.last().is_some_and(|before| before + 1 == slot);
    match moved
        .last_mut()
        .filter(|last| last.to == to && last.from == from)
        .filter(follows)
    {
        Some(last) => last.slots.push(slot),
        None => moved.push(Moved {
            slots: vec![slot],
            to: to.to_owned(),
            from,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(wanted: u32, unit: u32, hosts: &[(u64, &str, u32)]) -> SlotMap {
        let mut slots = SlotMap::new(wanted, unit);
        for (agent, name, count) in hosts {
            slots.join(PeerId(*agent), name, *count, HostFacts::default());
        }
        slots
    }

    fn agents(slots: &SlotMap) -> Vec<Option<u64>> {
        slots
            .seats()
            .into_iter()
            .map(|seat| seat.map(|seat| seat.agent.0))
            .collect()
    }

    #[test]
    fn a_host_that_comes_back_has_its_old_place() {
        let mut slots = joined(3, 1, &[(1, "c", 1), (2, "a", 1), (3, "b", 1)]);
        assert_eq!((slots.filled(), slots.assign().len()), (3, 3));
        assert_eq!(agents(&slots), [Some(2), Some(3), Some(1)]);
        assert_eq!(slots.leave(PeerId(3)).as_deref(), Some("b"));
        assert_eq!(
            agents(&slots),
            [Some(2), None, Some(1)],
            "no slot moves to the free place"
        );
        assert_eq!((slots.filled(), slots.assign()), (2, vec![]));
        slots.join(PeerId(9), "b", 1, HostFacts::default());
        assert_eq!((slots.filled(), slots.assign()), (3, vec![]));
        assert_eq!(agents(&slots), [Some(2), Some(9), Some(1)]);
        assert_eq!(
            slots.leave(PeerId(3)),
            None,
            "a session that was replaced leaves nothing"
        );
    }

    #[test]
    fn who_comes_late_waits_whatever_its_name_and_takes_a_place_that_is_free() {
        let mut slots = joined(1, 1, &[(1, "m", 1)]);
        slots.assign();
        slots.join(PeerId(2), "a", 1, HostFacts::default());
        assert_eq!((slots.assign(), agents(&slots)), (vec![], vec![Some(1)]));
        assert_eq!(slots.waiting(), ["a"]);
        slots.leave(PeerId(1));
        assert_eq!(
            (slots.filled(), agents(&slots)),
            (1, vec![None]),
            "it is asked for, not taken"
        );
        let moved = Moved {
            slots: vec![0],
            to: "a".into(),
            from: Some("m".into()),
        };
        assert_eq!(
            (slots.assign(), agents(&slots)),
            (vec![moved], vec![Some(2)])
        );
        slots.join(PeerId(3), "m", 1, HostFacts::default());
        assert_eq!(
            (slots.assign(), slots.waiting()),
            (vec![], vec!["m".to_owned()])
        );
    }

    #[test]
    fn the_same_name_on_another_machine_is_another_place() {
        let mut slots = joined(1, 1, &[(1, "m", 1)]);
        slots.assign();
        slots.leave(PeerId(1));
        let elsewhere = HostFacts {
            hostname: "other".into(),
            ..HostFacts::default()
        };
        slots.join(PeerId(2), "m", 1, elsewhere);
        assert_eq!(agents(&slots), [None]);
        assert_eq!((slots.assign().len(), agents(&slots)), (1, vec![Some(2)]));
    }

    #[test]
    fn a_pair_moves_as_a_whole_and_never_to_two_hosts() {
        let mut slots = joined(4, 2, &[(1, "a", 2), (2, "b", 2), (3, "c", 1), (4, "d", 1)]);
        slots.assign();
        slots.leave(PeerId(2));
        assert_eq!(
            (slots.filled(), slots.assign()),
            (2, vec![]),
            "two halves make no pair"
        );
        slots.join(PeerId(5), "e", 3, HostFacts::default());
        assert_eq!(slots.assign().len(), 1);
        assert_eq!(agents(&slots), [Some(1), Some(1), Some(5), Some(5)]);
    }
}
