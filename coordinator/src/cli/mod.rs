//! The command line: noun, then verb. Owns the flags, their help and their spelling; must not know
//! what a command does (only clap types and their translation to [`plan`](crate::plan)).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

mod build;
mod capacity;
mod certs;
mod deploy;
mod fleet;
mod history;
mod init;
mod run;
mod runs;
mod server;
mod soak;
mod values;

pub use crate::format::Format;
pub use build::BuildArgs;
pub use capacity::{CapacityArgs, CapacityCommand, MachinesArgs, SearchArgs};
pub use certs::{CertsCommand, CertsInit, CertsIssue, CertsRotate};
pub use deploy::{DeployCommand, KubernetesArgs};
pub use fleet::{FleetArgs, LauncherName};
pub use history::{CalibrateArgs, TrendArgs};
pub use init::{InitCommand, InitEngine};
pub use run::{Changes, LineupArgs, RunArgs};
pub use runs::{
    CompareArgs, FilterArgs, ReportArgs, RunRef, RunsCommand, RunsExport, RunsImport, RunsList,
    RunsNote, RunsPrune, RunsRm, RunsShow, RunsTag, RunsVerify, SelectionArgs,
};
pub use server::{
    JobArgs, PlanArgs, QueueArgs, ScheduleAdd, ScheduleCommand, ScheduleList, ScheduleRm,
    ServeArgs, ServerArgs, SubmitArgs, SubmitCalibration, SubmitCommand, SubmitSearch,
};
pub use soak::SoakArgs;
pub use values::{ComparisonOutputArgs, GateArgs, Inconclusive, OutputArgs, ReportOutputArgs};

/// Is the profile-guided build faster? Runs stress tests on builds of the inference worker, stores
/// every measurement, and compares the builds.
#[derive(Debug, Parser)]
#[command(name = "coordinator", version, max_term_width = 100)]
pub struct Cli {
    /// Directory of stored runs [default: pgo-benchmarks in the user's data directory]
    #[arg(
        long,
        global = true,
        env = "PGO_BENCH_STORE",
        value_name = "DIR",
        hide_env_values = true
    )]
    pub store: Option<PathBuf>,
    /// Address of a server, such as https://bench.example:4180, for commands that read and for those
    /// that speak to one; its token is in $PGO_BENCH_CONTROL_TOKEN [default: the server that has the
    /// store open]
    #[arg(
        long,
        global = true,
        env = "PGO_BENCH_SERVER",
        value_name = "ADDRESS",
        hide_env_values = true
    )]
    pub server: Option<String>,
    /// No progress on stderr, only warnings and losses
    #[arg(long, short = 'q', global = true)]
    pub quiet: bool,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build the variants of the worker that runs compare
    Build(BuildArgs),
    /// Run a plan's load on the variants, interleaved, and compare them
    Run(Box<RunArgs>),
    /// Say from a stored run whether the candidate is faster
    Compare(CompareArgs),
    /// Show everything that a stored run measured
    Report(ReportArgs),
    /// Show a plan's history on one host class, and find steps in it
    Trend(TrendArgs),
    /// Compare a build with itself repeatedly, to measure the noise of this host
    Calibrate(CalibrateArgs),
    /// Find the highest rate at which the objectives hold, with an interval
    Capacity(Box<CapacityArgs>),
    /// Hold a share of the capacity for hours, and say what drifts, grows or fails in bursts
    Soak(Box<SoakArgs>),
    /// List, show, tag and move stored runs
    #[command(subcommand)]
    Runs(RunsCommand),
    /// Stay: keep a queue and schedules, and measure one job after the other
    Serve(ServeArgs),
    /// Add a measurement to a server's queue
    Submit(Box<SubmitArgs>),
    /// List the jobs of a server
    Queue(QueueArgs),
    /// End a job of a server, waiting or measured
    Cancel(JobArgs),
    /// Follow a job of a server to its end
    Watch(JobArgs),
    /// Add, list and remove the schedules of a server
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Print and check plans
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Make, issue and replace the certificates of a fleet's hosts
    #[command(subcommand)]
    Certs(CertsCommand),
    /// Write a project to begin with
    #[command(subcommand)]
    Init(InitCommand),
    /// Print files with which other schedulers start agents
    #[command(subcommand)]
    Deploy(DeployCommand),
    /// Say what is missing on this machine, and how to install it
    Doctor(DoctorArgs),
    /// Print shell completions
    ///
    /// For example: coordinator completions bash >
    /// ~/.local/share/bash-completion/completions/coordinator
    Completions(CompletionsArgs),
    /// Write a manual page for every command
    ///
    /// For example: coordinator man ~/.local/share/man/man1
    Man(ManArgs),
}

impl Cli {
    /// How results are printed; commands without the flag print for people. All verbs are listed,
    /// so that the compiler reports a new one.
    #[must_use]
    pub fn format(&self) -> Format {
        match &self.command {
            Command::Run(args) => args.output.format,
            Command::Compare(args) => args.output.format,
            Command::Report(args) => args.output.format,
            Command::Build(args) => args.output.format,
            Command::Trend(args) => args.output.format,
            Command::Calibrate(args) => args.output.format,
            Command::Doctor(args) => args.output.format,
            Command::Capacity(args) => args.format(),
            Command::Soak(args) => args.output.format,
            Command::Submit(args) => args.format(),
            Command::Queue(args) => args.output.format,
            Command::Cancel(args) | Command::Watch(args) => args.output.format,
            Command::Schedule(ScheduleCommand::Add(args)) => args.output.format,
            Command::Schedule(ScheduleCommand::List(args)) => args.output.format,
            Command::Runs(RunsCommand::List(args)) => args.output.format,
            Command::Runs(RunsCommand::Show(args)) => args.output.format,
            Command::Plan(PlanCommand::Check(args)) => args.output.format,
            Command::Runs(
                RunsCommand::Tag(_)
                | RunsCommand::Note(_)
                | RunsCommand::Export(_)
                | RunsCommand::Import(_)
                | RunsCommand::Prune(_)
                | RunsCommand::Rm(_)
                | RunsCommand::Verify(_)
                | RunsCommand::Compact,
            )
            | Command::Serve(_)
            | Command::Schedule(ScheduleCommand::Rm(_))
            | Command::Plan(PlanCommand::Show(_))
            | Command::Certs(_)
            | Command::Init(_)
            | Command::Deploy(_)
            | Command::Completions(_)
            | Command::Man(_) => Format::Human,
        }
    }
}

/// Verbs about plans.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Print a built-in plan as TOML, to edit and run
    ///
    /// For example: coordinator plan show high > my.toml
    Show(PlanShow),
    /// Check a plan without running it, and print it with all defaults
    Check(PlanCheck),
}

/// Arguments of `plan show`.
#[derive(Debug, Args)]
pub struct PlanShow {
    /// The name of a built-in plan
    #[arg(value_name = "NAME", help = values::one_of_presets(""))]
    pub preset: String,
}

/// Arguments of `plan check`.
#[derive(Debug, Args)]
pub struct PlanCheck {
    /// The TOML file
    #[arg(value_name = "PLAN")]
    pub path: PathBuf,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// The directory for the pages; created if it does not exist
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Check what a run of this plan needs, instead of what everything needs
    pub plan: Option<PathBuf>,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}
