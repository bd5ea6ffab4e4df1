//! Every error of the store, as values: each sentence says what happened and what to do. Owns the
//! classification of failures of the database, files and records; must not know how they arose.

use std::path::{Path, PathBuf};

use contract::id::{Attempt, RunId, TrialKey};
use contract::part::PartKey;
use contract::part::vet::PartFault;
use contract::record::RecordError;
use contract::shell;

/// Why an operation of the store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error(
        "open the store {dir}: {} is using it; wait until it ends, or choose another directory with --store",
        holder_name(*.holder)
    )]
    InUse {
        /// The store.
        dir: PathBuf,
        /// Process id of the other, if it could be read.
        holder: Option<u32>,
    },
    /// The files of a store that another process has open never stood still.
    #[error(
        "read the store {} beside {}: its files changed all the time, so no copy of one moment could be \
         taken; try again, or wait until that process ends",
        dir.display(), holder_name(*.holder)
    )]
    Unsettled {
        /// The store.
        dir: PathBuf,
        /// Process id of the other, if it could be read.
        holder: Option<u32>,
    },
    /// The device is full.
    #[error(
        "write to the store {dir}: no space is left on its device; committed blocks are safe: free some \
         space, then resume the run with --resume"
    )]
    Full {
        /// The store.
        dir: PathBuf,
    },
    /// The database does not hold what was written to it.
    #[error(
        "open the store {dir}: {damage}; what was committed can be brought back from {}: \
         `coordinator runs import --rebuild --store {}` sets the damaged database aside and does it",
        dir.join(super::RUNS_DIR).display(), shell::word(&dir.display().to_string())
    )]
    Damaged {
        /// The store.
        dir: PathBuf,
        /// The damage.
        damage: Damage,
    },
    /// The device failed to read. Nothing was changed, because the database was not opened.
    #[error(
        "read {} at byte {at}: {source}; the device or its file system failed, not the store, and nothing \
         was changed: copy the store to a working device and give its path with --store",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Offset, bytes.
        at: u64,
        /// The system's error.
        source: std::io::Error,
    },
    /// The process may not start as many threads as the database needs.
    #[error(
        "open the store: no thread can be started ({source}); raise the limit on processes (`ulimit -u`) or end some"
    )]
    Threads {
        /// The system's error.
        source: std::io::Error,
    },
    /// The wall clock is before 1970 or beyond the range of dates.
    #[error("open the store: the system clock is before 1970 or after 9998; set it")]
    Clock,
    /// The store cannot be written: a copy of it was opened for reading.
    #[error(
        "write to the store {}: it is read-only; give another directory with --store",
        dir.display()
    )]
    ReadOnly {
        /// The store.
        dir: PathBuf,
    },
    /// One run does not hold what was written to it; other runs are not affected.
    #[error(
        "read run {run}: {damage}; its copy beside the database still holds it: `coordinator runs import --rebuild` \
         makes a new database of all copies"
    )]
    RunDamaged {
        /// The run.
        run: RunId,
        /// The damage.
        damage: Damage,
    },
    /// Written by a newer program.
    #[error(
        "read {path}: it has layout {found}, and this program knows layouts up to {known}; use a newer \
         program"
    )]
    Newer {
        /// The store's directory or an export file.
        path: PathBuf,
        /// Its layout version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// An export file does not hold what was exported.
    #[error("import {path}: {damage}; nothing was imported from it, use another copy")]
    ArchiveDamaged {
        /// The file.
        path: PathBuf,
        /// The damage.
        damage: Damage,
    },
    /// An export file and the store hold different states of one run.
    #[error(
        "import {path}: the store holds run {run} with other contents; import it into another directory \
         with --store"
    )]
    Differs {
        /// The file.
        path: PathBuf,
        /// The run.
        run: RunId,
    },
    /// The store is empty.
    #[error("find a run in {dir}: none is stored there yet; `coordinator run` makes the first")]
    NoRuns {
        /// The store.
        dir: PathBuf,
    },
    /// No run matches.
    #[error(
        "find run `{wanted}`: no stored run has an id that begins with it; `coordinator runs list` \
             shows all"
    )]
    NoSuchRun {
        /// The id or beginning given.
        wanted: String,
    },
    /// More than one run matches.
    #[error("find run `{wanted}`: the ids of {} runs begin with it; give more characters: \
             {}", candidates.len(), names(candidates))]
    Ambiguous {
        /// The id or beginning given.
        wanted: String,
        /// All matching runs, oldest first.
        candidates: Vec<RunId>,
    },
    /// The run has been begun before.
    #[error("begin run {run}: it is stored already")]
    RunExists {
        /// The run.
        run: RunId,
    },
    /// Another record has this key. Records are never changed.
    #[error("store a part of slot {} for {} attempt {}: another stands in its place", .0.slot, .0.key, .0.attempt.0)]
    PlaceTaken(PartKey),
    /// The block is done, so parts of its accepted attempt can no longer be added.
    #[error("store a part of slot {} for {} attempt {}: its block is done", .0.slot, .0.key, .0.attempt.0)]
    BlockClosed(PartKey),
    /// The bytes have another key than the caller gave.
    #[error("store a part for {} under the place of {}", found.key, said.key)]
    WrongPlace {
        /// Key given by the caller.
        said: PartKey,
        /// Key in the bytes.
        found: PartKey,
    },
    /// The block is done already.
    #[error("commit cell {cell} round {}: it is done already by another record", round + 1)]
    BlockExists {
        /// Scenario.
        cell: u32,
        /// Round.
        round: u32,
    },
    /// A block cannot be committed while an arm has no part.
    #[error("commit cell {cell} round {} attempt {}: arm {arm} has no part", round + 1, attempt.0)]
    ArmMissing {
        /// Scenario.
        cell: u32,
        /// Round.
        round: u32,
        /// The attempt to accept.
        attempt: Attempt,
        /// The arm.
        arm: contract::id::Arm,
    },
    /// A record cannot be encoded, or the caller's bytes are not a record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The file system reported an error.
    #[error("{action} {path}: {source}")]
    Io {
        /// The operation.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The database reported an error.
    #[error("{action} in the store {dir}: {source}")]
    Engine {
        /// The operation.
        action: &'static str,
        /// The store.
        dir: PathBuf,
        /// The database's error.
        source: sled::Error,
    },
    /// An earlier write failed half-way, so memory and disk differ.
    #[error(
        "write to the store {dir}: an earlier write failed; open it again, committed blocks are safe"
    )]
    Broken {
        /// The store.
        dir: PathBuf,
    },
}

/// How stored bytes are damaged.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The database reported an error.
    #[error("the database is damaged ({0})")]
    Engine(sled::Error),
    /// The database panicked.
    #[error("the database is damaged so that it cannot be read")]
    Panicked,
    /// The database waits for a device that does not answer.
    #[error(
        "the device did not answer in time; see whether it has failed, then run `coordinator runs verify`"
    )]
    Silent,
    /// A record that is stored in pieces lacks some.
    #[error("a piece of a record is missing")]
    Gap,
    /// A record cannot be decoded.
    #[error("failed to {0}")]
    Record(#[from] RecordError),
    /// The index of runs does not parse.
    #[error("an entry of the index of runs is damaged")]
    Index,
    /// The number of items differs from the number written.
    #[error("it holds {found} {what} where {written} were written")]
    Count {
        /// The items, in the plural.
        what: &'static str,
        /// Number found.
        found: u64,
        /// Number written.
        written: u64,
    },
    /// The bytes differ from those written.
    #[error("its contents differ from what was written")]
    Content,
    /// The end of the log is lost.
    #[error(
        "the database ends at commit {found}, but its manifest mentions commit {witnessed}: the last \
         commits are lost"
    )]
    Behind {
        /// Last commit in the database.
        found: u64,
        /// Last commit in the manifest.
        witnessed: u64,
    },
    /// The manifest is missing.
    #[error("its manifest is missing")]
    ManifestMissing,
    /// A rebuild was interrupted.
    #[error("a rebuild of it was interrupted")]
    HalfRebuilt,
    /// The manifest itself is damaged.
    #[error("its manifest is damaged")]
    ManifestUnreadable,
    /// Not an export file.
    #[error("it is not an export file of this program")]
    NotAnArchive,
    /// Not the journal of that run.
    #[error("its journal does not begin like one")]
    NotAJournal,
    /// The checksum does not match, for example because the end is missing.
    #[error("it is cut short or damaged: its checksum does not match")]
    Checksum,
    /// A part contains values that a worker cannot have measured.
    #[error("the part of {key} slot {slot} fails its checks: {fault}")]
    Fault {
        /// Its trial.
        key: TrialKey,
        /// Its slot.
        slot: u32,
        /// The fault.
        fault: Box<PartFault>,
    },
    /// Records that do not belong together.
    #[error("its records contradict each other: {0}")]
    Contradiction(&'static str),
}

impl StoreError {
    /// Classifies a failure of the database.
    pub(super) fn engine(action: &'static str, dir: &Path, source: sled::Error) -> Self {
        let dir = dir.to_owned();
        match source {
            sled::Error::Io(e) if is_full(&e) => Self::Full { dir },
            sled::Error::Corruption { .. } => Self::Damaged {
                dir,
                damage: Damage::Engine(source),
            },
            source => Self::Engine {
                action,
                dir,
                source,
            },
        }
    }

    /// Classifies a failure of the file system.
    pub(super) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        if is_full(&source) {
            return Self::Full {
                dir: super::directory_of(path).to_owned(),
            };
        }
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// An exceeded quota counts as a full device, because the remedy is the same.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

fn holder_name(holder: Option<u32>) -> String {
    holder.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}

fn names(runs: &[RunId]) -> String {
    let shown: Vec<_> = runs.iter().take(5).map(ToString::to_string).collect();
    let more = if runs.len() > shown.len() {
        ", …"
    } else {
        ""
    };
    shown.join(", ") + more
}
