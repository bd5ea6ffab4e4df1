//! A new database in the place of a damaged one: from the export files, and from what of the old database can still be
//! read and proves to be whole. Owns the order of that; must not know why the old one is damaged.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use contract::id::RunId;

use super::error::StoreError;
use super::guard::guarded;
use super::transfer::Imported;
use super::{DB_DIR, Ledger, RUNS_DIR, Store, archive, durable, key, lock, open, rows, witness};

/// What a rebuild did.
#[derive(Debug)]
pub struct Rebuilt {
    /// The new store.
    pub store: Store,
    /// Where the old database was set aside, if there was one.
    pub aside: Option<PathBuf>,
    /// Runs brought back: those of export files, then those that were only in the old database and whole there.
    pub imported: Vec<RunId>,
    /// What could not be brought back: an export file, or a run of the database that was set aside.
    pub refused: Vec<(PathBuf, StoreError)>,
}

impl Store {
    /// Sets the database of a store aside, whatever state it is in, and makes a new one of its export files and of the
    /// runs of the old one that were never exported and can still be read.
    ///
    /// # Errors
    /// When another process has the store open, or it cannot be written. What cannot be read does not stop it; it is
    /// in the answer.
    pub fn rebuild(dir: &Path) -> Result<Rebuilt, StoreError> {
        std::fs::create_dir_all(dir).map_err(|source| StoreError::io("create", dir, source))?;
        let lock = lock::take(dir, open::PATIENCE)?;
        let aside = set_aside(dir)?;
        let store = Self::open_locked(dir, lock)?;
        let mut rebuilt = Rebuilt { store, aside, imported: Vec::new(), refused: Vec::new() };
        for path in archive::beside(&dir.join(RUNS_DIR))? {
            let imported = rebuilt.store.import_from(&path, true);
            rebuilt.note(&path, imported.map(Imported::run))?;
        }
        if let Some(aside) = rebuilt.aside.clone() {
            rebuilt.salvage(&aside)?;
        }
        Ok(rebuilt)
    }

    /// Opens a database that is known to be damaged, for reading what can be read.
    fn open_damaged(dir: &Path) -> Result<Self, StoreError> {
        let lock = lock::take(dir, open::PATIENCE)?;
        let damaged = |damage| StoreError::Damaged { dir: dir.to_owned(), damage };
        let (db, trees) = guarded(|| open::open_database(dir)).map_err(damaged)??;
        // Broken: nothing is ever written to it.
        let ledger = Mutex::new(Ledger { tally: witness::Tally::default(), broken: true });
        Ok(Self { dir: dir.to_owned(), db, trees, ledger, _lock: lock })
    }

    /// The runs whose index rows can be read, up to the first that cannot.
    fn readable(&self) -> Vec<RunId> {
        let rows = || rows::scan(&self.trees.index, b"").map_while(Result::ok).collect::<Vec<_>>();
        guarded(rows).unwrap_or_default().iter().filter_map(|(key, _)| key::run_of(key)).collect()
    }
}

impl Rebuilt {
    /// Brings back what only the old database holds.
    fn salvage(&mut self, aside: &Path) -> Result<(), StoreError> {
        // That it does not open at all is why it was set aside, and known.
        let Ok(old) = Store::open_damaged(aside) else { return Ok(()) };
        for run in old.readable() {
            if self.store.row(run)?.is_none() {
                let moved = self.bring_over(&old, run);
                self.note(aside, moved)?;
            }
        }
        Ok(())
    }

    /// One run, if it is as it was committed and all of it opens.
    fn bring_over(&self, old: &Store, run: RunId) -> Result<RunId, StoreError> {
        let raw = old.raw_run(run)?;
        let mut row = old.reading(run, || {
            raw.prove(run)?;
            raw.index_row(run)
        })?;
        row.summary.sequence = old.known_row(run)?.summary.sequence;
        self.store.take_in(&mut *self.store.writable()?, row, &raw)?;
        Ok(run)
    }

    /// Files an outcome; a store that cannot be written ends everything.
    fn note(&mut self, from: &Path, outcome: Result<RunId, StoreError>) -> Result<(), StoreError> {
        match outcome {
            Ok(run) => self.imported.push(run),
            Err(error @ (StoreError::Full { .. } | StoreError::Broken { .. })) => return Err(error),
            Err(error) => self.refused.push((from.to_owned(), error)),
        }
        Ok(())
    }
}

/// The database and its witness move into one directory beside it. The witness goes last: should it all end in
/// between, a database that is missing but witnessed is found damaged again.
fn set_aside(dir: &Path) -> Result<Option<PathBuf>, StoreError> {
    let present: Vec<_> =
        [DB_DIR, witness::FILE].into_iter().filter(|name| dir.join(name).exists()).collect();
    if present.is_empty() {
        return Ok(None);
    }
    let aside = free_name(dir);
    std::fs::create_dir(&aside).map_err(|source| StoreError::io("create", &aside, source))?;
    for name in present {
        let from = dir.join(name);
        std::fs::rename(&from, aside.join(name))
            .map_err(|source| StoreError::io("set aside", &from, source))?;
    }
    durable::sync_dir(&aside)?;
    durable::sync_dir(dir)?;
    Ok(Some(aside))
}

/// `db.corrupt-<seconds since 1970>`, with a number where that is taken.
fn free_name(dir: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let plain = dir.join(format!("{DB_DIR}.corrupt-{now}"));
    let numbered = (1..).map(|n| dir.join(format!("{DB_DIR}.corrupt-{now}-{n}")));
    std::iter::once(plain).chain(numbered).find(|path| !path.exists()).expect("numbers do not end")
}
