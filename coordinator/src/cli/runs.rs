//! Commands on stored runs. Owns the flags; must not know the store.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use contract::id::Arm;
use contract::metric::Metric;

use crate::history::VERDICTS;

use super::history::day;
use super::{ComparisonOutputArgs, GateArgs, OutputArgs, ReportOutputArgs};

/// One stored run.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RunRef {
    /// A run's id, the beginning of its id, or `latest`
    #[arg(value_name = "RUN", default_value = "latest")]
    pub run: String,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The run.
    #[command(flatten)]
    pub run: RunRef,
    /// Compare the run (or several, separated by commas) with these runs of other times, given by
    /// ids or their beginnings. Runs are then the replicates; FASTER and SLOWER need at least three
    /// a side
    #[arg(long, value_name = "RUNS", value_delimiter = ',')]
    pub against: Vec<String>,
    /// Compare runs with different hosts, models, loads or engines anyway; the answer is labelled
    #[arg(long, requires = "against")]
    pub unlike: bool,
    /// Explain the answer of one metric: rounds, differences, every formula with its figures, the
    /// path through the decision table; `primary` is the plan's primary measure
    #[arg(long, value_name = "METRIC")]
    pub explain: Option<String>,
    /// Instead of the comparison, say where the noise of a run of several windows comes from, and
    /// how many windows would decide soonest
    #[arg(long, conflicts_with_all = ["against", "explain", "gate"])]
    pub components: bool,
    /// How the answer becomes an exit code.
    #[command(flatten)]
    pub gate: GateArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: ComparisonOutputArgs,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run.
    #[command(flatten)]
    pub run: RunRef,
    /// Write a self-contained page with charts to this file instead
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "scenario", "candidate", "arm", "round", "metric"])]
    pub html: Option<PathBuf>,
    /// Replace a file that this program did not write
    #[arg(long, requires = "html")]
    pub force: bool,
    /// How to print the answer.
    #[command(flatten)]
    pub output: ReportOutputArgs,
    /// Selection for a file of another tool.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// The part of a run that goes into a file of another tool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "What goes into csv, hlog, hgrm, openmetrics and trace")]
pub struct SelectionArgs {
    /// Only this scenario [default: all; hgrm and trace: the last]
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Only the comparison with this candidate [default: all; hgrm: the first]
    #[arg(long, value_name = "VARIANT")]
    pub candidate: Option<String>,
    /// Only this arm: A, B or A2 [default: all; hgrm and trace: B]
    #[arg(long, value_parser = arms(), hide_possible_values = true, value_name = "ARM")]
    pub arm: Option<Arm>,
    /// Only this round, counted from 0 [default: all; trace: the last]
    #[arg(long, value_name = "N")]
    pub round: Option<u32>,
    /// Only this metric: e2e, ttft, itl, tpot, queue, prefill, decode, service or lateness
    /// [default: all; hgrm: e2e]
    #[arg(long, value_parser = metrics(), hide_possible_values = true, value_name = "NAME")]
    pub metric: Option<Metric>,
}

fn arms() -> impl TypedValueParser<Value = Arm> {
    let all = ["A", "B", "A2"];
    PossibleValuesParser::new(all).map(move |name| {
        let at = all
            .iter()
            .position(|known| *known == name)
            .expect("the parser lets known names through alone");
        Arm::ALL[at]
    })
}

fn metrics() -> impl TypedValueParser<Value = Metric> {
    PossibleValuesParser::new(Metric::ALL.map(Metric::name))
        .map(|name| Metric::from_name(&name).expect("the parser lets known names through alone"))
}

/// Verbs about stored runs.
#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List stored runs, newest first
    List(RunsList),
    /// Show how a run was made and how it ended
    Show(RunsShow),
    /// Add a tag to a run, or remove it
    Tag(RunsTag),
    /// Add a remark to a run
    Note(RunsNote),
    /// Write a run with all its parts to one file
    Export(RunsExport),
    /// Import runs from exported files
    Import(RunsImport),
    /// Remove old runs without tags or remarks
    ///
    /// Keeps runs with a tag or a remark, runs that can be resumed, runs on which noise floors
    /// depend, the newest of each plan and host class, and young ones. Without --yes it only prints
    /// what it would remove.
    Prune(RunsPrune),
    /// Remove single runs
    ///
    /// Refuses a run with a tag or a remark, and one on which noise floors depend, unless --force is
    /// given. Without --yes it only prints what it would remove.
    Rm(RunsRm),
    /// Read everything and verify its checksums
    Verify(RunsVerify),
    /// Copy the database into a new one, without the space of removed runs
    Compact,
}

/// Arguments of `runs list`.
#[derive(Debug, Args)]
pub struct RunsList {
    /// Runs to list.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// At most this many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Conditions on the listed runs; all given conditions must hold.
#[derive(Debug, Clone, Args)]
pub struct FilterArgs {
    /// Only runs of this plan
    #[arg(long, value_name = "NAME")]
    pub plan: Option<String>,
    /// Only runs with this variant
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// Only runs on this host class; a part of its name is enough
    #[arg(long, value_name = "CLASS")]
    pub host_class: Option<String>,
    /// Only runs with this tag; if repeated, with all of the tags
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// Only runs that began on that day (UTC) or later
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub since: Option<u64>,
    /// Only runs that began before that day (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub before: Option<u64>,
    /// Only runs with this result: valid, inconclusive, invalid, faster, slower, same, undecided,
    /// unfinished, stopped or failed
    #[arg(long, value_name = "WORD", ignore_case = true, hide_possible_values = true, value_parser = PossibleValuesParser::new(VERDICTS))]
    pub verdict: Option<String>,
}

/// Arguments of `runs prune`.
#[derive(Debug, Args)]
pub struct RunsPrune {
    /// Keep this many of the newest runs of each plan and host class
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub keep: usize,
    /// Keep runs younger than this many days
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub days: u64,
    /// Remove them; without this flag the command only prints what it would remove
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `runs rm`.
#[derive(Debug, Args)]
pub struct RunsRm {
    /// Ids of runs, or their beginnings
    #[arg(value_name = "RUN", required = true)]
    pub runs: Vec<String>,
    /// Remove them; without this flag the command only prints what it would remove
    #[arg(long)]
    pub yes: bool,
    /// Remove them in spite of tags, remarks and noise floors
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `runs show`.
#[derive(Debug, Args)]
pub struct RunsShow {
    /// The run.
    #[command(flatten)]
    pub run: RunRef,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `runs tag`.
#[derive(Debug, Args)]
pub struct RunsTag {
    /// A run's id, the beginning of its id, or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// One word: no spaces, no commas
    #[arg(value_name = "TAG", value_parser = tag)]
    pub tag: String,
    /// Remove the tag
    #[arg(long)]
    pub remove: bool,
}

/// Arguments of `runs note`.
#[derive(Debug, Args)]
pub struct RunsNote {
    /// A run's id, the beginning of its id, or `latest`
    #[arg(value_name = "RUN")]
    pub run: String,
    /// One line
    #[arg(value_name = "TEXT", value_parser = line)]
    pub text: String,
    /// Expect a new level from this run on, for the given reason; `trend` begins a new level there
    #[arg(long)]
    pub expected: bool,
}

/// Greatest length of a tag and of a remark, characters.
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
    /// The run.
    #[command(flatten)]
    pub run: RunRef,
    /// The file to write [default: <RUN>.bench here]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Replace a file that is not a run
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `runs import`.
#[derive(Debug, Args)]
pub struct RunsImport {
    /// Exported files
    #[arg(value_name = "FILE", required_unless_present = "rebuild")]
    pub files: Vec<PathBuf>,
    /// Move a damaged database away and restore every run from its copies and the rest of the
    /// database; exit code 4 when something is lost
    #[arg(long)]
    pub rebuild: bool,
}

/// Arguments of `runs verify`.
#[derive(Debug, Args)]
pub struct RunsVerify {
    /// One run: its id, the beginning of its id, or `latest` [default: all]
    #[arg(value_name = "RUN")]
    pub run: Option<String>,
}
