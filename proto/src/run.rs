//! The record of a run apart from its parts: its header, completed blocks, notices, end. Must not
//! know where it is stored or what is concluded from it.

use crate::id::{Arm, Attempt, RunId, TrialKey};
use crate::identity::{HostFacts, Sha256};

/// Written once, when a run begins.
#[derive(Clone, Debug, PartialEq)]
pub struct RunHeader {
    /// The run.
    pub run: RunId,
    /// Version of the coordinator.
    pub tool_version: String,
    /// Commit of the coordinator.
    pub tool_git_sha: String,
    /// The validated plan as JSON.
    pub plan_json: String,
    /// SHA-256 of that text.
    pub plan_digest: Sha256,
    /// Seed of every order and request.
    pub seed: u64,
    /// The builds, baseline first.
    pub variants: Vec<VariantRecord>,
    /// The hosts, by agent name.
    pub hosts: Vec<(String, HostFacts)>,
    /// Slots over the whole fleet.
    pub slots: u32,
    /// Whether service times come from a model instead of an engine.
    pub simulated: bool,
    /// Digest of the model's files.
    pub model_digest: String,
    /// Digest over every byte of the model's files, the same on every host; `None` if not
    /// requested.
    pub model_sha256: Option<Sha256>,
    /// Labels that must be shown beside every number (`resident`, `a/a`, …).
    pub labels: Vec<String>,
    /// Position in the store in which the run was begun, counted from one and assigned by that
    /// store; `None` before it is stored, and in older records.
    pub sequence: Option<u64>,
}

/// How a run differs from a comparison of two alternating builds. Stored as one of the run's
/// labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It compares a build with itself.
    SameBuild,
    /// Its arms ran at the same time, so its results are about builds that affect each other.
    AtOnce,
}

impl Role {
    /// The label, for readers and in records.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::SameBuild => "a/a",
            Self::AtOnce => "duet: A and B at the same time",
        }
    }
}

impl RunHeader {
    /// Whether the run has this role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.labels.iter().any(|label| label == role.label())
    }
}

/// One build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariantRecord {
    /// Its name, as `--variants` gave it.
    pub name: String,
    /// Hash of the worker's file.
    pub sha256: Sha256,
    /// Hash of its code section.
    pub text_sha256: Sha256,
    /// Commit of its sources.
    pub git_sha: String,
    /// Compiler flags it was built with.
    pub flags: String,
    /// Hash of the profile it was optimised with; all zero without a profile.
    pub profile_sha256: Sha256,
    /// The command that starts a server, or its address; empty if the worker itself is the engine.
    pub command: String,
    /// Identifies a server's program, arguments and environment; all zero if it is not a server.
    pub identity: Sha256,
    /// Hash of a server's program; all zero if it is unknown or there is none.
    pub program_sha256: Sha256,
}

impl VariantRecord {
    /// Whether it is a server beside the worker. The worker's hash then does not identify it.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.identity != Sha256::default()
    }

    /// The hash that distinguishes it from other variants.
    #[must_use]
    pub fn own_sha256(&self) -> Sha256 {
        if self.is_server() {
            self.identity
        } else {
            self.sha256
        }
    }
}

/// All parts of a block are durable; the block is never run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDone {
    /// A scenario with one candidate, as in [`TrialKey`].
    pub cell: u32,
    /// Round.
    pub round: u32,
    /// The accepted attempt; parts of other attempts are superseded.
    pub attempt: Attempt,
    /// Arms in the order they ran.
    pub order: Vec<Arm>,
    /// Wall clock, milliseconds since 1970.
    pub finished_unix_ms: u64,
    /// Requests planned over all its parts.
    pub planned_requests: u64,
    /// Requests not sent because their slots were lost; not included in the planned ones.
    pub lost_requests: u64,
}

/// An event that a reader of the results must know.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Wall clock, milliseconds since 1970.
    pub unix_ms: u64,
    /// Trial in which it happened.
    pub key: TrialKey,
    /// Attempt in which it happened.
    pub attempt: Attempt,
    /// Its kind.
    pub kind: NoticeKind,
    /// One sentence.
    pub message: String,
    /// Number of workers whose parts of the attempt are lost by it; `None` in older records.
    pub workers: Option<u32>,
    /// A host recorded from here on, with its agent's name.
    pub host: Option<(String, HostFacts)>,
}

/// Kinds of events in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeKind {
    /// A worker process ended before its part arrived.
    WorkerLost,
    /// A worker process was silent for longer than its lease.
    WorkerSilent,
    /// A worker could not be started.
    SpawnFailed,
    /// A host's agent was lost.
    AgentLost,
    /// A worker reported that it cannot continue.
    WorkerFailed,
    /// A worker missed the deadline of its step.
    Overdue,
    /// A message of an older attempt arrived and was dropped.
    Late,
    /// A part that could not be accepted.
    BadPart,
    /// The coordinator was interrupted and the run was resumed.
    Resumed,
    /// Stopped by the user.
    Interrupted,
    /// A block continues without some of its slots.
    Shrunk,
    /// A host's monotonic clock jumped, so measurements across the jump are void.
    ClockJumped,
    /// A host that joined during the run was refused because it does not match the hosts the run
    /// began on.
    HostRefused,
    /// A worker did not read its messages.
    WorkerUnread,
    /// A host joined when no slot was free; it waits.
    HostWaits,
    /// Slots moved to another host, from this block on.
    HostPlaced,
}

/// The end of a run, for any reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEnd {
    /// Wall clock, milliseconds since 1970.
    pub unix_ms: u64,
    /// How it ended.
    pub state: RunState,
    /// VALID, INCONCLUSIVE or INVALID, for listings.
    pub validity: String,
    /// The derived summary as JSON, for listings.
    pub summary_json: String,
    /// Why it did not complete, if it did not.
    pub reason: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Every block is done.
    Complete,
    /// Stopped by the user; `--resume` continues it.
    Stopped,
    /// It could not continue; `--resume` tries again.
    Failed,
}

/// What a kind of notice means for the results.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// A worker's part of the attempt is lost, and every report shows it.
    Loss,
    /// Every report shows it.
    Told,
    /// Only recorded.
    Quiet,
}

impl NoticeKind {
    // `Shrunk` follows another notice, which records the loss of the slot.
    const TABLE: [(Self, &'static str, Weight); 16] = [
        (Self::WorkerLost, "worker_lost", Weight::Loss),
        (Self::WorkerSilent, "worker_silent", Weight::Loss),
        (Self::SpawnFailed, "spawn_failed", Weight::Loss),
        (Self::AgentLost, "agent_lost", Weight::Loss),
        (Self::WorkerFailed, "worker_failed", Weight::Loss),
        (Self::Overdue, "overdue", Weight::Loss),
        (Self::Late, "late", Weight::Told),
        (Self::BadPart, "bad_part", Weight::Loss),
        (Self::Resumed, "resumed", Weight::Quiet),
        (Self::Interrupted, "interrupted", Weight::Quiet),
        (Self::Shrunk, "shrunk", Weight::Told),
        (Self::ClockJumped, "clock_jumped", Weight::Loss),
        (Self::HostRefused, "host_refused", Weight::Told),
        (Self::WorkerUnread, "worker_unread", Weight::Loss),
        (Self::HostWaits, "host_waits", Weight::Quiet),
        (Self::HostPlaced, "host_placed", Weight::Quiet),
    ];

    fn row(self) -> (&'static str, Weight) {
        let row = Self::TABLE.iter().find(|(kind, ..)| *kind == self);
        let (_, name, weight) = row.expect("every kind has a row");
        (name, *weight)
    }

    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The kind of a stable name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let row = Self::TABLE.iter().find(|(_, known, _)| *known == name);
        row.map(|(kind, ..)| *kind)
    }

    /// Whether a worker's part of the attempt is lost by it.
    #[must_use]
    pub fn is_loss(self) -> bool {
        self.row().1 == Weight::Loss
    }

    /// Whether every report shows it.
    #[must_use]
    pub fn is_told(self) -> bool {
        self.row().1 != Weight::Quiet
    }
}

impl Notice {
    /// Number of workers whose parts of the attempt were lost; older records have only the kind.
    #[must_use]
    pub fn workers_lost(&self) -> u64 {
        match self.workers {
            Some(workers) => workers.into(),
            None => self.kind.is_loss().into(),
        }
    }
}

impl RunState {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }

    /// The state of a stable name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Complete, Self::Stopped, Self::Failed]
            .into_iter()
            .find(|state| state.name() == name)
    }
}
