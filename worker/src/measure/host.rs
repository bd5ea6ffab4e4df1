//! Facts about this host and this binary, from which the coordinator decides whether results may be
//! compared. It must not decide itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use contract::command::sha256 as file_sha256;
use contract::identity::{BuildInfo, HostFacts, Sha256, VERSION};
use sha2::Digest;

use super::cgroup;
use crate::os;

/// Facts about this host. What cannot be read stays empty or zero.
#[must_use]
pub fn host_facts() -> HostFacts {
    let cpu = read("/proc/cpuinfo");
    let limits = cgroup::limits(
        &read("/proc/self/cgroup"),
        &read("/proc/self/mountinfo"),
        &|path| line(path),
    );
    HostFacts {
        hostname: line("/proc/sys/kernel/hostname"),
        cpu_model: cpu_field(&cpu, "model name"),
        cores: online(&line("/sys/devices/system/cpu/online")).unwrap_or_else(visible_cores),
        memory_bytes: memory_total(&read("/proc/meminfo")),
        kernel: line("/proc/sys/kernel/osrelease"),
        cpu_flags: cpu_field(&cpu, "flags")
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect(),
        microcode: cpu_field(&cpu, "microcode"),
        governor: line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        cgroup_memory_bytes: limits.memory_bytes,
        cgroup_cpus: limits.cpus,
        numa_nodes: online(&line("/sys/devices/system/node/online")).unwrap_or(0),
        threads_per_core: online(&line(
            "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list",
        ))
        .unwrap_or(0),
        boost: boost(
            &line("/sys/devices/system/cpu/cpufreq/boost"),
            &line("/sys/devices/system/cpu/intel_pstate/no_turbo"),
        ),
        load_average: load_average(&line("/proc/loadavg")),
        stolen: stolen(&read("/proc/stat")),
        processors: u32::try_from(os::process_processors().len()).unwrap_or(u32::MAX),
    }
}

/// What this binary reports about itself. Only the profile hook knows whether it is `instrumented`,
/// so the caller passes it.
#[must_use]
pub fn build_info(instrumented: bool) -> BuildInfo {
    BuildInfo {
        version: VERSION.to_owned(),
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        exe_sha256: exe_sha256(),
        instrumented,
    }
}

/// Hash of the running executable, even if its file has been replaced. All zeros if it cannot be
/// read; no manifest accepts that.
#[must_use]
pub fn exe_sha256() -> Sha256 {
    static OWN: OnceLock<Sha256> = OnceLock::new();
    let read = || {
        file_sha256(Path::new("/proc/self/exe"))
            .or_else(|_| file_sha256(&std::env::current_exe()?))
            .unwrap_or_default()
    };
    *OWN.get_or_init(read)
}

/// Identifies a model by content: the SHA-256 over those of its files, in the given order.
///
/// # Errors
/// When a file cannot be read.
pub fn model_digest(files: &[PathBuf]) -> io::Result<String> {
    let mut all = sha2::Sha256::new();
    for file in files {
        all.update(file_sha256(file)?.0);
    }
    Ok(Sha256(all.finalize().into()).to_string())
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn line(path: impl AsRef<Path>) -> String {
    read(path).trim().to_owned()
}

fn visible_cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}

/// The first processor's value of a key.
fn cpu_field(cpuinfo: &str, key: &str) -> String {
    let pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    pairs
        .into_iter()
        .find(|(k, _)| k.trim() == key)
        .map_or_else(String::new, |(_, v)| v.trim().to_owned())
}

/// Number of members of a list such as `0-3,8`.
fn online(list: &str) -> Option<u32> {
    let span = |part: &str| -> Option<u32> {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(to.parse::<u32>().ok()?.checked_sub(from.parse().ok()?)? + 1)
    };
    list.split(',').map(span).sum()
}

fn memory_total(meminfo: &str) -> u64 {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .unwrap_or_default();
    line.trim()
        .trim_end_matches("kB")
        .trim()
        .parse::<u64>()
        .unwrap_or(0)
        * 1024
}

/// Drivers report it in opposite ways: `boost` in most drivers, `no_turbo` in Intel's.
fn boost(boost: &str, no_turbo: &str) -> String {
    match (boost, no_turbo) {
        ("1", _) | ("", "0") => "on".to_owned(),
        ("0", _) | ("", "1") => "off".to_owned(),
        _ => String::new(),
    }
}

/// The first value of `/proc/loadavg`: the mean over a minute.
fn load_average(text: &str) -> f64 {
    text.split(' ')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0.0)
}

/// Share of the time of all processors since boot. Fields: user, nice, system, idle, iowait, irq,
/// softirq, steal; guest times are already in user and nice.
fn stolen(stat: &str) -> f64 {
    let all = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = all
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    let sum: f64 = ticks.iter().sum();
    ticks.get(7).map_or(0.0, |steal| steal / sum.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_the_kernel_are_understood() {
        assert_eq!(online("0-3,8"), Some(5));
        assert_eq!(online(""), None);
        assert_eq!(
            cpu_field(
                "processor : 0\nmodel name\t: A: B\nmodel name : C",
                "model name"
            ),
            "A: B"
        );
        assert_eq!(memory_total("MemTotal:  2 kB\n"), 2048);
        assert_eq!(
            [("1", ""), ("", "0")].map(|(a, b)| boost(a, b)),
            ["on", "on"]
        );
        assert_eq!(
            [("0", "0"), ("", "1"), ("", "")].map(|(a, b)| boost(a, b)),
            ["off", "off", ""]
        );
        assert_eq!(
            (load_average("0.42 1 2 3/4 5"), load_average("")),
            (0.42, 0.0)
        );
        assert_eq!(
            (
                stolen("cpu  10 10 10 50 5 5 0 10 99 99\ncpu0 1"),
                stolen("")
            ),
            (0.1, 0.0)
        );
    }

    #[test]
    fn this_host_and_binary_have_facts() {
        let host = host_facts();
        assert!(
            !host.hostname.is_empty()
                && host.cores > 0
                && host.memory_bytes > 0
                && host.processors > 0
        );
        let file = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(exe_sha256(), Sha256(sha2::Sha256::digest(&file).into()));
        assert_ne!(exe_sha256(), Sha256::default());
    }
}
