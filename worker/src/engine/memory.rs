//! How much memory this process may still use, read from the kernel before any large allocation. It
//! must not know what the memory is for.

use std::path::Path;

/// Bytes that this process may still use: the kernel's available memory, or less if a control group
/// limits it. `None` if neither can be read.
pub(super) fn free_memory() -> Option<u64> {
    let available = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| available(&text));
    available.into_iter().chain(control_group()).min()
}

/// `MemAvailable`, which /proc/meminfo gives in kilobytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kb| kb * 1024)
}

/// Bytes left within the limits of the control group (version 2) and its ancestors; the tightest
/// decides.
fn control_group() -> Option<u64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    root.join(path)
        .ancestors()
        .take_while(|dir| dir.starts_with(root))
        .filter_map(left_in)
        .min()
}

/// File pages count as used, but the kernel reclaims them under pressure, so they count as free
/// here.
fn left_in(dir: &Path) -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let files = read("memory.stat")
        .and_then(|stat| field(&stat, "file "))
        .unwrap_or(0);
    let used = number("memory.current")?.saturating_sub(files);
    Some(number("memory.max")?.saturating_sub(used))
}

fn field(stat: &str, name: &str) -> Option<u64> {
    stat.lines()
        .find_map(|line| line.strip_prefix(name))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_available_is_read_in_bytes() {
        assert_eq!(
            available("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"),
            Some(2048 * 1024)
        );
        assert_eq!(available("MemTotal: 9 kB\n"), None);
        assert!(free_memory().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn a_control_group_leaves_its_limit_less_what_cannot_be_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        assert_eq!(left_in(dir.path()), None);
        write("memory.max", "1000\n");
        write("memory.current", "700\n");
        write("memory.stat", "anon 1\nfile 200\n");
        assert_eq!(left_in(dir.path()), Some(500));
        write("memory.max", "max\n");
        assert_eq!(left_in(dir.path()), None);
    }
}
