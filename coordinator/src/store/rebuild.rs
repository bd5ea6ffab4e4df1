//! Replaces a damaged database by a new one. Every run is assembled from its copies and from what
//! can still be read of the old database. Owns the order of steps, and the account of what was
//! restored and what was not; must not know the cause of the damage.
//!
//! During a rebuild a mark names the databases that were set aside. After an interruption the store
//! counts as damaged, and the next rebuild has the same sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use contract::id::RunId;

use super::error::{Damage, StoreError};
use super::journal;
use super::lock;
use super::rows::Row;
use super::salvage::{Pieces, Salvaged, Source};
use super::witness::{self, Tally};
use super::wreck::Wreck;
use super::{DB_DIR, RUNS_DIR, Store, archive, compact, copies, durable, inspect};

/// Name of the mark file, which exists during a rebuild.
pub(super) const MARK: &str = "rebuilding";
/// Extension of journals.
const JOURNAL: &str = "journal";

/// Result of a rebuild.
#[derive(Debug)]
pub struct Rebuilt {
    /// The new store.
    pub store: Store,
    /// Directory of the old database, if there was one.
    pub aside: Option<PathBuf>,
    /// Restored runs, oldest first.
    pub brought: Vec<Brought>,
    /// Runs that are known by name but could not be restored.
    pub lost: Vec<Lost>,
    /// Number of runs that the old manifest counts and that nothing names any more.
    pub nameless: u64,
    /// Number of records that the old manifest counts beyond the restored ones, if no run is known
    /// to lack them.
    pub unaccounted: u64,
    /// Files that could not be read completely; their contents may have come from elsewhere.
    pub refused: Vec<(PathBuf, StoreError)>,
}

/// A restored run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// The run.
    pub run: RunId,
    /// Sources of its records.
    pub from: Vec<Source>,
    /// Number of committed records that are missing. If any are, the run was restored without its
    /// end and can be resumed.
    pub lacks: u64,
}

/// A run that could not be restored.
#[derive(Debug)]
pub struct Lost {
    /// The run.
    pub run: RunId,
    /// Why not.
    pub damage: Damage,
}

impl Rebuilt {
    /// Whether everything committed was restored, as far as the sources can tell.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost.is_empty()
            && self.nameless + self.unaccounted == 0
            && self.brought.iter().all(|b| b.lacks == 0)
    }

    /// The restored runs.
    pub fn runs(&self) -> impl Iterator<Item = RunId> {
        self.brought.iter().map(|brought| brought.run)
    }
}

impl Store {
    /// Sets the database of a store aside, whatever its state, and makes a new one from the copies
    /// and from what can still be read of the old one.
    ///
    /// # Errors
    /// When another process has the store open, or it cannot be written. Unreadable sources do not
    /// stop it; they are in the result.
    pub fn rebuild(dir: &Path) -> Result<Rebuilt, StoreError> {
        inspect::surroundings()?;
        std::fs::create_dir_all(dir).map_err(|source| StoreError::io("create", dir, source))?;
        let lock = lock::take(dir, lock::PATIENCE);
        let lock = lock.map_err(|error| lock::refused(dir, error))?;
        compact::settle(dir)?;
        let asides = set_aside(dir)?;
        let store = Self::open_settled(dir, lock)?;
        let mut sources = Sources::of(dir, &asides)?;
        let expected = sources.expected;
        let mut rebuilt = Rebuilt {
            store,
            aside: asides.last().cloned(),
            brought: Vec::new(),
            lost: Vec::new(),
            nameless: 0,
            unaccounted: 0,
            refused: std::mem::take(&mut sources.refused),
        };
        for run in sources.runs() {
            let salvaged = sources.salvage(run, &mut rebuilt.refused)?;
            rebuilt.take_in(run, salvaged)?;
        }
        rebuilt.account(expected);
        rebuilt.store.restore_desk(sources.desk())?;
        remove_mark(dir)?;
        Ok(rebuilt)
    }
}

impl Rebuilt {
    fn take_in(
        &mut self,
        run: RunId,
        salvaged: Result<Salvaged, Damage>,
    ) -> Result<(), StoreError> {
        match salvaged {
            Ok(Salvaged {
                raw,
                row,
                from,
                lacks,
            }) => {
                if lacks > 0 {
                    self.keep_evidence(run)?;
                }
                self.store
                    .take_in(&mut *self.store.writable()?, row, &raw)?;
                self.brought.push(Brought {
                    run,
                    from: from.into_iter().collect(),
                    lacks,
                });
            }
            Err(damage) => self.lost.push(Lost { run, damage }),
        }
        Ok(())
    }

    /// Replaces incomplete copies by what could be restored; the files are kept with the old
    /// database.
    fn keep_evidence(&self, run: RunId) -> Result<(), StoreError> {
        let Some(aside) = &self.aside else {
            return Ok(());
        };
        let dir = self.store.dir();
        for file in [self.store.archive_path(run), copies::journal_path(dir, run)] {
            let to = aside.join(file.file_name().unwrap_or_default());
            if file.exists() {
                std::fs::copy(&file, &to)
                    .map_err(|source| StoreError::io("copy", &file, source))?;
            }
        }
        Ok(())
    }

    /// Compares what was restored with what the old manifest counts.
    fn account(&mut self, expected: Option<Tally>) {
        let Some(expected) = expected else { return };
        let found = self.store.ledger().tally;
        let named = found.runs + self.lost.len() as u64;
        self.nameless = expected.runs.saturating_sub(named);
        let known: u64 = self.brought.iter().map(|brought| brought.lacks).sum();
        if self.lost.is_empty() && self.nameless == 0 {
            self.unaccounted = expected.records.saturating_sub(found.records + known);
        }
    }
}

/// Every source of a run.
struct Sources {
    archives: BTreeMap<RunId, Vec<PathBuf>>,
    journals: BTreeSet<RunId>,
    wrecks: Vec<Wreck>,
    dir: PathBuf,
    /// Tally of the old manifest.
    expected: Option<Tally>,
    refused: Vec<(PathBuf, StoreError)>,
}

impl Sources {
    fn of(dir: &Path, asides: &[PathBuf]) -> Result<Self, StoreError> {
        let mut found = Self {
            archives: BTreeMap::new(),
            journals: BTreeSet::new(),
            wrecks: Vec::new(),
            dir: dir.to_owned(),
            expected: asides
                .iter()
                .find_map(|aside| witness::load(aside).ok().flatten())
                .map(|w| w.tally),
            refused: Vec::new(),
        };
        for path in archive::beside(&dir.join(RUNS_DIR), archive::ENDING)? {
            let checked = || archive::check_archive(&path).map(|header| header.run);
            match named(&path).map_or_else(checked, Ok) {
                Ok(run) => found.archives.entry(run).or_default().push(path),
                Err(error) => found.refused.push((path, error)),
            }
        }
        for path in archive::beside(&dir.join(RUNS_DIR), JOURNAL)? {
            found.journals.extend(named(&path));
        }
        for aside in asides {
            match Wreck::open(aside) {
                Ok(wreck) => found.wrecks.push(wreck),
                // A damaged manifest is expected here; one that cannot be read is an error.
                Err(StoreError::Damaged { .. }) => {}
                Err(error) => found.refused.push((aside.clone(), error)),
            }
        }
        Ok(found)
    }

    fn runs(&self) -> BTreeSet<RunId> {
        let old = self.wrecks.iter().flat_map(Wreck::runs);
        self.archives
            .keys()
            .chain(&self.journals)
            .copied()
            .chain(old)
            .collect()
    }

    /// The records of the server, from the oldest database to the newest.
    fn desk(&self) -> impl Iterator<Item = Row> {
        self.wrecks.iter().flat_map(Wreck::desk)
    }

    /// Assembles one run, and reports which of its files were incomplete.
    fn salvage(
        &self,
        run: RunId,
        refused: &mut Vec<(PathBuf, StoreError)>,
    ) -> Result<Result<Salvaged, Damage>, StoreError> {
        let mut pieces = Pieces::of(run);
        for path in self.archives.get(&run).into_iter().flatten() {
            if let Err(error) = take_archive(&mut pieces, run, path) {
                refused.push((path.clone(), error));
            }
        }
        if self.journals.contains(&run) {
            let path = copies::journal_path(&self.dir, run);
            match copies::read_journal(&self.dir, run) {
                Ok(bytes) => match journal::read(run, bytes.as_deref().unwrap_or_default()) {
                    Some(journal) => pieces.take_journal(&journal),
                    None => refused.push((
                        path,
                        StoreError::RunDamaged {
                            run,
                            damage: Damage::NotAJournal,
                        },
                    )),
                },
                Err(error) => refused.push((path, error)),
            }
        }
        self.wrecks
            .iter()
            .for_each(|wreck| wreck.give(run, &mut pieces));
        Ok(pieces.put_together())
    }
}

/// Uses a complete export file, or single records of an incomplete one.
fn take_archive(pieces: &mut Pieces, run: RunId, path: &Path) -> Result<(), StoreError> {
    let damaged = |damage| StoreError::ArchiveDamaged {
        path: path.to_owned(),
        damage,
    };
    match archive::load(path) {
        Ok((found, raw)) if found == run => pieces.take_whole(Source::Export, raw).map_err(damaged),
        Ok(_) => Err(damaged(Damage::Contradiction("its name is another run's"))),
        Err(error @ StoreError::ArchiveDamaged { .. }) => {
            let bytes =
                std::fs::read(path).map_err(|source| StoreError::io("read", path, source))?;
            pieces.take_frames(&archive::frames(&bytes));
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The run that a file is named after.
fn named(path: &Path) -> Option<RunId> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Moves the database and its witness into a separate directory. Returns all such directories that
/// this rebuild, or an interrupted one before it, has made, oldest first.
pub(super) fn set_aside(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mark = dir.join(MARK);
    let before = std::fs::read_to_string(&mark).unwrap_or_default();
    let mut names: Vec<String> = before.lines().map(str::to_owned).collect();
    let present: Vec<_> = [DB_DIR, witness::FILE]
        .into_iter()
        .filter(|name| dir.join(name).exists())
        .collect();
    let aside = (!present.is_empty()).then(|| free_name(dir));
    names.extend(aside.iter().map(|name| name.to_string_lossy().into_owned()));
    durable::replace(&mark, (names.join("\n") + "\n").as_bytes())?;
    if let Some(aside) = aside.map(|name| dir.join(name)) {
        std::fs::create_dir(&aside).map_err(|source| StoreError::io("create", &aside, source))?;
        for name in present {
            let from = dir.join(name);
            std::fs::rename(&from, aside.join(name))
                .map_err(|source| StoreError::io("set aside", &from, source))?;
        }
        durable::sync_dir(&aside)?;
        durable::sync_dir(dir)?;
    }
    let known = names
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| dir.join(name));
    Ok(known.filter(|aside| aside.is_dir()).collect())
}

/// The databases that were set aside are no longer needed as sources.
pub(super) fn remove_mark(dir: &Path) -> Result<(), StoreError> {
    let mark = dir.join(MARK);
    std::fs::remove_file(&mark).map_err(|source| StoreError::io("remove", &mark, source))?;
    durable::sync_dir(dir)
}

/// `db.corrupt-<seconds since 1970>`, with a number if that exists.
fn free_name(dir: &Path) -> PathBuf {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let plain = PathBuf::from(format!("{DB_DIR}.corrupt-{now}"));
    let numbered = (1..).map(|n| PathBuf::from(format!("{DB_DIR}.corrupt-{now}-{n}")));
    std::iter::once(plain)
        .chain(numbered)
        .find(|name| !dir.join(name).exists())
        .expect("numbers do not end")
}
