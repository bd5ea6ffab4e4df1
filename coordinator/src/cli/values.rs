//! Values of flags. Owns their spelling; must not know their effect.

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use crate::format::Format;
use crate::plan::{EngineKind, OnLoss, preset};

/// How a gate treats an undecided comparison.
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

/// The output flag of commands that answer with a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct ComparisonOutputArgs {
    /// How to print results: human, json, quiet, markdown (a pull request comment) or junit (XML)
    #[arg(
        long = "output",
        short = 'o',
        value_parser = formats(&COMPARISON_FORMATS),
        default_value = "human",
        hide_possible_values = true,
        value_name = "FORMAT"
    )]
    pub format: Format,
}

/// The output flag of `report`, which also writes the formats of other tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct ReportOutputArgs {
    /// How to print it: human, json, quiet, csv (one row a value), hlog or hgrm (HdrHistogram),
    /// openmetrics, or trace (one trial, for Perfetto)
    #[arg(
        long = "output",
        short = 'o',
        value_parser = formats(&REPORT_FORMATS),
        default_value = "human",
        hide_possible_values = true,
        value_name = "FORMAT"
    )]
    pub format: Format,
}

/// The output flag of `capacity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct CapacityOutputArgs {
    /// How to print results: human, json, quiet, csv (one row for each probe, arm and objective) or
    /// openmetrics; with --against also markdown or junit
    #[arg(
        long = "output",
        short = 'o',
        value_parser = formats(&CAPACITY_FORMATS),
        default_value = "human",
        hide_possible_values = true,
        value_name = "FORMAT"
    )]
    pub format: Format,
}

const CAPACITY_FORMATS: [(&str, Format); 7] = [
    ("human", Format::Human),
    ("json", Format::Json),
    ("quiet", Format::Quiet),
    ("csv", Format::Csv),
    ("openmetrics", Format::OpenMetrics),
    ("markdown", Format::Markdown),
    ("junit", Format::Junit),
];

const COMPARISON_FORMATS: [(&str, Format); 5] = [
    ("human", Format::Human),
    ("json", Format::Json),
    ("quiet", Format::Quiet),
    ("markdown", Format::Markdown),
    ("junit", Format::Junit),
];

const REPORT_FORMATS: [(&str, Format); 8] = [
    ("human", Format::Human),
    ("json", Format::Json),
    ("quiet", Format::Quiet),
    ("csv", Format::Csv),
    ("hlog", Format::Hlog),
    ("hgrm", Format::Hgrm),
    ("openmetrics", Format::OpenMetrics),
    ("trace", Format::Trace),
];

fn formats(all: &'static [(&'static str, Format)]) -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(all.iter().map(|(name, _)| *name)).map(move |name| {
        let found = all.iter().find(|(known, _)| *known == name);
        found.expect("the parser lets known names through alone").1
    })
}

/// How the comparison becomes an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct GateArgs {
    /// Exit with 1 when the candidate is slower, 3 when that is undecided
    #[arg(long)]
    pub gate: bool,
    /// How the gate treats an undecided comparison
    #[arg(long, value_enum, default_value_t = Inconclusive::Fail, value_name = "HOW", requires = "gate")]
    pub inconclusive: Inconclusive,
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Human, Self::Json, Self::Quiet]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Human => ("human", "Tables and sentences"),
            Self::Json => ("json", "One document with a published schema"),
            Self::Quiet => ("quiet", "Ids and verdicts only"),
            // These formats have flags of their own.
            _ => return None,
        };
        Some(PossibleValue::new(name).help(help))
    }
}

impl ValueEnum for EngineKind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(EngineKind::help(*self)))
    }
}

impl ValueEnum for OnLoss {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Fail => "End the run",
            Self::Repeat => "Repeat the whole block",
            Self::Shrink => {
                "Continue without the lost slots until the end of the block, and report it"
            }
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// A time above zero with its unit, such as `90s`, `30m` or `2h`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "a time such as 90s, 30m or 2h".to_owned();
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let split = text
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let (_, seconds) = units
        .into_iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(wrong)?;
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let span = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
    if span.is_zero() {
        Err(wrong())
    } else {
        Ok(span)
    }
}

/// The names of all presets, for help texts.
pub(super) fn one_of_presets(before: &str) -> String {
    let (last, others) = preset::NAMES.split_last().expect("there are presets");
    format!("{before}{} or {last}", others.join(", "))
}
