//! The events of a run and the effects on it: everything that the pure core and the driver
//! exchange.

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
use crate::schedule::Block;

/// An event.
#[derive(Debug)]
pub enum Event {
    /// A peer introduced itself.
    PeerOpened {
        /// Its session.
        peer: PeerId,
        /// Its first message.
        hello: Box<Hello>,
    },
    /// A peer sent a message.
    PeerSaid {
        /// Its session.
        peer: PeerId,
        /// The message, decoded.
        message: FromPeer,
    },
    /// A session has ended.
    PeerLeft {
        /// The session that is over.
        peer: PeerId,
        /// How it ended.
        end: PeerEnd,
    },
    /// A peer has answered a ping, so start instants can be converted to its clock.
    ClockKnown(PeerId),
    /// A peer's monotonic clock jumped.
    ClockJumped {
        /// The session whose host's clock jumped.
        peer: PeerId,
        /// Size of the jump.
        by: Duration,
    },
    /// The process of an agent that this program started has ended and is not started again.
    AgentEnded(LostAgent),
    /// A worker that had been given up sent a part; it was dropped.
    LatePart,
    /// Information that changes nothing, such as a refused peer.
    Info(String),
    /// The block's parts and marker are durable.
    Committed,
    /// The block is durable and the interim analysis is decisive, so the run can end. The text says
    /// why.
    Settled(String),
    /// The block is durable, and another one follows those of the script.
    Extended(Box<Block>),
    /// The store could not make something durable.
    StoreFailed(String),
    /// Ctrl-C.
    Interrupt,
    /// Time has passed.
    Tick,
}

/// A part with its encoded bytes.
#[derive(Debug)]
pub struct Delivery {
    /// Decoded and checked part.
    pub part: Box<Part>,
    /// The bytes as received, for the store.
    pub sealed: Vec<u8>,
}

/// An effect that the driver performs.
#[derive(Debug)]
pub enum Effect {
    /// Refuse a peer.
    Refuse {
        /// Peer to refuse.
        peer: PeerId,
        /// Reason, in one sentence.
        message: String,
        /// Whether trying again is pointless.
        last: bool,
    },
    /// Send a peer a message.
    Send {
        /// Recipient.
        peer: PeerId,
        /// The message to send.
        message: ToPeer,
    },
    /// Send an agent the next piece of a build, if its queue has room.
    SendBuild {
        /// Recipient.
        peer: PeerId,
        /// SHA-256 of the build.
        sha256: Sha256,
        /// Offset of the piece, bytes.
        offset: u64,
    },
    /// Send these workers a common start instant. Their clocks are known.
    StartAt {
        /// Attempt that starts.
        attempt: Attempt,
        /// Workers that start.
        peers: Vec<PeerId>,
    },
    /// Create the stored run: the first engine is open.
    CreateRun(RunIdentity),
    /// Store an accepted part.
    Keep(Delivery),
    /// Make the block durable, then report [`Event::Committed`], [`Event::Settled`] or
    /// [`Event::Extended`].
    Commit(BlockDone),
    /// Note something that a reader of the results must know.
    Note(PendingNotice),
    /// Make pending notices durable.
    WriteNotes,
    /// Show progress to the user.
    Show(ProgressEvent),
    /// End the run.
    Finish(Ending),
}

/// A [`Notice`] without its wall-clock time, which the driver adds.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingNotice {
    /// Trial in which it happened.
    pub key: TrialKey,
    /// Attempt in which it happened.
    pub attempt: Attempt,
    /// Reason, as data.
    pub reason: Reason,
    /// Number of workers whose parts of the attempt are lost by it.
    pub workers: u32,
    /// Agent name and facts of a host that is recorded from here on.
    pub host: Option<Box<(String, HostFacts)>>,
}

/// Progress of a run, for the user.
#[derive(Clone, Debug, PartialEq)]
pub enum ProgressEvent {
    /// Waiting until enough slots have registered.
    Gathering {
        /// Registered slots.
        have: u32,
        /// Required slots.
        want: u32,
    },
    /// A trial has begun.
    Trial {
        /// Key of the trial; in a duet that of the first slot.
        key: TrialKey,
        /// Its arm and that arm's variant; in a duet both arms.
        arms: Vec<(Arm, String)>,
        /// Trials done in all blocks.
        done: u32,
        /// Trials in total.
        total: u32,
        /// Attempt of the block.
        attempt: Attempt,
    },
    /// The trial's workers have reached a phase.
    Phase(&'static str),
    /// Progress of the trial over all its workers, about once a second.
    Live(Progress),
    /// The first engine of the run is open.
    Loaded(LoadReport),
    /// A notice.
    Note(PendingNotice),
    /// A line about the fleet that changes nothing.
    Info(String),
    /// The run is stopping on request.
    Stopping,
}

impl ProgressEvent {
    /// Whether the event is shown even if progress is switched off.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        matches!(self, Self::Note(_) | Self::Info(_) | Self::Stopping)
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// First cause of the end.
    pub cause: Cause,
    /// Explanation, if the run did not complete.
    pub reason: String,
}

/// Cause of a run's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Every block is done.
    Done,
    /// Ctrl-C.
    User,
    /// A failure that would occur again.
    Worker(Failure),
    /// The store could not keep a measurement.
    Store,
    /// More losses than the plan allows, or no host to run on.
    Losses,
}

impl Ending {
    /// State of the run after this end.
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
    /// Notice kind under which it is recorded.
    #[must_use]
    pub fn kind(&self) -> NoticeKind {
        self.reason.kind()
    }

    /// Adds the wall-clock time and the sentence.
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
