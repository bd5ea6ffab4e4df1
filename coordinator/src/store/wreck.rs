//! Reads what can still be read of a database that was set aside. Owns the precautions; must not
//! know how the result is used.

use std::path::Path;

use contract::id::RunId;

use super::database::{self, Closing};
use super::error::{Damage, StoreError};
use super::guard::guarded;
use super::index::Row as IndexRow;
use super::lock::{self, Lock};
use super::raw::RawRun;
use super::rows;
use super::salvage::{Pieces, Source};
use super::{DB_DIR, Trees, inspect, key};

/// Consecutive database errors after which reading is given up; damage of single records never
/// causes as many.
const HOPELESS: usize = 64;

/// A damaged database.
pub(super) struct Wreck {
    trees: Trees,
    _db: sled::Db,
    _closing: Closing,
    _lock: Lock,
}

impl Wreck {
    /// Opens it; if its snapshot is damaged, from the log alone.
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let lock = lock::take(dir, lock::PATIENCE)?;
        if !dir.join(DB_DIR).exists() {
            return Err(StoreError::Damaged {
                dir: dir.to_owned(),
                damage: Damage::Gap,
            });
        }
        inspect::files(dir)?;
        let (_db, trees, _closing) = match Self::opened(dir) {
            Err(StoreError::Damaged { .. }) if set_snapshots_aside(dir)? => Self::opened(dir)?,
            opened => opened?,
        };
        Ok(Self {
            trees,
            _db,
            _closing,
            _lock: lock,
        })
    }

    fn opened(dir: &Path) -> Result<(sled::Db, Trees, Closing), StoreError> {
        let damaged = |damage| StoreError::Damaged {
            dir: dir.to_owned(),
            damage,
        };
        let opened = database::open(dir).map_err(damaged)?;
        opened.map_err(|source| database::judge(dir, Damage::Engine(source)))
    }

    /// The runs named by its index or its records.
    pub(super) fn runs(&self) -> Vec<RunId> {
        let mut runs: Vec<RunId> = [&self.trees.index, &self.trees.entries, &self.trees.parts]
            .into_iter()
            .flat_map(|tree| left(rows::keys(tree, b"")))
            .filter_map(|key| key::run_of(&key))
            .collect();
        runs.sort();
        runs.dedup();
        runs
    }

    /// The readable records of the server.
    pub(super) fn desk(&self) -> Vec<rows::Row> {
        left(rows::scan(&self.trees.desk, b""))
    }

    /// Adds the readable records of a run to its pieces.
    pub(super) fn give(&self, run: RunId, pieces: &mut Pieces) {
        let prefix = key::run(run);
        let row = left(rows::scan(&self.trees.index, &prefix)).pop();
        let row = row.and_then(|(_, bytes)| IndexRow::from_bytes(&bytes).ok());
        row.iter().for_each(|row| pieces.take_place(row));
        let entries = left(rows::scan(&self.trees.entries, &prefix));
        let parts = left(rows::scan(&self.trees.parts, &prefix));
        let mut raw = RawRun::default();
        raw.sort_entries(entries.clone());
        let whole = raw.sort_parts(parts.clone()).and_then(|()| match &row {
            Some(row) => raw.check(row),
            None => Err(Damage::Index),
        });
        if whole.is_ok() && pieces.take_whole(Source::Database, raw).is_ok() {
            return;
        }
        pieces.take_loose(row.as_ref(), entries.into_iter().chain(parts).collect());
    }
}

/// The values that can be read.
fn left<T>(mut rows: impl Iterator<Item = Result<T, Damage>>) -> Vec<T> {
    let (mut found, mut failed) = (Vec::new(), 0);
    while failed < HOPELESS {
        match guarded(|| rows.next()) {
            Ok(Some(Ok(row))) => {
                found.push(row);
                failed = 0;
            }
            // The rest of a value whose beginning is missing.
            Ok(Some(Err(Damage::Gap))) => {}
            Ok(Some(Err(_))) => failed += 1,
            Ok(None) | Err(_) => break,
        }
    }
    found
}

/// Renames sled's snapshots so that sled does not use them. Returns whether there were any.
fn set_snapshots_aside(dir: &Path) -> Result<bool, StoreError> {
    let db = dir.join(DB_DIR);
    let mut any = false;
    for path in inspect::snapshots(&db)? {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let aside = db.join(format!("damaged-{name}"));
        std::fs::rename(&path, aside)
            .map_err(|source| StoreError::io("set aside", &path, source))?;
        any = true;
    }
    Ok(any)
}
