//! What one commit changes, row by row, with the tally that follows from it.

use contract::id::RunId;
use contract::run::RunHeader;
use sled::Batch;

use super::archive;
use super::index::Row;
use super::journal::State;
use super::key::{self, Entry};
use super::witness::Tally;

/// What one commit changes.
pub(super) struct Change {
    pub(super) run: RunId,
    /// The index row as it was, `None` for a new run.
    pub(super) old: Option<Row>,
    /// As it will be.
    pub(super) row: Row,
    pub(super) entries: Batch,
    /// The same for the run's journal.
    pub(super) frames: Vec<(u8, Vec<u8>)>,
}

impl Change {
    /// The first of a run.
    pub(super) fn new(header: &RunHeader) -> Self {
        let (entries, frames) = (Batch::default(), Vec::new());
        Self {
            run: header.run,
            old: None,
            row: Row::new(header),
            entries,
            frames,
        }
    }

    /// A further one of a run.
    pub(super) fn of(row: Row) -> Self {
        let (entries, frames) = (Batch::default(), Vec::new());
        Self {
            run: row.summary.run,
            old: Some(row.clone()),
            row,
            entries,
            frames,
        }
    }

    /// All of a run at once; its records are there already.
    pub(super) fn imported(row: Row) -> Self {
        Self {
            run: row.summary.run,
            old: None,
            row,
            entries: Batch::default(),
            frames: Vec::new(),
        }
    }

    /// Keeps a record for the journal.
    pub(super) fn keep(&mut self, key: &[u8], sealed: &[u8]) {
        let frame = match key::entry_of(key).expect("entries have keys of entries") {
            Entry::Notice => (
                archive::NUMBERED_NOTICE,
                archive::numbered(key::number_of(key), sealed),
            ),
            entry => (entry as u8, sealed.to_vec()),
        };
        self.frames.push(frame);
    }

    /// What the run amounts to before and after.
    pub(super) fn states(&self) -> [State; 2] {
        [
            self.old.as_ref().map(State::of).unwrap_or_default(),
            State::of(&self.row),
        ]
    }

    /// The tally once this is committed.
    pub(super) fn next_tally(&self, mut tally: Tally) -> Tally {
        let key = key::run(self.run);
        if let Some(old) = &self.old {
            tally.index.toggle(&key, &old.to_bytes());
            tally.records -= old.records;
        } else {
            tally.runs += 1;
        }
        tally.index.toggle(&key, &self.row.to_bytes());
        tally.records += self.row.records;
        tally.commit += 1;
        tally
    }
}
