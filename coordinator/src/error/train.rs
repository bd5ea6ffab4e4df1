//! Why a training is not valid.

use std::io;
use std::path::PathBuf;

use crate::build::BuildError;

/// Why a training is not valid.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A build that is trained on the prompts of its measurement proves nothing.
    #[error(
        "train on evaluation prompts: scenario `{scenario}` must say prompt.set = \"training\""
    )]
    EvaluationPrompts {
        /// Name of the scenario.
        scenario: String,
    },
    /// A file of the training plan was not found.
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
    /// The run did not finish.
    #[error("complete the training: {reason}")]
    Unfinished {
        /// Why the run ended, as a clause.
        reason: String,
    },
    /// A profile of failures is not a profile of the work.
    #[error("complete the training: {requests} of its requests failed")]
    FailedRequests {
        /// Number of requests that did not succeed.
        requests: u64,
    },
}
