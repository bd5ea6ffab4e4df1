//! `build`. Owns its flags; must not know compilers.

use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;
use crate::build::Scope;

/// Arguments of `build`.
#[derive(Debug, Args)]
pub struct BuildArgs {
    /// Which to build
    #[arg(long, value_delimiter = ',', value_name = "NAMES", default_value = "baseline,pgo")]
    pub variants: Vec<String>,
    /// Also build with an unreadable and with an empty profile, which proves that a profile was applied
    #[arg(long)]
    pub controls: bool,
    /// Which crates the profile is collected for and applied to
    #[arg(long, value_enum, value_name = "SCOPE", default_value = "workspace")]
    pub scope: Scope,
    /// The plan that trains the instrumented build [default: the preset training]
    #[arg(long, value_name = "PLAN")]
    pub training: Option<PathBuf>,
    /// Directory or file of the model to train on [default: $BENCH_MODEL_PATH, then models/default]
    #[arg(long, value_name = "PATH")]
    pub model: Option<String>,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
}
