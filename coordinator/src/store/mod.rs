//! The store: every run, part by part, durable in a directory. The only user of sled, which is kept
//! behind these types so that another engine can take its place. Owns keys, index, witness,
//! durability and export files; must not know what is concluded from a run. Everything here blocks.
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
//! A write that has returned survives the loss of the process and of power: the database is flushed
//! *and* its file synced, and only then the witness follows. The run's copy beside the database has
//! it before that. Parts alone are buffered until the block they belong to is committed; parts of a
//! block that never was stay stored as superseded and are not read with the others.

mod addenda;
mod archive;
mod change;
mod compact;
mod copies;
mod database;
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
mod transfer;
mod witness;
mod wreck;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use contract::id::RunId;

pub use archive::{check_archive, decode_archive, is_archive, read_archive};
pub use compact::Compacted;
pub use error::{Damage, StoreError};
pub use index::{EndSummary, RunSummary};
pub use raw::{Addenda, Resume, RunRecord};
pub use rebuild::{Brought, Lost, Rebuilt};
pub use salvage::Source;
pub use transfer::{Imported, Verified};

/// Directory of the database within the store's.
const DB_DIR: &str = "db";
/// Directory of the export files within the store's.
const RUNS_DIR: &str = "runs";

/// An open store. One process at a time has one.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    db: sled::Db,
    trees: Trees,
    ledger: Mutex<Ledger>,
    // Dropped after what it closes.
    closing: database::Closing,
    /// Where a store that cannot be written to was copied for reading.
    scratch: Option<readonly::Scratch>,
    // Dropped last: the next process must not come in while sled still writes.
    _lock: lock::Lock,
}

#[derive(Debug)]
struct Trees {
    /// One row a run.
    index: sled::Tree,
    /// Headers, blocks, notices, ends, noise floors; annotations and calibrations.
    entries: sled::Tree,
    /// Parts.
    parts: sled::Tree,
    /// The tally.
    meta: sled::Tree,
}

/// What the writer knows.
#[derive(Debug)]
struct Ledger {
    tally: witness::Tally,
    /// A commit failed half-way.
    broken: bool,
    /// Written by an older program, which kept no copies of most runs.
    older: bool,
    /// Where journals go on.
    tails: copies::Tails,
}

impl Store {
    /// The directory it lives in.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the export file of a run belongs.
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

/// The directory that holds a file: of a bare name the working directory, which [`Path::parent`]
/// calls the empty path.
fn directory_of(path: &Path) -> &Path {
    path.parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
