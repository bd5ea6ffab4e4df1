//! Opens and closes the store: lock, check of the files, database, witness, in that order. Owns the
//! decision whether the files can be trusted; must not know how runs are written or read.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use contract::envelope;

use super::database;
use super::digest::SetHash;
use super::error::{Damage, StoreError};
use super::guard::guarded;
use super::lock::{self, Lock, PATIENCE};
use super::readonly::Scratch;
use super::snapshot::{self, Snapshot};
use super::witness::{self, TALLY, Tally, Witness, count};
use super::{
    DB_DIR, Ledger, RUNS_DIR, Store, Trees, compact, copies, durable, inspect, rebuild, rows,
};

/// How often a snapshot is taken again if it does not open.
const TRIES: u32 = 3;

impl Store {
    /// Opens the store in a directory, creating both if necessary. A store that cannot be written
    /// is copied, and the copy is opened for reading.
    ///
    /// # Errors
    /// When another process has it open for longer than a second, when it is damaged or from a
    /// newer program, when the device is full or cannot be read.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_within(dir, PATIENCE)
    }

    /// The same, but waits this long for another process that has it open.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_within(dir: &Path, patience: Duration) -> Result<Self, StoreError> {
        inspect::surroundings()?;
        let is_new = !dir.exists();
        std::fs::create_dir_all(dir).map_err(|source| StoreError::io("create", dir, source))?;
        if is_new && let Some(parent) = dir.canonicalize().ok().as_deref().and_then(Path::parent) {
            durable::sync_dir(parent)?;
        }
        match lock::take(dir, patience) {
            Ok(lock) => Self::open_locked(dir, lock),
            Err(error) if lock::forbids(&error) && dir.join(DB_DIR).exists() => {
                Self::open_copy(dir)
            }
            Err(error) => Err(error),
        }
    }

    /// Opens a copy of a store that another process has open, for reading. The copy is that of one
    /// moment: everything committed by then is in it. The other process is not slowed down by any
    /// lock.
    ///
    /// # Errors
    /// When its files change all the time, when it is being rebuilt, or cannot be copied.
    pub fn open_snapshot(dir: &Path) -> Result<Self, StoreError> {
        inspect::surroundings()?;
        let holder = lock::holder(dir);
        for _ in 0..TRIES {
            let taken = snapshot::take(dir, holder)?;
            if taken.scratch.dir().join(rebuild::MARK).exists() {
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    holder,
                });
            }
            match Self::open_scratch(dir, taken.scratch) {
                // Its writer knows the state of a store that it has open, so the copy is to blame.
                Err(StoreError::Damaged { .. }) => {}
                opened => {
                    let unix_ms = taken.unix_ms;
                    return Ok(Self {
                        snapshot: Some(Snapshot { holder, unix_ms }),
                        ..opened?
                    });
                }
            }
        }
        Err(StoreError::Unsettled {
            dir: dir.to_owned(),
            holder,
        })
    }

    /// The process that has this store open, if there is one and its number can be read.
    #[must_use]
    pub fn holder(dir: &Path) -> Option<u32> {
        lock::is_held(dir).then(|| lock::holder(dir)).flatten()
    }

    /// Of which moment this is, if it is a copy of a store that another process has open.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.snapshot
    }

    /// Closes the store. The same as dropping it, but reports errors.
    ///
    /// # Errors
    /// When buffered data cannot be made durable.
    pub fn close(self) -> Result<(), StoreError> {
        if self.ledger().broken || self.scratch.is_some() {
            return Ok(());
        }
        self.make_durable()
    }

    /// Opens a store whose lock is held, unless a rebuild of it was interrupted.
    pub(super) fn open_locked(dir: &Path, lock: Lock) -> Result<Self, StoreError> {
        if dir.join(rebuild::MARK).exists() {
            return Err(StoreError::Damaged {
                dir: dir.to_owned(),
                damage: Damage::HalfRebuilt,
            });
        }
        // The manifest is written before the first copy.
        if has_copies(dir)? && witness::load(dir)?.is_none() {
            return Err(StoreError::Damaged {
                dir: dir.to_owned(),
                damage: Damage::ManifestMissing,
            });
        }
        Self::open_settled(dir, lock)
    }

    /// Opens a store whose lock is held.
    pub(super) fn open_settled(dir: &Path, lock: Lock) -> Result<Self, StoreError> {
        let witness = witness::load(dir)?;
        compact::settle(dir)?;
        if witness.is_none() && !has_copies(dir)? {
            return Self::open_new(dir, lock);
        }
        let store = Self::open_judged(dir, dir, lock, witness)?;
        store.settle(witness)?;
        Ok(store)
    }

    /// Opens a store without any commit. Leftovers of an interrupted first open are ignored.
    fn open_new(dir: &Path, lock: Lock) -> Result<Self, StoreError> {
        match Self::open_judged(dir, dir, lock, None) {
            Err(StoreError::Damaged {
                damage: damage @ (Damage::Engine(_) | Damage::Panicked),
                ..
            }) => {
                let lock = lock::take(dir, PATIENCE)?;
                if holds_records(dir)? {
                    return Err(StoreError::Damaged {
                        dir: dir.to_owned(),
                        damage,
                    });
                }
                rebuild::set_aside(dir)?;
                rebuild::remove_mark(dir)?;
                let store = Self::open_judged(dir, dir, lock, None)?;
                store.settle(None)?;
                Ok(store)
            }
            opened => {
                let store = opened?;
                store.settle(None)?;
                Ok(store)
            }
        }
    }

    /// Opens a copy of a store that cannot be written.
    fn open_copy(dir: &Path) -> Result<Self, StoreError> {
        let _shared = lock::share(dir)?;
        Self::open_scratch(dir, Scratch::copy_of(dir)?)
    }

    /// Opens a copy of this store.
    fn open_scratch(dir: &Path, scratch: Scratch) -> Result<Self, StoreError> {
        if scratch.dir().join(rebuild::MARK).exists() {
            return Err(StoreError::Damaged {
                dir: dir.to_owned(),
                damage: Damage::HalfRebuilt,
            });
        }
        let witness = witness::load(scratch.dir())?;
        if has_copies(dir)? && witness.is_none() {
            return Err(StoreError::Damaged {
                dir: dir.to_owned(),
                damage: Damage::ManifestMissing,
            });
        }
        let lock = lock::take(scratch.dir(), PATIENCE)?;
        let store = Self::open_judged(scratch.dir(), dir, lock, witness)?;
        Ok(Self {
            dir: dir.to_owned(),
            scratch: Some(scratch),
            ..store
        })
    }

    /// Opens the database in a directory and compares it with its witness. Errors name the store's
    /// directory.
    fn open_judged(
        at: &Path,
        dir: &Path,
        lock: Lock,
        witness: Option<Witness>,
    ) -> Result<Self, StoreError> {
        let damaged = |damage| StoreError::Damaged {
            dir: dir.to_owned(),
            damage,
        };
        let witnessed = witness.map(|witness| witness.tally).unwrap_or_default();
        if witnessed.commit > 0 && !at.join(DB_DIR).exists() {
            return Err(damaged(Damage::Behind {
                found: 0,
                witnessed: witnessed.commit,
            }));
        }
        inspect::files(at)?;
        let opened = database::open(at).map_err(damaged)?;
        let (db, trees, closing) =
            opened.map_err(|source| database::judge(dir, Damage::Engine(source)))?;
        let tally = guarded(|| trees.tally())
            .map_err(damaged)?
            .map_err(|damage| database::judge(dir, damage))?;
        if witness.is_none() && tally.commit > 0 {
            return Err(damaged(Damage::ManifestMissing));
        }
        witness::check(tally, witnessed).map_err(damaged)?;
        let ledger = Mutex::new(Ledger {
            tally,
            broken: false,
            older: witness.is_some_and(|witness| !witness.is_current()),
            tails: copies::Tails::new(),
        });
        Ok(Self {
            dir: at.to_owned(),
            db,
            trees,
            ledger,
            closing,
            scratch: None,
            snapshot: None,
            _lock: lock,
        })
    }

    /// Makes a new store's names durable, and updates a witness that is behind after a crash.
    fn settle(&self, witness: Option<Witness>) -> Result<(), StoreError> {
        let tally = self.ledger().tally;
        if witness.is_some_and(|witness| witness.tally == tally) {
            return Ok(());
        }
        let runs = self.dir.join(RUNS_DIR);
        std::fs::create_dir_all(&runs).map_err(|source| StoreError::io("create", &runs, source))?;
        self.make_durable()?;
        inspect::make_names_durable(&self.dir)?;
        drop(self.writable()?);
        witness::save(&self.dir, tally)
    }
}

/// Whether a log contains anything that looks like a record of this program.
fn holds_records(dir: &Path) -> Result<bool, StoreError> {
    let log = dir.join(DB_DIR).join("db");
    match std::fs::read(&log) {
        Ok(bytes) => Ok(bytes
            .windows(envelope::MAGIC.len())
            .any(|window| window == envelope::MAGIC)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StoreError::io("read", &log, source)),
    }
}

/// Whether any run was ever committed in this store.
fn has_copies(dir: &Path) -> Result<bool, StoreError> {
    match std::fs::read_dir(dir.join(RUNS_DIR)) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(StoreError::io("list", &dir.join(RUNS_DIR), source)),
    }
}

impl Trees {
    /// The tally in the database, checked against its index.
    pub(super) fn tally(&self) -> Result<Tally, Damage> {
        let stored = self.meta.get(TALLY).map_err(Damage::Engine)?;
        let tally: Tally = match stored {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|_| Damage::Index)?,
            None => Tally::default(),
        };
        let (mut runs, mut index) = (0, SetHash::default());
        for row in rows::scan(&self.index, b"") {
            let (key, value) = row?;
            index.toggle(&key, &value);
            runs += 1;
        }
        count("runs", runs, tally.runs)?;
        if index == tally.index {
            Ok(tally)
        } else {
            Err(Damage::Content)
        }
    }
}
