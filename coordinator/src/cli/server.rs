//! `serve` and the commands that speak to it. Owns their flags; must not know how a server works.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::capacity::SearchArgs;
use super::run::{BenchArgs, Changes, LineupArgs};
use super::{FleetArgs, Format, OutputArgs};
use crate::plan::{Objective, Source};

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address on which to listen for clients; any address except loopback needs --credentials or
    /// --insecure
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub control: SocketAddr,
    /// Hosts to measure on.
    #[command(flatten)]
    pub fleet: FleetArgs,
}

/// Which server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerArgs {
    /// A directory with ca.pem, cert.pem and key.pem, for https
    #[arg(long, env = "PGO_BENCH_CREDENTIALS", value_name = "DIR")]
    pub credentials: Option<PathBuf>,
}

/// A plan.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The TOML file of a plan
    #[arg(
        value_name = "PLAN",
        conflicts_with = "preset",
        required_unless_present = "preset"
    )]
    pub plan: Option<PathBuf>,
    /// A built-in plan
    #[arg(long, value_name = "NAME", help = super::values::one_of_presets("A built-in plan: "))]
    pub preset: Option<String>,
}

/// Arguments of `submit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct SubmitArgs {
    /// Something other than a comparison.
    #[command(subcommand)]
    pub other: Option<SubmitCommand>,
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// The builds to compare.
    #[command(flatten)]
    pub lineup: LineupArgs,
    /// Changes to the plan.
    #[command(flatten)]
    pub changes: Changes,
    /// Changes to the plan that other commands have as well.
    #[command(flatten)]
    pub bench: BenchArgs,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What can be submitted other than a comparison.
#[derive(Debug, Subcommand)]
pub enum SubmitCommand {
    /// A search for the highest rate at which the objectives hold
    Capacity(Box<SubmitSearch>),
    /// Comparisons of a build with itself
    Calibrate(Box<SubmitCalibration>),
}

/// Arguments of `submit capacity`.
#[derive(Debug, Args)]
pub struct SubmitSearch {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// What must hold, such as ttft.p99<500ms; may be repeated
    #[arg(long = "objective", value_name = "OBJECTIVE", required = true)]
    pub objectives: Vec<Objective>,
    /// The search.
    #[command(flatten)]
    pub search: SearchArgs,
    /// Changes to the plan.
    #[command(flatten)]
    pub bench: BenchArgs,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `submit calibrate`.
#[derive(Debug, Args)]
pub struct SubmitCalibration {
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Number of A/A comparisons; stored ones count, and at least one is measured
    #[arg(long, value_name = "K", default_value_t = 20)]
    pub aa: u32,
    /// The build to compare with itself
    #[arg(long, value_name = "NAME", default_value = "baseline")]
    pub variant: String,
    /// Changes to the plan.
    #[command(flatten)]
    pub changes: Changes,
    /// Changes to the plan that other commands have as well.
    #[command(flatten)]
    pub bench: BenchArgs,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `queue`.
#[derive(Debug, Args)]
pub struct QueueArgs {
    /// Also jobs that have ended
    #[arg(long)]
    pub all: bool,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `cancel` and `watch`.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The number of the job
    #[arg(value_name = "JOB")]
    pub job: u64,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Verbs about schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// Submit a plan again and again
    ///
    /// For example: coordinator schedule add nightly --cron '30 2 * * *' --zone Europe/Berlin
    /// plan.toml
    Add(Box<ScheduleAdd>),
    /// Remove a schedule; its jobs stay
    Rm(ScheduleRm),
    /// List schedules, with their next time and what was missed
    List(ScheduleList),
}

/// Arguments of `schedule add`.
#[derive(Debug, Args)]
pub struct ScheduleAdd {
    /// A name for it
    #[arg(value_name = "NAME")]
    pub name: String,
    /// When: minute, hour, day of the month, month, day of the week
    #[arg(long, value_name = "CRON")]
    pub cron: String,
    /// The time zone of --cron, by its IANA name
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub zone: String,
    /// The plan.
    #[command(flatten)]
    pub plan: PlanArgs,
    /// The builds to compare.
    #[command(flatten)]
    pub lineup: LineupArgs,
    /// Changes to the plan.
    #[command(flatten)]
    pub changes: Changes,
    /// Changes to the plan that other commands have as well.
    #[command(flatten)]
    pub bench: BenchArgs,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `schedule rm`.
#[derive(Debug, Args)]
pub struct ScheduleRm {
    /// The schedule
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Arguments of `schedule list`.
#[derive(Debug, Args)]
pub struct ScheduleList {
    /// The server.
    #[command(flatten)]
    pub server: ServerArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl SubmitArgs {
    /// The format of the answer.
    #[must_use]
    pub fn format(&self) -> Format {
        match &self.other {
            None => self.output.format,
            Some(SubmitCommand::Capacity(args)) => args.output.format,
            Some(SubmitCommand::Calibrate(args)) => args.output.format,
        }
    }
}

impl PlanArgs {
    /// Source of the plan.
    #[must_use]
    pub fn source(&self) -> Source {
        let file = self.plan.clone().map(Source::File);
        let preset = || self.preset.clone().map(Source::Preset);
        file.or_else(preset)
            .expect("the command line asks for a plan or a preset")
    }
}
