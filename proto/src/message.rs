//! What is said over a session, in the project's own types. One enum a direction; who may say what
//! is told by the variants' order: first for both, then for agents, then for workers.

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
        /// Of the ping.
        seq: u32,
        /// The sender's clock when it answered.
        mono: Duration,
    },
    /// A sign of life.
    Beat(Option<Progress>),
    /// Agent: the process could not be started.
    SpawnFailed {
        /// The order to start the process.
        ticket: Ticket,
        /// Why, as a sentence with the way out.
        message: String,
    },
    /// Agent: the process ended.
    Exited {
        /// The order that started the process.
        ticket: Ticket,
        /// Exit code or signal.
        exit: Exit,
    },
    /// Agent: the next piece of a build that it lacks, please.
    FetchBuild {
        /// The build, by its content.
        sha256: Sha256,
        /// From which byte on.
        offset: u64,
    },
    /// Agent: a build has come whole and is what its hash says.
    FetchedBuild {
        /// The build, by its content.
        sha256: Sha256,
        /// Bytes.
        size: u64,
        /// The copy that was kept here was damaged, and is replaced.
        replaced: bool,
    },
    /// Worker: the engine is open.
    Loaded {
        /// Which try.
        attempt: Attempt,
        /// What was opened.
        report: LoadReport,
    },
    /// Worker: warmed up, waiting for the start instant.
    Armed(Attempt),
    /// Worker: a piece of the enveloped part.
    Part(PartChunk),
    /// Worker: the profile was written (false: this build has none).
    Flushed(bool),
    /// Worker: the attempt cannot go on.
    Failed {
        /// Which try.
        attempt: Attempt,
        /// Kind and sentence.
        failure: Failure,
    },
}

/// From the coordinator to an agent or a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum ToPeer {
    /// The answer to a hello.
    Welcome(Welcome),
    /// The session is not wanted.
    Refused {
        /// One sentence.
        message: String,
        /// Trying again cannot help.
        last: bool,
    },
    /// Asks for a pong.
    Ping {
        /// Returned in the pong.
        seq: u32,
    },
    /// Agent: start a worker process.
    Spawn(Spawn),
    /// Agent: stop it; kill it after the grace.
    Stop {
        /// The order that started the process.
        ticket: Ticket,
        /// Time to end by itself.
        grace: Duration,
    },
    /// Agent: a piece of a build.
    BuildChunk(BuildChunk),
    /// Worker: open the engine.
    Load {
        /// Which try.
        attempt: Attempt,
        /// What to open.
        engine: EngineSpec,
        /// What will be asked of it.
        demand: Demand,
    },
    /// Worker: take this share, warm up, and wait.
    Arm {
        /// Which try.
        attempt: Attempt,
        /// The share.
        assignment: Box<Assignment>,
    },
    /// Worker: begin at this instant of your own monotonic clock.
    Start {
        /// Which try.
        attempt: Attempt,
        /// The instant, on the worker's monotonic clock.
        at: Duration,
        /// How well `at` is known.
        uncertainty: Duration,
    },
    /// Worker: the part is durable.
    PartStored(Attempt),
    /// Worker: write the profile.
    Flush,
    /// Finish and leave.
    Drain,
}

/// The first message of every session.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// [`crate::PROTOCOL`] of the sender.
    pub protocol: u32,
    /// Shared secret of the run.
    pub token: Token,
    /// Process id.
    pub pid: u32,
    /// Which build it is.
    pub build: BuildInfo,
    /// Where it runs.
    pub host: HostFacts,
    /// As what it comes.
    pub role: Role,
}

/// As what a peer comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// One per host: starts and stops workers, never loads a model.
    Agent {
        /// Its name, unique in the fleet.
        name: String,
        /// Places where it can run a worker.
        slots: u32,
    },
    /// A measured process.
    Worker {
        /// Given to it by the agent that started it.
        ticket: Ticket,
    },
}

/// The answer to a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Number of the session.
    pub session: u64,
    /// Without a word from the coordinator for this long, the peer stops by itself.
    pub lease: Duration,
    /// How often it should give a sign of life.
    pub beat: Duration,
}

/// Counts so far, for the eye only; results come with the part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Which try.
    pub attempt: Attempt,
    /// Requests sent.
    pub issued: u64,
    /// Requests answered.
    pub completed: u64,
    /// Requests ended otherwise.
    pub failed: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// Largest lateness, ns; zero from older workers.
    pub late_ns: u64,
}

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, unless killed.
    pub code: Option<i32>,
    /// Signal that killed it.
    pub signal: Option<i32>,
    /// The last lines of its standard error.
    pub tail: String,
}

/// In a worker's environment: the processors of its host are divided among the slots, and it keeps
/// to its own.
pub const OWN_PROCESSORS: &str = "PGO_BENCH_OWN_PROCESSORS";

/// Start a worker process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spawn {
    /// Ties the process to its slot and attempt.
    pub ticket: Ticket,
    /// Slot on this host.
    pub slot: u32,
    /// Path of the variant's binary on that host.
    pub binary: String,
    /// What the file must hash to before it is executed.
    pub sha256: Sha256,
    /// Environment beyond the agent's own.
    pub env: Vec<(String, String)>,
    /// Model of which every byte is to be hashed first, as that host sees it.
    pub model: Option<String>,
}

/// What an engine says once it is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Digest of the model.
    pub model_digest: String,
    /// Parameters.
    pub parameters: u64,
    /// Bytes of weights.
    pub weight_bytes: u64,
    /// Longest sequence.
    pub max_context: u32,
    /// Engine threads.
    pub threads: u32,
    /// What the demand needs, bytes.
    pub memory_needed: u64,
    /// Digest over every byte of the model's files, where it was asked for.
    pub model_sha256: Option<Sha256>,
}

/// A piece of an enveloped part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartChunk {
    /// Which try.
    pub attempt: Attempt,
    /// From zero, without gaps.
    pub seq: u32,
    /// Whether it is the last.
    pub last: bool,
    /// At most [`PART_CHUNK`] bytes.
    pub bytes: Vec<u8>,
}

/// A piece of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildChunk {
    /// The build, by its content.
    pub sha256: Sha256,
    /// From which byte on.
    pub offset: u64,
    /// At most [`PART_CHUNK`] bytes, or why there are none.
    pub bytes: Result<Vec<u8>, String>,
    /// Whether it is the last.
    pub last: bool,
}

/// Bytes in one piece of a part or build, far below gRPC's message limit.
pub const PART_CHUNK: usize = 256 * 1024;

/// Why an attempt cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Class.
    pub kind: FailureKind,
    /// One sentence with the way out.
    pub message: String,
}

/// Classes of failure in a worker.
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
    /// The engine broke down.
    Engine,
    /// A message that is not legal in this state.
    Protocol,
}

impl FailureKind {
    /// Whether a second try would end the same way. Retry the transient, fail at once on the
    /// deterministic.
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
