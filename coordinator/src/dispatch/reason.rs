//! Why something happened to a run, as data: the core decides by it, the record keeps its kind, and
//! readers see its sentence. One enum, its kinds and its sentences; it must not know what follows
//! from a reason.

use std::fmt;
use std::time::Duration;

use contract::id::Attempt;
use contract::message::Exit;
use contract::run::NoticeKind;

use super::trial::WorkerState;

/// An agent that was started from here and has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostAgent {
    /// On which host.
    pub host: String,
    /// How the process ended.
    pub exit: Exit,
}

/// Why a run ends that the user stops.
pub(super) const INTERRUPTED: &str = "stopped by the user";

/// A worker, and the host it runs on: what ends the one often has its cause in the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerName {
    /// Slot over the whole fleet.
    pub slot: u32,
    /// Its agent's name, while that is here.
    pub host: Option<String>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEnd {
    /// The stream ended or broke.
    Closed,
    /// Nothing came for the length of the lease.
    Silent,
    /// It did not take what it was told: its queue was full.
    Unread,
}

/// Something that a reader of the results must know, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A process ended before its part came.
    WorkerExited {
        /// The worker's name, with host and slot.
        worker: WorkerName,
        /// Exit code or signal.
        exit: Exit,
    },
    /// A worker's session ended while its process may still live.
    WorkerLeft {
        /// The worker's name, with host and slot.
        worker: WorkerName,
        /// How its session ended.
        end: PeerEnd,
    },
    /// A worker answered no ping, so that it cannot be told when to start.
    NoClock(WorkerName),
    /// A worker was not ready, armed or done in time.
    Overdue {
        /// The worker's name, with host and slot.
        worker: WorkerName,
        /// How far it had come.
        step: WorkerState,
    },
    /// The monotonic clock under a worker jumped.
    ClockJumped {
        /// Slot over the whole fleet.
        slot: u32,
        /// By how much.
        by: Duration,
    },
    /// A process could not be started.
    SpawnFailed(String),
    /// A worker said that it cannot go on.
    WorkerFailed(String),
    /// A part cannot be accepted.
    BadPart {
        /// Who sent it.
        worker: WorkerName,
        /// What is wrong with it.
        why: String,
    },
    /// A host's agent was lost.
    AgentLost {
        /// Host name, as the agent told it.
        host: String,
        /// How its session ended.
        end: PeerEnd,
        /// Workers whose parts of the block are lost with it.
        workers: u32,
    },
    /// An agent that was started from here has ended.
    AgentEnded(LostAgent),
    /// None of a block's slots has a host.
    NoSlotLeft,
    /// A message of an older attempt came and was dropped.
    Late {
        /// Of the message.
        of: Attempt,
        /// When it came.
        during: Attempt,
        /// Such messages of the whole run.
        count: u64,
    },
    /// A part came from a worker that had been given up.
    LatePart {
        /// Such messages of the whole run.
        count: u64,
    },
    /// The user stopped the run.
    Interrupted,
    /// A block goes on without a slot.
    Shrunk {
        /// Index of the slot over the whole fleet.
        slot: u32,
        /// Requests of each arm that nobody sends.
        requests: u32,
    },
    /// A host was not let in: it is not like those that the run began on.
    HostRefused {
        /// Its agent's name.
        name: String,
        /// What differs.
        why: String,
    },
    /// A host came for which there is no place.
    HostWaits {
        /// Its agent's name.
        name: String,
        /// Slots of the run.
        slots: u32,
    },
    /// Slots have a new place from this block on.
    HostPlaced {
        /// Which slots.
        slots: Vec<u32>,
        /// The agent's name.
        to: String,
        /// The name of the agent that had them.
        from: Option<String>,
    },
}

impl Reason {
    /// The kind under which it is recorded.
    #[must_use]
    pub const fn kind(&self) -> NoticeKind {
        match self {
            Self::WorkerExited { .. } => NoticeKind::WorkerLost,
            Self::WorkerLeft {
                end: PeerEnd::Unread,
                ..
            } => NoticeKind::WorkerUnread,
            Self::WorkerLeft { .. } | Self::NoClock(_) => NoticeKind::WorkerSilent,
            Self::Overdue { .. } => NoticeKind::Overdue,
            Self::ClockJumped { .. } => NoticeKind::ClockJumped,
            Self::SpawnFailed(_) => NoticeKind::SpawnFailed,
            Self::WorkerFailed(_) => NoticeKind::WorkerFailed,
            Self::BadPart { .. } => NoticeKind::BadPart,
            Self::AgentLost { .. } | Self::AgentEnded(_) | Self::NoSlotLeft => {
                NoticeKind::AgentLost
            }
            Self::Late { .. } | Self::LatePart { .. } => NoticeKind::Late,
            Self::Interrupted => NoticeKind::Interrupted,
            Self::Shrunk { .. } => NoticeKind::Shrunk,
            Self::HostRefused { .. } => NoticeKind::HostRefused,
            Self::HostWaits { .. } => NoticeKind::HostWaits,
            Self::HostPlaced { .. } => NoticeKind::HostPlaced,
        }
    }
}

impl fmt::Display for WorkerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the worker in slot {}", self.slot)?;
        self.host
            .as_ref()
            .map_or(Ok(()), |host| write!(f, " on {host}"))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WorkerExited { worker, exit } => {
                write!(f, "{worker} ended before its part came ({exit})")
            }
            Self::WorkerLeft {
                worker,
                end: PeerEnd::Unread,
            } => {
                write!(
                    f,
                    "{worker} did not read its messages: its queue was full, and its session was ended"
                )
            }
            Self::WorkerLeft { worker, .. } => write!(f, "{worker} fell silent"),
            Self::NoClock(worker) => write!(
                f,
                "{worker} answered no ping, so no start time could be set"
            ),
            Self::Overdue { worker, step } => write!(f, "{worker} {} in time", step.overdue()),
            Self::ClockJumped { slot, by } => write!(
                f,
                "the clock of the host of slot {slot} jumped by {:.1} s: it was suspended, or its clock is broken",
                by.as_secs_f64()
            ),
            Self::SpawnFailed(message) | Self::WorkerFailed(message) => f.write_str(message),
            Self::BadPart { worker, why } => write!(
                f,
                "{worker} sent a part that was refused: failed to \
                                                        {why}"
            ),
            Self::AgentLost { host, end, workers } => {
                write!(f, "the agent of {host} was lost")?;
                if *end == PeerEnd::Unread {
                    f.write_str(": it did not read its messages, its queue was full")?;
                }
                if *workers > 0 {
                    f.write_str(", and its workers with it")
                } else {
                    Ok(())
                }
            }
            Self::AgentEnded(lost) => write!(f, "the agent of {} ended ({})", lost.host, lost.exit),
            Self::NoSlotLeft => f.write_str("no slot of the block is left"),
            Self::Late { of, during, count } => {
                write!(
                    f,
                    "a message of attempt {} arrived during attempt \
                           {}{}",
                    of.0,
                    during.0,
                    so_far(*count)
                )
            }
            Self::LatePart { count } => {
                write!(
                    f,
                    "a part from a worker that was already given up arrived and was \
                           dropped{}",
                    so_far(*count)
                )
            }
            Self::Interrupted => f.write_str(INTERRUPTED),
            Self::Shrunk { slot, requests } => write!(
                f,
                "the block continues without slot {slot}; its {requests} requests of each arm are not sent"
            ),
            Self::HostRefused { name, why } => write!(
                f,
                "the host of agent {name} was refused: it does not match the hosts that this run began on \
                 ({why})"
            ),
            Self::HostWaits { name, slots } => write!(
                f,
                "the agent of {name} waits: all {slots} slots have a host; it replaces a host that is lost"
            ),
            Self::HostPlaced { slots, to, from } => placed(f, slots, to, from.as_deref()),
        }
    }
}

fn so_far(count: u64) -> String {
    if count > 1 {
        format!(" ({count} so far)")
    } else {
        String::new()
    }
}

fn placed(f: &mut fmt::Formatter<'_>, slots: &[u32], to: &str, from: Option<&str>) -> fmt::Result {
    let (first, last) = (
        slots.first().copied().unwrap_or(0),
        slots.last().copied().unwrap_or(0),
    );
    match slots.len() {
        0 | 1 => write!(f, "slot {first} is")?,
        _ => write!(f, "slots {first} to {last} are")?,
    }
    write!(f, " on {to} from this block on")?;
    match from.filter(|from| *from != to) {
        Some(from) => write!(f, ", replacing {from}"),
        None => f.write_str(", a host that joined later"),
    }
}

impl WorkerState {
    /// What a worker that stays here too long failed to do.
    const fn overdue(self) -> &'static str {
        match self {
            Self::Spawning => "did not report to the coordinator",
            Self::Loading => "did not finish loading its model",
            Self::Ready | Self::Arming => "did not finish its warm-up",
            Self::Armed | Self::Running => "did not finish its requests",
            Self::Reported | Self::Flushing => "did not write its profile",
            Self::Leaving | Self::Gone => "did not leave",
        }
    }
}
