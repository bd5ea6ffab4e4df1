//! Reasons for a worker or an agent to fail, and the exit code that tells the process that started
//! it.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | left as asked |
//! | 1 | `bench --invariance` found tokens that depend on the other requests in a batch |
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

/// Why the program failed. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// There is no session, or it was lost.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The engine could not be measured.
    #[cfg(feature = "native")]
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// A request's tokens depend on the other requests in its batch.
    #[error(
        "confirm invariance over {compositions} compositions: {differing} tokens differ from those of a \
         request alone"
    )]
    Variant {
        /// Combinations checked.
        compositions: usize,
        /// Tokens that differ.
        differing: usize,
    },
    /// The generator did not complete its own requests.
    #[error(
        "measure the generator limit: requests were lost or timed out; try again on a less busy machine"
    )]
    GeneratorLimit,
    /// The referee cannot listen, or cannot write its log.
    #[error("run the referee: {0}; look at --listen and --log")]
    Referee(std::io::Error),
    /// A worker was not started by an agent.
    #[error(
        "read the environment variable {name}, which an agent sets for the workers it starts: run `worker agent`"
    )]
    Environment {
        /// Name of the variable, which is missing or invalid.
        name: &'static str,
    },
    /// The agent has no token.
    #[error(
        "read the fleet's token: set the environment variable {name}, or give --credentials DIR"
    )]
    NoToken {
        /// Name of the variable.
        name: &'static str,
    },
    /// Secrets would be sent unencrypted.
    #[error(
        "use the coordinator's address `{address}`: secrets are not sent over a network unencrypted; use \
         https:// with --credentials DIR, or give --insecure"
    )]
    InTheClear {
        /// The given address.
        address: String,
    },
    /// A fleet's secrets would be sent to any process that listens on this host.
    #[error(
        "use the coordinator's address `{address}`: with --credentials the coordinator must authenticate \
         itself, because otherwise any process that listens there would get the fleet's token; use \
         https://, or give --insecure"
    )]
    ToAnybody {
        /// The given address.
        address: String,
    },
    /// Other users can read the secrets.
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
    /// Too few open files for the slots.
    #[error("watch over {slots} workers: {few}, or offer fewer --slots")]
    Descriptors {
        /// Slots offered.
        slots: u32,
        /// The limit.
        few: TooFew,
    },
    /// The file of `--ready-file` cannot be written.
    #[error("write {}, which says that this agent has joined: {source}", path.display())]
    ReadyFile {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Signal handlers could not be installed.
    #[error("catch signals: {0}")]
    Signals(std::io::Error),
    /// The measuring thread could not be started.
    #[error("start the measuring thread: {0}")]
    Thread(std::io::Error),
    /// The runtime could not be started.
    #[error("start the runtime: {0}")]
    Runtime(std::io::Error),
    /// The measuring thread panicked; its message was printed then.
    #[error("measure: the measuring thread panicked")]
    Panicked,
    /// A model could not be written.
    #[error("write the model {}: {reason}", path.display())]
    WriteModel {
        /// The target.
        path: PathBuf,
        /// The system's error, as a clause.
        reason: String,
    },
    /// A model could not be read.
    #[error("read the model {}: {reason}", path.display())]
    ReadModel {
        /// The model.
        path: PathBuf,
        /// The reader's error, as a clause.
        reason: String,
    },
}

impl WorkerError {
    /// The exit code from the table above.
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
