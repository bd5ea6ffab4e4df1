//! The words that flags take. Owns their spelling; must not know what they cause.

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use crate::build::Scope;
use crate::plan::{EngineKind, OnLoss};

/// How results are printed. Data goes to stdout, progress to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and sentences
    Human,
    /// One document with a published schema
    Json,
    /// Ids and verdicts only
    Quiet,
}

/// What an undecided comparison means to a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Inconclusive {
    /// Exit code 3
    Fail,
    /// Exit code 0
    Pass,
}

/// The output flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct OutputArgs {
    /// How to print results
    #[arg(long = "output", short = 'o', value_enum, default_value_t = Format::Human, value_name = "FORMAT")]
    pub format: Format,
}

/// How the comparison becomes an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct GateArgs {
    /// Exit with 1 when the candidate is slower, 3 when that is undecided
    #[arg(long)]
    pub gate: bool,
    /// What an undecided comparison means to the gate
    #[arg(long, value_enum, default_value_t = Inconclusive::Fail, value_name = "HOW", requires = "gate")]
    pub inconclusive: Inconclusive,
}

impl ValueEnum for EngineKind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Native => "The inference engine linked into the worker",
            Self::Sim => "A seeded model of one: nothing need be built, variants are labels",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl ValueEnum for Scope {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Workspace, Self::Program]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Workspace => {
                PossibleValue::new("workspace").help("The crates of this workspace; fast to build")
            }
            Self::Program => PossibleValue::new("program").help("Every crate, dependencies included"),
        })
    }
}

impl ValueEnum for OnLoss {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Fail => "End the run",
            Self::Repeat => "Run the block again, whole",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}
