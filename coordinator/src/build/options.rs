//! The input, progress events and result of a build. Plain data.

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
    /// The directory whose workspace is built, found as Cargo does.
    pub root: PathBuf,
    /// Where binaries, profiles and the manifest are stored; by default `target/bench` in the
    /// workspace.
    pub out: PathBuf,
    /// Where revisions are checked out for building; outside the workspace, whose settings would
    /// affect them.
    pub checkouts: PathBuf,
    /// Package to build; `None` for the default.
    pub package: Option<String>,
    /// Binary of that package; `None` for the default.
    pub binary: Option<String>,
    /// Cargo profile of every build; `None` for `variant` if the workspace defines it, otherwise
    /// `release`.
    pub cargo_profile: Option<String>,
    /// Cargo's arguments that choose features.
    pub features: Vec<String>,
    /// Names of dependencies that the profile of `pgo-crates` covers in addition to the workspace;
    /// `*` stands for any text.
    pub profile_crates: Vec<String>,
    /// Variants to build. `baseline` is always built, and every other variant is compared with it.
    pub variants: Vec<VariantName>,
    /// Number of layouts of the baseline to build for the layout control, if any.
    pub layouts: Option<Layouts>,
    /// Flags for every crate of every build, such as `-Ctarget-cpu=native`; they precede those of
    /// the environment and of Cargo's configuration.
    pub rustflags: Vec<String>,
    /// Environment variables that are searched for build settings.
    pub environment: BTreeMap<String, String>,
    /// Source of the profiles.
    pub profile: ProfileOrigin,
    /// Train even if the existing profile still fits.
    pub retrain: bool,
    /// Build everything again.
    pub force: bool,
    /// Also build with an unreadable and with an empty profile, and require the optimised code to
    /// differ from both.
    pub controls: bool,
    /// Exact counters with several threads; training takes several times longer.
    pub atomic_counters: bool,
    /// If a strict merge fails, merge the undamaged profiles and list what is lost.
    pub tolerate_damaged: bool,
    /// Accept a profile with less than half of the counts of the last one.
    pub accept_thin: bool,
    /// Never use the network.
    pub offline: bool,
    /// Never change the lock file.
    pub locked: bool,
    /// Start the baseline once and check that it connects to a coordinator as a worker does.
    pub must_join: bool,
}

/// Source of an optimised variant's profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProfileOrigin {
    /// A training of the instrumented build.
    #[default]
    Training,
    /// A merged profile on disk.
    File(PathBuf),
    /// No profile: the variant is the baseline under another name, to test that this is noticed.
    Nothing,
}

/// A progress event of a build.
#[derive(Debug, Clone, PartialEq)]
pub enum BuildProgress {
    /// The following steps belong to a revision.
    Revision {
        /// The revision, as the user named it.
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
    /// A step was skipped: its result exists and still fits.
    Reused {
        /// The step.
        step: &'static str,
    },
    /// A profile was accepted.
    Profile(Box<ProfileReport>),
    /// A warning.
    Warning(String),
}

/// Result of building one source.
#[derive(Debug, Clone, PartialEq)]
pub struct BuiltSource {
    /// The revision, as the user named it; `None` for the working tree.
    pub revision: Option<String>,
    /// The manifest, as written.
    pub manifest: Manifest,
    /// Steps that were run; empty if everything was up to date.
    pub done: Vec<&'static str>,
}

impl BuiltSource {
    /// The name of one of its variants on the command line.
    #[must_use]
    pub fn full_name(&self, variant: &str) -> String {
        match &self.revision {
            None => variant.to_owned(),
            Some(revision) => format!("{variant}@{revision}"),
        }
    }
}

impl BuildOptions {
    /// Defaults for the worker of the workspace at `root`: `baseline` and `pgo`.
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

    /// The default directory of builds: that of [`BuildOptions::new`] below the working directory
    /// or, if there is none, next to this program.
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

    /// Directory of Cargo's own configuration.
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
