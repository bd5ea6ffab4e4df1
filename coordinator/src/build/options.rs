//! What a build is asked for, what it says on the way and what it returns. Plain data; does
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::profile::ProfileReport;
use super::revision_record::is_built;
use super::variant::{Scope, VariantName};
use crate::layout::Layouts;

/// What to build and how.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The directory whose workspace is built, as Cargo finds it from there.
    pub root: PathBuf,
    /// Where binaries, profiles and the manifest are kept; `target/bench` under the workspace by
    /// default.
    pub out: PathBuf,
    /// Where revisions are checked out while they are built; outside of the workspace, whose
    /// settings would reach them otherwise.
    pub checkouts: PathBuf,
    /// Package to build; `None` for the obvious one.
    pub package: Option<String>,
    /// Binary of that package; `None` for the obvious one.
    pub binary: Option<String>,
    /// Cargo profile of every build; `None` for `variant` where the workspace defines it, else
    /// `release`.
    pub cargo_profile: Option<String>,
    /// Cargo's own arguments that choose features.
    pub features: Vec<String>,
    /// Names of dependencies that the profile of `pgo-crates` covers beside the workspace; `*`
    /// stands for any text.
    pub profile_crates: Vec<String>,
    /// Variants wanted; `baseline` is always built, every other variant is compared with it.
    pub variants: Vec<VariantName>,
    /// How many layouts of the baseline are built beside it, if any: the layout control.
    pub layouts: Option<Layouts>,
    /// Flags for every crate of every build, such as `-Ctarget-cpu=native`, before those of the
    /// environment and of Cargo's configuration.
    pub rustflags: Vec<String>,
    /// The variables that are looked through for settings of a build.
    pub environment: BTreeMap<String, String>,
    /// Where profiles come from.
    pub profile: ProfileOrigin,
    /// Train even though the profile at hand still fits.
    pub retrain: bool,
    /// Build everything anew.
    pub force: bool,
    /// Also build with an unreadable and with an empty profile and require the optimised code to
    /// differ from both.
    pub controls: bool,
    /// Exact counters with several threads, at a multiple of the training's time.
    pub atomic_counters: bool,
    /// Merge what is whole when a strict merge fails, and list what is lost.
    pub tolerate_damaged: bool,
    /// Accept a profile with less than half of the counts of the last one.
    pub accept_thin: bool,
    /// Never reach for the network.
    pub offline: bool,
    /// Never change the lock file.
    pub locked: bool,
    /// Start the baseline once, to see that it dials a coordinator as a worker does.
    pub must_join: bool,
}

/// Where the profile of an optimised variant comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProfileOrigin {
    /// From a training of the instrumented build.
    #[default]
    Training,
    /// From a merged profile on disk.
    File(PathBuf),
    /// From nowhere: the variant is the baseline under another name, to see that this is noticed.
    Nothing,
}

/// What happens during a build.
#[derive(Debug, Clone, PartialEq)]
pub enum BuildProgress {
    /// The steps that follow are those of a revision.
    Revision {
        /// As it was named.
        name: String,
        /// Its commit.
        commit: String,
    },
    /// A step begins: `baseline`, `instrumented`, `training`, `pgo`, ….
    Started {
        /// The step.
        step: &'static str,
    },
    /// A crate was compiled.
    Compiled {
        /// The step.
        step: &'static str,
        /// The crate.
        krate: String,
    },
    /// A step is done.
    Finished {
        /// The step.
        step: &'static str,
        /// Its wall time in seconds.
        seconds: f64,
    },
    /// A step was not needed: its result is there and still fits.
    Reused {
        /// The step.
        step: &'static str,
    },
    /// A profile was accepted.
    Profile(Box<ProfileReport>),
    /// Something deserves attention.
    Warning(String),
}

/// What a build of one source left.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltSource {
    /// The revision, as it was named; `None` for the working tree.
    pub revision: Option<String>,
    /// The manifest, as written.
    pub manifest: Manifest,
    /// Steps that were carried out; empty when everything was up to date.
    pub done: Vec<&'static str>,
}

impl BuiltSource {
    /// The name of one of its variants in commands.
    #[must_use]
    pub fn full_name(&self, variant: &str) -> String {
        match &self.revision {
            None => variant.to_owned(),
            Some(revision) => format!("{variant}@{revision}"),
        }
    }
}

impl BuildOptions {
    /// The worker of the workspace at `root` with all defaults: `baseline` and `pgo`.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            out: root.join("target/bench"),
            checkouts: std::env::temp_dir().join("pgo-benchmarks"),
            package: None,
            binary: None,
            cargo_profile: None,
            features: Vec::new(),
            profile_crates: Vec::new(),
            variants: vec![VariantName::Baseline, VariantName::Pgo],
            layouts: None,
            rustflags: Vec::new(),
            environment: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            profile: ProfileOrigin::default(),
            retrain: false,
            force: false,
            controls: false,
            atomic_counters: false,
            tolerate_damaged: false,
            accept_thin: false,
            offline: false,
            locked: false,
            must_join: true,
        }
    }

    /// The directory that builds are taken from: that of [`BuildOptions::new`] below the working
    /// directory, or beside this program's own where it is started from elsewhere.
    #[must_use]
    pub fn made_in() -> PathBuf {
        let here = Self::new(Path::new("")).out;
        let beside = || {
            Some(
                std::env::current_exe()
                    .ok()?
                    .parent()?
                    .parent()?
                    .join("bench"),
            )
        };
        let built = |dir: &PathBuf| is_built(dir);
        if built(&here) {
            here
        } else {
            beside().filter(built).unwrap_or(here)
        }
    }

    /// Where Cargo keeps its own configuration.
    pub(super) fn cargo_home(&self) -> Option<PathBuf> {
        let home = self.environment.get("CARGO_HOME").map(PathBuf::from);
        home.or_else(|| Some(Path::new(self.environment.get("HOME")?).join(".cargo")))
    }

    /// The scopes of the variants wanted.
    pub(super) fn scopes(&self) -> BTreeSet<Scope> {
        self.variants
            .iter()
            .filter_map(|variant| variant.scope())
            .collect()
    }
}
