//! Runs in and out: export and import files, the check of everything, and the rebuilding of a damaged database from
//! export files. Owns their safety (nothing is replaced before its successor is durable); must not know the files'
//! layout.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use contract::id::RunId;
use sled::Batch;

use super::error::StoreError;
use super::write::Change;
use super::{DB_DIR, RUNS_DIR, Store, archive, durable, lock, witness};

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// The run was not stored here and now is.
    New(RunId),
    /// The same run was stored already.
    Known(RunId),
}

/// What a check of everything found.
#[derive(Debug)]
pub struct Verified {
    /// Runs that are wholly as they were written.
    pub sound: Vec<RunId>,
    /// Runs that are not.
    pub damaged: Vec<(RunId, StoreError)>,
}

/// What a rebuild did.
#[derive(Debug)]
pub struct Rebuilt {
    /// The new store.
    pub store: Store,
    /// Where the old database was set aside, if there was one.
    pub aside: Option<PathBuf>,
    /// Runs brought back from export files.
    pub imported: Vec<RunId>,
    /// Export files that could not be read.
    pub refused: Vec<(PathBuf, StoreError)>,
}

impl Store {
    /// Writes a run's export file into the store's own directory; returns its path.
    ///
    /// # Errors
    /// When there is no such run, it is damaged, or the file cannot be written.
    pub fn export(&self, run: RunId) -> Result<PathBuf, StoreError> {
        let path = self.archive_path(run);
        self.export_to(run, &path)?;
        Ok(path)
    }

    /// Writes a run's export file; durable when it returns, and until then an older one stays.
    ///
    /// # Errors
    /// When there is no such run, it is damaged, or the file cannot be written.
    pub fn export_to(&self, run: RunId, path: &Path) -> Result<(), StoreError> {
        durable::replace(path, &archive::encode(run, &self.raw_run(run)?))
    }

    /// Takes in a run from an export file; all of it is checked first. Durable when it returns. Doing it again changes
    /// nothing.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged or from a newer program, when the store holds another state of the
    /// same run, or cannot be written.
    pub fn import(&self, path: &Path) -> Result<Imported, StoreError> {
        let (run, raw) = archive::load(path)?;
        let refuse = |damage| StoreError::ArchiveDamaged { path: path.to_owned(), damage };
        let row = raw.index_row(run).map_err(refuse)?;
        let mut ledger = self.writable()?;
        if let Some(there) = self.row(run)? {
            let same = there.content == row.content;
            let differs = || StoreError::Differs { path: path.to_owned(), run };
            return same.then_some(Imported::Known(run)).ok_or_else(differs);
        }
        for (key, sealed) in raw.parts.iter().chain(&raw.superseded) {
            self.put_part_row(run, key, sealed)?;
        }
        let mut entries = Batch::default();
        self.reading(run, || {
            raw.entries
                .iter()
                .try_for_each(|(key, v)| super::rows::put(&self.trees.entries, &mut entries, key, v))
        })?;
        self.commit(&mut ledger, &Change::imported(row, entries))?;
        Ok(Imported::New(run))
    }

    /// Reads every run wholly.
    ///
    /// # Errors
    /// When the index cannot be read; what is wrong with single runs is in the answer.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let mut verified = Verified { sound: Vec::new(), damaged: Vec::new() };
        for run in self.ids()? {
            match self.visit_parts(run, drop).and_then(|()| self.read_outline(run)) {
                Ok(_) => verified.sound.push(run),
                Err(error) => verified.damaged.push((run, error)),
            }
        }
        Ok(verified)
    }

    /// Sets the database of a store aside, whatever state it is in, and makes a new one of its export files.
    ///
    /// # Errors
    /// When another process has the store open, or it cannot be written. Export files that cannot be read do not stop
    /// it; they are in the answer.
    pub fn rebuild(dir: &Path) -> Result<Rebuilt, StoreError> {
        std::fs::create_dir_all(dir).map_err(|source| StoreError::io("create", dir, source))?;
        let lock = lock::take(dir, super::open::PATIENCE)?;
        let aside = set_aside(dir)?;
        let store = Self::open_locked(dir, lock)?;
        let mut rebuilt = Rebuilt { store, aside, imported: Vec::new(), refused: Vec::new() };
        for path in archives(&dir.join(RUNS_DIR))? {
            match rebuilt.store.import(&path) {
                Ok(Imported::New(run) | Imported::Known(run)) => rebuilt.imported.push(run),
                Err(error @ (StoreError::Full { .. } | StoreError::Broken { .. })) => return Err(error),
                Err(error) => rebuilt.refused.push((path, error)),
            }
        }
        Ok(rebuilt)
    }
}

/// The database and its witness move into one directory beside it. The witness goes last: should it all end in
/// between, a database that is missing but witnessed is found damaged again.
fn set_aside(dir: &Path) -> Result<Option<PathBuf>, StoreError> {
    let db = dir.join(DB_DIR);
    let manifest = dir.join(witness::FILE);
    if !db.exists() && !manifest.exists() {
        return Ok(None);
    }
    let aside = free_name(dir);
    let rename = |from: &Path, to: &Path| {
        std::fs::rename(from, to).map_err(|source| StoreError::io("set aside", from, source))
    };
    if db.exists() {
        rename(&db, &aside)?;
    } else {
        std::fs::create_dir(&aside).map_err(|source| StoreError::io("create", &aside, source))?;
    }
    if manifest.exists() {
        rename(&manifest, &aside.join(witness::FILE))?;
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

/// All export files of a directory, sorted by name, hence by time.
fn archives(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let error = |source| StoreError::io("list", dir, source);
    let entries = std::fs::read_dir(dir).map_err(error)?;
    let paths =
        entries.map(|entry| Ok(entry.map_err(error)?.path())).collect::<Result<Vec<_>, StoreError>>()?;
    let mut paths: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|x| x == "bench")).collect();
    paths.sort();
    Ok(paths)
}
