//! `soak`. Owns its flags; must not know how a load is held or what its intervals are tested for.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::capacity::{rate, share};
use super::run::BenchArgs;
use super::values::span;
use super::{FleetArgs, OutputArgs};
use crate::plan::Source;

/// Arguments of `soak`.
#[derive(Debug, Args)]
pub struct SoakArgs {
    /// The TOML file of a plan: its engine, and the requests of its scenario
    #[arg(value_name = "PLAN", conflicts_with = "preset")]
    pub plan: Option<PathBuf>,
    /// A built-in plan [default: steady]
    #[arg(long, value_name = "NAME", help = super::values::one_of_presets("A built-in plan: "))]
    pub preset: Option<String>,
    /// Resume an interrupted soak, given by its run's id, the beginning of it, or `latest`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["plan", "preset", "Load", "Bench", "show"])]
    pub resume: Option<String>,
    /// Show what a stored soak found so far
    #[arg(long, value_name = "RUN", conflicts_with_all = ["plan", "preset", "Load", "Bench"])]
    pub show: Option<String>,
    /// The load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Changes to the plan.
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Hosts to run on.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The load that is held.
#[derive(Debug, Args)]
#[group(id = "Load", multiple = true)]
pub struct LoadArgs {
    /// The rate as a share of a measured capacity
    #[arg(long, value_name = "SHARE", default_value = "70%", value_parser = share, conflicts_with = "rate")]
    pub share: f64,
    /// The search that measured it, given by its run's id, the beginning of it, or `latest`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    pub of: String,
    /// The rate itself, such as 20rps
    #[arg(long, value_name = "RATE", value_parser = rate, conflicts_with = "of")]
    pub rate: Option<f64>,
    /// How long to hold it
    #[arg(long = "for", value_name = "TIME", default_value = "2h", value_parser = span)]
    pub time: Duration,
    /// Length of an interval: each is stored as it ends
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = span)]
    pub interval: Duration,
    /// Load before each interval that is not measured: the queue refills
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = span)]
    pub run_in: Duration,
    /// The build [default: the first that the plan names, else baseline]
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// The scenario whose requests are sent [default: the plan's only one]
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
}

impl SoakArgs {
    /// Source of the plan.
    #[must_use]
    pub fn source(&self) -> Source {
        let preset = || Source::Preset(self.preset.clone().unwrap_or_else(|| "steady".to_owned()));
        self.plan.clone().map_or_else(preset, Source::File)
    }
}

impl LoadArgs {
    /// Number of intervals in the time, at least one.
    #[must_use]
    pub fn intervals(&self) -> u32 {
        let each = (self.run_in + self.interval).as_secs_f64();
        (self.time.as_secs_f64() / each).floor().clamp(1.0, 1e4) as u32
    }
}
