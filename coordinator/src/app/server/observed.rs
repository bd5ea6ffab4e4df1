//! The journal of an attempt, which tells the desk when its run exists and when it makes progress.

use std::sync::Arc;

use contract::run::{BlockDone, Notice, RunHeader};

use super::handle::Handle;
use crate::dispatch::event::Delivery;
use crate::dispatch::journal::{Journal, JournalError};
use crate::schedule::Block;
use crate::serve::{Event, JobId};

/// Passes everything on.
pub(super) struct Observed {
    pub(super) inner: Arc<dyn Journal>,
    pub(super) job: JobId,
    pub(super) handle: Handle,
}

impl Observed {
    fn tell(&self, event: Event) -> Result<(), JournalError> {
        let told = self.handle.tell_blocking(event);
        told.map(drop).map_err(JournalError::new)
    }
}

impl Journal for Observed {
    fn begin(&self, header: &RunHeader) -> Result<(), JournalError> {
        self.inner.begin(header)?;
        self.tell(Event::Began(self.job))
    }

    fn keep(&self, delivery: &Delivery) -> Result<(), JournalError> {
        self.inner.keep(delivery)
    }

    fn commit(&self, block: &BlockDone, notices: &[Notice]) -> Result<(), JournalError> {
        self.inner.commit(block, notices)?;
        self.tell(Event::Progressed(self.job))
    }

    fn settled(&self) -> Result<Option<String>, JournalError> {
        self.inner.settled()
    }

    fn following(&self) -> Result<Option<Block>, JournalError> {
        self.inner.following()
    }

    fn note(&self, notices: &[Notice]) -> Result<(), JournalError> {
        self.inner.note(notices)
    }
}
