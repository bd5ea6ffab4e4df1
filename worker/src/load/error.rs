//! Why no load can be made of an assignment.

use super::files::FileError;
use super::prompt::PromptError;

/// Why an assignment cannot be carried out as it stands. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum PhaseError {
    /// The share does not exist.
    #[error("take share {index} of {of}: shares are counted from zero")]
    Share {
        /// Index given.
        index: u32,
        /// Of how many.
        of: u32,
    },
    /// The scenario asks for nothing.
    #[error("send requests without {what}: set it to one or more")]
    Nothing {
        /// What is zero.
        what: &'static str,
    },
    /// There would be requests that nobody may send.
    #[error(
        "spread {concurrency} requests in flight over {slots} slots: use at most {concurrency} slots, or more in flight"
    )]
    TooManySlots {
        /// In flight over all slots.
        concurrency: u32,
        /// Slots.
        slots: u32,
    },
    /// A request does not fit into the model's context.
    #[error(
        "send requests of {asked} tokens to a model with a context of {limit}: shorten prompt or output"
    )]
    Context {
        /// Prompt and output.
        asked: u32,
        /// Longest sequence.
        limit: u32,
    },
    /// A file of it cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A prompt could not be made.
    #[error(transparent)]
    Prompt(#[from] PromptError),
}
