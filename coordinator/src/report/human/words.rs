//! Figures as people read them: durations, shares, changes, intervals, dates. Owns rounding and
//! signs: a change in a sentence is "lower" or "higher"; intervals and columns have signs, which a
//! page explains once ([`SIGNS`]). Must not know where a figure stands on the page.
//!
//! Within a figure the spaces do not break ([`NBSP`]); the page turns them into plain ones.

use stats::compare::{Interval, Reference, Scale, Stage};

use crate::compare::{LayoutLabel, Measure, MetricComparison, Planned};

/// The space inside a figure.
pub(in crate::report) const NBSP: char = '\u{a0}';

/// What stands where there is no figure.
pub(in crate::report) const NONE: &str = "–";

/// Nanoseconds with the unit that fits, four digits at most.
pub(in crate::report) fn nanos(ns: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    // 999.96 ms would be rounded to "1000.0 ms": half a digit below the step belongs to the greater
    // unit.
    let (scale, unit) = units
        .into_iter()
        .find(|(scale, _)| ns >= 0.999_95 * scale)
        .unwrap_or((1.0, "ns"));
    format!("{}{NBSP}{unit}", digits(ns / scale))
}

/// Seconds with the unit that fits.
pub(in crate::report) fn seconds(seconds: f64) -> String {
    if seconds == 0.0 {
        format!("0{NBSP}s")
    } else {
        nanos(1e9 * seconds)
    }
}

/// A time to wait, as a person would say it.
pub(in crate::report) fn wait(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s}{NBSP}s"),
        (0, m, s) => format!("{m}{NBSP}min{NBSP}{s:02}{NBSP}s"),
        (h, m, _) => format!("{h}{NBSP}h{NBSP}{m:02}{NBSP}min"),
    }
}

/// A value of a measure with its unit.
pub(in crate::report) fn value(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Quantile(..) => nanos(value),
        Measure::TokensPerSecond | Measure::RequestsPerSecond | Measure::GoodputPerSecond => {
            digits(value)
        }
    }
}

/// Four significant digits at most, one decimal at least below 1000.
pub(in crate::report) fn digits(value: f64) -> String {
    match value.abs() {
        x if x >= 999.95 => format!("{value:.0}"),
        x if x >= 99.995 => format!("{value:.1}"),
        x if x >= 9.9995 => format!("{value:.2}"),
        x if x > 0.0 => format!("{value:.3}"),
        _ => "0".to_owned(),
    }
}

/// Bytes with the unit that fits.
pub(in crate::report) fn bytes(bytes: f64) -> String {
    let units = [
        (f64::from(1 << 30), "GiB"),
        (f64::from(1 << 20), "MiB"),
        (1024.0, "KiB"),
    ];
    let (scale, unit) = units
        .into_iter()
        .find(|(scale, _)| bytes >= *scale)
        .unwrap_or((1.0, "B"));
    format!("{}{NBSP}{unit}", digits(bytes / scale))
}

/// A share of 1 in per cent.
pub(in crate::report) fn percent(share: f64) -> String {
    format!("{}{NBSP}%", points(share))
}

/// A share of 1 in per cent without the sign: two decimals below 1 %, then one, whole ones from 100
/// %.
fn points(share: f64) -> String {
    match 100.0 * share.abs() {
        x if x < 0.005 => "0".to_owned(),
        x if x < 0.995 => format!("{x:.2}"),
        x if x < 99.95 => format!("{x:.1}"),
        x => format!("{x:.0}"),
    }
}

/// A tolerance: 0.02 is "2 %".
pub(in crate::report) fn tolerance(share: f64) -> String {
    let text = format!("{:.2}", 100.0 * share);
    format!(
        "{}{NBSP}%",
        text.trim_end_matches('0').trim_end_matches('.')
    )
}

/// What the planned interim analysis means for the answer that follows.
pub(in crate::report) fn look(planned: &Planned) -> String {
    let (look, last) = (
        tolerance(Stage::Look.alpha()),
        tolerance(Stage::Final.alpha()),
    );
    let whose = match planned.stage {
        Stage::Look => "this answer is from the interim analysis",
        Stage::Final | Stage::Only => "this answer is from the final analysis",
    };
    format!(
        "an interim analysis was planned after {} of {} with α = {look}; the final analysis has α = {last}: \
         {whose}",
        planned.at,
        count(planned.rounds.into(), "round")
    )
}

/// How a difference compares with what the placement of code alone does; `None` where there is
/// nothing to warn of.
pub(in crate::report) fn layout(label: &LayoutLabel) -> Option<String> {
    match label {
        LayoutLabel::Within(spread) => {
            let (sd, layouts) = (percent(spread.sd.exp_m1()), spread.layouts);
            Some(format!(
                "{WITHIN_LAYOUT} (±{sd} over {layouts} shuffled baselines)"
            ))
        }
        LayoutLabel::Unknown { layouts } => Some(format!(
            "code-layout noise unknown (fewer than two of {layouts} shuffled baselines have a VALID \
             measurement)"
        )),
        LayoutLabel::Beyond(_) => None,
    }
}

/// The label of a difference that layout alone could make.
pub(in crate::report) const WITHIN_LAYOUT: &str = "within code-layout noise";

/// The label behind a verdict in a table: in parentheses, or empty.
pub(in crate::report) fn layout_mark(metric: &MetricComparison) -> String {
    let within = matches!(metric.layout, Some(LayoutLabel::Within(_)));
    if within {
        format!(" ({WITHIN_LAYOUT})")
    } else {
        String::new()
    }
}

/// What the interim analysis of a plan means.
pub(in crate::report) fn look_ahead(at: u32, rounds: u32) -> String {
    let (look, last) = (
        tolerance(Stage::Look.alpha()),
        tolerance(Stage::Final.alpha()),
    );
    format!(
        "interim analysis after {at} of {}: the run ends there if every primary answer is clear at α = \
         {look}; otherwise it continues to its last round, with α = {last}",
        count(rounds.into(), "round")
    )
}

/// The confidence level of an interval: α = 0.05 is "95 %".
pub(in crate::report) fn level(alpha: f64) -> String {
    tolerance(1.0 - alpha)
}

/// The same where lines are not broken: in headings of tables and in other tools' documents.
pub(in crate::report) fn plain_level(alpha: f64) -> String {
    level(alpha).replace(NBSP, " ")
}

/// Whether figures carry their "%", or stand in a column that says it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Unit {
    /// In running text.
    Said,
    /// In a column of per cents.
    InHeading,
}

/// What the signs of changes and intervals mean; a page says it once.
pub(in crate::report) const SIGNS: &str = "in changes and intervals − is lower and + is higher; − is faster for times, + is \
                                           faster for rates";

/// A change of a measure: "4.1 % lower", in a column "−4.1".
pub(in crate::report) fn change(metric: &MetricComparison, delta: f64, unit: Unit) -> String {
    change_of((metric.measure, metric.scale), delta, unit)
}

/// The same of a measure.
pub(in crate::report) fn change_of(
    (measure, scale): (Measure, Scale),
    delta: f64,
    unit: Unit,
) -> String {
    let change = measure.change(scale, delta);
    match (side(change), unit) {
        (None, _) => format!("no{NBSP}change"),
        (Some(_), Unit::InHeading) => signed(change),
        (Some(side), Unit::Said) => format!("{}{NBSP}{side}", percent(change)),
    }
}

/// An interval of changes: "−5.0 … −3.2 %", in a column without the "%".
pub(in crate::report) fn interval(
    metric: &MetricComparison,
    interval: &Interval,
    unit: Unit,
) -> String {
    interval_of((metric.measure, metric.scale), interval, unit)
}

/// The same of a measure.
pub(in crate::report) fn interval_of(
    (measure, scale): (Measure, Scale),
    interval: &Interval,
    unit: Unit,
) -> String {
    let (one, other) = (
        measure.change(scale, interval.low),
        measure.change(scale, interval.high),
    );
    if side(one).is_none() && side(other).is_none() {
        return format!("no{NBSP}change");
    }
    let range = format!(
        "{}{NBSP}…{NBSP}{}",
        signed(one.min(other)),
        signed(one.max(other))
    );
    if unit == Unit::Said {
        format!("{range}{NBSP}%")
    } else {
        range
    }
}

/// A change in per cent with its sign: "−3.5", "+2.5", "0".
fn signed(change: f64) -> String {
    match side(change) {
        None => points(change),
        Some(_) if change < 0.0 => format!("−{}", points(change)),
        Some(_) => format!("+{}", points(change)),
    }
}

/// The word for a change's sign; none for what is shown as zero.
fn side(change: f64) -> Option<&'static str> {
    (points(change) != "0").then_some(if change < 0.0 { "lower" } else { "higher" })
}

/// What a change is a share of, where some value is zero; `None` of ratios.
pub(in crate::report) fn share_of(measure: Measure, scale: Scale) -> Option<String> {
    match scale {
        Scale::Log => None,
        Scale::Linear { unit, of } => {
            let whose = match of {
                Reference::Baseline => "the baseline",
                Reference::Candidate => "the candidate (the baseline is zero in every round)",
            };
            let mean = value(measure, unit);
            Some(format!(
                "zero in some rounds: changes are shares of {mean}, the mean of {whose}"
            ))
        }
        Scale::Zero => Some("zero in every round of every arm".to_owned()),
    }
}

/// "1 round", "2 rounds".
pub(in crate::report) fn count(n: u64, what: &str) -> String {
    format!("{n}{NBSP}{what}{}", if n == 1 { "" } else { "s" })
}

/// "4 degrees of freedom", of which there may be a fraction.
pub(in crate::report) fn freedom(df: f64) -> String {
    format!("{df} degree{} of freedom", if df == 1.0 { "" } else { "s" })
}

/// A wall-clock instant in UTC, "2026-01-31 09:15".
pub(in crate::report) fn date(unix_ms: u64) -> String {
    let minutes = unix_ms / 60_000;
    let (year, month, day) = civil(i64::try_from(minutes / 1440).unwrap_or(0));
    format!(
        "{year}-{month:02}-{day:02}{NBSP}{:02}:{:02}",
        minutes / 60 % 24,
        minutes % 60
    )
}

/// Year, month and day of a day counted from 1970 (Hinnant, "chrono-compatible low-level date
/// algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        text.replace(NBSP, " ")
    }

    #[test]
    fn durations_take_the_unit_that_fits() {
        let shown = [
            12.0,
            12_340.0,
            412_345_678.0,
            999_960_000.0,
            4.1234e9,
            123.4e9,
        ]
        .map(|ns| plain(&nanos(ns)));
        assert_eq!(
            shown,
            [
                "12.00 ns",
                "12.34 µs",
                "412.3 ms",
                "1.000 s",
                "4.123 s",
                "123.4 s"
            ]
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let shown = [0, 951_782_400_000, 1_700_000_000_000].map(|ms| plain(&date(ms)));
        assert_eq!(
            shown,
            ["1970-01-01 00:00", "2000-02-29 00:00", "2023-11-14 22:13"]
        );
    }

    #[test]
    fn shares_keep_two_digits_at_least() {
        assert_eq!(
            [0.00001, 0.0031, -0.041, 0.125, 1.5].map(points),
            ["0", "0.31", "4.1", "12.5", "150"]
        );
        assert_eq!(
            [plain(&tolerance(0.02)), plain(&tolerance(0.005))],
            ["2 %", "0.5 %"]
        );
    }

    #[test]
    fn intervals_have_signs_and_columns_leave_out_the_per_cent() {
        let shown = |low: f64, high: f64, unit| {
            let of = (
                Measure::RequestsPerSecond,
                Scale::Linear {
                    unit: 1.0,
                    of: Reference::Baseline,
                },
            );
            plain(&interval_of(of, &Interval { low, high }, unit))
        };
        assert_eq!(shown(-0.025, 0.035, Unit::Said), "−3.5 … +2.5 %");
        assert_eq!(shown(-0.025, 0.035, Unit::InHeading), "−3.5 … +2.5");
        assert_eq!(shown(0.0, 0.5, Unit::Said), "−50.0 … 0 %");
        assert_eq!(shown(0.0, 0.00001, Unit::Said), "no change");
    }

    #[test]
    fn waits_read_like_speech() {
        assert_eq!(
            [4.4, 80.0, 3723.0].map(|s| plain(&wait(s))),
            ["4 s", "1 min 20 s", "1 h 02 min"]
        );
    }
}
