//! The connected peers: agents, the workers they were told to start, and the state of each part.
//! Answers questions only; admission is decided elsewhere.

use std::collections::BTreeMap;

use contract::id::{Attempt, Ticket};
use contract::message::{LoadReport, PartChunk, Progress};
use contract::spec::Assignment;

use super::event::{Delivery, PeerId};
use crate::record::{Assembly, BadPart, Expected};

/// Every open session.
#[derive(Debug, Default)]
pub(super) struct Peers {
    /// Names of the agents.
    agents: BTreeMap<PeerId, String>,
    tickets: BTreeMap<PeerId, Ticket>,
    workers: BTreeMap<Ticket, Worker>,
}

/// A worker that was ordered. Its session opens when the process connects.
#[derive(Debug)]
pub(super) struct Worker {
    pub agent: PeerId,
    pub peer: Option<PeerId>,
    pub expected: Expected,
    /// Whether its clock is known.
    clock: bool,
    assembly: Assembly,
    /// The progress it last reported in this attempt.
    live: Progress,
}

impl Peers {
    pub(super) fn agent_joined(&mut self, peer: PeerId, name: String) {
        self.agents.insert(peer, name);
    }

    pub(super) fn is_agent(&self, peer: PeerId) -> bool {
        self.agents.contains_key(&peer)
    }

    pub(super) fn has_agent_named(&self, name: &str) -> bool {
        self.agents.values().any(|here| here == name)
    }

    pub(super) fn agents(&self) -> impl Iterator<Item = PeerId> {
        self.agents.keys().copied()
    }

    pub(super) fn agent_name(&self, peer: PeerId) -> Option<&str> {
        self.agents.get(&peer).map(String::as_str)
    }

    /// Forgets an agent and the workers it started. Returns whether the session was an agent's.
    pub(super) fn agent_left(&mut self, peer: PeerId) -> bool {
        let was_here = self.agents.remove(&peer).is_some();
        if was_here {
            self.workers.retain(|_, worker| worker.agent != peer);
        }
        was_here
    }

    /// Expects a worker to connect, and says what its part must contain.
    pub(super) fn expect(&mut self, ticket: Ticket, agent: PeerId, expected: Expected) {
        let (assembly, live) = (Assembly::default(), Progress::default());
        self.workers.insert(
            ticket,
            Worker {
                agent,
                peer: None,
                expected,
                clock: false,
                assembly,
                live,
            },
        );
    }

    pub(super) fn expected(&self, ticket: Ticket) -> Option<&Worker> {
        self.workers.get(&ticket)
    }

    pub(super) fn worker_joined(&mut self, peer: PeerId, ticket: Ticket) {
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.peer = Some(peer);
            self.tickets.insert(peer, ticket);
        }
    }

    /// Forgets the session of a worker and returns its ticket.
    pub(super) fn worker_left(&mut self, peer: PeerId) -> Option<Ticket> {
        let ticket = self.tickets.remove(&peer)?;
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.peer = None;
        }
        Some(ticket)
    }

    pub(super) fn exited(&mut self, ticket: Ticket) {
        self.workers.remove(&ticket);
    }

    /// The ticket of a worker's session.
    pub(super) fn ticket(&self, peer: PeerId) -> Option<Ticket> {
        self.tickets.get(&peer).copied()
    }

    /// The session of a worker, if it has one.
    pub(super) fn session(&self, ticket: Ticket) -> Option<PeerId> {
        self.workers.get(&ticket)?.peer
    }

    /// Whether this is the session of the agent that was ordered to start this worker. Messages of
    /// other agents about it are ignored.
    pub(super) fn starts(&self, peer: PeerId, ticket: Ticket) -> bool {
        self.workers
            .get(&ticket)
            .is_some_and(|worker| worker.agent == peer)
    }

    pub(super) fn clock_known(&mut self, peer: PeerId) {
        if let Some(worker) = self
            .tickets
            .get(&peer)
            .and_then(|ticket| self.workers.get_mut(ticket))
        {
            worker.clock = true;
        }
    }

    /// Whether a start instant can be sent to this worker. A worker that has left needs none: its
    /// agent reports how it ended.
    pub(super) fn has_clock(&self, ticket: Ticket) -> bool {
        self.workers
            .get(&ticket)
            .is_none_or(|worker| worker.clock || worker.peer.is_none())
    }

    /// A worker begins another attempt or trial: sets what its next part must contain.
    pub(super) fn renew(&mut self, ticket: Ticket, attempt: Attempt, assignment: Assignment) {
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.expected.assignment = Some((Box::new(assignment), attempt));
            worker.assembly = Assembly::default();
            worker.live = Progress::default();
        }
    }

    /// Remembers the load report; the engine facts in the part must equal it.
    pub(super) fn loaded(&mut self, ticket: Ticket, report: &LoadReport) {
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.expected.loaded = Some((report.model_digest.clone(), report.threads));
        }
    }

    /// Adds a piece. Returns the whole part with the last piece.
    ///
    /// # Errors
    /// When the part fails its checks.
    pub(super) fn assemble(
        &mut self,
        ticket: Ticket,
        chunk: &PartChunk,
    ) -> Result<Option<Delivery>, BadPart> {
        let Some(worker) = self.workers.get_mut(&ticket) else {
            return Ok(None);
        };
        let whole = worker.assembly.take(chunk, &worker.expected)?;
        Ok(whole.map(|(part, sealed)| Delivery {
            part: Box::new(part),
            sealed,
        }))
    }

    /// The progress of all workers of an attempt, after one of them has reported.
    pub(super) fn progress(&mut self, peer: PeerId, said: Progress) -> Option<Progress> {
        let worker = self.workers.get_mut(self.tickets.get(&peer)?)?;
        worker.live = said;
        let mut sum = Progress {
            attempt: said.attempt,
            ..Progress::default()
        };
        let of_attempt = |live: &Progress| live.attempt == said.attempt;
        for one in self
            .workers
            .values()
            .map(|worker| worker.live)
            .filter(of_attempt)
        {
            sum.issued += one.issued;
            sum.completed += one.completed;
            sum.failed += one.failed;
            sum.output_tokens += one.output_tokens;
            sum.late_ns = sum.late_ns.max(one.late_ns);
        }
        Some(sum)
    }

    /// The name of the agent that a worker belongs to.
    pub(super) fn home(&self, ticket: Ticket) -> Option<&str> {
        self.agent_name(self.workers.get(&ticket)?.agent)
    }
}
