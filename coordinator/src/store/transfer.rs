//! Exports, imports and verifies runs. Owns their safety (nothing is replaced before its successor
//! is durable); must not know the files' layout.

use std::path::{Path, PathBuf};

use contract::files;
use contract::id::RunId;
use sled::Batch;

use super::change::Change;
use super::error::StoreError;
use super::index::Row;
use super::journal::State;
use super::raw::RawRun;
use super::{Ledger, RUNS_DIR, Store, archive, durable, key, rows};

/// Records put at once.
const ROWS: usize = 256;

/// Result of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The run was not stored before and now is.
    New(RunId),
    /// The same run was stored already.
    Known(RunId),
    /// The same run was stored already, but some annotations were new and have been added.
    Joined(RunId),
}

/// Result of verifying everything.
#[derive(Debug)]
pub struct Verified {
    /// Intact runs.
    pub sound: Vec<RunId>,
    /// Damaged runs.
    pub damaged: Vec<(RunId, StoreError)>,
    /// Export files outside the database that are damaged, so that no run could be rebuilt from
    /// them.
    pub files: Vec<(PathBuf, StoreError)>,
    /// Intact runs without a complete copy outside the database.
    pub uncopied: Vec<RunId>,
}

impl Verified {
    /// Whether everything is intact.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.files.is_empty() && self.uncopied.is_empty()
    }
}

impl Imported {
    /// The run, in every case.
    #[must_use]
    pub fn run(self) -> RunId {
        let (Self::New(run) | Self::Known(run) | Self::Joined(run)) = self;
        run
    }
}

impl Store {
    /// Writes a run's export file into the store's own directory, replacing its journal; returns
    /// its path.
    ///
    /// # Errors
    /// When there is no such run, it is damaged, or the file cannot be written.
    pub fn export(&self, run: RunId) -> Result<PathBuf, StoreError> {
        let mut ledger = self.ledger();
        self.copy_whole(&mut ledger, run, &archive::encode(run, &self.raw_run(run)?))?;
        Ok(self.archive_path(run))
    }

    /// Writes a run's export file. Durable when it returns; until then an older file is kept.
    ///
    /// # Errors
    /// When there is no such run, it is damaged, the file cannot be written, or the path names
    /// something other than a regular file.
    pub fn export_to(&self, run: RunId, path: &Path) -> Result<(), StoreError> {
        files::takes_a_file(path).map_err(|source| StoreError::io("write", path, source))?;
        durable::replace(path, &archive::encode(run, &self.raw_run(run)?))
    }

    /// Imports a run from an export file, after checking all of it. Durable when it returns.
    /// Importing again changes nothing. If the run is stored already, its annotations and
    /// calibrations are merged.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged or from a newer program, when the store holds
    /// another state of the same run, or cannot be written.
    pub fn import(&self, path: &Path) -> Result<Imported, StoreError> {
        let (run, raw) = archive::load(path)?;
        let refuse = |damage| StoreError::ArchiveDamaged {
            path: path.to_owned(),
            damage,
        };
        raw.prove(run).map_err(refuse)?;
        let mut row = raw.index_row(run).map_err(refuse)?;
        let mut ledger = self.writable()?;
        if let Some(there) = self.row(run)? {
            let same = there.content == row.content;
            if !same {
                return Err(StoreError::Differs {
                    path: path.to_owned(),
                    run,
                });
            }
            let joined = self.join(&mut ledger, run, raw.addenda)?;
            return Ok(if joined {
                Imported::Joined(run)
            } else {
                Imported::Known(run)
            });
        }
        row.summary.sequence = self.place_by_clock(run)?;
        self.take_in(&mut ledger, row, &raw)?;
        Ok(Imported::New(run))
    }

    /// Reads every run completely.
    ///
    /// # Errors
    /// When the index cannot be read; faults of single runs are in the result.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let (sound, damaged, files, uncopied) = Default::default();
        let mut verified = Verified {
            sound,
            damaged,
            files,
            uncopied,
        };
        for run in self.ids()? {
            match self.prove(run) {
                Ok(()) if self.is_copied(run, State::of(&self.known_row(run)?))? => {
                    verified.sound.push(run);
                }
                Ok(()) => {
                    verified.sound.push(run);
                    verified.uncopied.push(run);
                }
                Err(error) => verified.damaged.push((run, error)),
            }
        }
        for path in archive::beside(&self.dir.join(RUNS_DIR), archive::ENDING)? {
            if let Err(error) = archive::check_archive(&path) {
                verified.files.push((path, error));
            }
        }
        Ok(verified)
    }

    /// Stores a run that is not stored yet. Its index row appears only after all its parts.
    pub(super) fn take_in(
        &self,
        ledger: &mut Ledger,
        row: Row,
        raw: &RawRun,
    ) -> Result<(), StoreError> {
        let run = row.summary.run;
        self.copy_whole(ledger, run, &archive::encode(run, raw))?;
        for (key, sealed) in raw.parts.iter().chain(&raw.superseded) {
            self.put_part_row(run, key, sealed)?;
        }
        self.put_entries(run, raw)?;
        self.commit_copied(ledger, &Change::imported(row))
    }

    /// In small batches: until a batch is applied, sled keeps every page that it replaces on the
    /// way, which is half a gigabyte for a hundred thousand notices at once. Nothing refers to the
    /// records until the index row is written.
    fn put_entries(&self, run: RunId, raw: &RawRun) -> Result<(), StoreError> {
        let tree = &self.trees.entries;
        // An interrupted import may have left records of another state of the run.
        self.remove_rows(tree, run, &key::run(run))?;
        let batches = raw.entries.chunks(ROWS).chain(raw.addenda.chunks(ROWS));
        for rows in batches {
            let mut batch = Batch::default();
            self.reading(run, || {
                rows.iter()
                    .try_for_each(|(key, sealed)| rows::put(tree, &mut batch, key, sealed))
            })?;
            self.apply(tree, batch, "store records")?;
        }
        Ok(())
    }
}
