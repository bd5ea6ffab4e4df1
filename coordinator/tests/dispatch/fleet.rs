//! A model of a fleet: remembers the core's effects and answers as hosts and workers would.
//!
//! One type; its parts answer each other, so the file is longer than others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::id::{Arm, Attempt, RunId, Ticket, TrialKey};
use contract::identity::{BuildInfo, HostFacts, Sha256};
use contract::message::{Exit, FromPeer, Hello, LoadReport, PartChunk, Role, ToPeer};
use contract::part::{Origin, Outcome, Part, PartKey, RequestRecord};
use contract::record::Record;
use contract::run::{BlockDone, NoticeKind, RunState};
use contract::spec::Assignment;
use coordinator::dispatch::core::Core;
use coordinator::dispatch::event::{
    Effect, Ending, Event, LostAgent, PeerEnd, PeerId, PendingNotice, ProgressEvent,
};
use coordinator::dispatch::job::{Binary, Job, RunIdentity};
use coordinator::dispatch::job::{Limits, Script};
use coordinator::dispatch::orders::Orders;
use coordinator::plan::Plan;
use coordinator::schedule::Block;

use super::honest;

pub(crate) const HOST: PeerId = PeerId(1);

/// The hash of every binary in these tests.
const SHA: Sha256 = Sha256([7; 32]);

/// First session number of workers, beyond those of agents.
const WORKERS: u64 = 1_000_000;

/// The session of a worker.
pub(crate) fn session(ticket: Ticket) -> PeerId {
    PeerId(WORKERS + ticket.0)
}

/// The ticket of a worker's session, if it is one.
pub(crate) fn ticket(peer: PeerId) -> Option<Ticket> {
    (peer.0 >= WORKERS).then(|| Ticket(peer.0 - WORKERS))
}

pub(crate) fn name(agent: PeerId) -> String {
    format!("host-{:04}", agent.0)
}

fn hello(role: Role, host: HostFacts) -> Box<Hello> {
    Box::new(Hello {
        protocol: contract::PROTOCOL,
        token: "t".into(),
        pid: 1,
        build: BuildInfo {
            exe_sha256: SHA,
            ..BuildInfo::default()
        },
        host,
        role,
    })
}

/// An agent joins under a name that sorts like its number.
pub(crate) fn joined(agent: PeerId, slots: u32) -> Event {
    joined_as(agent, &name(agent), slots)
}

/// An agent joins under a name, on a machine with the same name.
pub(crate) fn joined_as(agent: PeerId, name: &str, slots: u32) -> Event {
    let host = HostFacts {
        hostname: name.to_owned(),
        cores: 2,
        ..HostFacts::default()
    };
    Event::PeerOpened {
        peer: agent,
        hello: hello(
            Role::Agent {
                name: name.to_owned(),
                slots,
            },
            host,
        ),
    }
}

/// A worker introduces itself.
pub(crate) fn came(ticket: Ticket) -> Event {
    Event::PeerOpened {
        peer: session(ticket),
        hello: hello(Role::Worker { ticket }, HostFacts::default()),
    }
}

/// A session ends.
pub(crate) fn gone(peer: PeerId) -> Event {
    Event::PeerLeft {
        peer,
        end: PeerEnd::Closed,
    }
}

/// A worker is silent for its lease.
pub(crate) fn silent(ticket: Ticket) -> Event {
    Event::PeerLeft {
        peer: session(ticket),
        end: PeerEnd::Silent,
    }
}

/// The agent that this program started has ended.
pub(crate) fn ended(exit: Exit) -> Event {
    Event::AgentEnded(LostAgent {
        host: "this host".into(),
        exit,
    })
}

pub(crate) fn limits() -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        gather: seconds(30),
        spawn: seconds(10),
        load: seconds(20),
        warm_up: seconds(20),
        run: seconds(60),
        leave: seconds(10),
    }
}

pub(crate) fn script(blocks: u32, slots: u32) -> Script {
    let block = |round| Block {
        cell: 0,
        scenario: 0,
        round,
        windows: 1,
        order: vec![Arm::B, Arm::A],
        duet: false,
        seed: 1,
        baseline: "baseline".into(),
        candidate: Some("pgo".into()),
        trials_before: 2 * round,
        trials: 2 * blocks,
    };
    Script {
        blocks: (0..blocks).map(block).collect(),
        slots,
        requests: vec![contract::spec::Planned::Exactly(10)],
        max_attempts: 3,
        shrink: false,
        first_attempt: Attempt(1),
        resident: false,
        flush: false,
        limits: limits(),
    }
}

fn job(script: Script) -> Job {
    let plan = r#"{"name":"p","rounds":3,"seed":1,"slots":1,"engine":"sim","scenario":[{"name":"s",
        "shape":{"kind":"burst","requests":10},"prompt":{"tokens":4},"output_tokens":4}]}"#;
    let plan = Arc::new(Plan::from_json(plan).unwrap());
    let orders = Orders {
        run: RunId::new(1, [0; 10]),
        plan,
        slots: script.slots,
        model: String::new(),
        identities: BTreeMap::new(),
    };
    let binary = Binary {
        path: "worker".into(),
        sha256: SHA,
        needs: Vec::new(),
    };
    let binaries =
        BTreeMap::from(["baseline", "pgo"].map(|name| (name.to_owned(), binary.clone())));
    Job {
        script,
        orders,
        header: None,
        identity: None,
        binaries,
        env: Vec::new(),
        instrumented: false,
    }
}

/// Models the fleet: remembers the core's effects and answers as hosts and workers would.
pub(crate) struct Fleet {
    pub(crate) core: Core,
    pub(crate) now: Duration,
    /// Workers whose process is running, and their agents.
    pub(crate) spawned: BTreeMap<Ticket, PeerId>,
    /// Every worker that was started, and its agent.
    pub(crate) homes: BTreeMap<Ticket, PeerId>,
    /// Next messages of a well-behaved fleet, in order.
    pub(crate) answers: Vec<Event>,
    /// The assignment for which each worker was last armed.
    pub(crate) places: BTreeMap<Ticket, Box<Assignment>>,
    /// The worker armed for each trial and slot in an attempt.
    armed: BTreeMap<(TrialKey, u32, Attempt), Ticket>,
    pub(crate) kept: Vec<PartKey>,
    /// Agents by kept part.
    pub(crate) measured: Vec<(PartKey, PeerId)>,
    pub(crate) committed: Vec<BlockDone>,
    pub(crate) notes: Vec<NoticeKind>,
    /// Number of notices that are not durable.
    pub(crate) unwritten: usize,
    /// All notices.
    pub(crate) noted: Vec<PendingNotice>,
    /// Their sentences.
    pub(crate) said: Vec<String>,
    pub(crate) stops: Vec<(Ticket, Duration)>,
    pub(crate) refused: Vec<PeerId>,
    /// Workers whose part was rejected, with the reason.
    pub(crate) disbelieved: Vec<(Ticket, String)>,
    /// Identity with which the run was created.
    pub(crate) created: Option<RunIdentity>,
    /// Number of trials begun.
    pub(crate) trials: usize,
    pub(crate) ending: Option<Ending>,
}

impl Fleet {
    pub(crate) fn new(script: Script) -> Self {
        Self::of(&job(script))
    }

    /// A run that is recorded; the first engine that opens creates it.
    pub(crate) fn recorded(script: Script) -> Self {
        let mut job = job(script);
        job.header = Some(contract::run::RunHeader {
            run: job.orders.run,
            tool_version: String::new(),
            tool_git_sha: String::new(),
            plan_json: String::new(),
            plan_digest: SHA,
            seed: 1,
            variants: Vec::new(),
            hosts: Vec::new(),
            slots: job.script.slots,
            simulated: true,
            model_digest: String::new(),
            model_sha256: None,
            sequence: None,
            labels: Vec::new(),
        });
        Self::of(&job)
    }

    /// A run without the builds of these variants.
    pub(crate) fn without(script: Script, variant: &str) -> Self {
        let mut job = job(script);
        job.binaries.remove(variant);
        Self::of(&job)
    }

    fn of(job: &Job) -> Self {
        Self {
            core: Core::new(job, Duration::ZERO),
            now: Duration::ZERO,
            spawned: BTreeMap::new(),
            homes: BTreeMap::new(),
            answers: Vec::new(),
            places: BTreeMap::new(),
            armed: BTreeMap::new(),
            kept: Vec::new(),
            measured: Vec::new(),
            committed: Vec::new(),
            notes: Vec::new(),
            unwritten: 0,
            noted: Vec::new(),
            said: Vec::new(),
            stops: Vec::new(),
            refused: Vec::new(),
            disbelieved: Vec::new(),
            created: None,
            trials: 0,
            ending: None,
        }
    }

    /// A worker has gone: its pending messages are dropped.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        self.spawned.remove(&ticket);
        self.silence(session(ticket));
    }

    /// Drops this session's pending messages.
    pub(crate) fn silence(&mut self, gone: PeerId) {
        self.answers.retain(|event| match event {
            Event::PeerSaid { peer, .. } | Event::PeerOpened { peer, .. } => *peer != gone,
            _ => true,
        });
    }

    /// A host dies with all its workers, and their exits are not reported.
    pub(crate) fn die(&mut self, agent: PeerId) {
        let here: Vec<Ticket> = self
            .spawned
            .iter()
            .filter(|(_, home)| **home == agent)
            .map(|(ticket, _)| *ticket)
            .collect();
        here.into_iter().for_each(|ticket| self.forget(ticket));
        self.silence(agent);
        self.feed(gone(agent));
    }

    pub(crate) fn feed(&mut self, event: Event) {
        let worker = match &event {
            Event::PeerOpened { peer, .. } => ticket(*peer).map(|_| *peer),
            _ => None,
        };
        for effect in self.core.on_event(self.now, event) {
            self.react(effect);
        }
        // Its first pong follows at once.
        if let Some(peer) = worker {
            for effect in self.core.on_event(self.now, Event::ClockKnown(peer)) {
                self.react(effect);
            }
        }
    }

    pub(crate) fn react(&mut self, effect: Effect) {
        match effect {
            Effect::Refuse { peer, .. } => self.refused.push(peer),
            Effect::Send { peer, message } => self.told(peer, message),
            Effect::SendBuild { .. } => {}
            Effect::StartAt { attempt, peers } => {
                for ticket in peers.into_iter().filter_map(ticket) {
                    let share = self.places[&ticket].clone();
                    self.answers.push(said(ticket, piece(&share, attempt)));
                }
            }
            Effect::CreateRun(identity) => {
                assert!(
                    self.created.replace(identity).is_none(),
                    "a run is created once"
                );
            }
            Effect::Keep(delivery) => {
                let place = delivery.part.place.clone();
                let by = self.armed[&(place.key, place.slot, place.attempt)];
                self.measured.push((place.clone(), self.homes[&by]));
                self.kept.push(place);
            }
            Effect::Commit(block) => {
                self.unwritten = 0;
                self.committed.push(block);
                self.answers.push(Event::Committed);
            }
            Effect::Note(noted) => {
                self.notes.push(noted.kind());
                self.said.push(noted.reason.to_string());
                self.noted.push(noted);
                self.unwritten += 1;
            }
            Effect::WriteNotes => self.unwritten = 0,
            Effect::Show(ProgressEvent::Trial { .. }) => {
                assert_eq!(
                    self.unwritten, 0,
                    "a trial begins and a loss is not durable"
                );
                self.trials += 1;
            }
            Effect::Show(_) => {}
            Effect::Finish(ending) => {
                assert!(self.ending.replace(ending).is_none(), "a run ends once");
            }
        }
    }

    fn told(&mut self, peer: PeerId, message: ToPeer) {
        match message {
            ToPeer::Spawn(order) => {
                self.spawned.insert(order.ticket, peer);
                self.homes.insert(order.ticket, peer);
                self.answers.push(came(order.ticket));
            }
            ToPeer::Stop { ticket, grace } => {
                self.stops.push((ticket, grace));
                self.exit(ticket);
            }
            // The end of the run, to an agent.
            ToPeer::Drain if ticket(peer).is_none() => {}
            message => {
                let ticket = ticket(peer).expect("a worker is told");
                self.worker_told(ticket, message);
            }
        }
    }

    fn worker_told(&mut self, ticket: Ticket, message: ToPeer) {
        let answer = match message {
            ToPeer::Load { attempt, .. } => {
                let report = LoadReport {
                    max_context: 4096,
                    ..LoadReport::default()
                };
                FromPeer::Loaded { attempt, report }
            }
            ToPeer::Arm {
                attempt,
                assignment,
            } => {
                self.armed
                    .insert((assignment.key, assignment.slot, attempt), ticket);
                self.places.insert(ticket, assignment);
                FromPeer::Armed(attempt)
            }
            ToPeer::PartStored(_) => return,
            ToPeer::Refused { message, .. } => return self.disbelieved.push((ticket, message)),
            ToPeer::Flush => FromPeer::Flushed(true),
            ToPeer::Drain => return self.exit(ticket),
            other => panic!("{other:?}"),
        };
        self.answers.push(said(ticket, answer));
    }

    /// The process of a ticket ends, once.
    pub(crate) fn exit(&mut self, ticket: Ticket) {
        if let Some(agent) = self.spawned.remove(&ticket) {
            let exit = Exit {
                code: Some(0),
                signal: None,
                tail: String::new(),
            };
            self.answers.push(exited(agent, ticket, exit));
        }
    }

    /// The system kills a process, and its agent reports it.
    pub(crate) fn killed(&self, ticket: Ticket) -> Event {
        let exit = Exit {
            code: None,
            signal: Some(9),
            tail: String::new(),
        };
        exited(self.homes[&ticket], ticket, exit)
    }

    /// Delivers pending messages in order until there are none.
    pub(crate) fn settle(&mut self) {
        while !self.answers.is_empty() {
            let event = self.answers.remove(0);
            self.feed(event);
        }
    }

    /// Delivers messages until the next one is of a kind.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Event) -> bool) {
        while !self.answers.first().is_some_and(&wanted) {
            assert!(!self.answers.is_empty(), "the awaited answer never came");
            let event = self.answers.remove(0);
            self.feed(event);
        }
    }

    pub(crate) fn ended(&self) -> RunState {
        self.ending.as_ref().expect("the run has ended").state()
    }
}

pub(crate) fn said(ticket: Ticket, message: FromPeer) -> Event {
    Event::PeerSaid {
        peer: session(ticket),
        message,
    }
}

pub(crate) fn exited(agent: PeerId, ticket: Ticket, exit: Exit) -> Event {
    Event::PeerSaid {
        peer: agent,
        message: FromPeer::Exited { ticket, exit },
    }
}

/// The part of a share, in one piece.
pub(crate) fn piece(share: &Assignment, attempt: Attempt) -> FromPeer {
    whole(&part(share, attempt))
}

/// A part with another key.
pub(crate) fn piece_of(key: TrialKey, share: &Assignment, attempt: Attempt) -> FromPeer {
    piece(
        &Assignment {
            key,
            ..share.clone()
        },
        attempt,
    )
}

/// A part as its worker sends it.
pub(crate) fn whole(part: &Part) -> FromPeer {
    let attempt = part.place.attempt;
    FromPeer::Part(PartChunk {
        attempt,
        seq: 0,
        last: true,
        bytes: part.seal().unwrap(),
    })
}

/// A part in which every request of the share was refused at once.
fn part(share: &Assignment, attempt: Attempt) -> Part {
    let place = PartKey {
        run: share.run,
        key: share.key,
        slot: share.slot,
        attempt,
    };
    let origin = Origin {
        variant: share.variant.clone(),
        exe_sha256: SHA,
        instrumented: false,
        hostname: "h".into(),
    };
    let refused = |n: u32| RequestRecord {
        index: share.share.index + n * share.share.of,
        outcome: Outcome::Refused,
        intended_ns: 0,
        sent_ns: 0,
        started_ns: 0,
        first_token_ns: 0,
        done_ns: 0,
        prompt_tokens: share.scenario.prompt.tokens.max(),
        output_tokens: 0,
    };
    honest::part(
        place,
        origin,
        (0..share.share.count(share.scenario.requests()))
            .map(refused)
            .collect(),
    )
}
