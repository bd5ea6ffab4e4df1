//! The changes of one commit, row by row, with the resulting tally.

use contract::id::RunId;
use contract::run::RunHeader;
use sled::Batch;

use super::archive;
use super::index::Row;
use super::journal::State;
use super::key::{self, Entry};
use super::witness::Tally;

/// The changes of one commit.
pub(super) struct Change {
    pub(super) run: RunId,
    /// The index row before; `None` for a new run.
    pub(super) old: Option<Row>,
    /// The index row after.
    pub(super) row: Row,
    pub(super) entries: Batch,
    /// The records, for the run's journal.
    pub(super) frames: Vec<(u8, Vec<u8>)>,
}

impl Change {
    /// The first commit of a run.
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

    /// A further commit of a run.
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

    /// A whole run at once; its records are stored already.
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

    /// State of the run before and after.
    pub(super) fn states(&self) -> [State; 2] {
        [
            self.old.as_ref().map(State::of).unwrap_or_default(),
            State::of(&self.row),
        ]
    }

    /// The tally after this commit.
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
