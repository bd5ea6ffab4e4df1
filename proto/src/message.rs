//! The messages of a session, in the project's own types. One enum for each direction; the order of
//! variants shows who may send each: first both, then agents, then workers.

use std::time::Duration;

use crate::credentials::Token;
use crate::id::{Attempt, Ticket};
use crate::identity::{BuildInfo, HostFacts, Sha256};
use crate::spec::{Assignment, Demand, EngineSpec};

/// From an agent or a worker to the coordinator.
#[derive(Clone, Debug, PartialEq)]
pub enum FromPeer {
    /// The first message of every session.
    Hello(Box<Hello>),
    /// Answer to a ping, with the sender's own monotonic clock.
    Pong {
        /// Number of the ping.
        seq: u32,
        /// The sender's clock when it answered.
        mono: Duration,
    },
    /// A keep-alive, with progress during a trial.
    Beat(Option<Progress>),
    /// Agent: the process could not be started.
    SpawnFailed {
        /// Ticket of the start order.
        ticket: Ticket,
        /// The reason and the remedy, in one sentence.
        message: String,
    },
    /// Agent: the process ended.
    Exited {
        /// Ticket of the start order.
        ticket: Ticket,
        /// Exit code or signal.
        exit: Exit,
    },
    /// Agent: requests the next piece of a build that it lacks.
    FetchBuild {
        /// SHA-256 of the build.
        sha256: Sha256,
        /// Offset of the piece, bytes.
        offset: u64,
    },
    /// Agent: a build was received completely and matches its hash.
    FetchedBuild {
        /// SHA-256 of the build.
        sha256: Sha256,
        /// Its size, bytes.
        size: u64,
        /// The copy in the agent's cache was damaged and has been replaced.
        replaced: bool,
    },
    /// Worker: the engine is open.
    Loaded {
        /// Attempt.
        attempt: Attempt,
        /// Facts of the opened engine.
        report: LoadReport,
    },
    /// Worker: warmed up, waiting for the start instant.
    Armed(Attempt),
    /// Worker: a piece of the enveloped part.
    Part(PartChunk),
    /// Worker: the profile was written (false: this build has none).
    Flushed(bool),
    /// Worker: the attempt cannot continue.
    Failed {
        /// Attempt.
        attempt: Attempt,
        /// Kind and sentence of the failure.
        failure: Failure,
    },
}

/// From the coordinator to an agent or a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum ToPeer {
    /// The answer to a hello.
    Welcome(Welcome),
    /// The session is refused.
    Refused {
        /// Reason, in one sentence.
        message: String,
        /// Whether trying again is pointless.
        last: bool,
    },
    /// Requests a pong.
    Ping {
        /// Returned in the pong.
        seq: u32,
    },
    /// Agent: start a worker process.
    Spawn(Spawn),
    /// Agent: stop a worker process; kill it after the grace period.
    Stop {
        /// Ticket of the start order.
        ticket: Ticket,
        /// Grace period.
        grace: Duration,
    },
    /// Agent: a piece of a build.
    BuildChunk(BuildChunk),
    /// Worker: open the engine.
    Load {
        /// Attempt.
        attempt: Attempt,
        /// The engine to open.
        engine: EngineSpec,
        /// The demand that it must meet.
        demand: Demand,
    },
    /// Worker: take this share, warm up, and wait.
    Arm {
        /// Attempt.
        attempt: Attempt,
        /// The share.
        assignment: Box<Assignment>,
    },
    /// Worker: begin at this instant of your own monotonic clock.
    Start {
        /// Attempt.
        attempt: Attempt,
        /// The instant, on the worker's monotonic clock.
        at: Duration,
        /// Uncertainty of `at`.
        uncertainty: Duration,
    },
    /// Worker: the part is durable.
    PartStored(Attempt),
    /// Worker: write the profile.
    Flush,
    /// Finish and end the process.
    Drain,
}

/// The first message of every session.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// [`crate::PROTOCOL`] of the sender.
    pub protocol: u32,
    /// The fleet's shared secret.
    pub token: Token,
    /// Process id.
    pub pid: u32,
    /// Its build.
    pub build: BuildInfo,
    /// Its host.
    pub host: HostFacts,
    /// Its role.
    pub role: Role,
}

/// Role of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// One per host: starts and stops workers, never loads a model.
    Agent {
        /// Its name, unique in the fleet.
        name: String,
        /// Number of workers it can run at a time.
        slots: u32,
    },
    /// A measured process.
    Worker {
        /// Ticket that the agent gave it.
        ticket: Ticket,
    },
}

/// The answer to a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Number of the session.
    pub session: u64,
    /// If the peer hears nothing from the coordinator for this long, it stops by itself.
    pub lease: Duration,
    /// Interval at which the peer must send a keep-alive.
    pub beat: Duration,
}

/// Counts so far, for display only; results come with the part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Attempt.
    pub attempt: Attempt,
    /// Requests sent.
    pub issued: u64,
    /// Requests answered.
    pub completed: u64,
    /// Requests that ended otherwise.
    pub failed: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Largest lateness, ns; zero from older workers.
    pub late_ns: u64,
}

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, unless a signal killed it.
    pub code: Option<i32>,
    /// Signal that killed it.
    pub signal: Option<i32>,
    /// The last lines of its standard error.
    pub tail: String,
}

/// Set in a worker's environment if the processors of its host are divided among the slots; the
/// worker then stays on its own.
pub const OWN_PROCESSORS: &str = "PGO_BENCH_OWN_PROCESSORS";

/// Order to start a worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spawn {
    /// Links the process to its slot and attempt.
    pub ticket: Ticket,
    /// Slot on this host.
    pub slot: u32,
    /// Path of the variant's binary on that host.
    pub binary: String,
    /// SHA-256 that the file must have before it is executed.
    pub sha256: Sha256,
    /// Environment variables in addition to the agent's own.
    pub env: Vec<(String, String)>,
    /// Path on that host of the model whose every byte must be hashed first.
    pub model: Option<String>,
}

/// What an engine reports once it is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Digest of the model.
    pub model_digest: String,
    /// Number of parameters.
    pub parameters: u64,
    /// Bytes of weights.
    pub weight_bytes: u64,
    /// Longest sequence, tokens.
    pub max_context: u32,
    /// Engine threads.
    pub threads: u32,
    /// Memory that the demand needs, bytes.
    pub memory_needed: u64,
    /// Digest over every byte of the model's files, if requested.
    pub model_sha256: Option<Sha256>,
}

/// A piece of an enveloped part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartChunk {
    /// Attempt.
    pub attempt: Attempt,
    /// Sequence number, from zero without gaps.
    pub seq: u32,
    /// Whether it is the last.
    pub last: bool,
    /// At most [`PART_CHUNK`] bytes.
    pub bytes: Vec<u8>,
}

/// A piece of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildChunk {
    /// SHA-256 of the build.
    pub sha256: Sha256,
    /// Offset of the piece, bytes.
    pub offset: u64,
    /// At most [`PART_CHUNK`] bytes, or why there are none.
    pub bytes: Result<Vec<u8>, String>,
    /// Whether it is the last.
    pub last: bool,
}

/// Greatest size of a piece of a part or build, bytes; far below gRPC's message limit.
pub const PART_CHUNK: usize = 256 * 1024;

/// Why an attempt cannot continue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Class.
    pub kind: FailureKind,
    /// One sentence that says what failed and what to do.
    pub message: String,
}

/// Kinds of failure in a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No model at the path.
    ModelNotFound,
    /// The model's files cannot be used.
    ModelInvalid,
    /// The demand does not fit into memory.
    NotEnoughMemory,
    /// The assignment contradicts itself or the engine.
    BadAssignment,
    /// The engine failed.
    Engine,
    /// A message that is not allowed in this state.
    Protocol,
}

impl FailureKind {
    /// Whether a second attempt would fail in the same way. Transient failures are retried;
    /// deterministic ones end the run at once.
    #[must_use]
    pub const fn is_deterministic(self) -> bool {
        !matches!(self, Self::Engine)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.signal, self.code) {
            (Some(signal), _) => write!(f, "killed by signal {signal}")?,
            (None, Some(code)) => write!(f, "exit code {code}")?,
            (None, None) => f.write_str("lost")?,
        }
        let tail = self.tail.trim();
        if tail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {tail}")
        }
    }
}
