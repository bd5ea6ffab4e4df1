//! Everything that can keep a command from its answer, and the exit code of each. Messages are one
//! sentence with the way out.
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; with `--gate`: not slower |
//! | 1 | with `--gate`: SLOWER |
//! | 2 | wrong usage, missing prerequisites, or the operating system refused |
//! | 3 | INCONCLUSIVE or unfinished; with `--gate`: UNDECIDED |
//! | 4 | INVALID: what was measured must not be believed, or could not be |
//! | 130 | stopped at once, by the third Ctrl-C, SIGTERM or SIGHUP |

mod execute;
mod listen;
mod train;

pub use execute::ExecuteError;
pub use listen::ListenError;
pub use train::TrainError;

use std::path::PathBuf;

use contract::credentials::CredentialsError;
use contract::identity::Sha256;
use contract::message::Failure;

use crate::build::{BuildError, RevisionError};
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

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The plan.
    #[error("failed to {0}")]
    Plan(#[from] PlanError),
    /// The variants asked for.
    #[error("failed to {0}")]
    Lineup(#[from] LineupError),
    /// The model.
    #[error(transparent)]
    Model(#[from] ModelNotFound),
    /// The builds.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The store.
    #[error("failed to {0}")]
    Store(#[from] StoreError),
    /// The host.
    #[error("failed to {0}")]
    Execute(#[from] ExecuteError),
    /// The fleet.
    #[error("failed to {0}")]
    Listen(#[from] ListenError),
    /// The certificates.
    #[error("failed to {0}")]
    Certs(#[from] CertsError),
    /// The project to begin with.
    #[error("failed to {0}")]
    Init(#[from] InitError),
    /// A run goes on with as many slots as it began with.
    #[error(
        "failed to resume on {now} slots: the run began on {then}; give the same --launcher, --hosts or --agents"
    )]
    OtherFleet {
        /// Slots of the run.
        then: u32,
        /// Slots of this command.
        now: u32,
    },
    /// The training.
    #[error("failed to {0}")]
    Train(#[from] TrainError),
    /// The record.
    #[error("failed to {0}")]
    Compare(#[from] CompareError),
    /// Runs of different times.
    #[error("failed to {0}")]
    Across(#[from] AcrossError),
    /// The metric to explain.
    #[error("failed to {0}")]
    Explain(#[from] NoSuchMetric),
    /// The history.
    #[error("failed to {0}")]
    Trend(#[from] TrendError),
    /// A file for another tool.
    #[error("failed to {0}")]
    Export(#[from] ExportError),
    /// Part of a run was selected for a page that shows all of it.
    #[error(
        "failed to select: --scenario, --candidate, --arm, --round and --metric need --output csv, hlog, \
         hgrm, openmetrics or trace"
    )]
    NothingToSelect,
    /// An explanation in a form for build servers.
    #[error("failed to explain in that form: --explain needs --output human, json or quiet")]
    NoSuchForm,
    /// Flags that would change nothing.
    #[error("failed to use {flags}: {by} would ignore it; leave it out")]
    Unused {
        /// As they are written.
        flags: String,
        /// Who has no use for them.
        by: String,
    },
    /// A gate over a run of one build.
    #[error(
        "failed to judge: a single variant is compared with nothing, so --gate has no answer; run a \
         candidate as well (--variants baseline,pgo) or leave --gate out"
    )]
    NothingToGate,
    /// A gate over questions without an answer.
    #[error(
        "failed to judge {}: the primary measure was not compared there, so --gate has no answer; see the \
         report for what is missing",
        .0.join(", ")
    )]
    NotCompared(Vec<String>),
    /// Credentials that are to be handed on.
    #[error("failed to {0}")]
    Credentials(#[from] CredentialsError),
    /// The manifests.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// A worker cannot do what is asked, however often it is asked.
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
        /// Why it cannot be read, as a clause.
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
        /// Which variant.
        variant: String,
        /// Hash in the run.
        then: Sha256,
        /// Hash on disk.
        now: Sha256,
    },
    /// The manifest was edited by hand.
    #[error(
        "failed to read the hashes of `{variant}` in the build manifest: run `coordinator build`"
    )]
    ManifestHash {
        /// Which variant.
        variant: String,
    },
    /// There is no place for data.
    #[error("failed to find the user's data directory: give --store DIR or set PGO_BENCH_STORE")]
    NoDataDirectory,
    /// A file.
    #[error("failed to read {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file.
    #[error("failed to write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file that is not to be lost.
    #[error("failed to write {}: {source}; give another name, or --force to replace it", path.display())]
    Occupied {
        /// The file that is there already.
        path: PathBuf,
        /// What is there.
        source: std::io::Error,
    },
    /// The results cannot be shown.
    #[error("failed to print the results: {0}")]
    Print(#[from] std::io::Error),
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
    /// The exit code that tells a script which kind of failure it was.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Build(
                BuildError::IdenticalCode { .. }
                | BuildError::Revision(RevisionError::SameProgram { .. }),
            )
            | Self::NeverBegan { .. } => exit::INVALID,
            Self::StoppedAtOnce | Self::NotCompared(_) => exit::INCONCLUSIVE,
            Self::Store(StoreError::Damaged { .. } | StoreError::RunDamaged { .. }) => {
                exit::INVALID
            }
            _ => exit::USAGE,
        }
    }
}
