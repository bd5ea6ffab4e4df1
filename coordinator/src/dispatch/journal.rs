//! Where a run writes down what must survive: the store's side of dispatch, as dispatch sees it.

use contract::run::{BlockDone, Notice, RunHeader};

use super::event::Delivery;

/// Why something could not be written down, in one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JournalError(pub String);

/// Takes what a run leaves behind. Calls block until the promise they make is kept.
pub trait Journal: Send + Sync {
    /// A run begins. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be written.
    fn begin(&self, header: &RunHeader) -> Result<(), JournalError>;

    /// Keeps a part; durable with the block it belongs to.
    ///
    /// # Errors
    /// When it could not be written.
    fn keep(&self, delivery: &Delivery) -> Result<(), JournalError>;

    /// Makes the block's parts, its notices and its marker durable before it returns.
    ///
    /// # Errors
    /// When it could not be written.
    fn commit(&self, block: &BlockDone, notices: &[Notice]) -> Result<(), JournalError>;

    /// Writes down notices that no block will carry. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be written.
    fn note(&self, notices: &[Notice]) -> Result<(), JournalError>;
}

/// Keeps nothing: for training, whose latencies mean nothing.
pub struct Discard;

impl Journal for Discard {
    fn begin(&self, _: &RunHeader) -> Result<(), JournalError> {
        Ok(())
    }

    fn keep(&self, _: &Delivery) -> Result<(), JournalError> {
        Ok(())
    }

    fn commit(&self, _: &BlockDone, _: &[Notice]) -> Result<(), JournalError> {
        Ok(())
    }

    fn note(&self, _: &[Notice]) -> Result<(), JournalError> {
        Ok(())
    }
}
