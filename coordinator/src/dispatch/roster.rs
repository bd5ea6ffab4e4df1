//! Who is connected, and as what: turns what sessions say into the core's events and its orders into messages. It
//! decides nothing.

use std::collections::BTreeMap;

use contract::id::{Attempt, Ticket};
use contract::identity::{HostFacts, Sha256};
use contract::message::{Down, Exit, Hello, LoadReport, PartChunk, Progress, Role, Up};
use contract::spec::Assignment;

use super::event::{AgentId, Delivery, Event, Word};
use crate::fleet::session::{Peer, SessionEvent};
use crate::record::{Assembly, Expected};

/// Every open session.
#[derive(Default)]
pub(super) struct Roster {
    agents: BTreeMap<AgentId, Agent>,
    sessions: BTreeMap<u64, Ticket>,
    workers: BTreeMap<Ticket, Worker>,
    /// Agents that came under a name that was taken.
    duplicates: u64,
    /// Workers that came with a ticket that nobody waits for.
    uninvited: u64,
}

struct Agent {
    name: String,
    host: HostFacts,
    peer: Peer,
}

/// A worker that was ordered; its session comes when the process dials in.
struct Worker {
    agent: AgentId,
    expected: Expected,
    peer: Option<Peer>,
    assembly: Assembly,
    /// What it last said of the attempt.
    live: Progress,
}

impl Roster {
    /// Notes that a worker will dial in, and what its part must say.
    pub(super) fn expect(&mut self, ticket: Ticket, agent: AgentId, expected: Expected) {
        let worker =
            Worker { agent, expected, peer: None, assembly: Assembly::default(), live: Progress::default() };
        self.workers.insert(ticket, worker);
    }

    /// A worker begins another attempt or trial: what its next part must say.
    pub(super) fn renew(&mut self, ticket: Ticket, attempt: Attempt, assignment: Assignment) {
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.expected.assignment = Some((Box::new(assignment), attempt));
            worker.assembly = Assembly::default();
            worker.live = Progress::default();
        }
    }

    /// How far all workers of an attempt are, where this is a sign of life that tells of one.
    pub(super) fn live(&mut self, session: u64, what: &SessionEvent) -> Option<Progress> {
        let SessionEvent::Said(Up::Beat(Some(said))) = what else { return None };
        let worker = self.workers.get_mut(self.sessions.get(&session)?)?;
        worker.live = *said;
        let mut sum = Progress { attempt: said.attempt, ..Progress::default() };
        for one in self.workers.values().map(|worker| worker.live).filter(|one| one.attempt == said.attempt) {
            sum.issued += one.issued;
            sum.completed += one.completed;
            sum.failed += one.failed;
            sum.output_tokens += one.output_tokens;
            sum.late_ns = sum.late_ns.max(one.late_ns);
        }
        Some(sum)
    }

    /// What a session's event means to the core, if anything.
    pub(super) fn translate(&mut self, session: u64, what: SessionEvent) -> Option<Event> {
        match what {
            SessionEvent::Opened(hello, peer) => self.opened(session, *hello, peer),
            SessionEvent::Said(up) => self.said(session, up),
            SessionEvent::Closed | SessionEvent::Silent => self.closed(session),
            SessionEvent::ClockJumped(by) => {
                self.sessions.get(&session).map(|ticket| Event::ClockJumped { ticket: *ticket, by })
            }
            SessionEvent::LatePart => Some(Event::LatePart),
            SessionEvent::Refused(line) => Some(Event::Told(line)),
        }
    }

    fn opened(&mut self, session: u64, hello: Hello, peer: Peer) -> Option<Event> {
        match hello.role {
            Role::Agent { name, slots } => {
                if self.agents.values().any(|agent| agent.name == name) {
                    let message =
                        format!("an agent named `{name}` is here already: give each its own --name");
                    // Who has the name may be about to go.
                    peer.send(Down::Refused { message: message.clone(), last: false });
                    self.duplicates += 1;
                    return self.duplicates.is_power_of_two().then_some(Event::Told(message));
                }
                let agent = AgentId(session);
                self.agents.insert(agent, Agent { name: name.clone(), host: hello.host, peer });
                Some(Event::AgentJoined { agent, name, slots })
            }
            Role::Worker { ticket } => {
                let Some(worker) = self.workers.get_mut(&ticket) else {
                    return self.uninvited(&peer, "no worker with this ticket is expected");
                };
                if worker.peer.is_some() {
                    return self.uninvited(&peer, "a worker with this ticket is already here");
                }
                if hello.build.exe_sha256 != worker.expected.exe_sha256 {
                    let message = format!(
                        "the process that came as `{}` runs {}, but the build manifest says {}: run `coordinator build`",
                        worker.expected.variant,
                        hello.build.exe_sha256.short(),
                        worker.expected.exe_sha256.short()
                    );
                    peer.send(Down::Refused { message: message.clone(), last: true });
                    return Some(Event::SpawnFailed { ticket, message });
                }
                worker.peer = Some(peer);
                self.sessions.insert(session, ticket);
                Some(Event::WorkerJoined(ticket))
            }
        }
    }

    /// Not one that was ordered, or not any more. The first is told of, and then whenever their number has doubled.
    fn uninvited(&mut self, peer: &Peer, why: &str) -> Option<Event> {
        peer.send(Down::Refused { message: why.to_owned(), last: true });
        self.uninvited += 1;
        let line = format!("refused a worker: {why} ({} so far)", self.uninvited);
        self.uninvited.is_power_of_two().then_some(Event::Told(line))
    }

    fn said(&mut self, session: u64, up: Up) -> Option<Event> {
        match up {
            Up::SpawnFailed { ticket, message } => {
                return self.started(session, ticket).then_some(Event::SpawnFailed { ticket, message });
            }
            Up::Exited { ticket, exit } => {
                return self.started(session, ticket).then(|| self.exited(ticket, exit));
            }
            Up::FetchedBuild { sha256, size, replaced } => {
                return self.fetched(session, sha256, size, replaced);
            }
            _ => {}
        }
        let ticket = *self.sessions.get(&session)?;
        let (attempt, word) = match up {
            Up::Loaded { attempt, report } => {
                self.loaded(ticket, &report);
                (attempt, Word::Loaded(report))
            }
            Up::Armed(attempt) => (attempt, Word::Armed),
            Up::Started(attempt) => (attempt, Word::Started),
            Up::Stopped(attempt) => (attempt, Word::Stopped),
            Up::Flushed(_) => (Attempt::default(), Word::Flushed),
            Up::Failed { attempt, failure } => (attempt, Word::Failed(failure)),
            Up::Part(chunk) => (chunk.attempt, self.piece(ticket, &chunk)?),
            _ => return None,
        };
        Some(Event::Said { ticket, attempt, word })
    }

    /// Whether this is the session of the agent that was to start this worker: of others nobody has a say.
    fn started(&self, session: u64, ticket: Ticket) -> bool {
        self.workers.get(&ticket).is_some_and(|worker| worker.agent == AgentId(session))
    }

    fn fetched(&self, session: u64, sha256: Sha256, size: u64, replaced: bool) -> Option<Event> {
        let agent = &self.agents.get(&AgentId(session))?.name;
        let was = if replaced { "; its own copy was damaged and is replaced" } else { "" };
        let build = sha256.short();
        Some(Event::Told(format!("the agent of {agent} has fetched the build {build} ({size} bytes){was}")))
    }

    /// What a part says of the engine must be what was said when it was loaded.
    fn loaded(&mut self, ticket: Ticket, report: &LoadReport) {
        if let Some(worker) = self.workers.get_mut(&ticket) {
            worker.expected.loaded = Some((report.model_digest.clone(), report.threads));
        }
    }

    fn piece(&mut self, ticket: Ticket, chunk: &PartChunk) -> Option<Word> {
        let worker = self.workers.get_mut(&ticket)?;
        match worker.assembly.take(chunk, &worker.expected) {
            Ok(whole) => whole.map(|(part, sealed)| Word::Part(Delivery { part: Box::new(part), sealed })),
            Err(error) => Some(Word::BadPart(error.to_string())),
        }
    }

    fn exited(&mut self, ticket: Ticket, exit: Exit) -> Event {
        self.workers.remove(&ticket);
        Event::Exited { ticket, exit }
    }

    fn closed(&mut self, session: u64) -> Option<Event> {
        let agent = AgentId(session);
        if self.agents.remove(&agent).is_some() {
            self.workers.retain(|_, worker| worker.agent != agent);
            return Some(Event::AgentLost(agent));
        }
        let ticket = self.sessions.remove(&session)?;
        if let Some(worker) = self.workers.get_mut(&ticket) {
            // Ends the stream towards it: a worker that leaves waits for that.
            worker.peer = None;
        }
        Some(Event::WorkerSilent(ticket))
    }

    pub(super) fn agent(&self, agent: AgentId) -> Option<&Peer> {
        self.agents.get(&agent).map(|agent| &agent.peer)
    }

    pub(super) fn worker(&self, ticket: Ticket) -> Option<&Peer> {
        self.workers.get(&ticket)?.peer.as_ref()
    }

    /// Processors of an agent's host; zero where they are not known.
    pub(super) fn processors(&self, agent: AgentId) -> u32 {
        self.agents.get(&agent).map_or(0, |agent| agent.host.cores)
    }

    /// The name of the agent that a worker belongs to.
    pub(super) fn home(&self, ticket: Ticket) -> Option<&str> {
        let agent = self.workers.get(&ticket)?.agent;
        self.agents.get(&agent).map(|agent| agent.name.as_str())
    }

    /// Why a build cannot run on an agent's host, if so.
    pub(super) fn unfit(&self, agent: AgentId, variant: &str, needs: &[String]) -> Option<String> {
        let agent = self.agents.get(&agent)?;
        let lacks: Vec<&str> =
            needs.iter().filter(|need| !agent.host.cpu_flags.contains(need)).map(String::as_str).collect();
        (!lacks.is_empty()).then(|| {
            format!(
                "the build `{variant}` does not run on {}: its processor lacks {}; build without `target-cpu`, or leave \
                 that host out",
                agent.name,
                lacks.join(", ")
            )
        })
    }

    /// Every agent's name and host.
    pub(super) fn hosts(&self) -> Vec<(String, HostFacts)> {
        self.agents.values().map(|agent| (agent.name.clone(), agent.host.clone())).collect()
    }

    /// Lets every agent go.
    pub(super) fn drain(&self) {
        self.agents.values().for_each(|agent| agent.peer.send(Down::Drain));
    }
}
