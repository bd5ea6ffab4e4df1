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
    /// Lay one metric's answer open: rounds, differences, every formula with its figures, the way through the decision
    /// table; `primary` is the plan's own
    #[arg(long, value_name = "METRIC")]
    pub explain: Option<String>,
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
    /// Give a run a tag, or take it off
    Tag(RunsTag),
    /// Write a remark beside a run
    Note(RunsNote),
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
    /// Only runs with this tag; given more than once, with all of them
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
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

/// Arguments of `runs tag`.
#[derive(Debug, Args)]
pub struct RunsTag {
    /// Its id, the beginning of one, or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// One word: no spaces, no commas
    #[arg(value_name = "TAG", value_parser = tag)]
    pub tag: String,
    /// Take the tag off
    #[arg(long)]
    pub remove: bool,
}

/// Arguments of `runs note`.
#[derive(Debug, Args)]
pub struct RunsNote {
    /// Its id, the beginning of one, or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// One line
    #[arg(value_name = "TEXT", value_parser = line)]
    pub text: String,
    /// A new level is expected to begin with this run, for the reason given; `trend` starts anew there
    #[arg(long)]
    pub expected: bool,
}

/// Longest tag and longest remark, characters.
const LONGEST: (usize, usize) = (40, 500);

fn tag(text: &str) -> Result<String, String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == ',';
    match text.chars().count() {
        1.. if text.contains(odd) => Err("a tag is one word, without spaces and commas".to_owned()),
        0 => Err("a tag is one word".to_owned()),
        n if n > LONGEST.0 => Err(format!("a tag has at most {} characters", LONGEST.0)),
        _ => Ok(text.to_owned()),
    }
}

fn line(text: &str) -> Result<String, String> {
    match text.trim().chars().count() {
        0 => Err("the remark is empty".to_owned()),
        n if n > LONGEST.1 => Err(format!("a remark has at most {} characters", LONGEST.1)),
        _ if text.trim().contains(char::is_control) => Err("a remark is one line".to_owned()),
        _ => Ok(text.trim().to_owned()),
    }
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
