//! A fleet on paper: it remembers what the core asks for and answers as hosts and workers would.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::id::{Arm, Attempt, RunId, Ticket, TrialKey};
use contract::identity::Sha256;
use contract::message::{Exit, LoadReport};
use contract::part::{
    EngineFacts, Histograms, Origin, Outcomes, Part, Place, Series, StopCause, Usage, Window,
};
use contract::run::{BlockDone, NoticeKind, RunState};
use coordinator::dispatch::core::{Core, Limits, Script};
use coordinator::dispatch::event::{AgentId, Delivery, Effect, Ending, Event, LostAgent, Order, Word};
use coordinator::schedule::Block;

pub(crate) const HOST: AgentId = AgentId(1);

/// An agent joins under a name that sorts as its number does.
pub(crate) fn joined(agent: AgentId, slots: u32) -> Event {
    Event::AgentJoined { agent, name: format!("host-{:04}", agent.0), slots }
}

/// The agent that was started from here has ended.
pub(crate) fn ended(exit: Exit) -> Event {
    Event::AgentEnded(LostAgent { host: "this host".into(), exit })
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

/// Plays the fleet: remembers what the core asked for and answers as hosts and workers would.
pub(crate) struct Fleet {
    pub(crate) core: Core,
    pub(crate) now: Duration,
    pub(crate) spawned: BTreeMap<Ticket, AgentId>,
    /// What a well-behaved fleet says next, in order.
    pub(crate) answers: Vec<Event>,
    /// Where each worker was last armed.
    pub(crate) places: BTreeMap<Ticket, (TrialKey, u32)>,
    pub(crate) kept: Vec<Place>,
    pub(crate) committed: Vec<BlockDone>,
    pub(crate) notes: Vec<NoticeKind>,
    /// Arm of each of them.
    pub(crate) noted: Vec<Arm>,
    /// Words of each of them.
    pub(crate) said: Vec<String>,
    pub(crate) stops: Vec<(Ticket, Duration)>,
    pub(crate) ending: Option<Ending>,
}

impl Fleet {
    pub(crate) fn new(script: Script) -> Self {
        Self {
            core: Core::new(script, Duration::ZERO),
            now: Duration::ZERO,
            spawned: BTreeMap::new(),
            answers: Vec::new(),
            places: BTreeMap::new(),
            kept: Vec::new(),
            committed: Vec::new(),
            notes: Vec::new(),
            noted: Vec::new(),
            said: Vec::new(),
            stops: Vec::new(),
            ending: None,
        }
    }

    /// A worker is gone: nothing it had to say is said any more.
    pub(crate) fn forget(&mut self, ticket: Ticket) {
        self.spawned.remove(&ticket);
        self.answers.retain(|event| match event {
            Event::Said { ticket: who, .. } | Event::WorkerJoined(who) => *who != ticket,
            _ => true,
        });
    }

    pub(crate) fn feed(&mut self, event: Event) {
        for effect in self.core.on_event(self.now, event) {
            self.react(effect);
        }
    }

    pub(crate) fn react(&mut self, effect: Effect) {
        match effect {
            Effect::Spawn(order) => {
                self.spawned.insert(order.ticket, order.agent);
                self.answers.push(Event::WorkerJoined(order.ticket));
            }
            Effect::Stop { ticket, grace, .. } => {
                self.stops.push((ticket, grace));
                self.exit(ticket);
            }
            Effect::Tell { ticket, order } => self.told(ticket, order),
            Effect::StartAll { attempt, tickets } => {
                for ticket in tickets {
                    self.answers.push(said(ticket, attempt, Word::Started));
                    let (key, slot) = self.places[&ticket];
                    self.answers.push(said(ticket, attempt, Word::Part(delivery(key, slot, attempt))));
                }
            }
            Effect::Keep(delivery) => self.kept.push(delivery.part.place),
            Effect::Commit(block) => {
                self.committed.push(block);
                self.answers.push(Event::Committed);
            }
            Effect::Note(noted) => {
                self.notes.push(noted.kind);
                self.noted.push(noted.key.arm);
                self.said.push(noted.message);
            }
            Effect::Show(_) => {}
            Effect::Finish(ending) => {
                assert!(self.ending.replace(ending).is_none(), "a run ends once");
            }
        }
    }

    pub(crate) fn told(&mut self, ticket: Ticket, order: Order) {
        let answer = match order {
            Order::Load { attempt, .. } => said(ticket, attempt, Word::Loaded(LoadReport::default())),
            Order::Arm { attempt, block, arm, slot } => {
                self.places.insert(ticket, (block.key(arm), slot));
                said(ticket, attempt, Word::Armed)
            }
            Order::PartStored(_) => return,
            Order::Flush => said(ticket, Attempt(0), Word::Flushed),
            Order::Drain => return self.exit(ticket),
        };
        self.answers.push(answer);
    }

    /// The process of a ticket ends, once.
    pub(crate) fn exit(&mut self, ticket: Ticket) {
        if self.spawned.remove(&ticket).is_some() {
            self.answers.push(exited(ticket));
        }
    }

    /// Lets everything that is under way happen in order, until nothing is.
    pub(crate) fn settle(&mut self) {
        while !self.answers.is_empty() {
            let event = self.answers.remove(0);
            self.feed(event);
        }
    }

    /// Lets things happen until the next answer is of a kind.
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

pub(crate) fn said(ticket: Ticket, attempt: Attempt, word: Word) -> Event {
    Event::Said { ticket, attempt, word }
}

pub(crate) fn exited(ticket: Ticket) -> Event {
    Event::Exited { ticket, exit: Exit { code: Some(0), signal: None, tail: String::new() } }
}

pub(crate) fn killed(ticket: Ticket) -> Event {
    Event::Exited { ticket, exit: Exit { code: None, signal: Some(9), tail: String::new() } }
}

pub(crate) fn delivery(key: TrialKey, slot: u32, attempt: Attempt) -> Delivery {
    let part = Part {
        place: Place { run: RunId::new(1, [0; 10]), key, slot, attempt },
        origin: Origin {
            variant: "pgo".into(),
            exe_sha256: Sha256::default(),
            instrumented: false,
            hostname: "h".into(),
        },
        histograms: Histograms::default(),
        outcomes: Outcomes::default(),
        requests: Vec::new(),
        requests_not_kept: 0,
        steps: contract::part::StepLog::default(),
        token_digest: Sha256::default(),
        prompt_tokens: 0,
        output_tokens: 0,
        offered: 0,
        in_time: None,
        stopped: StopCause::AsPlanned,
        good: None,
        run_in: 0,
        sent: None,
        series: Series::default(),
        window: Window::default(),
        cold: Vec::new(),
        usage: Usage::default(),
        engine: EngineFacts::default(),
    };
    Delivery { part: Box::new(part), sealed: Vec::new() }
}
