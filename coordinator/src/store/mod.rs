//! The store: every run, part by part, durable in a directory. The only user of sled, which is
//! hidden behind these types so that it can be replaced. Owns keys, index, manifest, durability and
//! export files; must not know what is concluded from a run. All calls block.
//!
//! ```text
//! DIR/db/               the database
//! DIR/manifest          the witness: what the database must hold
//! DIR/lock              held while the store is open, with the holder's process id
//! DIR/runs/<id>.bench   export files, each a whole run
//! DIR/runs/<id>.journal what was committed of a run since, or from its beginning
//! DIR/db.corrupt-*/     databases that were set aside when the store was rebuilt
//! DIR/compact, db.old   while the database is compacted
//! DIR/rebuilding        while the store is rebuilt: where the old databases are
//! ```
//!
//! A write that has returned survives a crash of the process and a loss of power: first the run's
//! copy outside the database is synced, then the database is flushed *and* its file synced, and
//! only then the witness is written. Parts alone are buffered until their block is committed. Parts
//! of a block that was never committed stay stored as superseded and are not read with the others.

mod addenda;
mod archive;
mod change;
mod compact;
mod copies;
mod database;
mod desk;
mod digest;
mod durable;
mod error;
mod guard;
mod index;
mod inspect;
mod journal;
mod key;
mod lock;
mod open;
mod prune;
mod raw;
mod read;
mod readonly;
mod rebuild;
mod rows;
mod salvage;
mod snapshot;
mod transfer;
mod witness;
mod wreck;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use contract::id::RunId;

pub use archive::{check_archive, decode_archive, is_archive, read_archive};
pub use compact::Compacted;
pub use desk::DeskChange;
pub use error::{Damage, StoreError};
pub use index::{EndSummary, RunSummary};
pub use raw::{Addenda, Resume, RunRecord};
pub use rebuild::{Brought, Lost, Rebuilt};
pub use salvage::Source;
pub use snapshot::Snapshot;
pub use transfer::{Imported, Verified};

/// Directory of the database within the store's.
const DB_DIR: &str = "db";
/// Directory of the export files within the store's.
const RUNS_DIR: &str = "runs";

/// An open store. Only one process at a time has it open; others may read snapshots of it.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    db: sled::Db,
    trees: Trees,
    ledger: Mutex<Ledger>,
    // Dropped after the handles that it closes.
    closing: database::Closing,
    /// The temporary copy of a store that cannot be written, or that another process has open.
    scratch: Option<readonly::Scratch>,
    /// Of which moment that copy is, in the second case.
    snapshot: Option<Snapshot>,
    // Dropped last: the next process must not enter while sled still writes.
    _lock: lock::Lock,
}

#[derive(Debug)]
struct Trees {
    /// One row for each run.
    index: sled::Tree,
    /// Headers, blocks, notices, ends, noise floors; annotations and calibrations.
    entries: sled::Tree,
    /// Parts.
    parts: sled::Tree,
    /// The tally.
    meta: sled::Tree,
    /// Records of the server.
    desk: sled::Tree,
}

/// State of the writer.
#[derive(Debug)]
struct Ledger {
    tally: witness::Tally,
    /// Whether a commit failed half-way.
    broken: bool,
    /// Whether the store was written by an older program, which kept no copies of most runs.
    older: bool,
    /// Ends of the journals.
    tails: copies::Tails,
}

impl Store {
    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Path of a run's export file.
    #[must_use]
    pub fn archive_path(&self, run: RunId) -> PathBuf {
        archive_path(&self.dir, run)
    }
}

fn archive_path(dir: &Path, run: RunId) -> PathBuf {
    dir.join(RUNS_DIR)
        .join(run.as_str())
        .with_extension("bench")
}

/// The directory of a file. For a bare name that is the working directory, which [`Path::parent`]
/// returns as the empty path.
fn directory_of(path: &Path) -> &Path {
    path.parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
