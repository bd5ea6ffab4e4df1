//! Cron expressions in a time zone. Owns what a day with a change of the clock means; must not know
//! what is scheduled.
//!
//! Vixie's rules hold. An expression that names its hours and minutes is due once on every day that
//! it matches: at the end of the gap if its time is cut out, and at the first of two if it occurs
//! twice. Any other expression (`*`, steps) follows the clock on the wall: nothing is due within a
//! gap, and what is repeated is due twice.

use std::str::FromStr;

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;

use super::schedule::{Calendar, ScheduleError};

/// Times of day that an expression may name.
const MOST_TIMES: usize = 24 * 60;
/// Length of an expression, bytes.
const LONGEST: usize = 200;

/// An expression in a time zone.
#[derive(Clone, Debug)]
pub struct Timetable {
    zone: Tz,
    /// The union of these. croner takes an expression for one that names its times only if it names
    /// a single one.
    times: Vec<Cron>,
}

impl Timetable {
    /// Reads an expression of five fields.
    ///
    /// # Errors
    /// When the expression or the time zone cannot be read.
    pub fn new(cron: &str, zone: &str) -> Result<Self, ScheduleError> {
        let refused = |reason: String| ScheduleError::Cron {
            cron: cron.chars().take(LONGEST).collect(),
            reason,
        };
        let zone = zone.parse().map_err(|_| ScheduleError::Zone {
            zone: zone.chars().take(LONGEST).collect(),
        })?;
        let fields: Vec<&str> = cron.split_whitespace().collect();
        let [minutes, hours, days @ ..] = &fields[..] else {
            return Err(refused("it has fewer than five fields".to_owned()));
        };
        if days.len() != 3 || cron.len() > LONGEST {
            return Err(refused(format!("it has {} fields", fields.len())));
        }
        let days = days.join(" ");
        let texts = match (numbers(minutes), numbers(hours)) {
            (Some(minutes), Some(hours)) if minutes.len() * hours.len() <= MOST_TIMES => hours
                .iter()
                .flat_map(|hour| minutes.iter().map(move |minute| (hour, minute)))
                .map(|(hour, minute)| format!("{minute} {hour} {days}"))
                .collect(),
            _ => vec![cron.to_owned()],
        };
        let read = |text: &String| Cron::from_str(text).map_err(|error| refused(error.to_string()));
        let times = texts.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { zone, times })
    }

    /// The first instant after `unix_ms` at which it is due, milliseconds since 1970; `None` if
    /// there is none.
    #[must_use]
    pub fn after(&self, unix_ms: u64) -> Option<u64> {
        let after: DateTime<Utc> = Utc
            .timestamp_millis_opt(i64::try_from(unix_ms).ok()?)
            .single()?;
        let after = after.with_timezone(&self.zone);
        let next = |cron: &Cron| cron.find_next_occurrence(&after, false).ok();
        let first = self.times.iter().filter_map(next).min()?;
        u64::try_from(first.timestamp_millis()).ok()
    }

    /// An instant as the clock on the wall of its zone shows it, such as `2026-03-29 03:00 CEST`.
    #[must_use]
    pub fn on_the_wall(&self, unix_ms: u64) -> String {
        let at = i64::try_from(unix_ms).ok();
        at.and_then(|at| self.zone.timestamp_millis_opt(at).single())
            .map_or_else(String::new, |at| at.format("%Y-%m-%d %H:%M %Z").to_string())
    }
}

impl Calendar for Timetable {
    fn next_after(&self, unix_ms: u64) -> Option<u64> {
        self.after(unix_ms)
    }
}

/// The numbers of a field that names them all: numbers and ranges, separated by commas.
fn numbers(field: &str) -> Option<Vec<u32>> {
    let mut all = Vec::new();
    for item in field.split(',') {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last > 59 {
            return None;
        }
        all.extend(first..=last);
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn berlin(cron: &str) -> Timetable {
        Timetable::new(cron, "Europe/Berlin").unwrap()
    }

    fn at(text: &str) -> u64 {
        let parsed = DateTime::parse_from_rfc3339(text).unwrap();
        u64::try_from(parsed.timestamp_millis()).unwrap()
    }

    /// Occurrences within two days, on the wall.
    fn two_days(cron: &str, from: &str) -> Vec<String> {
        let (table, from) = (berlin(cron), at(from));
        let mut all = Vec::new();
        let mut now = from - 1;
        while let Some(next) = table.after(now).filter(|next| *next < from + 48 * HOUR) {
            all.push(table.on_the_wall(next));
            now = next;
        }
        all
    }

    const SPRING: &str = "2026-03-28T12:00:00+01:00";
    const AUTUMN: &str = "2026-10-24T12:00:00+02:00";

    #[test]
    fn a_time_that_the_change_cuts_out_is_due_once_at_the_end_of_the_gap() {
        let expected = ["2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST"];
        assert_eq!(two_days("30 2 * * *", SPRING), expected);
        // With other hours beside it, too.
        let listed = two_days("30 2,14 * * *", SPRING);
        assert!(listed.contains(&expected[0].to_owned()), "{listed:?}");
        assert_eq!(listed.len(), 4);
        // Counter-check: an ordinary time keeps its hour.
        assert_eq!(
            two_days("30 4 * * *", SPRING),
            ["2026-03-29 04:30 CEST", "2026-03-30 04:30 CEST"]
        );
    }

    #[test]
    fn a_time_that_the_change_doubles_is_due_once() {
        let expected = ["2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"];
        assert_eq!(two_days("30 2 * * *", AUTUMN), expected);
        assert_eq!(two_days("30 2,14 * * *", AUTUMN).len(), 4);
        assert_eq!(two_days("30 1-3 * * *", AUTUMN).len(), 6);
    }

    #[test]
    fn an_hourly_one_is_due_every_hour_that_passes() {
        for day in [SPRING, AUTUMN] {
            assert_eq!(two_days("15 * * * *", day).len(), 48, "{day}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_sentence() {
        let refused = |cron, zone| Timetable::new(cron, zone).unwrap_err().to_string();
        for cron in [
            "",
            "* * * *",
            "61 2 * * *",
            "30 25 * * *",
            "a b c d e",
            "0 30 2 * * *",
        ] {
            let told = refused(cron, "UTC");
            assert!(told.contains("five fields"), "{cron}: {told}");
        }
        assert!(refused("30 2 * * *", "Europe/Bonn").contains("IANA"));
        // Counter-check.
        assert!(Timetable::new("30 2 * * MON-FRI", "UTC").is_ok());
        // The 30th of February never comes.
        assert_eq!(
            Timetable::new("0 0 30 2 *", "UTC")
                .ok()
                .and_then(|t| t.after(0)),
            None
        );
    }
}
