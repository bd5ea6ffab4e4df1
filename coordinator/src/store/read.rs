//! Reading runs: listings from the index alone, whole runs with every check. Must not know how anything is written.

use std::collections::BTreeMap;

use contract::id::{Attempt, RunId};
use contract::part::Part;
use contract::record::Record;
use contract::run::RunEnd;

use super::error::{Damage, StoreError};
use super::guard::guarded;
use super::index::{Row, RunSummary};
use super::key::Entry;
use super::raw::{RawRun, Resume, RunRecord};
use super::{Store, key, rows};

/// What names the newest run.
const LATEST: &str = "latest";

impl Store {
    /// All runs, oldest first. Reads the index alone.
    ///
    /// # Errors
    /// When the store is damaged or cannot be read.
    pub fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        let read = || rows::scan(&self.trees.index, b"").map(|row| Row::summary_of(&row?.1)).collect();
        guarded(read).and_then(|runs| runs).map_err(|damage| self.damaged(damage))
    }

    /// The run of an id, of the beginning of one in either case, or of `latest`, the one created last.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(&self, wanted: &str) -> Result<RunId, StoreError> {
        let newest = self.listed(b"", |ids| ids.next_back().transpose())?;
        let Some(newest) = newest else { return Err(StoreError::NoRuns { dir: self.dir.clone() }) };
        if wanted == LATEST {
            return Ok(newest);
        }
        let upper = wanted.to_ascii_uppercase();
        let candidates: Vec<_> = self.listed(upper.as_bytes(), |ids| ids.collect())?;
        match candidates[..] {
            [one] if !wanted.is_empty() => Ok(one),
            [] => Err(StoreError::NoSuchRun { wanted: wanted.to_owned() }),
            _ => Err(StoreError::Ambiguous { wanted: wanted.to_owned(), candidates }),
        }
    }

    /// What the index says of a run.
    ///
    /// # Errors
    /// When there is no such run or the store cannot be read.
    pub fn summary(&self, run: RunId) -> Result<RunSummary, StoreError> {
        Ok(self.known_row(run)?.summary.spelt_out())
    }

    /// How a run ended; `None` while it runs, and after a crash. Reads nothing else of it.
    ///
    /// # Errors
    /// When its record is damaged or the store cannot be read.
    pub fn end(&self, run: RunId) -> Result<Option<RunEnd>, StoreError> {
        let sealed = self.reading(run, || rows::get(&self.trees.entries, &key::entry(run, Entry::End, 0)))?;
        self.reading(run, || Ok(sealed.as_deref().map(RunEnd::open).transpose()?))
    }

    /// A whole run, checked against what was committed. Its parts take some 1.5 MB each when open; see
    /// [`Self::visit_parts`] for one at a time.
    ///
    /// # Errors
    /// When there is no such run, or it is damaged.
    pub fn read_run(&self, run: RunId) -> Result<RunRecord, StoreError> {
        let raw = self.raw_run(run)?;
        self.reading(run, || raw.open(run))
    }

    /// A whole run, checked, but for its parts: `parts` is left empty.
    ///
    /// # Errors
    /// When there is no such run, or it is damaged.
    pub fn read_outline(&self, run: RunId) -> Result<RunRecord, StoreError> {
        let raw = self.raw_run(run)?;
        self.reading(run, || raw.outline(run))
    }

    /// Shows every accepted part, one at a time, by scenario, round, arm and slot.
    ///
    /// # Errors
    /// When there is no such run, or it is damaged; where the damage shows only in opening a part, those before it
    /// have been shown.
    pub fn visit_parts(&self, run: RunId, mut visit: impl FnMut(Part)) -> Result<(), StoreError> {
        let raw = self.raw_run(run)?;
        for part in raw.open_parts() {
            visit(part.map_err(|damage| StoreError::RunDamaged { run, damage })?);
        }
        Ok(())
    }

    /// Where a run would go on; changes nothing.
    ///
    /// # Errors
    /// When there is no such run, or it is damaged.
    pub fn progress(&self, run: RunId) -> Result<Resume, StoreError> {
        let raw = self.raw_run(run)?;
        let (header, blocks) = self.reading(run, || Ok((raw.header_with_hosts(run)?, raw.blocks()?)))?;
        let mut next_attempts = BTreeMap::new();
        let stored = raw.parts.iter().chain(&raw.superseded).filter_map(|(key, _)| key::place_of(key));
        for place in stored {
            let next = next_attempts.entry((place.key.cell, place.key.round)).or_insert(Attempt(0));
            *next = (*next).max(Attempt(place.attempt.0 + 1));
        }
        Ok(Resume { header, blocks, next_attempts })
    }

    /// The ids of all runs, oldest first.
    pub(super) fn ids(&self) -> Result<Vec<RunId>, StoreError> {
        self.listed(b"", |ids| ids.collect())
    }

    /// Of the ids that begin so, in order, what is taken.
    fn listed<T>(
        &self,
        beginning: &[u8],
        take: impl FnOnce(&mut dyn DoubleEndedIterator<Item = Result<RunId, Damage>>) -> Result<T, Damage>,
    ) -> Result<T, StoreError> {
        let mut ids =
            rows::keys(&self.trees.index, beginning).map(|key| key::run_of(&key?).ok_or(Damage::Index));
        guarded(|| take(&mut ids)).and_then(|taken| taken).map_err(|damage| self.damaged(damage))
    }

    /// The sealed records of a run, checked against its index row.
    pub(super) fn raw_run(&self, run: RunId) -> Result<RawRun, StoreError> {
        let row = self.known_row(run)?;
        self.reading(run, || {
            let prefix = key::run(run);
            let mut raw = RawRun::default();
            raw.sort_entries(rows::scan(&self.trees.entries, &prefix).collect::<Result<_, _>>()?);
            raw.sort_parts(rows::scan(&self.trees.parts, &prefix).collect::<Result<_, _>>()?)?;
            raw.check(&row)?;
            Ok(raw)
        })
    }

    pub(super) fn known_row(&self, run: RunId) -> Result<Row, StoreError> {
        self.row(run)?.ok_or_else(|| StoreError::NoSuchRun { wanted: run.to_string() })
    }

    pub(super) fn row(&self, run: RunId) -> Result<Option<Row>, StoreError> {
        self.reading(run, || match rows::get(&self.trees.index, &key::run(run))? {
            Some(bytes) => Ok(Some(Row::from_bytes(&bytes)?)),
            None => Ok(None),
        })
    }

    /// Reads something of a run; whatever the database does then is the run's damage.
    pub(super) fn reading<T>(
        &self,
        run: RunId,
        read: impl FnOnce() -> Result<T, Damage>,
    ) -> Result<T, StoreError> {
        match guarded(read).and_then(|result| result) {
            Ok(value) => Ok(value),
            // Reading moves pages in and out of memory, so a full device shows here too.
            Err(Damage::Engine(source @ sled::Error::Io(_))) => {
                Err(StoreError::engine("read", &self.dir, source))
            }
            Err(damage) => Err(StoreError::RunDamaged { run, damage }),
        }
    }
}
