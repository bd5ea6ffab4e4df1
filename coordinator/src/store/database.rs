//! sled itself: opens, changes and closes it so that a failing device can neither end the process
//! nor block it for ever. Owns its settings; must not know its contents or whether they can be
//! trusted.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use sled::transaction::{TransactionError, TransactionResult};
use sled::{Batch, Transactional};

use super::error::{Damage, StoreError};
use super::guard::{guarded, within};
use super::witness::{TALLY, Tally};
use super::{DB_DIR, Trees};

/// How long sled may take to release a closed database; on a busy disk this is long. The store's
/// own lock is held during that time, so no other process can enter.
const LINGER: Duration = Duration::from_secs(10);
/// How long the device may take to answer sled. A sync of a busy disk takes seconds.
pub(super) const ANSWER: Duration = Duration::from_secs(120);
/// How long sled may take to read its log and open: minutes for a large store on a slow disk.
const OPENING: Duration = Duration::from_secs(1800);
/// Pause between two attempts at sled's own lock.
const PAUSE: Duration = Duration::from_millis(20);
/// Attempts to open.
const TRIES: u32 = 50;
/// sled takes several times this in memory; its default is 1 GiB.
const CACHE_BYTES: u64 = 64 << 20;
/// The flush thread also reclaims space; without it none is ever reclaimed.
const FLUSH_EVERY_MS: u64 = 500;

/// Handles that outlive all others, so that sled's work on closing the last one happens where a
/// panic is caught: a failing sync panics there.
#[derive(Debug)]
pub(super) struct Closing {
    db: Option<sled::Db>,
    trees: Vec<sled::Tree>,
}

impl Closing {
    fn new(db: &sled::Db) -> Self {
        // The default tree is held twice: by the database and under its name.
        let named = db
            .tree_names()
            .into_iter()
            .filter_map(|name| db.open_tree(name).ok());
        Self {
            trees: named.chain([sled::Tree::clone(db)]).collect(),
            db: Some(db.clone()),
        }
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let (db, trees) = (self.db.take(), std::mem::take(&mut self.trees));
        let _ = within(ANSWER, move || {
            let _ = guarded(|| drop(db));
            for tree in trees {
                let _ = guarded(|| drop(tree));
            }
        });
    }
}

/// The database of a store's directory, or sled's error.
type Opened = Result<(sled::Db, Trees, Closing), sled::Error>;

/// Opens the database of a store's directory.
pub(super) fn open(dir: &Path) -> Result<Opened, Damage> {
    let dir = dir.to_owned();
    within(OPENING, move || opened(&dir))
}

/// Changes the index, the entries and the tally in one transaction.
pub(super) fn transact(
    trees: &Trees,
    index: Batch,
    entries: Batch,
    tally: Tally,
) -> Result<Result<(), sled::Error>, Damage> {
    let tally = serde_json::to_vec(&tally).expect("a tally holds only numbers and text");
    let trees = [&trees.index, &trees.entries, &trees.meta].map(Clone::clone);
    within(ANSWER, move || {
        let [runs, records, meta] = &trees;
        let result: TransactionResult<()> =
            (runs, records, meta).transaction(|(runs, records, meta)| {
                runs.apply_batch(&index)?;
                records.apply_batch(&entries)?;
                meta.insert(TALLY, tally.as_slice())?;
                Ok(())
            });
        result.map_err(|e| match e {
            TransactionError::Abort(()) => unreachable!("the transaction never aborts"),
            TransactionError::Storage(source) => source,
        })
    })
}

fn opened(dir: &Path) -> Opened {
    let db = open_sled(dir)?;
    let tree = |name: &str| db.open_tree(name);
    let trees = Trees {
        index: tree("runs")?,
        entries: tree("entries")?,
        parts: tree("parts")?,
        meta: tree("meta")?,
        desk: tree("desk")?,
    };
    let closing = Closing::new(&db);
    Ok((db, trees, closing))
}

/// Whether another process holds sled's own lock. sled's error says so only in its text, so the
/// lock file is tested.
fn is_locked(dir: &Path) -> bool {
    let lock = File::open(dir.join(DB_DIR).join("db"));
    lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// sled releases its lock a little after the database was dropped.
fn open_sled(dir: &Path) -> Result<sled::Db, sled::Error> {
    let deadline = Instant::now() + LINGER;
    while is_locked(dir) {
        if Instant::now() >= deadline {
            return Err(sled::Error::Io(ErrorKind::WouldBlock.into()));
        }
        std::thread::sleep(PAUSE);
    }
    insist(|| {
        sled::Config::new()
            .path(dir.join(DB_DIR))
            .cache_capacity(CACHE_BYTES)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(FLUSH_EVERY_MS))
            .open()
    })
}

/// Tries again if sled could not take its lock, which it does before it reads anything. A child that
/// another thread starts holds every lock of this process until it runs its own program, including
/// the one of the probe above.
fn insist<T>(mut open: impl FnMut() -> Result<T, sled::Error>) -> Result<T, sled::Error> {
    for _ in 1..TRIES {
        match open() {
            // sled's own kind for it; errors of the file system have theirs.
            Err(sled::Error::Io(e)) if e.kind() == ErrorKind::Other => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
    open()
}

/// Judges an error on opening. The files have been checked before, so anything that is not the file
/// system's error is damage, and only a rebuild is left.
pub(super) fn judge(dir: &Path, damage: Damage) -> StoreError {
    let dir = dir.to_owned();
    match damage {
        Damage::Engine(sled::Error::Io(e)) if e.kind() == ErrorKind::WouldBlock => {
            StoreError::InUse { dir, holder: None }
        }
        Damage::Engine(e @ sled::Error::Io(_)) => {
            match StoreError::engine("open the database", &dir, e) {
                StoreError::Engine { source, .. } if is_torn(&source) => StoreError::Damaged {
                    dir,
                    damage: Damage::Engine(source),
                },
                other => other,
            }
        }
        damage => StoreError::Damaged { dir, damage },
    }
}

/// Input and output errors that concern contents, not the device.
fn is_torn(error: &sled::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    let sled::Error::Io(e) = error else {
        return false;
    };
    e.raw_os_error().is_none()
        && matches!(e.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_somebody_holds_is_in_use_and_a_free_one_is_not() {
        let place = std::env::temp_dir().join(format!("sled-lock-{}", std::process::id()));
        std::fs::create_dir_all(&place).expect("it is writable");
        assert!(!is_locked(&place), "there is none yet");
        let db = open_sled(&place).expect("it opens");
        assert!(is_locked(&place));
        drop(db);
        let _again = open_sled(&place).expect("sled has released its lock");
        std::fs::remove_dir_all(&place).expect("it was made above");
        let held = Damage::Engine(sled::Error::Io(ErrorKind::WouldBlock.into()));
        assert!(matches!(judge(&place, held), StoreError::InUse { .. }));
        let broken = Damage::Engine(sled::Error::Io(ErrorKind::PermissionDenied.into()));
        assert!(!matches!(judge(&place, broken), StoreError::InUse { .. }));
    }

    #[test]
    fn a_lock_that_is_held_for_a_moment_is_waited_for_and_other_errors_are_not() {
        let failing = |kind: ErrorKind, failures: u32| {
            let mut calls = 0;
            let result = insist(|| {
                calls += 1;
                match calls > failures {
                    true => Ok(()),
                    false => Err(sled::Error::Io(kind.into())),
                }
            });
            (calls, result.is_ok())
        };
        assert_eq!(failing(ErrorKind::Other, 0), (1, true));
        assert_eq!(failing(ErrorKind::Other, 2), (3, true));
        assert_eq!(failing(ErrorKind::Other, 1000), (TRIES, false));
        assert_eq!(failing(ErrorKind::UnexpectedEof, 2), (1, false));
    }
}
