//! `run`. Owns its flags, and which of them change the plan; must not know how a run is performed.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::span;
use super::{ComparisonOutputArgs, FleetArgs, GateArgs};
use crate::layout::{Layout, Layouts};
use crate::plan::{EngineKind, OnLoss, Overrides, Source, Until, Verify};

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The TOML file of a plan (`plan show` prints one to start from)
    #[arg(value_name = "PLAN", conflicts_with = "preset", required_unless_present_any = ["preset", "resume"])]
    pub plan: Option<PathBuf>,
    /// A built-in plan
    #[arg(long, value_name = "NAME", help = super::values::one_of_presets("A built-in plan: "))]
    pub preset: Option<String>,
    /// Resume an interrupted run, given by its id, the beginning of its id, or `latest`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["plan", "preset", "Changes", "Bench", "Lineup"])]
    pub resume: Option<String>,
    /// The builds to compare.
    #[command(flatten)]
    pub lineup: LineupArgs,
    /// Changes to the plan.
    #[command(flatten)]
    pub changes: Changes,
    /// Changes to the plan that other commands have as well.
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Hosts to run on.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// How the answer becomes an exit code.
    #[command(flatten)]
    pub gate: GateArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: ComparisonOutputArgs,
}

/// The builds to compare.
#[derive(Debug, Args)]
#[group(id = "Lineup", multiple = true)]
pub struct LineupArgs {
    /// Builds to run: the first is the baseline, and each other one is compared with it [default:
    /// those that the plan names, else baseline,pgo]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub variants: Vec<String>,
    /// Compare one build with itself; this should show no difference
    #[arg(long)]
    pub a_a: bool,
    /// Also run this many layouts of the baseline (2 to 8; `build --layout-arms K` makes them): a
    /// difference smaller than theirs is labelled "within code-layout noise". Layouts are controls
    /// and do not affect a gate
    #[arg(long, value_name = "K", conflicts_with = "a_a")]
    pub layout_arms: Option<Layouts>,
}

/// Flags that change where and on what a plan runs, of every command that runs one.
#[derive(Debug, Args)]
#[group(id = "Bench", multiple = true)]
pub struct BenchArgs {
    /// Worker processes that run at the same time on each host
    #[arg(long, value_name = "N")]
    pub slots: Option<u32>,
    /// Seed of all random numbers [default: random, and recorded]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The engine that answers the requests
    #[arg(long, value_enum, value_name = "ENGINE")]
    pub engine: Option<EngineKind>,
    /// Directory or file of the model [default: $BENCH_MODEL_PATH, then models/default]
    #[arg(long, value_name = "PATH")]
    pub model: Option<String>,
    /// Engine threads of each worker [default: cores / slots]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
}

impl BenchArgs {
    /// The flags as changes to a plan. A flag that is not given changes nothing.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        Overrides {
            seed: self.seed,
            slots: self.slots,
            engine: self.engine,
            model: self.model.clone(),
            threads: self.threads,
            ..Overrides::default()
        }
    }
}

/// Flags that change the plan.
#[derive(Debug, Args)]
#[group(id = "Changes", multiple = true)]
pub struct Changes {
    /// Repetitions of every block; fewer than 6 never give FASTER or SLOWER
    #[arg(long, value_name = "N")]
    pub rounds: Option<u32>,
    /// Make one interim analysis after this many rounds, and end there if every answer is clear at
    /// the stricter level of 0.5 %
    #[arg(long, value_name = "ROUNDS")]
    pub look: Option<u32>,
    /// Analyse several times during the run, as planned, and end when every answer is clear; the
    /// levels of all analyses together keep 5 %. `--rounds` is then the most [default: 40]
    #[arg(long, value_enum, value_name = "WHEN", conflicts_with = "look")]
    pub until: Option<Until>,
    /// With --until: the time for all rounds, such as 10m; the number of rounds that fit follows
    /// from the pace of the first three
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub budget: Option<Duration>,
    /// Slow arm B by a busy loop of this many per cent of each step, to test whether the host can
    /// show a difference of this size. The run is labelled
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub handicap: Option<f64>,
    /// Before anything is measured, every host hashes all files of the model; the run compares them
    /// and detects damage
    #[arg(long)]
    pub verify_model: bool,
    /// Leave out the control, the second trial of the baseline in every block
    #[arg(long)]
    pub no_aa: bool,
    /// Windows of a round: the round's processes stay and measure this many times in turns, so
    /// that more of the time is measured [default: 1]
    #[arg(long, value_name = "N")]
    pub windows: Option<u32>,
    /// Keep workers over all trials, for models too big to reload; the run is labelled
    #[arg(long)]
    pub resident: bool,
    /// Run A and B at the same time, each in half of a host's slots, on separate processors. This
    /// cancels the host's noise where builds do not disturb each other; the run is labelled
    #[arg(long)]
    pub duet: bool,
    /// What to do when a worker is lost
    #[arg(long, value_enum, value_name = "HOW")]
    pub on_loss: Option<OnLoss>,
}

/// A percentage as a share; at most 100 %.
fn percent(text: &str) -> Result<f64, String> {
    let percent = text.trim_end_matches('%').trim().parse::<f64>().ok();
    let within = percent.filter(|percent| (0.0..=100.0).contains(percent));
    within
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "a number of per cent from 0 to 100, such as 3".to_owned())
}

impl RunArgs {
    /// Source of the plan; `None` if a run is resumed.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        let file = self.plan.clone().map(Source::File);
        file.or_else(|| self.preset.clone().map(Source::Preset))
    }
}

impl LineupArgs {
    /// The requested variants, else those that the plan names, else the usual two; only the first
    /// for an A/A comparison. Layouts come last.
    #[must_use]
    pub fn names(&self, of_plan: &[&str]) -> Vec<String> {
        let usual = match of_plan {
            [] => &["baseline", "pgo"],
            of_plan => of_plan,
        };
        let usual = &usual[..if self.a_a { 1 } else { usual.len() }];
        let mut names = match self.variants.is_empty() {
            true => usual.iter().map(|name| (*name).to_owned()).collect(),
            false => self.variants.clone(),
        };
        let baseline = names.first().cloned().unwrap_or_default();
        names.extend(
            self.layout_arms
                .into_iter()
                .flat_map(Layouts::iter)
                .map(|layout| layout.beside(&baseline)),
        );
        names
    }
}

impl LineupArgs {
    /// Whether there is a candidate, or a build that is compared with itself. Layouts are controls
    /// and do not count.
    #[must_use]
    pub fn compares(&self) -> bool {
        let candidates = self
            .variants
            .iter()
            .skip(1)
            .filter(|name| Layout::named(name).is_none());
        self.a_a || self.variants.is_empty() || candidates.count() > 0
    }
}

impl Changes {
    /// The flags as changes to a plan, with those of `bench`. A flag that is not given changes
    /// nothing.
    #[must_use]
    pub fn overrides(&self, bench: &BenchArgs) -> Overrides {
        Overrides {
            rounds: self.rounds,
            look: self.look,
            until: self.until,
            budget: self.budget,
            to_the_end: false,
            control: self.no_aa.then_some(false),
            windows: self.windows,
            resident: self.resident.then_some(true),
            duet: self.duet.then_some(true),
            on_loss: self.on_loss,
            handicap: self.handicap,
            verify: self.verify_model.then_some(Verify::Full),
            ..bench.overrides()
        }
    }
}
