//! The processors' current clock frequencies, as the kernel reports them. It must not know what is
//! measured, and it reports nothing if the kernel shows a fixed number instead of a reading.

use super::clock::Clock;
use crate::engine::Time;

/// Range of the processors' frequencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// Lowest of any processor, kHz.
    pub low_khz: u64,
    /// Highest of any, kHz.
    pub high_khz: u64,
}

/// Maximum number of processors that are read, so that a large host takes less than a millisecond.
const ASKED: usize = 16;

/// Current frequency of the fastest processor, because that of an idle one says nothing about a
/// busy one. `None` in virtual time and if the kernel does not measure it.
#[must_use]
pub fn frequency(clock: &Clock) -> Option<Frequency> {
    let khz = if clock.is_virtual() {
        None
    } else {
        of_driver().or_else(of_cpuinfo)
    }?;
    Some(Frequency {
        low_khz: khz,
        high_khz: khz,
    })
}

/// Both readings as one range; `None` if one is missing.
#[must_use]
pub(crate) fn span(a: Option<Frequency>, b: Option<Frequency>) -> Option<Frequency> {
    let (a, b) = (a?, b?);
    Some(Frequency {
        low_khz: a.low_khz.min(b.low_khz),
        high_khz: a.high_khz.max(b.high_khz),
    })
}

fn of_driver() -> Option<u64> {
    let path = |cpu: usize| format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq");
    let read = |cpu| std::fs::read_to_string(path(cpu)).ok()?.trim().parse().ok();
    (0..ASKED).map_while(read).max()
}

fn of_cpuinfo() -> Option<u64> {
    measured(&std::fs::read_to_string("/proc/cpuinfo").ok()?)
}

/// The highest "cpu MHz". It is a reading only on processors that count their cycles for the kernel
/// (`aperfmperf`); elsewhere, as in most virtual machines, it is the nominal frequency.
fn measured(cpuinfo: &str) -> Option<u64> {
    let fields = || {
        cpuinfo
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(k, v)| (k.trim(), v.trim()))
    };
    let (_, flags) = fields().find(|(key, _)| *key == "flags")?;
    if !flags
        .split_ascii_whitespace()
        .any(|flag| flag == "aperfmperf")
    {
        return None;
    }
    let mhz = fields()
        .filter(|(key, _)| *key == "cpu MHz")
        .filter_map(|(_, mhz)| mhz.parse::<f64>().ok());
    mhz.reduce(f64::max)
        .map(|mhz| (mhz * 1e3).round() as u64)
        .filter(|khz| *khz > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPUINFO: &str =
        "flags\t: fpu aperfmperf sse\ncpu MHz\t\t: 800.000\n\ncpu MHz\t\t: 3100.250\n";

    #[test]
    fn the_fastest_processor_counts_where_the_kernel_measures() {
        assert_eq!(measured(CPUINFO), Some(3_100_250));
        assert_eq!(measured(&CPUINFO.replace("aperfmperf", "")), None);
        assert_eq!(measured("cpu MHz : 1.0"), None);
    }

    #[test]
    fn two_readings_make_a_range_and_one_makes_none() {
        let at = |khz| {
            Some(Frequency {
                low_khz: khz,
                high_khz: khz,
            })
        };
        assert_eq!(
            span(at(5), at(3)),
            Some(Frequency {
                low_khz: 3,
                high_khz: 5
            })
        );
        assert_eq!(
            (span(at(5), None), frequency(&Clock::simulated())),
            (None, None)
        );
    }
}
