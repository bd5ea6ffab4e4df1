//! `capacity`. Owns its flags and the spelling of rates, shares and prices; must not know how a
//! search is performed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::run::BenchArgs;
use super::values::{CapacityOutputArgs, span};
use super::{FleetArgs, GateArgs, OutputArgs};
use crate::plan::{Objective, Source};

/// Arguments of `capacity`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct CapacityArgs {
    /// What follows from a capacity.
    #[command(subcommand)]
    pub plan_for: Option<CapacityCommand>,
    /// The TOML file of a plan: its engine, and the requests of its scenario
    #[arg(value_name = "PLAN", conflicts_with = "preset")]
    pub plan: Option<PathBuf>,
    /// A built-in plan [default: steady]
    #[arg(long, value_name = "NAME", help = super::values::one_of_presets("A built-in plan: "))]
    pub preset: Option<String>,
    /// What must hold, such as ttft.p99<500ms, tpot.p95<50ms, e2e.p99<2s or errors<0.1%; may be
    /// repeated
    #[arg(long = "objective", value_name = "OBJECTIVE", required_unless_present_any = ["resume", "show"])]
    pub objectives: Vec<Objective>,
    /// Resume an interrupted search, given by its run's id, the beginning of it, or `latest`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["plan", "preset", "Search", "Bench", "objectives", "show"])]
    pub resume: Option<String>,
    /// Show what a stored search found; with --against, one or several, separated by commas
    #[arg(long, value_name = "RUN", conflicts_with_all = ["plan", "preset", "Search", "Bench", "objectives"])]
    pub show: Option<String>,
    /// Compare the capacity of stored searches with that of these ones of other times. Searches are
    /// then the replicates; FASTER and SLOWER need at least three a side
    #[arg(long, value_name = "RUNS", value_delimiter = ',', requires = "show")]
    pub against: Vec<String>,
    /// Compare searches on different hosts, models, loads or engines anyway; the answer is labelled
    #[arg(long, requires = "against")]
    pub unlike: bool,
    /// Explain the answer down to each probe: counts, margins, the figures of the interval, the
    /// check, the path through the decision table
    #[arg(long, conflicts_with = "against")]
    pub explain: bool,
    /// Write a self-contained page with charts to this file instead
    #[arg(long, value_name = "FILE", requires = "show", conflicts_with_all = ["format", "explain", "against"])]
    pub html: Option<PathBuf>,
    /// Replace a file that this program did not write
    #[arg(long, requires = "html")]
    pub force: bool,
    /// How the answer becomes an exit code.
    #[command(flatten)]
    pub gate: GateArgs,
    /// The search.
    #[command(flatten)]
    pub search: SearchArgs,
    /// Changes to the plan.
    #[command(flatten)]
    pub bench: BenchArgs,
    /// Hosts to run on.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: CapacityOutputArgs,
}

/// What follows from a capacity.
#[derive(Debug, Subcommand)]
pub enum CapacityCommand {
    /// Say how many machines carry a load, from a stored search
    Plan(MachinesArgs),
}

/// The search.
#[derive(Debug, Args)]
#[group(id = "Search", multiple = true)]
pub struct SearchArgs {
    /// The build, or two builds whose capacities are compared [default: the first that the plan
    /// names, else baseline]
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub variants: Vec<String>,
    /// Compare one build with itself; this should show no difference
    #[arg(long)]
    pub a_a: bool,
    /// The scenario whose requests are sent [default: the plan's only one]
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Half width of the interval to reach
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub precision: f64,
    /// Time under load at most, such as 30m; loading and starting come on top
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = span)]
    pub budget: Duration,
    /// The lowest and the highest rate, requests a second [default: a sixteenth and sixteen times
    /// the scenario's rate, or of 4]
    #[arg(long, value_name = "LOW..HIGH", value_parser = rates)]
    pub rates: Option<(f64, f64)>,
    /// Vary the number of requests in flight instead of the rate, between the fewest and the most
    #[arg(long, value_name = "FEWEST..MOST", num_args = 0..=1, require_equals = true,
          default_missing_value = "1..256", value_parser = numbers, conflicts_with = "rates")]
    pub concurrency: Option<(u32, u32)>,
    /// Length of each measured window
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = span)]
    pub window: Duration,
    /// Load before each window that is not measured
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = span)]
    pub run_in: Duration,
    /// The most requests in flight of the closed loops that come first: 1, 2, 4, and so on; 0 for
    /// none of them
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=4096))]
    pub in_flight: u32,
}

/// Arguments of `capacity plan`.
#[derive(Debug, Args)]
pub struct MachinesArgs {
    /// The search, given by its run's id, the beginning of it, or `latest`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    pub run: String,
    /// The rate to carry, such as 300rps
    #[arg(long, value_name = "RATE", value_parser = rate, required_unless_present = "profile")]
    pub target: Option<f64>,
    /// The load of a day instead of one rate: a CSV file with lines such as 08:30,250
    #[arg(long, value_name = "FILE", conflicts_with = "target")]
    pub profile: Option<PathBuf>,
    /// Room above the target
    #[arg(long, value_name = "SHARE", default_value = "30%", value_parser = share)]
    pub headroom: f64,
    /// Machines that may be lost without violating the objective at the target
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub survive: u32,
    /// Standard deviation of the capacity between machines, as a share: one search measures one
    /// fleet and cannot see it
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = share)]
    pub spread: f64,
    /// Price of a machine, such as 2.10/h
    #[arg(long, value_name = "PRICE", value_parser = price)]
    pub price: Option<f64>,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl CapacityArgs {
    /// Source of the plan.
    #[must_use]
    pub fn source(&self) -> Source {
        let preset = || Source::Preset(self.preset.clone().unwrap_or_else(|| "steady".to_owned()));
        self.plan.clone().map_or_else(preset, Source::File)
    }

    /// The format of the answer.
    pub(super) fn format(&self) -> super::Format {
        match &self.plan_for {
            Some(CapacityCommand::Plan(args)) => args.output.format,
            None => self.output.format,
        }
    }
}

impl SearchArgs {
    /// 1, 2, 4, … up to the most in flight.
    #[must_use]
    pub fn levels(&self) -> Vec<u32> {
        let doubled = std::iter::successors(Some(1u32), |n| n.checked_mul(2));
        doubled.take_while(|n| *n <= self.in_flight).collect()
    }

    /// The variants: those given, else the first that the plan names.
    #[must_use]
    pub fn names(&self, of_plan: &[&str]) -> Vec<String> {
        match self.variants.is_empty() {
            true => vec![(*of_plan.first().unwrap_or(&"baseline")).to_owned()],
            false => self.variants.clone(),
        }
    }
}

/// A share such as `5%`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let number = text
        .strip_suffix('%')
        .and_then(|number| number.trim().parse::<f64>().ok());
    number
        .filter(|percent| (0.1..=1000.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "a share such as 5%, from 0.1%".to_owned())
}

/// A rate such as `300rps` or `300`.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches("rps").trim().parse::<f64>().ok();
    number
        .filter(|rate| (0.001..=1e6).contains(rate))
        .ok_or_else(|| "a rate in requests a second, such as 300rps".to_owned())
}

/// Two rates such as `1..100`.
fn rates(text: &str) -> Result<(f64, f64), String> {
    let wrong = || "two rates such as 1..100, the lower one first".to_owned();
    let (low, high) = text.split_once("..").ok_or_else(wrong)?;
    let (low, high) = (rate(low)?, rate(high)?);
    if low < high {
        Ok((low, high))
    } else {
        Err(wrong())
    }
}

/// Two numbers such as `1..256`.
fn numbers(text: &str) -> Result<(u32, u32), String> {
    let wrong = || "two numbers such as 1..256, the lower one first, at most 4096".to_owned();
    let (low, high) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
    let (low, high) = (number(low)?, number(high)?);
    ((1..high).contains(&low) && high <= 4096)
        .then_some((low, high))
        .ok_or_else(wrong)
}

/// A price such as `2.10/h`.
fn price(text: &str) -> Result<f64, String> {
    let number = text
        .strip_suffix("/h")
        .and_then(|number| number.trim().parse::<f64>().ok());
    number
        .filter(|price| (0.0..1e9).contains(price))
        .ok_or_else(|| "a price of an hour, such as 2.10/h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_others_refused() {
        assert_eq!(span("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(span("0.5s"), Ok(Duration::from_millis(500)));
        assert_eq!(
            (share("5%"), rate("300rps"), price("2.10/h")),
            (Ok(0.05), Ok(300.0), Ok(2.1))
        );
        assert_eq!(rates("1..100"), Ok((1.0, 100.0)));
        for wrong in ["30", "m", "-3s", "0s", "3d"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
        assert!(rates("5..5").is_err() && rates("1-5").is_err());
        assert_eq!(numbers("1..256"), Ok((1, 256)));
        for wrong in ["0..5", "5..5", "1.5..2", "1..5000", "7"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
        assert!(share("5").is_err() && share("0%").is_err());
        assert!(price("2.10").is_err() && rate("fast").is_err());
    }
}
