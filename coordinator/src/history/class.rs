//! Host classes: processor, and the cores and memory that a process may use, but nothing that
//! changes between boots. Owns the text of a class; must not know what is compared.

use std::collections::BTreeMap;

use contract::identity::HostFacts;

use crate::likeness::{gibibytes, plain, usable_memory, usable_processors};

/// Words of a processor's name that carry no information.
const NOISE: [&str; 6] = ["cpu", "processor", "(r)", "(tm)", "gen", "with"];

/// The class of a fleet: its hosts' classes, sorted and with equal ones counted.
pub(super) fn host_class(hosts: &[(String, HostFacts)]) -> String {
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    hosts
        .iter()
        .for_each(|(_, host)| *classes.entry(of_host(host)).or_default() += 1);
    let counted = |(class, count): (String, usize)| {
        if count == 1 {
            class
        } else {
            format!("{count}x {class}")
        }
    };
    classes
        .into_iter()
        .map(counted)
        .collect::<Vec<_>>()
        .join(" + ")
}

/// Facts that may change on the same hosts and may explain a step.
pub(super) fn environment(hosts: &[(String, HostFacts)]) -> Vec<String> {
    let mut facts: Vec<String> = hosts
        .iter()
        .flat_map(|(_, host)| {
            let number = |number: u32| {
                if number > 0 {
                    number.to_string()
                } else {
                    String::new()
                }
            };
            [
                ("kernel", host.kernel.clone()),
                ("microcode", host.microcode.clone()),
                ("governor", host.governor.clone()),
                ("boost", host.boost.clone()),
                ("threads a core", number(host.threads_per_core)),
                ("NUMA nodes", number(host.numa_nodes)),
            ]
        })
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    facts.sort();
    facts.dedup();
    facts
}

fn of_host(host: &HostFacts) -> String {
    let (cores, memory) = (
        plain(usable_processors(host)),
        gibibytes(usable_memory(host)),
    );
    format!("{}/{cores}c/{memory}g", model(&host.cpu_model))
}

/// "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz" → "intel-xeon-e5-2680-v4".
fn model(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut plain = lower.split('@').next().unwrap_or_default().to_owned();
    for mark in ["(r)", "(tm)"] {
        plain = plain.replace(mark, " ");
    }
    let words: Vec<&str> = plain
        .split_whitespace()
        .filter(|word| !NOISE.contains(word))
        .collect();
    if words.is_empty() {
        "unknown".to_owned()
    } else {
        words.join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(cpu: &str, cores: u32, memory_bytes: u64) -> (String, HostFacts) {
        let facts = HostFacts {
            cpu_model: cpu.into(),
            cores,
            memory_bytes,
            ..HostFacts::default()
        };
        ("a".into(), facts)
    }

    #[test]
    fn names_are_plain_and_memory_is_coarse() {
        let one = host(
            "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz",
            28,
            67_200_000_000,
        );
        assert_eq!(host_class(&[one]), "intel-xeon-e5-2680-v4/28c/64g");
        let near = [8_200_000_000, 8_589_934_592].map(|bytes| host_class(&[host("x", 2, bytes)]));
        assert_eq!(near[0], near[1]);
        assert_eq!(host_class(&[host("", 2, 1 << 31)]), "unknown/2c/2g");
    }

    #[test]
    fn the_order_of_hosts_plays_no_part_but_their_number_does() {
        let (a, b) = (host("a", 2, 1 << 33), host("b", 4, 1 << 33));
        let mixed = host_class(&[b.clone(), a.clone(), a.clone()]);
        assert_eq!(mixed, host_class(&[a.clone(), b, a.clone()]));
        assert_eq!(mixed, "2x a/2c/8g + b/4c/8g");
        assert_ne!(
            host_class(std::slice::from_ref(&a)),
            host_class(&[a.clone(), a])
        );
    }

    #[test]
    fn a_limit_of_the_control_group_counts_and_a_kernel_does_not() {
        let (name, mut facts) = host("x", 8, 1 << 35);
        facts.cgroup_cpus = 2.0;
        facts.cgroup_memory_bytes = 1 << 32;
        let before = (name.clone(), facts.clone());
        assert_eq!(host_class(std::slice::from_ref(&before)), "x/2c/4g");
        facts.processors = 1;
        assert_eq!(host_class(&[(name.clone(), facts.clone())]), "x/1c/4g");
        facts.cgroup_cpus = 0.05;
        assert_eq!(host_class(&[(name.clone(), facts.clone())]), "x/0.05c/4g");
        (facts.processors, facts.cgroup_cpus) = (0, 2.0);
        facts.kernel = "6.2".into();
        let after = (name, facts);
        assert_eq!(
            host_class(std::slice::from_ref(&before)),
            host_class(std::slice::from_ref(&after))
        );
        assert_ne!(environment(&[before]), environment(&[after]));
    }
}
