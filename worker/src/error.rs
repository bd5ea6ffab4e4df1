//! What ends a worker or an agent otherwise than as asked, and the exit code that tells it to
//! whoever started it.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | left as asked |
//! | 1 | `bench --invariance` found tokens that depend on a request's company |
//! | 2 | wrong usage, missing environment, a model that is missing, damaged, unsupported or computes no finite numbers, or the operating system refused |
//! | 3 | the coordinator refused this process; trying again cannot help |
//! | 4 | the coordinator could not be reached in time |
//! | 5 | the session was lost: the coordinator fell silent or the connection broke |
//! | 101 | a defect: the process panicked |

use std::path::PathBuf;

use contract::credentials::CredentialsError;
use contract::descriptors::TooFew;
use contract::shell;

#[cfg(feature = "native")]
use crate::bench::BenchError;
use crate::session::link::LinkError;

/// Why the program did not end as asked. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// There is no session, or no longer one.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The engine could not be measured.
    #[cfg(feature = "native")]
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// A request's tokens depend on its company.
    #[error(
        "confirm invariance over {compositions} compositions: {differing} tokens differ from those of a \
         request alone"
    )]
    Variant {
        /// Compositions checked.
        compositions: usize,
        /// Tokens that differ.
        differing: usize,
    },
    /// The generator did not answer its own requests.
    #[error(
        "measure the generator limit: requests were lost or timed out; try again on a less busy machine"
    )]
    GeneratorLimit,
    /// The referee cannot listen, or not write its log.
    #[error("run the referee: {0}; look at --listen and --log")]
    Referee(std::io::Error),
    /// A worker was not started by an agent.
    #[error(
        "read the environment variable {name}, which an agent sets for the workers it starts: run `worker agent`"
    )]
    Environment {
        /// Missing, or not what it should be.
        name: &'static str,
    },
    /// The agent has no token.
    #[error(
        "read the fleet's token: set the environment variable {name}, or give --credentials DIR"
    )]
    NoToken {
        /// Where it should be.
        name: &'static str,
    },
    /// Secrets would be sent in the clear.
    #[error(
        "use the coordinator's address `{address}`: secrets are not sent over a network unencrypted; use \
         https:// with --credentials DIR, or give --insecure"
    )]
    InTheClear {
        /// As given.
        address: String,
    },
    /// A fleet's secrets would be sent to whoever listens on this host.
    #[error(
        "use the coordinator's address `{address}`: with --credentials the coordinator must authenticate \
         itself, because otherwise any process that listens there would get the fleet's token; use \
         https://, or give --insecure"
    )]
    ToAnybody {
        /// As given.
        address: String,
    },
    /// Others can read what must be kept to oneself.
    #[error(
        "keep the fleet's secrets: other users of this host can read {}; run `chmod go-rwx {}`, and make \
         new ones with `coordinator certs rotate` if they may have been read",
        listed(paths),
        shell::words(paths)
    )]
    Exposed {
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// A file of the credentials cannot be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Standard input does not begin with secrets.
    #[error(
        "read token and credentials from standard input: a launcher writes them as the first line"
    )]
    NoHandover,
    /// More workers than open files.
    #[error("watch over {slots} workers: {few}, or offer fewer --slots")]
    Descriptors {
        /// Slots offered.
        slots: u32,
        /// What is allowed.
        few: TooFew,
    },
    /// The file of `--ready-file` cannot be written.
    #[error("write {}, which says that this agent has joined: {source}", path.display())]
    ReadyFile {
        /// The file that was to say so.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No signal handlers.
    #[error("catch signals: {0}")]
    Signals(std::io::Error),
    /// No measuring thread.
    #[error("start the measuring thread: {0}")]
    Thread(std::io::Error),
    /// No runtime.
    #[error("start the runtime: {0}")]
    Runtime(std::io::Error),
    /// The measuring thread broke down; its own message was printed where it happened.
    #[error("measure: the measuring thread panicked")]
    Panicked,
    /// A model could not be written.
    #[error("write the model {}: {reason}", path.display())]
    WriteModel {
        /// Where to.
        path: PathBuf,
        /// The system's error, as a clause.
        reason: String,
    },
    /// A model could not be read.
    #[error("read the model {}: {reason}", path.display())]
    ReadModel {
        /// From where.
        path: PathBuf,
        /// The reader's error, as a clause.
        reason: String,
    },
}

impl WorkerError {
    /// The exit code of the table above.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Link(LinkError::Refused { .. }) => 3,
            Self::Link(LinkError::Unreachable { .. }) => 4,
            Self::Link(LinkError::Silent { .. } | LinkError::Broken { .. }) => 5,
            Self::Variant { .. } => 1,
            Self::Panicked => 101,
            _ => 2,
        }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
