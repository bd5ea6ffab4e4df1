//! Why something happened in a run, as data. The core decides by it, the record keeps its kind, and
//! the reader sees its sentence. Owns the enum, its kinds and its sentences; must not know what
//! follows from a reason.

use std::fmt;
use std::time::Duration;

use contract::id::Attempt;
use contract::message::Exit;
use contract::run::NoticeKind;

use super::trial::WorkerState;

/// An agent that this program started and that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostAgent {
    /// Its host.
    pub host: String,
    /// How the process ended.
    pub exit: Exit,
}

/// Reason recorded when the user stops a run.
pub(super) const INTERRUPTED: &str = "stopped by the user";

/// A worker and its host, because the cause of a worker's end is often on its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerName {
    /// Slot over the whole fleet.
    pub slot: u32,
    /// Its agent's name, while the agent is connected.
    pub host: Option<String>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerEnd {
    /// The stream ended or broke.
    Closed,
    /// Nothing was received for the length of the lease.
    Silent,
    /// The peer did not read its messages, and its queue was full.
    Unread,
}

impl PeerEnd {
    /// How a session ended, as a clause.
    pub(super) const fn words(&self) -> &'static str {
        match self {
            Self::Unread => "it did not read what was sent to it",
            _ => "its session ended",
        }
    }
}

/// An event that a reader of the results must know, with its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A process ended before its part arrived.
    WorkerExited {
        /// The worker's name, with host and slot.
        worker: WorkerName,
        /// Exit code or signal.
        exit: Exit,
    },
    /// A worker was lost while it was kept for its next window; another one takes its place.
    WaitingWorkerGone {
        /// The worker's name, with host and slot.
        worker: WorkerName,
        /// How its process or its session ended.
        how: String,
    },
    /// A worker's session ended while its process may still live.
    WorkerLeft {
        /// The worker's name, with host and slot.
        worker: WorkerName,
        /// How its session ended.
        end: PeerEnd,
    },
    /// A worker answered no ping, so it cannot be given a start instant.
    NoClock(WorkerName),
    /// A worker missed the deadline of its step.
    Overdue {
        /// The worker's name, with host and slot.
        worker: WorkerName,
        /// Step in which it was.
        step: WorkerState,
    },
    /// A worker's monotonic clock jumped.
    ClockJumped {
        /// Slot over the whole fleet.
        slot: u32,
        /// Size of the jump.
        by: Duration,
    },
    /// A process could not be started.
    SpawnFailed(String),
    /// A worker reported that it cannot continue.
    WorkerFailed(String),
    /// A part cannot be accepted.
    BadPart {
        /// Worker that sent it.
        worker: WorkerName,
        /// What is wrong with the part.
        why: String,
    },
    /// A host's agent was lost.
    AgentLost {
        /// Host name that the agent reported.
        host: String,
        /// How its session ended.
        end: PeerEnd,
        /// Number of workers whose parts of the block are lost with it.
        workers: u32,
    },
    /// An agent that this program started has ended.
    AgentEnded(LostAgent),
    /// None of a block's slots has a host.
    NoSlotLeft,
    /// A message of an older attempt arrived and was dropped.
    Late {
        /// Attempt that the message belongs to.
        of: Attempt,
        /// Attempt during which it arrived.
        during: Attempt,
        /// Number of such messages in the whole run.
        count: u64,
    },
    /// A worker that had been given up sent a part.
    LatePart {
        /// Number of such parts in the whole run.
        count: u64,
    },
    /// The user stopped the run.
    Interrupted,
    /// A block continues without a slot.
    Shrunk {
        /// Index of the slot over the whole fleet.
        slot: u32,
        /// Requests of each arm that no worker sends.
        requests: u32,
    },
    /// A host was refused because it does not match the hosts the run began on.
    HostRefused {
        /// Its agent's name.
        name: String,
        /// What differs.
        why: String,
    },
    /// A host joined when no slot was free.
    HostWaits {
        /// Its agent's name.
        name: String,
        /// Slots of the run.
        slots: u32,
    },
    /// Slots moved to another host, from this block on.
    HostPlaced {
        /// Slots that moved.
        slots: Vec<u32>,
        /// Name of the agent they moved to.
        to: String,
        /// Name of the agent they moved from.
        from: Option<String>,
    },
}

impl Reason {
    /// Notice kind under which it is recorded.
    #[must_use]
    pub const fn kind(&self) -> NoticeKind {
        match self {
            Self::WorkerExited { .. } | Self::WaitingWorkerGone { .. } => NoticeKind::WorkerLost,
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
            Self::WaitingWorkerGone { worker, how } => write!(
                f,
                "{worker} was lost while it waited for its next window ({how}); a new process takes its place"
            ),
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
    /// What a worker failed to do if it stays in this step too long.
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
