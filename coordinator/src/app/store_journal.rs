//! Implements dispatch's journal on the store.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::id::RunId;
use contract::run::{BlockDone, Notice, RunHeader};

use crate::capacity::CapacitySearch;
use crate::dispatch::event::Delivery;
use crate::dispatch::journal::{Journal, JournalError};
use crate::schedule::Block;
use crate::store::{Store, StoreError};

/// Writes one run into the store.
pub(super) struct StoreJournal {
    /// The store, opened once; this is the only writer.
    pub store: Arc<Store>,
    /// Which run.
    pub run: RunId,
    /// Whether its plan has analyses before its last round.
    pub looks: bool,
    /// The search that chooses its blocks, if it has one.
    pub search: Option<Mutex<CapacitySearch>>,
}

impl StoreJournal {
    fn search(&self) -> Option<MutexGuard<'_, CapacitySearch>> {
        self.search
            .as_ref()
            .map(|search| search.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn told(result: Result<(), StoreError>) -> Result<(), JournalError> {
    result.map_err(JournalError::new)
}

impl Journal for StoreJournal {
    fn begin(&self, header: &RunHeader) -> Result<(), JournalError> {
        told(self.store.begin_run(header))
    }

    fn keep(&self, delivery: &Delivery) -> Result<(), JournalError> {
        told(self.store.put_part(&delivery.part.place, &delivery.sealed))?;
        if let Some(mut search) = self.search() {
            search.note(&delivery.part);
        }
        Ok(())
    }

    fn commit(&self, block: &BlockDone, notices: &[Notice]) -> Result<(), JournalError> {
        told(self.store.commit_block(self.run, block, notices))?;
        match self.search() {
            Some(mut search) => search.done(block).map_err(JournalError::new),
            None => Ok(()),
        }
    }

    fn settled(&self) -> Result<Option<String>, JournalError> {
        if !self.looks {
            return Ok(None);
        }
        super::interim::settled(&self.store, self.run).map_err(JournalError::new)
    }

    fn following(&self) -> Result<Option<Block>, JournalError> {
        Ok(self.search().and_then(|search| search.next_block()))
    }

    fn note(&self, notices: &[Notice]) -> Result<(), JournalError> {
        told(self.store.put_notices(self.run, notices))
    }
}
