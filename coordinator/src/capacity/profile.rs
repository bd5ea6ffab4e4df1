//! The load of a day, as a table of times and rates, and the machines that it takes. Owns the table's
//! format; must not know files, or how the capacity of a machine was found.

use std::str::FromStr;

use stats::capacity::{Demand, HostCapacity, machines};

/// Minutes of a day.
const DAY: u32 = 24 * 60;

/// The load of a day: each rate holds until the next time, the last one until midnight.
#[derive(Clone, Debug, PartialEq)]
pub struct DayProfile {
    /// Minute of the day and requests a second, ascending, the first at midnight.
    points: Vec<(u32, f64)>,
}

/// A stretch of the day with the machines that it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Minute of the day at which it begins.
    pub from: u32,
    /// Minute at which it ends, at most 1440.
    pub to: u32,
    /// Requests a second.
    pub rate: f64,
    /// Machines.
    pub machines: u32,
}

/// Why a table is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A line that cannot be read.
    #[error(
        "line {0} is no time and rate: write lines such as `08:30,250`, with rates in requests a second"
    )]
    Line(usize),
    /// Times do not ascend.
    #[error("line {0} is not later than the line before: sort the lines by time")]
    Order(usize),
    /// It does not begin at midnight.
    #[error("the first line must be that of 00:00")]
    Midnight,
}

impl FromStr for DayProfile {
    type Err = ProfileError;

    /// Lines of `HH:MM,rate`. A first line without a time is a heading; empty lines and lines that
    /// begin with `#` are left out.
    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let mut points: Vec<(u32, f64)> = Vec::new();
        let mut heading = true;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some(point) = point(line) else {
                let names = line.split(',').count() == 2
                    && line
                        .chars()
                        .all(|c| c.is_ascii_alphabetic() || ", _/".contains(c));
                if heading && names {
                    heading = false;
                    continue;
                }
                return Err(ProfileError::Line(number));
            };
            heading = false;
            if points.last().is_some_and(|last| last.0 >= point.0) {
                return Err(ProfileError::Order(number));
            }
            points.push(point);
        }
        match points.first() {
            Some((0, _)) => Ok(Self { points }),
            _ => Err(ProfileError::Midnight),
        }
    }
}

fn point(line: &str) -> Option<(u32, f64)> {
    let (time, rate) = line.split_once(',')?;
    let (hour, minute) = time.trim().split_once(':')?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let rate: f64 = rate.trim().parse().ok()?;
    let sound = hour < 24 && minute < 60 && (0.0..=1e6).contains(&rate);
    sound.then_some((60 * hour + minute, rate))
}

impl DayProfile {
    /// The greatest rate, requests a second.
    #[must_use]
    pub fn peak(&self) -> f64 {
        self.points
            .iter()
            .map(|(_, rate)| *rate)
            .fold(0.0, f64::max)
    }

    /// Mean rate over the day, requests a second.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let sum = self
            .stretches()
            .map(|(from, to, rate)| rate * f64::from(to - from));
        sum.sum::<f64>() / f64::from(DAY)
    }

    /// The machines of each stretch, with the headroom and the loss of `demand`. `None` if no number
    /// suffices.
    #[must_use]
    pub fn machines(&self, host: HostCapacity, demand: Demand) -> Option<Vec<Stretch>> {
        self.stretches()
            .map(|(from, to, rate)| {
                let found = machines(host, Demand { rate, ..demand })?;
                Some(Stretch {
                    from,
                    to,
                    rate,
                    machines: found.count,
                })
            })
            .collect()
    }

    fn stretches(&self) -> impl Iterator<Item = (u32, u32, f64)> {
        let ends = self.points.iter().skip(1).map(|(at, _)| *at).chain([DAY]);
        self.points
            .iter()
            .zip(ends)
            .map(|((from, rate), to)| (*from, to, *rate))
    }
}

/// Machine-hours of a day.
#[must_use]
pub fn machine_hours(stretches: &[Stretch]) -> f64 {
    let minutes = stretches
        .iter()
        .map(|stretch| f64::from(stretch.machines) * f64::from(stretch.to - stretch.from));
    minutes.sum::<f64>() / 60.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: HostCapacity = HostCapacity {
        mean: 10.0,
        error: 0.0,
        spread: 0.0,
        freedom: None,
    };
    const DEMAND: Demand = Demand {
        rate: 0.0,
        headroom: 0.0,
        survive: 0,
    };

    #[test]
    fn a_day_is_read_and_planned() {
        let day: DayProfile = "time,requests\n# night\n00:00,10\n\n06:00, 35\n18:00,20\n"
            .parse()
            .unwrap();
        assert_eq!(
            (day.peak(), day.mean()),
            (35.0, (10.0 * 6.0 + 35.0 * 12.0 + 20.0 * 6.0) / 24.0)
        );
        let stretches = day.machines(HOST, DEMAND).unwrap();
        let counts: Vec<u32> = stretches.iter().map(|stretch| stretch.machines).collect();
        assert_eq!(counts, [1, 4, 2]);
        assert_eq!((stretches[0].from, stretches[2].to), (0, DAY));
        assert!((machine_hours(&stretches) - (6.0 + 48.0 + 12.0)).abs() < 1e-9);
        let spare = Demand {
            survive: 1,
            ..DEMAND
        };
        assert_eq!(day.machines(HOST, spare).unwrap()[0].machines, 2);
    }

    #[test]
    fn what_is_no_day_is_named_by_its_line() {
        for (text, error) in [
            ("00:00,10\nnoon,3\n", ProfileError::Line(2)),
            ("00:00,10\n24:00,3\n", ProfileError::Line(2)),
            ("00:00,-1\n", ProfileError::Line(1)),
            ("00:00,1\n08:00,2\n07:00,3\n", ProfileError::Order(3)),
            ("08:00,1\n", ProfileError::Midnight),
            ("", ProfileError::Midnight),
            ("a,b\nc,d\n00:00,1\n", ProfileError::Line(2)),
        ] {
            assert_eq!(text.parse::<DayProfile>(), Err(error), "{text}");
        }
    }
}
