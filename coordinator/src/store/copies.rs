//! Copies of runs outside the database: a complete one in an export file, and later commits in a
//! journal. A commit is durable in the copy before the database has it. Owns when which file is
//! written; must not know the layout of either, nor how a rebuild uses them.
//!
//! | files of a run | what they hold together |
//! |---|---|
//! | journal | a run from its beginning |
//! | export file | a whole run |
//! | both | what the export file holds, and what came after it |

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use contract::id::RunId;

use super::error::StoreError;
use super::journal::{self, State};
use super::{Ledger, RUNS_DIR, Store, archive, durable};

/// Length of a run's journal, and the state it contains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    end: u64,
    state: State,
}

/// The journals this process has written to.
pub(super) type Tails = BTreeMap<RunId, Tail>;

/// Path of a run's journal.
pub(super) fn journal_path(dir: &Path, run: RunId) -> PathBuf {
    dir.join(RUNS_DIR)
        .join(run.as_str())
        .with_extension("journal")
}

/// The bytes of a run's journal; `None` if there is none.
pub(super) fn read_journal(dir: &Path, run: RunId) -> Result<Option<Vec<u8>>, StoreError> {
    let path = journal_path(dir, run);
    match std::fs::read(&path) {
        Ok(bytes) => match journal::newer(&bytes) {
            Some(found) => Err(StoreError::Newer {
                path,
                found,
                known: journal::known(),
            }),
            None => Ok(Some(bytes)),
        },
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::io("read", &path, source)),
    }
}

impl Store {
    /// Writes a commit to the run's journal. Durable when it returns; the database does not have it
    /// yet. An earlier commit in the journal that never reached the database is overwritten.
    pub(super) fn copy_commit(
        &self,
        ledger: &mut Ledger,
        run: RunId,
        states: [State; 2],
        frames: &[(u8, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let [before, after] = states;
        let path = journal_path(self.dir(), run);
        let bytes = journal::group(before, after, frames);
        let known = ledger
            .tails
            .remove(&run)
            .filter(|tail| tail.state == before);
        let end = match known.map_or_else(|| self.tail(run, before), |tail| Ok(Some(tail.end)))? {
            Some(end) => {
                append(&path, end, &bytes)?;
                end + bytes.len() as u64
            }
            None => {
                self.copy_base(run, before)?;
                let whole = [journal::head(run), bytes].concat();
                durable::replace(&path, &whole)?;
                whole.len() as u64
            }
        };
        ledger.tails.insert(run, Tail { end, state: after });
        Ok(())
    }

    /// Replaces a run's copies with one export file. Durable when it returns.
    pub(super) fn copy_whole(
        &self,
        ledger: &mut Ledger,
        run: RunId,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        durable::replace(&self.archive_path(run), bytes)?;
        self.forget_journal(ledger, run)
    }

    /// Removes a run's copies.
    pub(super) fn remove_copies(&self, ledger: &mut Ledger, run: RunId) -> Result<(), StoreError> {
        remove(&self.archive_path(run))?;
        self.forget_journal(ledger, run)?;
        durable::sync_dir(&self.dir().join(RUNS_DIR))
    }

    /// Writes one export file for every run that has ended or whose copies are incomplete. A
    /// damaged run keeps its files.
    pub(super) fn copy_ended(&self) -> Result<(), StoreError> {
        let mut ledger = self.ledger();
        for run in self.ids()? {
            let row = self.known_row(run)?;
            let journal = journal_path(self.dir(), run).exists();
            if !(row.summary.end.is_some() && journal) && self.is_copied(run, State::of(&row))? {
                continue;
            }
            self.copy_sound(&mut ledger, run)?;
        }
        Ok(())
    }

    /// Copies all runs that have no copy: those of older programs, which exported only complete
    /// runs. A damaged run gets none; `runs verify` names it.
    pub(super) fn copy_missing(&self, ledger: &mut Ledger) -> Result<(), StoreError> {
        let runs = self.dir().join(RUNS_DIR);
        std::fs::create_dir_all(&runs).map_err(|source| StoreError::io("create", &runs, source))?;
        for run in self.ids()? {
            if self.archive_path(run).exists() || journal_path(self.dir(), run).exists() {
                continue;
            }
            self.copy_sound(ledger, run)?;
        }
        Ok(())
    }

    fn copy_sound(&self, ledger: &mut Ledger, run: RunId) -> Result<(), StoreError> {
        match self.raw_run(run) {
            Ok(raw) => self.copy_whole(ledger, run, &archive::encode(run, &raw)),
            Err(StoreError::RunDamaged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether a run's copies hold everything that the database has of it.
    pub(super) fn is_copied(&self, run: RunId, now: State) -> Result<bool, StoreError> {
        Ok(self.tail(run, now)?.is_some()
            || (archived_state(&self.archive_path(run))? == Some(now)))
    }

    /// Length of a run's journal, if it holds everything that the database has of the run.
    fn tail(&self, run: RunId, now: State) -> Result<Option<u64>, StoreError> {
        if now == State::default() {
            return Ok(None);
        }
        let Some(bytes) = read_journal(self.dir(), run)? else {
            return Ok(None);
        };
        let Some(read) = journal::read(run, &bytes) else {
            return Ok(None);
        };
        let sound = &read.groups[..read.unbroken];
        Ok(sound
            .iter()
            .rev()
            .find(|group| group.after == now)
            .map(|group| group.end as u64))
    }

    /// Ensures that an export file holds the state on which a new journal builds.
    fn copy_base(&self, run: RunId, before: State) -> Result<(), StoreError> {
        if before == State::default() || archived_state(&self.archive_path(run))? == Some(before) {
            return Ok(());
        }
        durable::replace(
            &self.archive_path(run),
            &archive::encode(run, &self.raw_run(run)?),
        )
    }

    fn forget_journal(&self, ledger: &mut Ledger, run: RunId) -> Result<(), StoreError> {
        ledger.tails.remove(&run);
        remove(&journal_path(self.dir(), run))
    }
}

/// State of the run in an export file; `None` if there is no intact file.
fn archived_state(path: &Path) -> Result<Option<State>, StoreError> {
    match archive::load(path) {
        Ok((run, raw)) => Ok(raw.index_row(run).ok().map(|row| State::of(&row))),
        Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        Err(error @ StoreError::Io { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Writes at offset `end`, overwriting anything after it. If it fails, nothing after `end` counts.
fn append(path: &Path, end: u64, bytes: &[u8]) -> Result<(), StoreError> {
    let written = File::options().write(true).open(path).and_then(|file| {
        file.set_len(end)?;
        let written = file
            .write_all_at(bytes, end)
            .and_then(|()| file.sync_data());
        // On a full device, a partial write would only take up space.
        written.inspect_err(|_| drop(file.set_len(end)))
    });
    written.map_err(|source| StoreError::io("write", path, source))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(StoreError::io("remove", path, source))
        }
        _ => Ok(()),
    }
}
