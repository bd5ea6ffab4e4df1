//! The command line of the worker: words and flags, nothing of what they do.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use inference::synth::Preset;

use crate::agent::Settings;
use crate::session::join::COORDINATOR;

/// One measured process, or the agent of a host that starts such processes.
#[derive(Debug, Parser)]
#[command(name = "worker", version, about, after_help = NOTES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register this host with a coordinator and start workers for it
    Agent(AgentArgs),
    /// Join a coordinator as a measured process; started by an agent, which hands over everything by environment
    Join,
    /// Write and check models
    Model {
        /// Which of it.
        #[command(subcommand)]
        command: ModelCommand,
    },
}

/// Flags of `agent`.
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// Address of the coordinator, like http://127.0.0.1:4100
    #[arg(long, env = COORDINATOR, hide_env_values = true, value_name = "URL")]
    coordinator: String,
    /// Name of this host in the fleet [default: the host's name]
    #[arg(long)]
    name: Option<String>,
    /// Workers this host may run at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    slots: u32,
    /// Seconds to try to reach a coordinator that does not answer
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    patience: Duration,
    /// Dial again, without end, whenever a session is lost
    #[arg(long)]
    keep: bool,
    /// End when standard input does: for launchers that hold the other end
    #[arg(long)]
    until_stdin_closes: bool,
}

/// The verbs of `model`.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Turn a GGUF file into a model directory
    Import {
        /// The file
        file: PathBuf,
        /// The directory to be created
        dir: PathBuf,
    },
    /// Write a model of a true architecture with random weights
    Synth {
        /// Which architecture
        #[arg(long, value_parser = preset)]
        preset: Preset,
        /// Draws the weights; equal seeds give equal files
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// The directory to be created
        dir: PathBuf,
    },
    /// Print the digest that names a model in records and reports
    Digest {
        /// A model directory or file
        path: PathBuf,
    },
}

const NOTES: &str = "The agent takes the run's token from PGO_BENCH_TOKEN.\nExit codes: 0 left as asked, 2 wrong usage or I/O, 3 refused by the coordinator, \
                          4 coordinator not reached in time, 5 session lost";

impl AgentArgs {
    /// With the token from the environment, if it is there.
    #[must_use]
    pub fn settings(self, token: String) -> Settings {
        let Self { coordinator, name, slots, patience, keep, until_stdin_closes } = self;
        Settings { coordinator, token, name, slots, patience, keep, until_stdin_closes }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds is expected".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn preset(text: &str) -> Result<Preset, String> {
    text.parse::<Preset>().map_err(|error| error.to_string())
}
