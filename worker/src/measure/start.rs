//! The cold start as named phases in order, each with its duration. It must not know what happens
//! in them.
//!
//! The file is not called `cold`: BOLT takes every symbol with `.cold.` in its name for a split-off
//! part of a function.

use std::time::Duration;

use contract::part::ColdPhase;

use super::clock::Clock;
use crate::os;

/// Collects phases: each [`Self::mark`] names the time since the last mark.
#[derive(Clone, Debug)]
pub struct ColdStart {
    clock: Clock,
    since: Duration,
    phases: Vec<ColdPhase>,
}

impl ColdStart {
    /// To be called first in `main`: `process` is the time since the kernel created this process,
    /// at the resolution of the kernel's clock tick (usually 10 ms). Omitted if /proc is not
    /// readable.
    #[must_use]
    pub fn at_main(clock: &Clock) -> Self {
        let mut cold = Self::begin(clock);
        cold.phases.extend(since_exec().map(|took| ColdPhase {
            name: "process".to_owned(),
            took,
        }));
        cold
    }

    /// A cold start that begins now.
    #[must_use]
    pub fn begin(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            since: clock.now(),
            phases: Vec::new(),
        }
    }

    /// Names the phase since the last mark.
    pub fn mark(&mut self, name: &str) {
        let now = self.clock.now();
        self.add(name, now.saturating_sub(self.since));
        self.since = now;
    }

    /// Discards the time since the last mark, which was spent waiting for another process.
    pub fn skip(&mut self) {
        self.since = self.clock.now();
    }

    /// A phase measured elsewhere.
    pub(crate) fn add(&mut self, name: &str, took: Duration) {
        self.phases.push(ColdPhase {
            name: name.to_owned(),
            took,
        });
    }

    /// The phases so far.
    #[must_use]
    pub fn phases(&self) -> &[ColdPhase] {
        &self.phases
    }
}

fn since_exec() -> Option<Duration> {
    let started = start_ticks(&std::fs::read_to_string("/proc/self/stat").ok()?)?;
    let nanos = u128::from(started) * 1_000_000_000 / u128::from(os::ticks_per_second());
    os::since_boot().checked_sub(Duration::from_nanos(u64::try_from(nanos).ok()?))
}

/// Field 22 of /proc/self/stat. The name in field 2 may contain spaces and parentheses, so the
/// fields are counted from the last closing one.
fn start_ticks(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_name_what_passed_and_skipped_time_belongs_to_nobody() {
        let clock = Clock::simulated();
        let mut cold = ColdStart::begin(&clock);
        clock.move_to(Duration::from_millis(5));
        cold.mark("runtime");
        clock.move_to(Duration::from_millis(50));
        cold.skip();
        clock.move_to(Duration::from_millis(52));
        cold.mark("map");
        let phases: Vec<_> = cold
            .phases()
            .iter()
            .map(|p| (p.name.as_str(), p.took.as_millis()))
            .collect();
        assert_eq!(phases, [("runtime", 5), ("map", 2)]);
    }

    #[test]
    fn the_start_of_a_process_with_an_odd_name_is_found() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 0 0";
        assert_eq!(start_ticks(stat), Some(4711));
        assert_eq!(start_ticks("7 (a) S 1"), None);
        assert!(since_exec().is_some_and(|age| age < os::since_boot()));
    }
}
