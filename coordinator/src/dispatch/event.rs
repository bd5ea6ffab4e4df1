//! What can happen to a run, and what may be done about it. The whole vocabulary between the pure
//! core and the driver.

use std::time::Duration;

use contract::id::{Arm, Attempt, TrialKey};
use contract::identity::{HostFacts, Sha256};
use contract::message::{Failure, FromPeer, Hello, LoadReport, Progress, ToPeer};
use contract::part::Part;
use contract::run::{BlockDone, Notice, NoticeKind, RunState};

use super::job::RunIdentity;
pub use super::peer::PeerId;
pub use super::reason::LostAgent;
pub use super::reason::{PeerEnd, Reason, WorkerName};
pub use super::trial::WorkerState;

/// Something happened.
#[derive(Debug)]
pub enum Event {
    /// A peer introduced itself.
    PeerOpened {
        /// Its session.
        peer: PeerId,
        /// As what it came.
        hello: Box<Hello>,
    },
    /// A peer said something.
    PeerSaid {
        /// Its session.
        peer: PeerId,
        /// The message, decoded.
        message: FromPeer,
    },
    /// A session is over.
    PeerLeft {
        /// The session that is over.
        peer: PeerId,
        /// How it ended.
        end: PeerEnd,
    },
    /// A peer has answered a ping: an instant can be told on its clock.
    ClockKnown(PeerId),
    /// The monotonic clock under a peer jumped.
    ClockJumped {
        /// The session whose host's clock jumped.
        peer: PeerId,
        /// By how much.
        by: Duration,
    },
    /// The process of an agent that was started from here has ended, and nobody starts another.
    AgentEnded(LostAgent),
    /// A part came from a worker that had been given up; it was dropped.
    LatePart,
    /// Information without further consequences, such as a refused peer.
    Info(String),
    /// The block's parts and marker are durable.
    Committed,
    /// They are, and the interim analysis finds the run's answer clear: the run can end. Why, in
    /// words.
    Settled(String),
    /// The store could not make something durable.
    StoreFailed(String),
    /// Ctrl-C.
    Interrupt,
    /// Time passed.
    Tick,
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
    /// Turn a peer away.
    Refuse {
        /// Whom.
        peer: PeerId,
        /// One sentence.
        message: String,
        /// Trying again cannot help.
        last: bool,
    },
    /// Tell a peer.
    Send {
        /// Whom.
        peer: PeerId,
        /// The message to send.
        message: ToPeer,
    },
    /// Send an agent the next piece of a build, if it takes what it asks for.
    SendBuild {
        /// To whom.
        peer: PeerId,
        /// The build, by its content.
        sha256: Sha256,
        /// From which byte on.
        offset: u64,
    },
    /// Set a common start instant for these workers, whose clocks are known.
    StartAt {
        /// Which try.
        attempt: Attempt,
        /// Whom.
        peers: Vec<PeerId>,
    },
    /// The first engine is open: from here on the run exists.
    CreateRun(RunIdentity),
    /// Keep an accepted part.
    Keep(Delivery),
    /// Make the block durable, then say [`Event::Committed`] or [`Event::Settled`].
    Commit(BlockDone),
    /// Remember something that a reader of the results must know.
    Note(PendingNotice),
    /// Make durable what was remembered.
    WriteNotes,
    /// For the eye.
    Show(ProgressEvent),
    /// The run is over.
    Finish(Ending),
}

/// A [`Notice`] before the driver adds the wall clock.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingNotice {
    /// The trial in which it happened.
    pub key: TrialKey,
    /// In which try.
    pub attempt: Attempt,
    /// What happened, as data.
    pub reason: Reason,
    /// Workers whose parts of the attempt are lost by it.
    pub workers: u32,
    /// A host that is on record from here on, with its agent's name.
    pub host: Option<Box<(String, HostFacts)>>,
}

/// What the user may want to see while a run goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgressEvent {
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
    Note(PendingNotice),
    /// A line about the fleet from which nothing follows.
    Info(String),
    /// Stopping as asked.
    Stopping,
}

impl ProgressEvent {
    /// Whether it is said even where progress is not wanted.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        matches!(self, Self::Note(_) | Self::Info(_) | Self::Stopping)
    }
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

impl PendingNotice {
    /// Its kind on record.
    #[must_use]
    pub fn kind(&self) -> NoticeKind {
        self.reason.kind()
    }

    /// With the wall clock, in words.
    #[must_use]
    pub fn at(self, unix_ms: u64) -> Notice {
        Notice {
            unix_ms,
            key: self.key,
            attempt: self.attempt,
            kind: self.reason.kind(),
            message: self.reason.to_string(),
            workers: Some(self.workers),
            host: self.host.map(|host| *host),
        }
    }
}
