//! How two hosts differ. Owns the facts of a host that affect its speed, and the weight of each;
//! must not know why the hosts are compared: for resuming a run, for runs of different times, or
//! for a history.
//!
//! | fact | weight | because |
//! |---|---|---|
//! | processor, cores, processors a process may run on, quota, memory | resources | another host, or another share of it |
//! | threads a core, NUMA nodes, governor, boost | settings | they change speed by tens of per cent, and an administrator chooses them |
//! | microcode, kernel | software | updates change speed little, and a history must survive them |
//!
//! Within a run everything except the kernel must stay the same; between runs, resources and
//! settings. Only a change of resources starts a new history; other changes are shown beside the
//! step they coincide with. A fact that one of the hosts does not report is not compared.

use contract::identity::HostFacts;

const GIB: f64 = (1_u64 << 30) as f64;

/// How much a fact matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Updated now and then; little effect; shown.
    Kernel,
    /// The same, for the processor.
    Microcode,
    /// Chosen by the host's administrator.
    Setting,
    /// The computing resources.
    Resource,
}

/// One fact that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Name of the fact.
    pub fact: &'static str,
    /// Value before.
    pub then: String,
    /// Value now.
    pub now: String,
}

/// Every fact with its value; `None` if the host does not report it.
fn facts(host: &HostFacts) -> [(&'static str, Weight, Option<String>); 11] {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let number = |number: u32| (number > 0).then(|| number.to_string());
    // Older programs did not report the processors that a process may run on, and read only one
    // version of limits.
    let told = host.processors > 0;
    let quota = match host.cgroup_cpus {
        quota if quota > 0.0 => Some(format!("{} of a processor's time", plain(quota))),
        _ => told.then(|| "no quota".to_owned()),
    };
    let memory =
        (told && host.memory_bytes > 0).then(|| format!("{} GiB", gibibytes(usable_memory(host))));
    [
        ("processor", Weight::Resource, text(&host.cpu_model)),
        ("cores", Weight::Resource, number(host.cores)),
        (
            "processors it may run on",
            Weight::Resource,
            number(host.processors),
        ),
        ("quota", Weight::Resource, quota),
        ("memory", Weight::Resource, memory),
        (
            "threads a core",
            Weight::Setting,
            number(host.threads_per_core),
        ),
        ("NUMA nodes", Weight::Setting, number(host.numa_nodes)),
        ("governor", Weight::Setting, text(&host.governor)),
        ("boost", Weight::Setting, text(&host.boost)),
        ("microcode", Weight::Microcode, text(&host.microcode)),
        ("kernel", Weight::Kernel, text(&host.kernel)),
    ]
}

/// The facts of at least this weight that differ between two hosts.
#[must_use]
pub fn differences(then: &HostFacts, now: &HostFacts, least: Weight) -> Vec<Difference> {
    let pairs = facts(then)
        .into_iter()
        .zip(facts(now))
        .filter(|((_, weight, _), _)| *weight >= least);
    let differs =
        |((fact, _, then), (_, _, now)): ((_, _, Option<String>), (_, _, Option<String>))| {
            let (then, now) = (then?, now?);
            (then != now).then_some(Difference { fact, then, now })
        };
    pairs.filter_map(differs).collect()
}

/// Processor time that a process may use, in processors.
#[must_use]
pub fn usable_processors(host: &HostFacts) -> f64 {
    let mut cores = f64::from(host.cores);
    if host.processors > 0 {
        cores = cores.min(host.processors.into());
    }
    if host.cgroup_cpus > 0.0 {
        cores.min(host.cgroup_cpus)
    } else {
        cores
    }
}

/// Memory that a process may use, bytes.
#[must_use]
pub fn usable_memory(host: &HostFacts) -> u64 {
    let limit = host.cgroup_memory_bytes;
    if limit > 0 {
        limit.min(host.memory_bytes)
    } else {
        host.memory_bytes
    }
}

/// The nearest of 1, 1.5, 2, 3, 4, 6, 8, 12, … GiB, and of ½, ¾, ⅜, … below, so that memory
/// reserved by a kernel makes no difference.
#[must_use]
pub fn gibibytes(bytes: u64) -> f64 {
    let gib = bytes as f64 / GIB;
    let steps =
        (-10..24).flat_map(|power| [1.0, 1.5].map(|unit: f64| unit * f64::from(power).exp2()));
    let apart = |step: f64| (gib / step).ln().abs();
    steps
        .min_by(|a, b| apart(*a).total_cmp(&apart(*b)))
        .expect("there are steps")
}

/// A number of processors in short form; a small one is never shown as zero.
#[must_use]
pub fn plain(cpus: f64) -> String {
    format!("{}", (cpus * 1e4).round().max(1.0) / 1e4)
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} then, {} now", self.fact, self.then, self.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> HostFacts {
        HostFacts {
            cpu_model: "x".into(),
            cores: 2,
            processors: 2,
            memory_bytes: 8 << 30,
            governor: "performance".into(),
            kernel: "6.1".into(),
            ..HostFacts::default()
        }
    }

    fn told(change: impl Fn(&mut HostFacts), least: Weight) -> Vec<String> {
        let mut now = host();
        change(&mut now);
        differences(&host(), &now, least)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_smaller_share_of_the_same_host_is_another_resource() {
        type Case = (fn(&mut HostFacts), &'static str);
        let cases: [Case; 4] = [
            (
                |host| host.processors = 1,
                "processors it may run on: 2 then, 1 now",
            ),
            (
                |host| host.cgroup_cpus = 0.05,
                "quota: no quota then, 0.05 of a processor's time now",
            ),
            (
                |host| host.cgroup_memory_bytes = 1 << 30,
                "memory: 8 GiB then, 1 GiB now",
            ),
            (|host| host.cores = 4, "cores: 2 then, 4 now"),
        ];
        for (change, words) in cases {
            assert_eq!(told(change, Weight::Resource), [words]);
        }
        assert_eq!(
            told(|_| {}, Weight::Kernel),
            Vec::<String>::new(),
            "counter-check"
        );
        assert_eq!(
            told(|host| host.cgroup_memory_bytes = 1 << 40, Weight::Resource),
            Vec::<String>::new()
        );
    }

    #[test]
    fn settings_and_software_weigh_less() {
        let changed = |host: &mut HostFacts| {
            host.governor = "powersave".into();
            host.kernel = "6.2".into();
        };
        assert_eq!(told(changed, Weight::Resource), Vec::<String>::new());
        assert_eq!(
            told(changed, Weight::Setting),
            ["governor: performance then, powersave now"]
        );
        assert_eq!(told(changed, Weight::Kernel).len(), 2);
    }

    #[test]
    fn what_an_older_record_does_not_tell_is_not_judged() {
        let old = HostFacts {
            processors: 0,
            ..host()
        };
        let now = HostFacts {
            processors: 1,
            cgroup_cpus: 0.5,
            cgroup_memory_bytes: 1 << 30,
            ..host()
        };
        assert_eq!(differences(&old, &now, Weight::Kernel), []);
        let limited = HostFacts {
            cgroup_cpus: 1.5,
            ..old
        };
        assert_eq!(
            differences(&limited, &now, Weight::Kernel).len(),
            1,
            "what both tell is"
        );
    }

    #[test]
    fn the_smallest_share_is_what_a_process_has() {
        assert_eq!(
            (usable_processors(&host()), usable_memory(&host())),
            (2.0, 8 << 30)
        );
        let small = HostFacts {
            processors: 1,
            cgroup_cpus: 0.05,
            cgroup_memory_bytes: 512 << 20,
            ..host()
        };
        assert_eq!(
            (usable_processors(&small), usable_memory(&small)),
            (0.05, 512 << 20)
        );
        assert_eq!(
            (plain(0.05), plain(2.0), plain(1e-9)),
            ("0.05".into(), "2".into(), "0.0001".into())
        );
    }
}
