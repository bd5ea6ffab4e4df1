//! A process with all that it has started, according to /proc: which processes belong to it, and
//! the resources that they used. Must not know their purpose.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use super::{ProcessUsage, ticks_per_second};

/// Environment variable that marks everything that is started below a worker. An agent uses it to
/// find what a killed worker left. The value is the worker's process id, a dash, and a number.
pub const MARK: &str = "PGO_BENCH_SERVER_OF";

/// A child of this process, with all that it has started.
#[derive(Clone, Debug)]
pub struct Family {
    leader: u32,
    mark: String,
}

/// One process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its number.
    pub pid: u32,
    /// It has ended, but its parent has not collected its exit status.
    pub is_zombie: bool,
    group: u32,
    session: u32,
    user: Duration,
    system: Duration,
    major_faults: u64,
    threads: u32,
}

impl Family {
    /// The family of a child with this mark in its environment.
    #[must_use]
    pub fn new(leader: u32, mark: String) -> Self {
        Self { leader, mark }
    }

    /// The child and its descendants, including those whose parents have ended and that are now
    /// children of this process.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        let own = std::process::id();
        let is_ours = |pid: &u32| *pid == self.leader || self.is_adopted(*pid);
        let mut next: Vec<u32> = children(own).into_iter().filter(is_ours).collect();
        let (mut seen, mut members) = (BTreeSet::new(), Vec::new());
        while let Some(pid) = next.pop() {
            if seen.insert(pid) {
                next.extend(children(pid));
                members.extend(Member::read(pid));
            }
        }
        members
    }

    fn is_adopted(&self, pid: u32) -> bool {
        Member::read(pid).is_some_and(|member| member.group == self.leader)
            || bears(pid, &self.mark)
    }

    /// Resources that they have used so far, including those that have ended. The peak of memory is
    /// the sum of their peaks.
    #[must_use]
    pub fn usage(&self) -> ProcessUsage {
        let mut sum = ProcessUsage::default();
        for member in self.members() {
            sum.user += member.user;
            sum.system += member.system;
            sum.major_faults += member.major_faults;
            sum.involuntary_switches += switches(member.pid);
            sum.peak_rss_bytes += peak(member.pid);
        }
        sum
    }

    /// Current number of their threads.
    #[must_use]
    pub fn threads(&self) -> u32 {
        self.members().iter().map(|member| member.threads).sum()
    }
}

/// Processes that were started below a worker that has ended: everything in its session, or with
/// its mark.
#[must_use]
pub fn left_by(worker: u32) -> Vec<Member> {
    let mark = format!("{worker}-");
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_left = |member: &Member| {
        member.pid != worker && (member.session == worker || bears(member.pid, &mark))
    };
    pids.filter_map(Member::read)
        .filter(|member| !member.is_zombie && is_left(member))
        .collect()
}

/// Whether the process was started with this mark, or one that begins with it.
fn bears(pid: u32, mark: &str) -> bool {
    let wanted = format!("{MARK}={mark}");
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut variables = environment.split(|byte| *byte == 0);
    variables.any(|variable| variable.starts_with(wanted.as_bytes()))
}

/// Children of all threads of a process.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            let pids = list.split_ascii_whitespace().map(str::parse);
            pids.filter_map(Result::ok).collect::<Vec<u32>>()
        })
        .collect()
}

impl Member {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Parses the line of /proc/PID/stat. Its second field is a name in parentheses, which may
    /// contain anything.
    fn parse(stat: &str) -> Option<Self> {
        let (pid, _) = stat.split_once(' ')?;
        let (_, rest) = stat.rsplit_once(") ")?;
        // The remaining fields begin with the third.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let id = |field| number(field).and_then(|id| u32::try_from(id).ok());
        let ticks = |field| {
            let nanos = number(field)? * (1_000_000_000 / ticks_per_second());
            Some(Duration::from_nanos(nanos))
        };
        Some(Self {
            pid: pid.parse().ok()?,
            is_zombie: matches!(fields.first(), Some(&("Z" | "X"))),
            group: id(5)?,
            session: id(6)?,
            major_faults: number(12)? + number(13)?,
            user: ticks(14)? + ticks(16)?,
            system: ticks(15)? + ticks(17)?,
            threads: id(20)?,
        })
    }
}

/// Number of times that a processor was taken away from any of its threads.
fn switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    tasks
        .filter_map(|task| {
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            field(&status, "nonvoluntary_ctxt_switches:")
        })
        .sum()
}

/// Largest resident set so far, bytes.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    field(&status, "VmHWM:").unwrap_or(0) * 1024
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_hides_no_field() {
        let stat = "42 (a ) b) Z 1 42 7 0 -1 4 5 6 3 4 100 200 300 400 20 0 8 0 999 0 0";
        let tick = Duration::from_nanos(1_000_000_000 / ticks_per_second());
        let member = Member::parse(stat).expect("it is whole");
        assert_eq!(
            (member.pid, member.is_zombie, member.group, member.session),
            (42, true, 42, 7)
        );
        assert_eq!((member.user, member.system), (tick * 400, tick * 600));
        assert_eq!((member.major_faults, member.threads), (7, 8));
        assert_eq!(Member::parse("42 (cut) S 1 2"), None);
    }

    #[test]
    fn a_family_is_a_child_with_all_below_it_and_what_it_spends() {
        let mark = format!("{}-test", std::process::id());
        let script = "sh -c 'while :; do :; done' & wait";
        let mut child = std::process::Command::new("sh")
            .args(["-c", script])
            .env(MARK, &mark)
            .spawn()
            .expect("there is a shell");
        let family = Family::new(child.id(), mark);
        while family.usage().user.is_zero() {
            std::thread::yield_now();
        }
        let members = family.members();
        assert_eq!(members.len(), 2, "{members:?}");
        assert_eq!(family.threads(), 2);
        assert!(family.usage().peak_rss_bytes > 0);
        let left = left_by(std::process::id());
        let pids = |members: &[Member]| members.iter().map(|m| m.pid).collect::<BTreeSet<_>>();
        assert!(pids(&members).is_subset(&pids(&left)), "known by the mark");
        for member in members {
            super::super::child::signal(member.pid, super::super::child::Signal::Kill);
        }
        child.wait().expect("it was killed");
        assert!(family.members().iter().all(|member| member.is_zombie));
    }
}
