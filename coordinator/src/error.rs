//! Every reason for a command to fail, and the exit code of each. Messages are one sentence and
//! include the way out.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; with `--gate`: not slower |
//! | 1 | with `--gate`: SLOWER; `soak`: something changed |
//! | 2 | wrong usage, missing prerequisites, or the operating system refused |
//! | 3 | INCONCLUSIVE or unfinished; with `--gate`: UNDECIDED |
//! | 4 | INVALID: the measurement is wrong, or nothing could be measured |
//! | 130 | stopped at once, by the third Ctrl-C, SIGTERM or SIGHUP |

mod execute;
mod listen;
mod serve;
mod train;

pub use execute::ExecuteError;
pub use listen::ListenError;
pub use serve::ServeError;
pub use train::TrainError;

use std::path::PathBuf;

use contract::command::CommandError;
use contract::credentials::CredentialsError;
use contract::identity::Sha256;
use contract::message::Failure;

use crate::build::{BuildError, RevisionError};
use crate::capacity::{CapacityError, ProfileError};
use crate::certs::CertsError;
use crate::compare::{CompareError, NoSuchMetric};
use crate::deploy::kubernetes::DeployError;
use crate::history::{AcrossError, TrendError};
use crate::init::InitError;
use crate::plan::PlanError;
use crate::plan::model::ModelNotFound;
use crate::report::export::ExportError;
use crate::schedule::LineupError;
use crate::store::StoreError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An error of the plan.
    #[error("failed to {0}")]
    Plan(#[from] PlanError),
    /// An error of the requested variants.
    #[error("failed to {0}")]
    Lineup(#[from] LineupError),
    /// The model was not found.
    #[error(transparent)]
    Model(#[from] ModelNotFound),
    /// An error of the builds.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// An error of the store.
    #[error("failed to {0}")]
    Store(#[from] StoreError),
    /// An error on this host.
    #[error("failed to {0}")]
    Execute(#[from] ExecuteError),
    /// An error of the fleet's address.
    #[error("failed to {0}")]
    Listen(#[from] ListenError),
    /// An error of a server, or of speaking to one.
    #[error("{}", told(.0))]
    Serve(#[from] ServeError),
    /// An error of the certificates.
    #[error("failed to {0}")]
    Certs(#[from] CertsError),
    /// An error of writing a new project.
    #[error("failed to {0}")]
    Init(#[from] InitError),
    /// A resumed run must have as many slots as it began with.
    #[error(
        "failed to resume on {now} slots: the run began on {then}; give the same --launcher, --hosts or --agents"
    )]
    OtherFleet {
        /// Slots of the run.
        then: u32,
        /// Slots of this command.
        now: u32,
    },
    /// An error of the training.
    #[error("failed to {0}")]
    Train(#[from] TrainError),
    /// An error in the stored record.
    #[error("failed to {0}")]
    Compare(#[from] CompareError),
    /// An error of a search for a capacity.
    #[error("failed to {0}")]
    Capacity(#[from] CapacityError),
    /// The scenario of a search is not clear.
    #[error("failed to choose the requests: give --scenario one of {known}")]
    WhichScenario {
        /// Scenarios of the plan.
        known: String,
    },
    /// A search that found no capacity.
    #[error(
        "failed to {what}: the search {run} is {outcome}, and only a confirmed FOUND has a capacity to go \
         on with; `coordinator capacity --show {run}` says what to do"
    )]
    NoCapacity {
        /// What would have followed.
        what: &'static str,
        /// The run, as given.
        run: String,
        /// Its outcome.
        outcome: &'static str,
    },
    /// A run that is no soak.
    #[error("failed to read a soak: this run held no load; `coordinator soak PLAN` does")]
    NoSoak,
    /// A file that is no load of a day.
    #[error("failed to read the load of a day in {}: {source}", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ProfileError,
    },
    /// What follows takes a rate.
    #[error(
        "failed to {what}: the search {run} varied the requests in flight, and this takes a rate; search \
         without --concurrency"
    )]
    NoRate {
        /// What would have followed.
        what: &'static str,
        /// The run, as given.
        run: String,
    },
    /// A form that only some answers about capacities have.
    #[error(
        "failed to print in that form: csv and openmetrics are for one search, markdown and junit for \
         --against, and --explain for human, json and quiet"
    )]
    NoSuchCapacityForm,
    /// No number of machines suffices.
    #[error(
        "failed to plan machines: with this spread the capacity of a machine is not above zero; give a \
         smaller --spread, or search with a smaller --precision"
    )]
    NoMachines,
    /// An error of comparing runs of different times.
    #[error("failed to {0}")]
    Across(#[from] AcrossError),
    /// The metric to explain does not exist.
    #[error("failed to {0}")]
    Explain(#[from] NoSuchMetric),
    /// An error of the history.
    #[error("failed to {0}")]
    Trend(#[from] TrendError),
    /// An error of an export.
    #[error("failed to {0}")]
    Export(#[from] ExportError),
    /// A selection was given for a page that shows the whole run.
    #[error(
        "failed to select: --scenario, --candidate, --arm, --round and --metric need --output csv, hlog, \
         hgrm, openmetrics or trace"
    )]
    NothingToSelect,
    /// Explanations have no form for build servers.
    #[error(
        "failed to explain in that form: --explain and --components need --output human, json or quiet"
    )]
    NoSuchForm,
    /// A run that is kept on purpose was to be removed.
    #[error("failed to remove run {run}: {why}; add --force to remove it all the same")]
    Held {
        /// Id of the run.
        run: String,
        /// Why it is kept.
        why: &'static str,
    },
    /// Components of a run whose rounds have one window.
    #[error(
        "failed to tell processes from windows: no round of run {run} has several windows; measure them with \
         `coordinator calibrate … --components`, or set `windows` in a plan"
    )]
    NoWindows {
        /// Id of the run.
        run: String,
    },
    /// Flags that would have no effect.
    #[error("failed to use {flags}: {by} would ignore it; leave it out")]
    Unused {
        /// The flags, as written.
        flags: String,
        /// The command that does not use them.
        by: String,
    },
    /// A gate on a run of a single build.
    #[error(
        "failed to judge: a single variant is compared with nothing, so --gate has no answer; run a \
         candidate as well (--variants baseline,pgo) or leave --gate out"
    )]
    NothingToGate,
    /// A gate on comparisons without an answer.
    #[error(
        "failed to judge {}: the primary measure was not compared there, so --gate has no answer; see the \
         report for what is missing",
        .0.join(", ")
    )]
    NotCompared(Vec<String>),
    /// An error of the credentials.
    #[error("failed to {0}")]
    Credentials(#[from] CredentialsError),
    /// An error of the manifests.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// A worker cannot do what was requested, and trying again would not help.
    #[error("{0}")]
    Worker(Failure),
    /// The run ended before its first engine was open: there is nothing to store.
    #[error("failed to measure anything: {reason}")]
    NeverBegan {
        /// Why it ended.
        reason: String,
    },
    /// Ctrl-C came before the first engine was open: there is nothing to store.
    #[error("stopped before anything was measured")]
    StoppedAtOnce,
    /// The store failed in the middle of a run.
    #[error(
        "failed to store the measurement: {reason}; committed blocks are safe: fix the cause, then `run \
         --resume`"
    )]
    Kept {
        /// The store's reason, as a clause.
        reason: String,
    },
    /// A resumed run would mix two builds under one name.
    #[error(
        "failed to resume with another build: `{variant}` was {} and is {} now; start a new run, or restore \
         the old build",
        then.short(),
        now.short()
    )]
    OtherBuild {
        /// The variant.
        variant: String,
        /// Hash in the run.
        then: Sha256,
        /// Hash on disk.
        now: Sha256,
    },
    /// An error of a variant's program.
    #[error("failed to prepare {variant}: failed to {source}")]
    Server {
        /// Which variant.
        variant: String,
        /// Why.
        source: CommandError,
    },
    /// Two names for the same server.
    #[error(
        "failed to compare {} with {}: they are the same program and arguments, `{command}`; change one, or \
         compare one with itself by --variants {} --a-a",
        variants[0], variants[1], variants[0]
    )]
    SameServer {
        /// Their names.
        variants: [String; 2],
        /// The command of both.
        command: String,
    },
    /// The manifest contains an unreadable hash.
    #[error(
        "failed to read the hashes of `{variant}` in the build manifest: run `coordinator build`"
    )]
    ManifestHash {
        /// The variant.
        variant: String,
    },
    /// There is no data directory.
    #[error("failed to find the user's data directory: give --store DIR or set PGO_BENCH_STORE")]
    NoDataDirectory,
    /// A file could not be read.
    #[error("failed to read {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("failed to write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// An existing file must not be overwritten.
    #[error("failed to write {}: {source}; give another name, or --force to replace it", path.display())]
    Occupied {
        /// The existing file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The output could not be written.
    #[error("failed to print the results: {0}")]
    Print(#[from] std::io::Error),
}

/// What a server refused is a sentence already.
fn told(error: &ServeError) -> String {
    match error {
        ServeError::Refused(sentence) | ServeError::Answered { sentence, .. } => sentence.clone(),
        other => format!("failed to {other}"),
    }
}

/// The exit codes.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// With `--gate`: SLOWER.
    pub const SLOWER: u8 = 1;
    /// Wrong usage, missing prerequisites, or the operating system refused.
    pub const USAGE: u8 = 2;
    /// INCONCLUSIVE, unfinished, or with `--gate` UNDECIDED.
    pub const INCONCLUSIVE: u8 = 3;
    /// INVALID.
    pub const INVALID: u8 = 4;
    /// Stopped at once by a third signal, as shells report SIGINT.
    pub const INTERRUPTED: u8 = 130;
}

impl AppError {
    /// The exit code for this kind of failure.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Build(
                BuildError::IdenticalCode { .. }
                | BuildError::Revision(RevisionError::SameProgram { .. }),
            )
            | Self::SameServer { .. }
            | Self::NeverBegan { .. } => exit::INVALID,
            Self::StoppedAtOnce | Self::NotCompared(_) => exit::INCONCLUSIVE,
            Self::Serve(ServeError::Answered { code, .. }) => *code,
            Self::Store(StoreError::Damaged { .. } | StoreError::RunDamaged { .. }) => {
                exit::INVALID
            }
            _ => exit::USAGE,
        }
    }
}
