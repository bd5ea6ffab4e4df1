//! Why an assignment cannot become a load.

use super::files::FileError;
use super::prompt::PromptError;

/// Why an assignment cannot be performed. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum PhaseError {
    /// The share does not exist.
    #[error("take share {index} of {of}: shares are counted from zero")]
    Share {
        /// The given index.
        index: u32,
        /// Number of shares.
        of: u32,
    },
    /// The scenario is empty.
    #[error("send requests without {what}: set it to one or more")]
    Nothing {
        /// The value that is zero.
        what: &'static str,
    },
    /// Some slots would have no request in flight.
    #[error(
        "spread {concurrency} requests in flight over {slots} slots: use at most {concurrency} slots, or more in flight"
    )]
    TooManySlots {
        /// Number in flight over all slots.
        concurrency: u32,
        /// Slots.
        slots: u32,
    },
    /// A request does not fit into the model's context.
    #[error(
        "send requests of {asked} tokens to a model with a context of {limit}: shorten prompt or output"
    )]
    Context {
        /// Prompt and output tokens.
        asked: u32,
        /// Longest sequence, tokens.
        limit: u32,
    },
    /// One of its files cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A prompt could not be made.
    #[error(transparent)]
    Prompt(#[from] PromptError),
}
