//! What can happen to a run, and what may be done about it. The whole vocabulary between the pure core and the driver.

use std::time::Duration;

use contract::id::{Arm, Attempt, Ticket, TrialKey};
use contract::message::{Exit, Failure, LoadReport, Progress};
use contract::part::Part;
use contract::run::{BlockDone, Notice, NoticeKind, RunState};

use crate::schedule::Block;

/// A host's agent, by the number of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub u64);

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// An agent registered its slots.
    AgentJoined {
        /// Session.
        agent: AgentId,
        /// Its name, unique in the fleet.
        name: String,
        /// Places where it can run a worker.
        slots: u32,
    },
    /// An agent's host is not like those that the run began on: it was not let in.
    AgentRefused {
        /// Its name.
        name: String,
        /// What differs.
        why: String,
    },
    /// An agent's session ended or was silent too long.
    AgentLost(AgentId),
    /// The process of an agent that was started from here has ended, and nobody starts another.
    AgentEnded(LostAgent),
    /// An agent could not start a process.
    SpawnFailed {
        /// Which.
        ticket: Ticket,
        /// Why.
        message: String,
    },
    /// A worker's process has ended.
    Exited {
        /// Which.
        ticket: Ticket,
        /// How.
        exit: Exit,
    },
    /// A worker introduced itself.
    WorkerJoined(Ticket),
    /// A worker's session ended or was silent too long while its process may still live.
    WorkerSilent(Ticket),
    /// The monotonic clock under a worker jumped.
    ClockJumped {
        /// Which.
        ticket: Ticket,
        /// By how much.
        by: Duration,
    },
    /// A worker spoke.
    Said {
        /// Which.
        ticket: Ticket,
        /// In which attempt it believes to be.
        attempt: Attempt,
        /// What.
        word: Word,
    },
    /// A part came from a worker that had been given up; it was dropped.
    LatePart,
    /// Something worth a line from which nothing follows: somebody was turned away, a build was fetched.
    Told(String),
    /// The block's parts and marker are durable.
    Committed,
    /// They are, and the planned look finds the run's answer clear: it need not go on. Why, in words.
    Settled(String),
    /// The store could not make something durable.
    StoreFailed(String),
    /// Ctrl-C.
    Interrupt,
    /// Time passed.
    Tick,
}

/// An agent that was started from here and has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostAgent {
    /// On which host.
    pub host: String,
    /// How.
    pub exit: Exit,
}

/// What a worker says about its attempt.
#[derive(Debug)]
pub enum Word {
    /// The engine is open.
    Loaded(LoadReport),
    /// Warmed up and waiting.
    Armed,
    /// Sending requests.
    Started,
    /// Here is what was measured.
    Part(Delivery),
    /// A part came that cannot be accepted.
    BadPart(String),
    /// Cancelled as asked.
    Stopped,
    /// The profile was written.
    Flushed,
    /// It cannot go on.
    Failed(Failure),
}

/// A part, and the bytes it came in.
#[derive(Debug)]
pub struct Delivery {
    /// Decoded and checked.
    pub part: Box<Part>,
    /// As it came, for the store.
    pub sealed: Vec<u8>,
}

/// Something is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Have an agent start a worker.
    Spawn(SpawnOrder),
    /// Have an agent stop a worker: at once, or after the grace.
    Stop {
        /// Where.
        agent: AgentId,
        /// Which.
        ticket: Ticket,
        /// Time to end by itself.
        grace: Duration,
    },
    /// Tell a worker.
    Tell {
        /// Which.
        ticket: Ticket,
        /// What.
        order: Order,
    },
    /// Set the common start instant for these workers.
    StartAll {
        /// Which try.
        attempt: Attempt,
        /// Whom.
        tickets: Vec<Ticket>,
    },
    /// Keep an accepted part.
    Keep(Delivery),
    /// Make the block durable, then say [`Event::Committed`] or [`Event::Settled`].
    Commit(BlockDone),
    /// Write down something that a reader of the results must know.
    Note(Noted),
    /// For the eye.
    Show(Sight),
    /// The run is over.
    Finish(Ending),
}

/// A worker to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnOrder {
    /// Where.
    pub agent: AgentId,
    /// Ties the process to its place.
    pub ticket: Ticket,
    /// Slot on that host.
    pub local_slot: u32,
    /// Which build.
    pub variant: String,
}

/// What a worker is told; the driver fills in what the plan says.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Open the engine for this trial.
    Load {
        /// Which try.
        attempt: Attempt,
        /// The block it belongs to.
        block: Box<Block>,
        /// Whose turn it is.
        arm: Arm,
    },
    /// Take your share and warm up.
    Arm {
        /// Which try.
        attempt: Attempt,
        /// The block it belongs to.
        block: Box<Block>,
        /// Whose turn it is.
        arm: Arm,
        /// Slot over the whole fleet.
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

/// A [`Notice`] before the driver adds the wall clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Where.
    pub key: TrialKey,
    /// In which try.
    pub attempt: Attempt,
    /// What.
    pub kind: NoticeKind,
    /// One sentence.
    pub message: String,
}

/// What the user may want to see while a run goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// Waiting until enough slots have registered.
    Gathering {
        /// Registered.
        have: u32,
        /// Wanted.
        want: u32,
    },
    /// A trial begins.
    Trial {
        /// Which; of a duet that of the first slot.
        key: TrialKey,
        /// Its arm and that arm's variant; of a duet both.
        arms: Vec<(Arm, String)>,
        /// Trials done, all blocks counted.
        done: u32,
        /// Trials in total.
        total: u32,
        /// Which try.
        attempt: Attempt,
    },
    /// The trial's workers have reached a phase.
    Phase(&'static str),
    /// How far the trial is, all its workers together, about once a second.
    Live(Progress),
    /// The first engine of a run is open.
    Loaded(LoadReport),
    /// Something worth knowing.
    Note(Noted),
    /// A line about the fleet from which nothing follows.
    Told(String),
    /// Stopping as asked.
    Stopping,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What ended it. The first cause stands.
    pub cause: Cause,
    /// In words, where it did not complete.
    pub reason: String,
}

/// What ends a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Every block is done.
    Done,
    /// Ctrl-C.
    User,
    /// A failure that trying again cannot mend.
    Worker(Failure),
    /// The store could not keep what was measured.
    Store,
    /// More losses than the plan allows, or no host to run on.
    Losses,
}

impl Ending {
    /// How the run counts.
    #[must_use]
    pub fn state(&self) -> RunState {
        match self.cause {
            Cause::Done => RunState::Complete,
            Cause::User => RunState::Stopped,
            Cause::Worker(_) | Cause::Store | Cause::Losses => RunState::Failed,
        }
    }
}

impl Noted {
    /// With the wall clock.
    #[must_use]
    pub fn at(self, unix_ms: u64) -> Notice {
        Notice { unix_ms, key: self.key, attempt: self.attempt, kind: self.kind, message: self.message }
    }
}
