//! What a run writes durably: the interface of the store that dispatch uses.

use std::sync::atomic::{AtomicU64, Ordering};

use contract::run::{BlockDone, Notice, RunHeader};

use super::event::Delivery;
use crate::schedule::Block;

/// Why the journal could not write.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The journal's own error, passed on by dispatch.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
    /// The writing thread panicked.
    #[error("write to the store: its thread panicked; report that as a bug")]
    Panicked,
}

impl JournalError {
    /// Wraps the journal's own error.
    pub fn new(reason: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Failed(Box::new(reason))
    }
}

/// Receives the results of a run. Each call blocks until its promise is kept.
pub trait Journal: Send + Sync {
    /// Begins a run. The header is durable when it returns.
    ///
    /// # Errors
    /// When it could not be written.
    fn begin(&self, header: &RunHeader) -> Result<(), JournalError>;

    /// Stores a part. It becomes durable with its block.
    ///
    /// # Errors
    /// When it could not be written.
    fn keep(&self, delivery: &Delivery) -> Result<(), JournalError>;

    /// Makes the block's parts, its notices and its marker durable before it returns.
    ///
    /// # Errors
    /// When it could not be written.
    fn commit(&self, block: &BlockDone, notices: &[Notice]) -> Result<(), JournalError>;

    /// Whether a planned analysis ends the run after the block just committed; if so, why.
    ///
    /// # Errors
    /// When the stored parts cannot be read.
    fn settled(&self) -> Result<Option<String>, JournalError> {
        Ok(None)
    }

    /// The block to carry out after the one just committed, in addition to those of the script. The
    /// search for a capacity chooses its blocks as results arrive.
    ///
    /// # Errors
    /// When the results cannot be used.
    fn following(&self) -> Result<Option<Block>, JournalError> {
        Ok(None)
    }

    /// Writes notices that belong to no block. Durable when it returns.
    ///
    /// # Errors
    /// When it could not be written.
    fn note(&self, notices: &[Notice]) -> Result<(), JournalError>;
}

/// Stores nothing and counts unanswered requests. For training runs, whose latencies are not used.
#[derive(Debug, Default)]
pub struct Discard {
    failures: AtomicU64,
}

impl Discard {
    /// Number of requests that were not answered.
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
