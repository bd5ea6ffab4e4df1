//! Kernel statistics of this process and its host: age, processor time, free memory. Read from
//! /proc; `None` without it. Must not know what is measured.

use std::fs;
use std::time::Duration;

/// Ticks per second in /proc/self/stat, on every supported Linux.
const TICKS: u64 = 100;
/// Index of `starttime`, counted after the program's name.
const START_TIME: usize = 19;

/// Age of the process, in steps of 10 ms.
pub(crate) fn since_exec() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let now = uptime
        .split_ascii_whitespace()
        .next()?
        .parse::<f64>()
        .ok()?;
    Some(Duration::from_secs_f64((now - started(&stat)?).max(0.0)))
}

/// Processor time of all living threads since the process began.
pub(crate) fn cpu() -> Option<Duration> {
    let mut total = 0;
    for task in fs::read_dir("/proc/self/task").ok()? {
        let stat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        total += stat.split_ascii_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(total))
}

/// Bytes the kernel calls available.
pub(crate) fn free_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kilobytes| kilobytes * 1024)
}

/// Seconds after boot; the name in parentheses may contain any character.
fn started(stat: &str) -> Option<f64> {
    let fields = stat.rsplit_once(')')?.1;
    let ticks = fields
        .split_ascii_whitespace()
        .nth(START_TIME)?
        .parse::<u64>()
        .ok()?;
    Some(ticks as f64 / TICKS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_process_with_an_odd_name_is_found() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 250 20";
        assert_eq!(started(stat), Some(2.5));
        assert_eq!(started("7 (short) S 1"), None);
    }
}
