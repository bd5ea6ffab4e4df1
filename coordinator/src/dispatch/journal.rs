//! Where a run writes down what must survive: the store's side of dispatch, as dispatch sees it.

use std::sync::atomic::{AtomicU64, Ordering};

use contract::run::{BlockDone, Notice, RunHeader};

use super::event::Delivery;

/// Why something could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The journal's own reason, which dispatch passes on.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
    /// The thread that wrote ended early.
    #[error("write to the store: its thread panicked; report that as a bug")]
    Panicked,
}

impl JournalError {
    /// With the journal's own reason.
    pub fn new(reason: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Failed(Box::new(reason))
    }
}

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

    /// Whether the interim analysis ends the run with the block that was just committed: why, in
    /// words.
    ///
    /// # Errors
    /// When what was measured cannot be read.
    fn settled(&self) -> Result<Option<String>, JournalError> {
        Ok(None)
    }

    /// Writes down notices that no block will carry. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be written.
    fn note(&self, notices: &[Notice]) -> Result<(), JournalError>;
}

/// Keeps nothing but the number of requests that were not answered: for training, whose latencies
/// mean nothing.
#[derive(Debug, Default)]
pub struct Discard {
    failures: AtomicU64,
}

impl Discard {
    /// Requests that ended in any other way than an answer.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

impl Journal for Discard {
    fn begin(&self, _: &RunHeader) -> Result<(), JournalError> {
        Ok(())
    }

    fn keep(&self, delivery: &Delivery) -> Result<(), JournalError> {
        self.failures
            .fetch_add(delivery.part.outcomes.not_ok(), Ordering::Relaxed);
        Ok(())
    }

    fn commit(&self, _: &BlockDone, _: &[Notice]) -> Result<(), JournalError> {
        Ok(())
    }

    fn note(&self, _: &[Notice]) -> Result<(), JournalError> {
        Ok(())
    }
}
