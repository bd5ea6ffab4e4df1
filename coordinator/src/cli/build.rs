//! `build`. Owns its flags; must not know compilers.

use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;
use crate::build::ProfileOrigin;
use crate::layout::Layouts;

/// Arguments of `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Which to build: baseline; pgo (a profile over this workspace's crates); pgo-program (over
    /// every crate); pgo+bolt (pgo, with its layout optimised by BOLT)
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "NAMES",
        default_value = "baseline,pgo"
    )]
    pub variants: Vec<String>,
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
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl BuildArgs {
    /// Flags that were given and that concern a training alone; none where there is one.
    #[must_use]
    pub fn of_training(&self, trains: bool) -> Vec<&'static str> {
        let given = [
            ("--training", self.training.is_some()),
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

    /// Where the profile comes from.
    #[must_use]
    pub fn profile_origin(&self) -> ProfileOrigin {
        match &self.profile {
            None => ProfileOrigin::Training,
            Some(path) if path.as_os_str() == "none" => ProfileOrigin::Nothing,
            Some(path) => ProfileOrigin::File(path.clone()),
        }
    }
}
