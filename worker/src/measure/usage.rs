//! Resources that process and host used between two instants, read from the kernel. It must not
//! know what was measured.

use std::time::Duration;

use contract::part::Usage;

use super::clock::Clock;
use crate::engine::Time;
use crate::os::family::Family;
use crate::os::{self, ProcessUsage};

/// A reading of all counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meter {
    process: ProcessUsage,
    /// Processor time of this process if the engine is a separate process: it does not count as
    /// work of other programs.
    client: Duration,
    thread: Duration,
    host: HostTicks,
}

/// The first line of /proc/stat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HostTicks {
    all: u64,
    steal: u64,
    busy: u64,
}

impl Meter {
    /// Reads everything now, on the driver's thread. Takes some 50 µs: keep it out of the window.
    /// In virtual time it reads nothing, so that simulated parts are equal bit by bit. If the
    /// engine is a separate process, its resources count instead of this process's.
    #[must_use]
    pub fn read(clock: &Clock, engine: Option<&Family>) -> Self {
        if clock.is_virtual() {
            return Self::default();
        }
        let host = std::fs::read_to_string("/proc/stat")
            .map(|stat| host_ticks(&stat))
            .unwrap_or_default();
        let own = os::process_usage();
        Self {
            process: engine.map_or(own, Family::usage),
            client: engine.map_or(Duration::ZERO, |_| own.user + own.system),
            thread: os::thread_cpu(),
            host,
        }
    }

    /// Resources used since `before`; the window lasted `wall`.
    #[must_use]
    pub fn since(&self, before: &Self, wall: Duration) -> Usage {
        let (now, then) = (&self.process, &before.process);
        Usage {
            wall,
            cpu_user: now.user.saturating_sub(then.user),
            cpu_system: now.system.saturating_sub(then.system),
            driver_cpu: self.thread.saturating_sub(before.thread),
            peak_rss_bytes: now.peak_rss_bytes,
            involuntary_switches: now
                .involuntary_switches
                .saturating_sub(then.involuntary_switches),
            major_faults: now.major_faults.saturating_sub(then.major_faults),
            host_ticks: self.host.all.saturating_sub(before.host.all),
            host_steal_ticks: self.host.steal.saturating_sub(before.host.steal),
            host_busy_ticks: self
                .host
                .busy
                .saturating_sub(before.host.busy)
                .saturating_sub(ticks(self.client.saturating_sub(before.client))),
            ..Usage::default()
        }
    }
}

fn ticks(time: Duration) -> u64 {
    let ticks = time.as_nanos() * u128::from(os::ticks_per_second()) / 1_000_000_000;
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// Fields: user, nice, system, idle, iowait, irq, softirq, steal; guest times are already in user
/// and nice.
fn host_ticks(stat: &str) -> HostTicks {
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = line
        .split_ascii_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|t| t.parse().ok())
        .collect();
    let at = |place: usize| ticks.get(place).copied().unwrap_or(0);
    let busy = [0, 1, 2, 5, 6].map(at).iter().sum();
    HostTicks {
        all: ticks.iter().sum(),
        steal: at(7),
        busy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_the_host_are_summed_without_counting_guests_twice() {
        let stat = "cpu  10 1 20 300 4 5 6 7 1000 1000\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(
            host_ticks(stat),
            HostTicks {
                all: 353,
                steal: 7,
                busy: 42
            }
        );
        assert_eq!(host_ticks(""), HostTicks::default());
    }

    #[test]
    fn usage_is_a_difference() {
        let clock = Clock::monotonic();
        let before = Meter::read(&clock, None);
        let usage = Meter::read(&clock, None).since(&before, Duration::from_secs(1));
        assert_eq!(usage.wall, Duration::from_secs(1));
        assert!(usage.peak_rss_bytes > 0);
        assert!(usage.driver_cpu <= usage.wall);
        assert_eq!(
            Meter::read(&Clock::simulated(), None).since(&Meter::default(), Duration::ZERO),
            Usage::default()
        );
    }
}
