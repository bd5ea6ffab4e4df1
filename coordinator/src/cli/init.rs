//! `init`. Owns its flags; must not know the contents of a project.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::init::Kind;

/// Kinds of projects.
#[derive(Debug, Subcommand)]
pub enum InitCommand {
    /// Write a package that links an engine of your own: it builds, passes its conformance test, and
    /// can be measured as it is
    ///
    /// For example: coordinator init engine ../my-engine --kind step
    Engine(InitEngine),
}

/// Arguments of `init engine`.
#[derive(Debug, Args)]
pub struct InitEngine {
    /// The directory: empty, or created
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The package's name [default: the directory's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// How the engine takes its requests
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    pub kind: Kind,
    /// The directory `worker` of a checkout of this project [default: that of the checkout in which
    /// the working directory lies]
    #[arg(long, value_name = "DIR")]
    pub worker_path: Option<PathBuf>,
}
