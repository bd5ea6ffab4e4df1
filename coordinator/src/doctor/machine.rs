//! Checks of the machine: memory, disk, cores and their load, and whether a directory can be
//! written. Reads `/proc` and `/sys` and runs `df`; the limits are fixed and stated beside each
//! check.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Check;

/// Kibibytes in a gibibyte.
const GIB: f64 = 1024.0 * 1024.0;
/// Available memory below which the default model with a full batch hardly fits, GiB.
const MEMORY_GIB: f64 = 2.0;
/// Free disk space to have, GiB. Dependencies, three builds and their profiles take about half of
/// it.
const DISK_GIB: f64 = 4.0;
/// Running processes for each core above which they disturb a measurement.
const LOAD_PER_CORE: f64 = 0.5;

pub(super) fn memory() -> Check {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    match available_gib(&text) {
        Some(gib) if gib >= MEMORY_GIB => Check::found("memory", format!("{gib:.1} GiB available")),
        Some(gib) => Check::warning(
            "memory",
            format!("{gib:.1} GiB available, {MEMORY_GIB:.0} recommended"),
            "end other programs, or use a smaller model or fewer slots",
        ),
        None => Check::warning(
            "memory",
            "unknown: no /proc/meminfo",
            "check yourself that the model fits",
        ),
    }
}

pub(super) fn disk(dir: &Path) -> Check {
    let here = existing(dir);
    let out = Command::new("df").arg("-Pk").arg(here).output();
    let free = out
        .ok()
        .and_then(|out| free_gib(&String::from_utf8_lossy(&out.stdout)));
    match free {
        Some(gib) if gib >= DISK_GIB => {
            Check::found("disk", format!("{gib:.1} GiB free at {}", here.display()))
        }
        Some(gib) => Check::warning(
            "disk",
            format!(
                "{gib:.1} GiB free at {}, {DISK_GIB:.0} recommended",
                here.display()
            ),
            "free some space before building variants",
        ),
        None => Check::warning(
            "disk",
            "unknown: `df` gave no answer",
            "check the free space yourself",
        ),
    }
}

pub(super) fn cores() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| load_of(&text));
    judge_load(cores, load)
}

pub(super) fn governor() -> Check {
    let path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
    match fs::read_to_string(path).as_deref().map(str::trim) {
        Ok("powersave") => Check::warning(
            "frequency",
            "governor `powersave`: clock speed follows load",
            "sudo cpupower frequency-set -g performance",
        ),
        Ok(governor) => Check::found("frequency", format!("governor `{governor}`")),
        Err(_) => Check::found("frequency", "set by the host of this machine"),
    }
}

/// Whether files can be created in `dir`, or in its nearest existing parent.
pub(super) fn writable(dir: &Path) -> Check {
    let here = existing(dir);
    let probe = here.join(format!(".probe-{}", std::process::id()));
    match fs::File::create(&probe).and_then(|_| fs::remove_file(&probe)) {
        Ok(()) => Check::found("store", dir.display().to_string()),
        Err(error) => Check::missing(
            "store",
            format!("{} cannot be written: {error}", here.display()),
            "choose another directory with --store or PGO_BENCH_STORE",
        ),
    }
}

fn judge_load(cores: usize, load: Option<f64>) -> Check {
    match load {
        Some(load) if load > LOAD_PER_CORE * cores as f64 => Check::warning(
            "cores",
            format!("{cores} cores, load {load:.2}: others use this machine"),
            "wait or end other work; until then differences of a few per cent are not detectable",
        ),
        Some(load) => Check::found("cores", format!("{cores} cores, load {load:.2}")),
        None => Check::found("cores", format!("{cores} cores")),
    }
}

fn existing(dir: &Path) -> &Path {
    dir.ancestors()
        .find(|path| path.is_dir())
        .unwrap_or(Path::new("."))
}

fn available_gib(meminfo: &str) -> Option<f64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / GIB)
}

/// Fourth column of the second line of `df -Pk`.
fn free_gib(df: &str) -> Option<f64> {
    Some(
        df.lines()
            .nth(1)?
            .split_whitespace()
            .nth(3)?
            .parse::<f64>()
            .ok()?
            / GIB,
    )
}

fn load_of(loadavg: &str) -> Option<f64> {
    loadavg.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn system_texts_are_read_or_refused() {
        assert_eq!(
            available_gib("MemTotal: 9 kB\nMemAvailable:  2097152 kB\n"),
            Some(2.0)
        );
        assert_eq!(available_gib("MemTotal: 9 kB\n"), None);
        assert_eq!(
            free_gib("Filesystem 1024-blocks Used Available\n/dev/a 9 1 1048576 1% /\n"),
            Some(1.0)
        );
        assert_eq!(free_gib("df: no such file\n"), None);
        assert_eq!(
            (load_of("0.25 0.1 0.0 1/2 3"), load_of("")),
            (Some(0.25), None)
        );
    }

    #[test]
    fn a_busy_machine_is_warned_about_and_an_idle_one_is_not() {
        assert_eq!(judge_load(4, Some(0.3)).state, State::Found);
        assert_eq!(judge_load(4, Some(3.0)).state, State::Warning);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_missing() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert_eq!(writable(&dir.path().join("new/store")).state, State::Found);
        assert_eq!(writable(Path::new("/proc/store")).state, State::Missing);
    }
}
