//! Opening and closing: lock, database, witness, in that order. Owns the judgement whether what lies there may be
//! trusted; must not know how runs are written or read.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::digest::SetHash;
use super::error::{Damage, StoreError};
use super::guard::guarded;
use super::lock::{self, Lock};
use super::witness::{self, Tally, count};
use super::{DB_DIR, Ledger, RUNS_DIR, Store, Trees, compact, durable, rows};

/// How long an open waits for another process to be done.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// How long sled may take to let go of a database that was closed; on a busy disk that is long. Our own lock is held
/// by then, so nobody else can be in.
const LINGER: Duration = Duration::from_secs(10);
/// Between two tries against sled's own lock.
const PAUSE: Duration = Duration::from_millis(20);
/// sled takes several times this in memory; its default is 1 GiB.
const CACHE_BYTES: u64 = 64 << 20;
/// The thread behind this also reclaims space; without it nothing is ever reclaimed.
const FLUSH_EVERY_MS: u64 = 500;
/// Key of the tally in the tree `meta`.
pub(super) const TALLY: &[u8] = b"tally";

impl Store {
    /// Opens the store in a directory, making both where there is none.
    ///
    /// # Errors
    /// When another process has it open for longer than a second, when it is damaged or from a newer program, when the
    /// device is full or cannot be read.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir).map_err(|source| StoreError::io("create", dir, source))?;
        Self::open_locked(dir, lock::take(dir, PATIENCE)?)
    }

    /// Lets go of everything. The same as dropping it, but for errors.
    ///
    /// # Errors
    /// When what was buffered cannot be made durable.
    pub fn close(self) -> Result<(), StoreError> {
        if self.ledger().broken {
            return Ok(());
        }
        self.make_durable()
    }

    pub(super) fn open_locked(dir: &Path, lock: Lock) -> Result<Self, StoreError> {
        let witness = witness::load(dir)?;
        compact::settle(dir)?;
        let damaged = |damage| StoreError::Damaged { dir: dir.to_owned(), damage };
        let witnessed = witness.unwrap_or_default().commit;
        if witnessed > 0 && !dir.join(DB_DIR).exists() {
            return Err(damaged(Damage::Behind { found: 0, witnessed }));
        }
        let (db, trees) = guarded(|| open_database(dir)).map_err(damaged)??;
        let tally = guarded(|| trees.tally()).map_err(damaged)?.map_err(|damage| judge(dir, damage))?;
        if witness.is_none() && tally.commit > 0 {
            return Err(damaged(Damage::ManifestMissing));
        }
        witness::check(tally, witness.unwrap_or_default()).map_err(damaged)?;
        let ledger = Mutex::new(Ledger { tally, broken: false });
        let store = Self { dir: dir.to_owned(), db, trees, ledger, _lock: lock };
        store.settle(witness, tally)?;
        Ok(store)
    }

    /// Makes a new store's names durable, and a witness that was left behind by a crash catch up.
    fn settle(&self, witness: Option<Tally>, tally: Tally) -> Result<(), StoreError> {
        if witness == Some(tally) {
            return Ok(());
        }
        let runs = self.dir.join(RUNS_DIR);
        std::fs::create_dir_all(&runs).map_err(|source| StoreError::io("create", &runs, source))?;
        self.make_durable()?;
        durable::sync_dir(&self.dir.join(DB_DIR))?;
        witness::save(&self.dir, tally)
    }
}

impl Trees {
    /// What the database says is in it, checked against the index that is in it.
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
        if index == tally.index { Ok(tally) } else { Err(Damage::Content) }
    }
}

pub(super) fn open_database(dir: &Path) -> Result<(sled::Db, Trees), StoreError> {
    let error = |source| judge(dir, Damage::Engine(source));
    let db = open_sled(dir).map_err(error)?;
    let tree = |name: &str| db.open_tree(name).map_err(error);
    let trees =
        Trees { index: tree("runs")?, entries: tree("entries")?, parts: tree("parts")?, meta: tree("meta")? };
    Ok((db, trees))
}

/// sled lets go of its lock a little after the database was dropped.
fn open_sled(dir: &Path) -> Result<sled::Db, sled::Error> {
    let config = sled::Config::new()
        .path(dir.join(DB_DIR))
        .cache_capacity(CACHE_BYTES)
        .mode(sled::Mode::LowSpace)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    let deadline = Instant::now() + LINGER;
    loop {
        match config.open() {
            Err(e) if is_locked(&e) && Instant::now() < deadline => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
}

/// Only the text of the error tells.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(e) if e.to_string().contains("could not acquire lock"))
}

/// At open, whatever is not the file system's doing is damage: nothing else is left to try but to rebuild.
fn judge(dir: &Path, damage: Damage) -> StoreError {
    let dir = dir.to_owned();
    match damage {
        Damage::Engine(e) if is_locked(&e) => StoreError::InUse { dir, holder: None },
        Damage::Engine(e @ sled::Error::Io(_)) => match StoreError::engine("open the database", &dir, e) {
            StoreError::Engine { source, .. } if is_torn(&source) => {
                StoreError::Damaged { dir, damage: Damage::Engine(source) }
            }
            other => other,
        },
        damage => StoreError::Damaged { dir, damage },
    }
}

/// Input and output errors that speak of contents, not of the device.
fn is_torn(error: &sled::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(error, sled::Error::Io(e) if matches!(e.kind(), InvalidData | InvalidInput | Other | UnexpectedEof))
}
