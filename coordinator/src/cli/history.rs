//! `trend` and `calibrate`. Owns their flags; must not know how runs are stored or judged.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::OutputArgs;
use super::run::{BenchArgs, Changes};
use crate::compare::Measure;
use crate::plan::Source;

/// Arguments of `trend`.
#[derive(Debug, Args)]
pub struct TrendArgs {
    /// Name of the plan [default: that of the newest run]
    #[arg(value_name = "PLAN")]
    pub plan: Option<String>,
    /// Only this variant [default: every variant]
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// The measure to follow [default: the plan's primary]
    #[arg(long, value_name = "NAME", value_parser = measures())]
    pub metric: Option<String>,
    /// A part of the name of a host class [default: that of the newest run]
    #[arg(long, value_name = "CLASS")]
    pub host_class: Option<String>,
    /// Only runs since that day (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub since: Option<u64>,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
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
    /// Number of A/A comparisons; stored ones count, and at least one is measured
    #[arg(long, value_name = "K", default_value_t = 20)]
    pub aa: u32,
    /// Instead of noise floors, measure one run of several windows a round (--windows, 4 by default)
    /// and say how much of the noise lies between processes and how much within them, what a start
    /// costs, and how many windows would decide soonest
    #[arg(long, conflicts_with = "aa")]
    pub components: bool,
    /// The build to compare with itself
    #[arg(long, value_name = "NAME", default_value = "baseline")]
    pub variant: String,
    /// Changes to the plan.
    #[command(flatten)]
    pub changes: Changes,
    /// Changes to the plan that other commands have as well.
    #[command(flatten)]
    pub bench: BenchArgs,
    /// How to print the answer.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl CalibrateArgs {
    /// Source of the plan.
    #[must_use]
    pub fn source(&self) -> Source {
        let file = self.plan.clone().map(Source::File);
        let preset = || self.preset.clone().map(Source::Preset);
        file.or_else(preset)
            .expect("the command line asks for a plan or a preset")
    }
}

fn measures() -> PossibleValuesParser {
    let all = Measure::ALL.into_iter().chain(Measure::OF_SEARCHES);
    PossibleValuesParser::new(all.map(|measure| &*measure.name().leak()))
}

/// A day as milliseconds since 1970 (Hinnant, "chrono-compatible low-level date algorithms").
pub(super) fn day(text: &str) -> Result<u64, String> {
    let wrong = || "a day is written as 2026-01-31".to_owned();
    let parts: Vec<i64> = text
        .split('-')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    let [year, month @ 1..=12, day @ 1..=31] = parts[..] else {
        return Err(wrong());
    };
    if !(1970..10_000).contains(&year) {
        return Err(wrong());
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day > last {
        return Err(format!("there is no {text}: that month has {last} days"));
    }
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    u64::try_from(days * 86_400_000).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day("1970-01-01"), Ok(0));
        assert_eq!(day("2000-02-29"), Ok(951_782_400_000));
        assert_eq!(day("2023-11-14"), Ok(1_699_920_000_000));
        for wrong in [
            "yesterday",
            "2023-13-01",
            "2023-11",
            "1969-12-31",
            "2023-11-14-1",
        ] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
        for (wrong, days) in [
            ("2026-02-31", 28),
            ("2024-02-30", 29),
            ("2100-02-29", 28),
            ("2026-04-31", 30),
        ] {
            let error = day(wrong).expect_err(wrong);
            assert_eq!(
                error,
                format!("there is no {wrong}: that month has {days} days")
            );
        }
        assert_eq!(
            (
                day("2024-02-29").is_ok(),
                day("2000-02-29").is_ok(),
                day("2026-12-31").is_ok()
            ),
            (true, true, true)
        );
    }
}
