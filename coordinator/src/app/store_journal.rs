//! Implements dispatch's journal on the store.

use std::sync::Arc;

use contract::id::RunId;
use contract::run::{BlockDone, Notice, RunHeader};

use crate::dispatch::event::Delivery;
use crate::dispatch::journal::{Journal, JournalError};
use crate::store::{Store, StoreError};

/// Writes one run into the store.
pub(super) struct StoreJournal {
    /// The store, opened once; this is the only writer.
    pub store: Arc<Store>,
    /// Which run.
    pub run: RunId,
    /// Whether its plan has analyses before its last round.
    pub looks: bool,
}

fn told(result: Result<(), StoreError>) -> Result<(), JournalError> {
    result.map_err(JournalError::new)
}

impl Journal for StoreJournal {
    fn begin(&self, header: &RunHeader) -> Result<(), JournalError> {
        told(self.store.begin_run(header))
    }

    fn keep(&self, delivery: &Delivery) -> Result<(), JournalError> {
        told(self.store.put_part(&delivery.part.place, &delivery.sealed))
    }

    fn commit(&self, block: &BlockDone, notices: &[Notice]) -> Result<(), JournalError> {
        told(self.store.commit_block(self.run, block, notices))
    }

    fn settled(&self) -> Result<Option<String>, JournalError> {
        if !self.looks {
            return Ok(None);
        }
        super::interim::settled(&self.store, self.run).map_err(JournalError::new)
    }

    fn note(&self, notices: &[Notice]) -> Result<(), JournalError> {
        told(self.store.put_notices(self.run, notices))
    }
}
