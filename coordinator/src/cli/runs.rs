//! What can be asked of stored runs. Owns the flags; must not know the store.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ComparisonOutputArgs, GateArgs, OutputArgs};

/// One stored run.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RunRef {
    /// Its id, the beginning of one, or `latest`
    #[arg(value_name = "RUN", default_value = "latest")]
    pub run: String,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Which run.
    #[command(flatten)]
    pub run: RunRef,
    /// How the answer becomes an exit code.
    #[command(flatten)]
    pub gate: GateArgs,
    /// How to print it.
    #[command(flatten)]
    pub output: ComparisonOutputArgs,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Which run.
    #[command(flatten)]
    pub run: RunRef,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Verbs about stored runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List stored runs, newest first
    List(RunsList),
    /// Show how a run was made and what became of it
    Show(RunsShow),
    /// Write a run with all its parts to one file
    Export(RunsExport),
    /// Take runs from exported files into the store
    Import(RunsImport),
    /// Read everything and check it against its checksums
    Verify(RunsVerify),
}

/// Arguments of `runs list`.
#[derive(Debug, Args)]
pub struct RunsList {
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `runs show`.
#[derive(Debug, Args)]
pub struct RunsShow {
    /// Which run.
    #[command(flatten)]
    pub run: RunRef,
    /// How to print it.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `runs export`.
#[derive(Debug, Args)]
pub struct RunsExport {
    /// Which run.
    #[command(flatten)]
    pub run: RunRef,
    /// The file to write [default: <RUN>.bench here]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Arguments of `runs import`.
#[derive(Debug, Args)]
pub struct RunsImport {
    /// Exported files
    #[arg(value_name = "FILE", required_unless_present = "rebuild")]
    pub files: Vec<PathBuf>,
    /// Set a damaged database aside and bring every run back from the export files beside it
    #[arg(long)]
    pub rebuild: bool,
}

/// Arguments of `runs verify`.
#[derive(Debug, Args)]
pub struct RunsVerify {
    /// One run by id, the beginning of one, or `latest` [default: all]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
}
