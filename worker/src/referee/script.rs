//! When a referee's tokens are due: drawn from a seed for all rows and columns before the first
//! request arrives. Pure.

use std::time::Duration;

use crate::stream::{Purpose, Stream};

/// Number of requests drawn; later ones repeat them.
const ROWS: usize = 4096;
/// Number of tokens drawn for each; later ones repeat them.
const COLUMNS: usize = 256;

/// Parameters of the draws.
#[derive(Clone, Debug)]
pub struct Script {
    /// Seed of all draws.
    pub seed: u64,
    /// Median time from a request to its first token.
    pub ttft: Duration,
    /// Median time between tokens.
    pub itl: Duration,
    /// Standard deviation of the logarithm of each.
    pub spread: f64,
    /// Share of requests that are answered with an error instead.
    pub errors: f64,
    /// Share of requests that are cut off after half of their tokens.
    pub cuts: f64,
    /// Times in which nothing is sent.
    pub stalls: Vec<Stall>,
}

/// A time in which nothing is sent, counted from the first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Its beginning.
    pub at: Duration,
    /// Its length.
    pub lasts: Duration,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    Error,
    Cut,
}

/// The drawn times.
pub(super) struct Drawn {
    script: Script,
    fates: Vec<Fate>,
    /// Microseconds: the first token's time, then the gaps.
    times: Vec<u32>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            seed: 0,
            ttft: Duration::from_millis(20),
            itl: Duration::from_millis(5),
            spread: 0.2,
            errors: 0.0,
            cuts: 0.0,
            stalls: Vec::new(),
        }
    }
}

impl Drawn {
    /// Draws all times that will be needed.
    pub(super) fn new(script: Script) -> Self {
        let mut times = Vec::with_capacity(ROWS * COLUMNS);
        let mut fates = Vec::with_capacity(ROWS);
        for row in 0..ROWS {
            let mut random = Stream::new(script.seed, Purpose::Referee, row as u64);
            let fate = random.uniform();
            fates.push(match () {
                () if fate < script.errors => Fate::Error,
                () if fate < script.errors + script.cuts => Fate::Cut,
                () => Fate::Answered,
            });
            for column in 0..COLUMNS {
                let median = if column == 0 { script.ttft } else { script.itl };
                let drawn = median.as_secs_f64() * 1e6 * (script.spread * random.normal()).exp();
                times.push(drawn.min(f64::from(u32::MAX)) as u32);
            }
        }
        Self {
            script,
            fates,
            times,
        }
    }

    pub(super) fn fate(&self, request: u64) -> Fate {
        self.fates[row(request)]
    }

    /// Time from the previous token of a request, or from its arrival, until this token is due.
    pub(super) fn gap(&self, request: u64, token: u32) -> Duration {
        // The first column is not a gap.
        let column = match token as usize {
            0 => 0,
            later => 1 + (later - 1) % (COLUMNS - 1),
        };
        Duration::from_micros(self.times[row(request) * COLUMNS + column].into())
    }

    /// When something that is due at this time is sent: after the stall that contains this time.
    pub(super) fn outside_of_stalls(&self, due: Duration) -> Duration {
        let stalls = self.script.stalls.iter();
        stalls.fold(due, |due, stall| {
            let ends = stall.at + stall.lasts;
            if (stall.at..ends).contains(&due) {
                ends
            } else {
                due
            }
        })
    }
}

fn row(request: u64) -> usize {
    (request % ROWS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_seed_and_stalls_hold_them_up() {
        let script = |seed| Script {
            seed,
            stalls: vec![Stall {
                at: Duration::from_secs(1),
                lasts: Duration::from_secs(2),
            }],
            errors: 0.5,
            ..Script::default()
        };
        let (one, again, other) = (
            Drawn::new(script(1)),
            Drawn::new(script(1)),
            Drawn::new(script(2)),
        );
        assert_eq!(one.times, again.times);
        assert_ne!(one.times, other.times);
        assert_eq!(one.gap(3, 1), one.gap(3, 256));
        assert_ne!(one.gap(3, 0), one.gap(4, 0));
        let errors = one
            .fates
            .iter()
            .filter(|fate| **fate == Fate::Error)
            .count();
        assert!((1800..2300).contains(&errors), "{errors}");
        let at = |ms| one.outside_of_stalls(Duration::from_millis(ms)).as_millis();
        assert_eq!(
            [at(999), at(1000), at(2999), at(3000)],
            [999, 3000, 3000, 3000]
        );
    }
}
