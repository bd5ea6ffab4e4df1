//! The share of the host that the control groups of this process allow, versions 1 and 2: the
//! limits of all parent groups count, and the tightest decides. Owns where limits are written and
//! what they mean; must not know what they are compared with.

use std::path::{Path, PathBuf};

/// A memory limit of version 1 from this value on means no limit: the kernel rounds "no limit" to a
/// page below 2^63.
const NO_LIMIT: u64 = 1 << 60;

/// The tightest limits; zero for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Limits {
    /// Processors.
    pub(super) cpus: f64,
    /// Bytes.
    pub(super) memory_bytes: u64,
}

/// A mounted hierarchy of control groups.
struct Mount<'a> {
    /// The group that is visible at the mount point.
    root: &'a str,
    point: &'a Path,
    /// Version 2 has all controllers in one hierarchy.
    unified: bool,
    controllers: Vec<&'a str>,
}

/// The limits of the process with this `/proc/self/cgroup` and `/proc/self/mountinfo`. `read`
/// returns the first line of a file, or an empty string if there is none.
pub(super) fn limits(groups: &str, mounts: &str, read: &dyn Fn(&Path) -> String) -> Limits {
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::parse).collect();
    let mut found = Limits::default();
    for (controllers, group) in groups.lines().filter_map(own_group) {
        for mount in mounts.iter().filter(|mount| mount.carries(&controllers)) {
            for folder in mount.folders(group) {
                found.tighten(folder_limits(&folder, mount.unified, read));
            }
        }
    }
    found
}

/// Controllers and path of one line of `/proc/self/cgroup`; a line without controllers is that of
/// version 2.
fn own_group(line: &str) -> Option<(Vec<&str>, &str)> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, group) = rest.split_once(':')?;
    Some((
        controllers
            .split(',')
            .filter(|name| !name.is_empty())
            .collect(),
        group,
    ))
}

impl<'a> Mount<'a> {
    /// One line of `/proc/self/mountinfo`, if it is a hierarchy of control groups.
    fn parse(line: &'a str) -> Option<Self> {
        let (place, system) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, Path::new(place.next()?));
        let mut system = system.split(' ');
        let unified = match system.next()? {
            "cgroup" => false,
            "cgroup2" => true,
            _ => return None,
        };
        let controllers = system.nth(1)?.split(',').collect();
        Some(Self {
            root,
            point,
            unified,
            controllers,
        })
    }

    fn carries(&self, controllers: &[&str]) -> bool {
        match controllers {
            [] => self.unified,
            some => !self.unified && some.iter().all(|name| self.controllers.contains(name)),
        }
    }

    /// The directories of a group and of all its visible parents.
    fn folders(&self, group: &str) -> Vec<PathBuf> {
        let inside = if self.root == "/" {
            Some(group)
        } else {
            group.strip_prefix(self.root)
        };
        // In a container the path may be that of the host, while the mount shows only this
        // process's own group.
        let own = self
            .point
            .join(inside.unwrap_or_default().trim_start_matches('/'));
        own.ancestors()
            .take_while(|folder| folder.starts_with(self.point))
            .map(Path::to_owned)
            .collect()
    }
}

impl Limits {
    fn tighten(&mut self, other: Self) {
        if other.cpus > 0.0 && (self.cpus == 0.0 || other.cpus < self.cpus) {
            self.cpus = other.cpus;
        }
        if other.memory_bytes > 0
            && (self.memory_bytes == 0 || other.memory_bytes < self.memory_bytes)
        {
            self.memory_bytes = other.memory_bytes;
        }
    }
}

fn folder_limits(folder: &Path, unified: bool, read: &dyn Fn(&Path) -> String) -> Limits {
    let file = |name: &str| read(&folder.join(name));
    let bytes = |name: &str| {
        file(name)
            .parse()
            .ok()
            .filter(|limit| *limit < NO_LIMIT)
            .unwrap_or(0)
    };
    let mut limits = Limits::default();
    if unified {
        let quota = file("cpu.max");
        let (quota, period) = quota.split_once(' ').unwrap_or_default();
        limits.cpus = share(quota, period);
        // Above `high` a process is slowed down, as at `max`.
        for name in ["memory.max", "memory.high"] {
            limits.tighten(Limits {
                cpus: 0.0,
                memory_bytes: bytes(name),
            });
        }
    } else {
        limits.cpus = share(&file("cpu.cfs_quota_us"), &file("cpu.cfs_period_us"));
        limits.memory_bytes = bytes("memory.limit_in_bytes");
    }
    limits
}

/// Processors; zero (no limit) for `max` and for −1.
fn share(quota: &str, period: &str) -> f64 {
    match (quota.parse::<f64>(), period.parse::<f64>()) {
        (Ok(quota), Ok(period)) if quota > 0.0 && period > 0.0 => quota / period,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const V1: &str = "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                      31 25 0:27 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n\
                      29 25 0:25 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
                      24 1 0:22 / /proc rw - proc proc rw";
    const V2: &str = "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw";

    fn found(groups: &str, mounts: &str, files: &[(&str, &str)]) -> (f64, u64) {
        let files: BTreeMap<_, _> = files
            .iter()
            .map(|(path, text)| (Path::new("/sys/fs/cgroup").join(path), *text))
            .collect();
        let read = |path: &Path| files.get(path).copied().unwrap_or_default().to_owned();
        let Limits { cpus, memory_bytes } = limits(groups, mounts, &read);
        (cpus, memory_bytes)
    }

    #[test]
    fn a_quota_of_version_1_is_a_share_of_a_processor_and_is_never_rounded_to_none() {
        let groups = "4:memory:/a\n3:cpu,cpuacct:/a/b\n1:name=systemd:/x\n0::/";
        let quota = [
            ("cpu,cpuacct/a/b/cpu.cfs_quota_us", "5000"),
            ("cpu,cpuacct/a/b/cpu.cfs_period_us", "100000"),
        ];
        assert_eq!(found(groups, V1, &quota), (0.05, 0));
        let none = [
            ("cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1"),
            ("cpu,cpuacct/a/b/cpu.cfs_period_us", "100000"),
        ];
        assert_eq!(
            found(groups, V1, &none),
            (0.0, 0),
            "counter-check: no quota is no limit"
        );
        let memory = [
            ("memory/a/memory.limit_in_bytes", "1048576"),
            ("memory/memory.limit_in_bytes", "9223372036854771712"),
        ];
        assert_eq!(found(groups, V1, &memory), (0.0, 1 << 20));
    }

    #[test]
    fn the_tightest_group_above_decides() {
        let files = [
            ("a/b/cpu.max", "200000 100000"),
            ("a/cpu.max", "50000 100000"),
            ("cpu.max", "max 100000"),
            ("a/b/memory.max", "max"),
            ("a/memory.high", "2048"),
            ("a/memory.max", "4096"),
        ];
        assert_eq!(found("0::/a/b", V2, &files), (0.5, 2048));
        assert_eq!(
            found("0::/c", V2, &files),
            (0.0, 0),
            "counter-check: another group is not below it"
        );
        assert_eq!(found("0::/", V2, &[]), (0.0, 0));
    }

    #[test]
    fn in_a_container_the_mount_shows_the_own_group_alone() {
        let mounts = "30 25 0:26 /docker/x /sys/fs/cgroup rw - cgroup cgroup rw,cpu";
        let files = [
            ("cpu.cfs_quota_us", "150000"),
            ("cpu.cfs_period_us", "100000"),
        ];
        for group in ["/docker/x", "/elsewhere"] {
            assert_eq!(
                found(&format!("3:cpu:{group}"), mounts, &files),
                (1.5, 0),
                "{group}"
            );
        }
    }
}
