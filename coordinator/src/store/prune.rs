//! Removes runs. Owns the order, which never leaves less than the witness claims: first the copies,
//! from which a rebuild would restore the run; then the index row and the records in one
//! transaction; then the parts, which nothing refers to any more. Must not know which runs may be
//! removed.

use std::collections::BTreeSet;

use contract::id::RunId;
use sled::{Batch, Tree};

use super::database;
use super::error::{Damage, StoreError};
use super::key::{self, Entry};
use super::witness;
use super::{Store, rows};

/// Number of pieces removed in one batch.
const BATCH: usize = 512;

impl Store {
    /// Removes a run, whatever the state of its records, with its export file in the store. Durable
    /// when it returns. The database does not shrink; see [`Self::compact`].
    ///
    /// # Errors
    /// When there is no such run, or the store cannot be written.
    pub fn remove_run(&self, run: RunId) -> Result<(), StoreError> {
        let mut ledger = self.writable()?;
        let row = self.known_row(run)?;
        let prefix = key::run(run);
        let mut tally = ledger.tally;
        tally.index.toggle(&prefix, &row.to_bytes());
        tally.runs -= 1;
        tally.records -= row.records;
        tally.commit += 1;
        let removal = |tree: &Tree| self.reading(run, || pieces(tree, &prefix, usize::MAX));
        let (index, entries) = (removal(&self.trees.index)?, removal(&self.trees.entries)?);
        ledger.broken = true;
        // First, so that no rebuild restores the removed run; until the removal the database has
        // it.
        self.remove_copies(&mut ledger, run)?;
        database::transact(&self.trees, index, entries, tally)
            .map_err(|damage| self.damaged(damage))?
            .map_err(|source| StoreError::engine("remove a run", self.dir(), source))?;
        self.make_durable()?;
        witness::save(self.dir(), tally)?;
        (ledger.tally, ledger.broken) = (tally, false);
        self.remove_rows(&self.trees.parts, run, &prefix)
    }

    /// Runs that noise floors depend on. Reads the index, and the keys of runs with addenda.
    ///
    /// # Errors
    /// When the store is damaged or cannot be read.
    pub fn calibrated_runs(&self) -> Result<BTreeSet<RunId>, StoreError> {
        let mut found = BTreeSet::new();
        for run in self.ids()? {
            let added = self.known_row(run)?.addenda.count > 0;
            let prefix = key::entries(run, Entry::Calibration);
            if added
                && self.reading(run, || {
                    Ok(rows::scan(&self.trees.entries, &prefix).next().is_some())
                })?
            {
                found.insert(run);
            }
        }
        Ok(found)
    }

    /// Removes records that no index row refers to, in small batches.
    pub(super) fn remove_rows(
        &self,
        tree: &Tree,
        run: RunId,
        prefix: &[u8],
    ) -> Result<(), StoreError> {
        self.reading(run, || {
            while tree.scan_prefix(prefix).next().is_some() {
                tree.apply_batch(pieces(tree, prefix, BATCH)?)
                    .map_err(Damage::Engine)?;
            }
            Ok(())
        })
    }
}

/// The removal of at most `most` pieces under a prefix.
fn pieces(tree: &Tree, prefix: &[u8], most: usize) -> Result<Batch, Damage> {
    let mut batch = Batch::default();
    for key in tree.scan_prefix(prefix).keys().take(most) {
        batch.remove(key.map_err(Damage::Engine)?);
    }
    Ok(batch)
}
