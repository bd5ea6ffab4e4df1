//! `build`. Owns its flags; must not know compilers.

use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;
use crate::build::ProfileOrigin;
use crate::layout::Layouts;
use crate::plan::EngineKind;

/// Arguments of `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Which to build: baseline; pgo (a profile over the workspace's crates); pgo-crates (and over
    /// those of --profile-crates); pgo-program (over every crate); pgo+bolt (pgo, with its layout
    /// optimised by BOLT) [default: baseline,pgo; with --ref baseline]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub variants: Vec<String>,
    /// Build this revision (a branch, tag or commit) instead of the working tree; give it twice to
    /// compare two. Its variants are named baseline@REVISION, pgo@REVISION
    #[arg(long = "ref", value_name = "REVISION")]
    pub refs: Vec<String>,
    /// The workspace's Cargo.toml [default: that of the working directory]
    #[arg(long, value_name = "PATH")]
    pub manifest_path: Option<PathBuf>,
    /// The package whose binary is the worker [default: the only one with a binary, or worker]
    #[arg(long, value_name = "NAME")]
    pub package: Option<String>,
    /// The binary [default: the package's only one]
    #[arg(long, value_name = "NAME")]
    pub bin: Option<String>,
    /// Cargo features to build with
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub features: Vec<String>,
    /// Build without the default features
    #[arg(long)]
    pub no_default_features: bool,
    /// Build with all features
    #[arg(long)]
    pub all_features: bool,
    /// Cargo profile of all variants [default: variant where the workspace defines it, or release]
    #[arg(long, value_name = "NAME")]
    pub cargo_profile: Option<String>,
    /// Dependencies that the profile of pgo-crates covers as well; * stands for any text
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub profile_crates: Vec<String>,
    /// Also build this many layouts of the baseline (2 to 8): the same code with its functions
    /// shuffled by the linker, to measure the effect of code placement alone
    #[arg(long, value_name = "K")]
    pub layout_arms: Option<Layouts>,
    /// Also build with an unreadable and an empty profile, to prove that a profile was applied
    #[arg(long)]
    pub controls: bool,
    /// The plan that trains the instrumented build [default: the preset training]
    #[arg(long, value_name = "PLAN")]
    pub training: Option<PathBuf>,
    /// The engine that the training runs; `linked` for a program that links its own
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub engine: Option<EngineKind>,
    /// Directory or file of the model to train on [default: $BENCH_MODEL_PATH, then models/default]
    #[arg(long, value_name = "PATH")]
    pub model: Option<String>,
    /// Optimise with this merged profile instead of training; `none` builds without one, to test
    /// that the build detects it
    #[arg(long, value_name = "FILE", conflicts_with = "training")]
    pub profile: Option<PathBuf>,
    /// Train again even if the recorded profile still fits
    #[arg(long)]
    pub retrain: bool,
    /// Build again even if everything is up to date
    #[arg(long)]
    pub force: bool,
    /// If raw profiles are damaged, merge the readable ones and list the lost functions
    #[arg(long)]
    pub tolerate_damaged_profiles: bool,
    /// Accept a profile with less than half the counts of the previous one
    #[arg(long)]
    pub accept_thin_profile: bool,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl BuildArgs {
    /// The given flags that concern only training; empty if there is one.
    #[must_use]
    pub fn of_training(&self, trains: bool) -> Vec<&'static str> {
        let given = [
            ("--training", self.training.is_some()),
            ("--engine", self.engine.is_some()),
            ("--model", self.model.is_some()),
            ("--retrain", self.retrain),
            (
                "--tolerate-damaged-profiles",
                self.tolerate_damaged_profiles,
            ),
            ("--accept-thin-profile", self.accept_thin_profile),
        ];
        given
            .into_iter()
            .filter(|(_, given)| *given && !trains)
            .map(|(flag, _)| flag)
            .collect()
    }

    /// The requested recipes, or the default ones.
    #[must_use]
    pub fn recipes(&self) -> Vec<String> {
        let optimised = match self.profile_crates.is_empty() {
            true => "pgo",
            false => "pgo-crates",
        };
        let usual: &[&str] = match self.refs.is_empty() || !self.profile_crates.is_empty() {
            true => &["baseline", optimised],
            false => &["baseline"],
        };
        match self.variants.is_empty() {
            true => usual.iter().map(|name| (*name).to_owned()).collect(),
            false => self.variants.clone(),
        }
    }

    /// Cargo's arguments that choose features.
    #[must_use]
    pub fn feature_arguments(&self) -> Vec<String> {
        let named = match self.features.is_empty() {
            true => None,
            false => Some(format!("--features={}", self.features.join(","))),
        };
        let given = |flag: &str, is: bool| is.then(|| flag.to_owned());
        given("--all-features", self.all_features)
            .into_iter()
            .chain(given("--no-default-features", self.no_default_features))
            .chain(named)
            .collect()
    }

    /// Source of the profile.
    #[must_use]
    pub fn profile_origin(&self) -> ProfileOrigin {
        match &self.profile {
            None => ProfileOrigin::Training,
            Some(path) if path.as_os_str() == "none" => ProfileOrigin::Nothing,
            Some(path) => ProfileOrigin::File(path.clone()),
        }
    }
}
