//! Errors of building variants and reading them back. Each variant of the enum is one whole
//! sentence, shown after "error: ", and says what to do; nothing here prints or decides an
//! exit code.

use std::path::PathBuf;

use super::revision_error::RevisionError;
use super::variant::{Variant, VariantName};
use super::workspace_error::WorkspaceError;

/// The cause of a failed training, as the caller's trainer reports it.
pub type TrainingFailure = Box<dyn std::error::Error + Send + Sync>;

/// A build, a profile or a manifest cannot be used; every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file operation failed.
    #[error("{} cannot be accessed: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// An error of the workspace.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// An error of a revision.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// An error in the build of one revision.
    #[error("in the revision `{name}`, {source}")]
    InRevision {
        /// The revision, as the user named it.
        name: String,
        /// The error.
        source: Box<BuildError>,
    },
    /// A program does not exist or cannot be started.
    #[error("`{program}` cannot be started: {source}; {remedy}")]
    ToolMissing {
        /// The program.
        program: String,
        /// The system's error.
        source: std::io::Error,
        /// The command that installs it.
        remedy: String,
    },
    /// A program ended with a failure.
    #[error("`{program}` failed ({status}): {stderr}")]
    ToolFailed {
        /// The program with its first argument.
        program: String,
        /// How it ended.
        status: String,
        /// The end of its error output.
        stderr: String,
    },
    /// No `llvm-profdata` reads the profiles of this compiler.
    #[error(
        "no `llvm-profdata` reads the profiles of LLVM {llvm} ({}); run `rustup component add llvm-tools`, \
         or install Debian's `llvm-19`",
        if rejected.is_empty() { "none found".to_owned() } else { format!("rejected {}", rejected.join(", ")) }
    )]
    NoProfdata {
        /// Major version of the compiler's LLVM.
        llvm: u32,
        /// Programs that were found but cannot be used, with their versions.
        rejected: Vec<String>,
    },
    /// A user setting would break the comparison, or is not supported.
    #[error("{setting} cannot be used in builds of variants: {way_out}")]
    SettingRefused {
        /// The setting and its location.
        setting: String,
        /// What to do instead.
        way_out: String,
    },
    /// The variant `pgo+bolt` needs programs that were not found.
    #[error(
        "`pgo+bolt` needs `llvm-bolt` and `merge-fdata`, which are not found; install Debian's `bolt-19` (or a newer \
         one), or build without it: coordinator build --variants baseline,pgo"
    )]
    NoBolt,
    /// Some processes of BOLT's training left no counts.
    #[error(
        "{found} of {expected} workers left counts for BOLT; check the end of the workers' output and build \
         again"
    )]
    BoltCounts {
        /// Workers that were started.
        expected: u32,
        /// Files that were found.
        found: usize,
    },
    /// The program that BOLT wrote behaves differently.
    #[error(
        "the program that BOLT wrote prints `{found}` instead of `{expected}`; build without `pgo+bolt`"
    )]
    BoltBroke {
        /// Output of the program before.
        expected: String,
        /// Output now.
        found: String,
    },
    /// Another build is running in the same directory.
    #[error("another build holds {}; wait for it to end", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Cargo or the compiler failed.
    #[error("`{step}` cannot be compiled: {rendered}{advice}")]
    Compile {
        /// The step: `baseline`, `instrumented`, `pgo`, ….
        step: String,
        /// The compiler's output.
        rendered: String,
        /// Empty, or a known workaround with a leading separator.
        advice: String,
    },
    /// The compiler did not receive a flag.
    #[error(
        "the flag `{flag}` of `{step}` never reached the compiler for the crate `{krate}`; look for a `rustc` wrapper or a cargo configuration that replaces flags"
    )]
    FlagLost {
        /// The step.
        step: String,
        /// The crate compiled without the flag; `*` when no workspace crate was compiled at all.
        krate: String,
        /// The flag.
        flag: String,
    },
    /// A source changed while the variants were being built.
    #[error("{} changed while the variants were being built; run the build again", path.display())]
    SourceChanged {
        /// The source file.
        path: PathBuf,
    },
    /// The training itself failed.
    #[error("the training failed to {source}")]
    Training {
        /// The trainer's error.
        source: TrainingFailure,
    },
    /// A worker left no profile, or there are files of another training.
    #[error("the training started {expected} worker processes, but {found} raw profiles are in {}; a worker that is killed leaves none: flush before it ends", dir.display())]
    RawProfileCount {
        /// Worker processes started by the training plan.
        expected: u32,
        /// Raw profiles found.
        found: u32,
        /// Where they are.
        dir: PathBuf,
    },
    /// A worker ended before it had written its profile.
    #[error("the raw profile {} is empty, because its worker ended before it wrote; train \
             again", path.display())]
    RawProfileEmpty {
        /// The file.
        path: PathBuf,
    },
    /// Strict merging failed.
    #[error(
        "the raw profiles cannot be merged: {reason}; train again, or pass `--tolerate-damaged-profiles` to \
         merge what is readable and list what is lost"
    )]
    Merge {
        /// The output of `llvm-profdata`.
        reason: String,
    },
    /// The merged profile has no counts.
    #[error("the profile {} counts nothing: the training ran no instrumented code; train with requests that reach the engine", path.display())]
    ProfileEmpty {
        /// The merged profile.
        path: PathBuf,
    },
    /// The merged profile has far fewer counts than the last one of the same training.
    #[error(
        "the profile counts {total} executions, less than half of the {previous} of the training before; \
         check for lost workers, or pass `--accept-thin-profile` if the code really does less"
    )]
    ProfileThin {
        /// Total count now.
        total: u64,
        /// Total count of the last accepted profile of the same training.
        previous: u64,
    },
    /// The compiler or `llvm-profdata` could not read the profile.
    #[error("the profile {} cannot be read: {reason}; train again (`coordinator build --retrain`)", path.display())]
    ProfileUnreadable {
        /// The profile.
        path: PathBuf,
        /// The tool's output.
        reason: String,
    },
    /// The profile on disk is not the one that was recorded.
    #[error("the profile {} is damaged: its SHA-256 is {found}, recorded was {expected}; train again (`coordinator build --retrain`)", path.display())]
    ProfileDamaged {
        /// The profile.
        path: PathBuf,
        /// SHA-256 that was recorded.
        expected: String,
        /// SHA-256 of the file now.
        found: String,
    },
    /// The profile belongs to a build with other flags.
    #[error("the profile {} was recorded with other build settings ({recorded}, these are {current}); train again (`coordinator build --retrain`)", path.display())]
    ProfileOfOtherSettings {
        /// The profile.
        path: PathBuf,
        /// Digest of the settings it was recorded with.
        recorded: String,
        /// Digest of the settings now.
        current: String,
    },
    /// The compiler discarded too much of the profile.
    #[error(
        "the compiler discarded up to {discarded_percent:.1} % of the profile's counts ({mismatched} functions changed, {missing} unknown to the profile; the limit is {limit_percent} %): the profile does not belong to this source; train again (`coordinator build --retrain`)"
    )]
    ProfileStale {
        /// Share of the profile's total count that was discarded.
        discarded_percent: f64,
        /// Greatest accepted share, percent.
        limit_percent: f64,
        /// Functions whose control flow differs.
        mismatched: usize,
        /// Functions without a profile.
        missing: usize,
    },
    /// The optimised build equals a build with a useless profile.
    #[error(
        "`{variant}` has the same code as the control `{control}`, so the profile was not applied; train again (`coordinator build --retrain`)"
    )]
    NullProfile {
        /// The variant.
        variant: String,
        /// The control it equals.
        control: String,
    },
    /// The compiler's warning about a useless profile was not recognised.
    #[error(
        "the compiler's complaint about `{control}` was not recognised, so a bad profile would pass; build with the pinned compiler of rust-toolchain.toml"
    )]
    ControlUnnoticed {
        /// The control.
        control: &'static str,
    },
    /// A binary lacks the section that is compared.
    #[error("{} is not an ELF program with a `.text` section: {reason}", path.display())]
    NoText {
        /// The binary.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing has been built.
    #[error("no variants are built (there is no {}): coordinator build --variants baseline,pgo", path.display())]
    NoManifest {
        /// Expected path of the manifest.
        path: PathBuf,
    },
    /// The manifest cannot be understood.
    #[error("the build manifest {} cannot be read: {reason}; build again: coordinator build --variants baseline,pgo", path.display())]
    BadManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The variant is not in the manifest, or its binary is gone.
    #[error(
        "variant `{variant}` is not built: coordinator build --variants {}",
        wanted(variant)
    )]
    NotBuilt {
        /// The variant.
        variant: String,
    },
    /// A variant name that does not exist.
    #[error("there is no variant `{name}`; known are {}", known.join(", "))]
    UnknownVariant {
        /// The name.
        name: String,
        /// Names that exist.
        known: Vec<&'static str>,
    },
    /// A layout that does not exist.
    #[error(
        "there is no `{name}`: layouts are `baseline-layout1` to `baseline-layout8`, of the baseline alone, because \
         shuffling undoes the order of hot and cold functions that a profile makes"
    )]
    NoSuchLayout {
        /// The name.
        name: String,
    },
    /// A layout that was asked for by name.
    #[error(
        "`{name}` is not built by name: give --layout-arms with the number of layouts, from 2 to 8"
    )]
    LayoutByName {
        /// The name.
        name: &'static str,
    },
    /// The linker did not shuffle the functions.
    #[error(
        "`{layout}` has the same code as `{other}`: the linker ignored `--shuffle-sections`. LLD supports \
         it and is Rust's default on x86-64 Linux: remove another `linker` from the cargo configuration, or \
         build without --layout-arms"
    )]
    NotShuffled {
        /// The layout.
        layout: &'static str,
        /// The build that it equals.
        other: String,
    },
    /// A binary on disk differs from the one that was built.
    #[error("{} is not the binary that was built as `{variant}` (SHA-256 {found}, recorded {expected}): coordinator build --variants {} --force", path.display(), wanted(variant))]
    BinaryChanged {
        /// The variant.
        variant: String,
        /// The binary.
        path: PathBuf,
        /// SHA-256 that was recorded.
        expected: String,
        /// SHA-256 of the file now.
        found: String,
    },
    /// Two variants are the same code.
    #[error(
        "the variants `{one}` and `{other}` are the same code (.text {text}); build `{other}` with a profile, or ask for an A/A comparison by name"
    )]
    IdenticalCode {
        /// The first variant.
        one: String,
        /// The second variant.
        other: String,
        /// SHA-256 of both `.text` sections.
        text: String,
    },
}

/// The argument of `coordinator build --variants` that builds a variant.
fn wanted(variant: &str) -> String {
    let Ok(Variant { recipe, revision }) = variant.parse() else {
        return format!("baseline,{variant}");
    };
    let recipes = match recipe {
        VariantName::Layout(layout) => format!("baseline --layout-arms {}", layout.seed().max(2)),
        VariantName::Baseline => recipe.to_string(),
        _ => format!("baseline,{recipe}"),
    };
    match revision {
        None => recipes,
        Some(revision) => format!("{recipes} --ref {revision}"),
    }
}

impl BuildError {
    /// The problem, and separately the command that helps, if there is one; together they are the
    /// message.
    #[must_use]
    pub fn apart(&self) -> (String, Option<String>) {
        let (whole, command) = (self.to_string(), "coordinator build --variants");
        let way = match self {
            Self::NoManifest { .. } | Self::BadManifest { .. } => format!("{command} baseline,pgo"),
            Self::NotBuilt { variant } => format!("{command} {}", wanted(variant)),
            Self::BinaryChanged { variant, .. } => format!("{command} {} --force", wanted(variant)),
            Self::ToolMissing { remedy, .. } => remedy.clone(),
            Self::NoProfdata { .. } => {
                "run `rustup component add llvm-tools`, or install Debian's `llvm-19`".to_owned()
            }
            _ => return (whole, None),
        };
        match whole.strip_suffix(&way) {
            Some(what) => (what.trim_end_matches([' ', ':', ';']).to_owned(), Some(way)),
            None => (whole, None),
        }
    }

    /// Wraps an I/O error with the path it happened at.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
