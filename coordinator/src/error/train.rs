//! Why a training does not count.

use std::io;
use std::path::PathBuf;

use crate::build::BuildError;

/// Why a training does not count.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A build that is trained on the prompts it is judged by proves nothing.
    #[error(
        "train on evaluation prompts: scenario `{scenario}` must say prompt.set = \"training\""
    )]
    EvaluationPrompts {
        /// Name of the scenario.
        scenario: String,
    },
    /// A file of the training cannot be found.
    #[error("find {}: {source}", path.display())]
    NotFound {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The instrumented build cannot be read.
    #[error("hash the instrumented build: {0}")]
    Program(BuildError),
    /// It did not come to its end.
    #[error("complete the training: {reason}")]
    Unfinished {
        /// Why the run ended, as a clause.
        reason: String,
    },
    /// A profile of failures is not a profile of the work.
    #[error("complete the training: {requests} of its requests failed")]
    FailedRequests {
        /// Requests that did not end well.
        requests: u64,
    },
}
