//! Everything that can go wrong with the store, as values: each sentence says what happened and the
//! way out. Owns the judgement which failures of the database, of files and of records are which;
//! must not know how they came about.

use std::path::{Path, PathBuf};

use contract::id::{Attempt, RunId, TrialKey};
use contract::part::PartKey;
use contract::part::vet::PartFault;
use contract::record::RecordError;
use contract::shell;

/// Why the store could not do what it was asked.
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
        /// Process id of the other, where it could be read.
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
        /// What is wrong.
        damage: Damage,
    },
    /// The device failed to read. Nothing was changed: the database was not opened.
    #[error(
        "read {} at byte {at}: {source}; the device or its file system failed, not the store, and nothing \
         was changed: copy the store to a working device and give its path with --store",
        path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where in it.
        at: u64,
        /// Why not.
        source: std::io::Error,
    },
    /// The process may not start as many threads as the database needs.
    #[error(
        "open the store: no thread can be started ({source}); raise the limit on processes (`ulimit -u`) or end some"
    )]
    Threads {
        /// Why not.
        source: std::io::Error,
    },
    /// The wall clock stands before 1970 or beyond the years of dates.
    #[error("open the store: the system clock is before 1970 or after 9998; set it")]
    Clock,
    /// The store lies where nothing can be written: it was opened through a copy, for reading.
    #[error(
        "write to the store {}: it is read-only; give another directory with --store",
        dir.display()
    )]
    ReadOnly {
        /// The store.
        dir: PathBuf,
    },
    /// One run does not hold what was written to it; others are not concerned.
    #[error(
        "read run {run}: {damage}; its copy beside the database still holds it: `coordinator runs import --rebuild` \
         makes a new database of all copies"
    )]
    RunDamaged {
        /// The run.
        run: RunId,
        /// What is wrong.
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
        /// Its layout.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// An export file is not what was exported.
    #[error("import {path}: {damage}; nothing was imported from it, use another copy")]
    ArchiveDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
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
    /// Nothing was ever stored here.
    #[error("find a run in {dir}: none is stored there yet; `coordinator run` makes the first")]
    NoRuns {
        /// The store.
        dir: PathBuf,
    },
    /// No run goes by this name.
    #[error(
        "find run `{wanted}`: no stored run has an id that begins with it; `coordinator runs list` \
             shows all"
    )]
    NoSuchRun {
        /// What was asked for.
        wanted: String,
    },
    /// More than one run goes by this name.
    #[error("find run `{wanted}`: the ids of {} runs begin with it; give more characters: \
             {}", candidates.len(), names(candidates))]
    Ambiguous {
        /// What was asked for.
        wanted: String,
        /// All that begin so, oldest first.
        candidates: Vec<RunId>,
    },
    /// Begun before.
    #[error("begin run {run}: it is stored already")]
    RunExists {
        /// The run.
        run: RunId,
    },
    /// Another record stands in that place. Records are never changed.
    #[error("store a part of slot {} for {} attempt {}: another stands in its place", .0.slot, .0.key, .0.attempt.0)]
    PlaceTaken(PartKey),
    /// The block is done; parts of its accepted attempt can no longer be added.
    #[error("store a part of slot {} for {} attempt {}: its block is done", .0.slot, .0.key, .0.attempt.0)]
    BlockClosed(PartKey),
    /// The bytes belong to another place than was said.
    #[error("store a part for {} under the place of {}", found.key, said.key)]
    WrongPlace {
        /// Where the caller put it.
        said: PartKey,
        /// Where it says it belongs.
        found: PartKey,
    },
    /// A block is done once.
    #[error("commit cell {cell} round {}: it is done already by another record", round + 1)]
    BlockExists {
        /// Scenario.
        cell: u32,
        /// Round.
        round: u32,
    },
    /// A block cannot be done while an arm has no part.
    #[error("commit cell {cell} round {} attempt {}: arm {arm} has no part", round + 1, attempt.0)]
    ArmMissing {
        /// Scenario.
        cell: u32,
        /// Round.
        round: u32,
        /// The attempt that was to be accepted.
        attempt: Attempt,
        /// The arm.
        arm: contract::id::Arm,
    },
    /// A record cannot be sealed, or what the caller gave is none.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The file system refused.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("{action} in the store {dir}: {source}")]
    Engine {
        /// What was tried.
        action: &'static str,
        /// The store.
        dir: PathBuf,
        /// Why not.
        source: sled::Error,
    },
    /// An earlier write failed half-way; what memory holds is no longer what the disk holds.
    #[error(
        "write to the store {dir}: an earlier write failed; open it again, committed blocks are safe"
    )]
    Broken {
        /// The store.
        dir: PathBuf,
    },
}

/// What is wrong with stored bytes.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// The database says so itself.
    #[error("the database is damaged ({0})")]
    Engine(sled::Error),
    /// The database could not even say so.
    #[error("the database is damaged so that it cannot be read")]
    Panicked,
    /// The database waits for a device that does not answer.
    #[error(
        "the device did not answer in time; see whether it has failed, then run `coordinator runs verify`"
    )]
    Silent,
    /// A record kept in pieces lacks some.
    #[error("a piece of a record is missing")]
    Gap,
    /// A record does not open.
    #[error("failed to {0}")]
    Record(#[from] RecordError),
    /// The index of runs does not parse.
    #[error("an entry of the index of runs is damaged")]
    Index,
    /// More or fewer than were written.
    #[error("it holds {found} {what} where {written} were written")]
    Count {
        /// What is counted, in the plural.
        what: &'static str,
        /// Now.
        found: u64,
        /// Then.
        written: u64,
    },
    /// Other bytes than were written.
    #[error("its contents differ from what was written")]
    Content,
    /// The end of the log is lost.
    #[error(
        "the database ends at commit {found}, but its manifest mentions commit {witnessed}: the last \
         commits are lost"
    )]
    Behind {
        /// In the database.
        found: u64,
        /// In the manifest.
        witnessed: u64,
    },
    /// The witness is gone.
    #[error("its manifest is missing")]
    ManifestMissing,
    /// A rebuild was cut off.
    #[error("a rebuild of it was interrupted")]
    HalfRebuilt,
    /// The witness itself is damaged.
    #[error("its manifest is damaged")]
    ManifestUnreadable,
    /// Not one of ours.
    #[error("it is not an export file of this program")]
    NotAnArchive,
    /// Not the journal of that run.
    #[error("its journal does not begin like one")]
    NotAJournal,
    /// The end is missing.
    #[error("it is cut short or damaged: its checksum does not match")]
    Checksum,
    /// A part that cannot be what a worker measured.
    #[error("the part of {key} slot {slot} fails its checks: {fault}")]
    Fault {
        /// Its trial.
        key: TrialKey,
        /// Its slot.
        slot: u32,
        /// What is wrong with the part.
        fault: Box<PartFault>,
    },
    /// Records that do not belong together.
    #[error("its records contradict each other: {0}")]
    Contradiction(&'static str),
}

impl StoreError {
    /// Judges a failure of the database.
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

    /// Judges a failure of the file system.
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

/// Quotas count as a full device: the way out is the same.
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
