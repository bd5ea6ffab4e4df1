//! Figures as text: durations, sizes, shares, counts, dates. Owns rounding; must not know the
//! position of a figure on the page.
//!
//! Spaces within a figure do not break ([`NBSP`]); the page turns them into plain spaces.

use crate::compare::Measure;

/// The space inside a figure.
pub(crate) const NBSP: char = '\u{a0}';

/// Shown in place of an absent figure.
pub(crate) const NONE: &str = "–";

/// A figure that may be absent.
pub(crate) fn shown<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), show)
}

/// A text that may be empty.
pub(crate) fn known(text: &str) -> String {
    shown(Some(text).filter(|text| !text.is_empty()), str::to_owned)
}

/// Nanoseconds in the unit that fits, at most four digits.
pub(crate) fn nanos(ns: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    // 999.96 ms would be rounded to "1000.0 ms", so values within half a digit of a unit use the
    // greater unit.
    let (scale, unit) = units
        .into_iter()
        .find(|(scale, _)| ns >= 0.999_95 * scale)
        .unwrap_or((1.0, "ns"));
    format!("{}{NBSP}{unit}", digits(ns / scale))
}

/// Seconds in the unit that fits.
pub(crate) fn seconds(seconds: f64) -> String {
    if seconds == 0.0 {
        format!("0{NBSP}s")
    } else {
        nanos(1e9 * seconds)
    }
}

/// A waiting time, in everyday units.
pub(crate) fn wait(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s}{NBSP}s"),
        (0, m, s) => format!("{m}{NBSP}min{NBSP}{s:02}{NBSP}s"),
        (h, m, _) => format!("{h}{NBSP}h{NBSP}{m:02}{NBSP}min"),
    }
}

/// A value of a measure with its unit.
pub(crate) fn value(measure: Measure, value: f64) -> String {
    match measure {
        Measure::Quantile(..) | Measure::CpuPerToken => nanos(value),
        Measure::TokensPerSecond
        | Measure::RequestsPerSecond
        | Measure::GoodputPerSecond
        | Measure::Capacity
        | Measure::Concurrency => digits(value),
    }
}

/// At most four significant digits; at least one decimal below 1000.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        x if x >= 999.95 => format!("{value:.0}"),
        x if x >= 99.995 => format!("{value:.1}"),
        x if x >= 9.9995 => format!("{value:.2}"),
        x if x > 0.0 => format!("{value:.3}"),
        _ => "0".to_owned(),
    }
}

/// Bytes in the unit that fits.
pub(crate) fn bytes(bytes: f64) -> String {
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
pub(crate) fn percent(share: f64) -> String {
    format!("{}{NBSP}%", points(share))
}

/// A share of 1 in per cent without the sign: two decimals below 1 %, then one, whole ones from 100
/// %.
pub(crate) fn points(share: f64) -> String {
    match 100.0 * share.abs() {
        x if x < 0.005 => "0".to_owned(),
        x if x < 0.995 => format!("{x:.2}"),
        x if x < 99.95 => format!("{x:.1}"),
        x => format!("{x:.0}"),
    }
}

/// A tolerance: 0.02 is "2 %".
pub(crate) fn tolerance(share: f64) -> String {
    let text = format!("{:.2}", 100.0 * share);
    format!(
        "{}{NBSP}%",
        text.trim_end_matches('0').trim_end_matches('.')
    )
}

/// All items, joined by a separator.
pub(crate) fn joined<T: ToString>(all: impl IntoIterator<Item = T>, between: &str) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    all.join(between)
}

/// All items, separated by commas.
pub(crate) fn listed<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    joined(all, ", ")
}

/// "1 round", "2 rounds".
pub(crate) fn count(n: u64, what: &str) -> String {
    format!("{n}{NBSP}{what}{}", if n == 1 { "" } else { "s" })
}

/// "4 degrees of freedom"; the number may be fractional.
pub(crate) fn freedom(df: f64) -> String {
    format!("{df} degree{} of freedom", if df == 1.0 { "" } else { "s" })
}

/// A wall-clock instant in UTC, "2026-01-31 09:15".
pub(crate) fn date(unix_ms: u64) -> String {
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

/// A name truncated to a width, marked by "…".
pub(crate) fn cut(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    name.chars().take(width - 1).chain(['…']).collect()
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
    fn long_names_are_cut() {
        assert_eq!([cut("pgo", 5), cut("pgo-bolt", 5)], ["pgo", "pgo-…"]);
    }

    #[test]
    fn waits_read_like_speech() {
        assert_eq!(
            [4.4, 80.0, 3723.0].map(|s| plain(&wait(s))),
            ["4 s", "1 min 20 s", "1 h 02 min"]
        );
    }
}
