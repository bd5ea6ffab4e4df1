//! Replaces a database that has grown by a smaller one. sled never returns space, so its contents
//! are copied into a new database. Owns the order of steps; must not know what is copied.
//!
//! ```text
//! compact/db is written and synced → db is renamed db.old → compact/db is renamed db → db.old is removed
//! ```
//!
//! After an interruption at any step, the next open finds a complete database: see [`settle`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use contract::id::RunId;
use sled::{Batch, Tree};

use super::database::{self, Closing};
use super::error::{Damage, StoreError};
use super::guard::guarded;
use super::lock::{self, Lock};
use super::{DB_DIR, Store, Trees, durable, inspect, key};

/// Where the new database is written.
const NEW_DIR: &str = "compact";
/// Where the old database is until the new one has replaced it.
const OLD_DIR: &str = "db.old";
/// Number of pieces copied in one batch.
const BATCH: usize = 512;

/// Result of a compaction.
#[derive(Debug)]
pub struct Compacted {
    /// The store, open.
    pub store: Store,
    /// Bytes of the database before.
    pub before: u64,
    /// Bytes of the database after.
    pub after: u64,
}

impl Store {
    /// Copies the database of a store into a new one and replaces the old one. The contents do not
    /// change.
    ///
    /// # Errors
    /// When another process has the store open, it is damaged, or there is no room for a second
    /// database beside it.
    pub fn compact(dir: &Path) -> Result<Compacted, StoreError> {
        inspect::surroundings()?;
        let lock = lock::take(dir, lock::PATIENCE);
        let lock = lock.map_err(|error| lock::refused(dir, error))?;
        let store = Self::open_locked(dir, lock)?;
        store.copy_ended()?;
        let before = size(&dir.join(DB_DIR))?;
        let new = dir.join(NEW_DIR);
        if let Err(error) = store.copy_into(&new) {
            // An incomplete copy would only take up space.
            let _ = std::fs::remove_dir_all(&new);
            return Err(error);
        }
        let lock = store.into_lock();
        rename(&dir.join(DB_DIR), &dir.join(OLD_DIR))?;
        settle(dir)?;
        let store = Self::open_locked(dir, lock)?;
        let after = size(&dir.join(DB_DIR))?;
        Ok(Compacted {
            store,
            before,
            after,
        })
    }

    fn copy_into(&self, new: &Path) -> Result<(), StoreError> {
        let error = |damage| self.damaged(damage);
        std::fs::create_dir_all(new).map_err(|source| StoreError::io("create", new, source))?;
        let (db, trees, closing) = database::open(new)
            .map_err(error)?
            .map_err(|e| self.failed(Damage::Engine(e)))?;
        let runs: BTreeSet<RunId> = self.ids()?.into_iter().collect();
        let copied = guarded(|| {
            let known = |key: &[u8]| key::run_of(key).is_some_and(|run| runs.contains(&run));
            copy(&self.trees.parts, &trees.parts, known)?;
            copy(&self.trees.entries, &trees.entries, known)?;
            copy(&self.trees.index, &trees.index, known)?;
            copy(&self.trees.meta, &trees.meta, |_| true)?;
            copy(&self.trees.desk, &trees.desk, |_| true)?;
            db.flush().map_err(Damage::Engine)?;
            trees.tally()
        });
        let tally = copied
            .and_then(|tally| tally)
            .map_err(|damage| self.failed(damage))?;
        if tally != self.ledger().tally {
            return Err(error(Damage::Content));
        }
        drop::<(sled::Db, Trees, Closing)>((db, trees, closing));
        durable::sync(&new.join(DB_DIR).join("db"))?;
        inspect::make_names_durable(new)?;
        durable::sync_dir(new)
    }

    /// A full device is not damage.
    fn failed(&self, damage: Damage) -> StoreError {
        match damage {
            Damage::Engine(source) => StoreError::engine("compact", self.dir(), source),
            damage => self.damaged(damage),
        }
    }

    /// Closes the database and keeps the lock.
    fn into_lock(self) -> Lock {
        let Self {
            db,
            trees,
            closing,
            _lock: lock,
            ..
        } = self;
        drop((trees, db));
        drop(closing);
        lock
    }
}

/// Path of the store's database after an interrupted compaction at any step.
pub(super) fn whole(dir: &Path) -> PathBuf {
    let [db, old, new] = [DB_DIR, OLD_DIR, NEW_DIR].map(|name| dir.join(name));
    match (db.exists(), old.exists(), new.join(DB_DIR)) {
        (false, true, new) if new.exists() => new,
        (false, true, _) => old,
        _ => db,
    }
}

/// Completes or undoes an interrupted compaction, so that there is one database.
pub(super) fn settle(dir: &Path) -> Result<(), StoreError> {
    let [db, old, new] = [DB_DIR, OLD_DIR, NEW_DIR].map(|name| dir.join(name));
    if !old.exists() && !new.exists() {
        return Ok(());
    }
    // The old database is renamed only after the new one is complete.
    let whole = whole(dir);
    if whole != db {
        rename(&whole, &db)?;
    }
    durable::sync_dir(dir)?;
    if db.exists() {
        remove(&old)?;
    }
    remove(&new)
}

fn copy(from: &Tree, to: &Tree, wanted: impl Fn(&[u8]) -> bool) -> Result<(), Damage> {
    let (mut batch, mut held) = (Batch::default(), 0);
    for piece in from {
        let (key, value) = piece.map_err(Damage::Engine)?;
        if wanted(&key) {
            batch.insert(key, value);
            held += 1;
        }
        if held == BATCH {
            to.apply_batch(std::mem::take(&mut batch))
                .map_err(Damage::Engine)?;
            held = 0;
        }
    }
    to.apply_batch(batch).map_err(Damage::Engine)
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(|source| StoreError::io("rename", from, source))
}

fn remove(dir: &Path) -> Result<(), StoreError> {
    match std::fs::remove_dir_all(dir) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", dir, source))
        }
        _ => Ok(()),
    }
}

/// Bytes of all files below a directory.
fn size(dir: &Path) -> Result<u64, StoreError> {
    let error = |source| StoreError::io("list", dir, source);
    let paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(error)?;
    let of = |path: PathBuf| match std::fs::symlink_metadata(&path).map_err(error)? {
        meta if meta.is_dir() => size(&path),
        meta => Ok(meta.len()),
    };
    paths.into_iter().map(of).sum()
}
