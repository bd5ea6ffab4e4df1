//! Which hosts are alike: processor, cores and memory, but no reading that changes from boot to boot. Owns the text of
//! a class; must not know what is compared.

use std::collections::BTreeMap;

use contract::identity::HostFacts;

const GIB: f64 = (1_u64 << 30) as f64;
/// Words of a processor's name that tell nothing.
const NOISE: [&str; 6] = ["cpu", "processor", "(r)", "(tm)", "gen", "with"];

/// The class of a fleet: its hosts' classes sorted, equal ones counted.
pub(super) fn host_class(hosts: &[(String, HostFacts)]) -> String {
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    hosts.iter().for_each(|(_, host)| *classes.entry(of_host(host)).or_default() += 1);
    let counted =
        |(class, count): (String, usize)| if count == 1 { class } else { format!("{count}x {class}") };
    classes.into_iter().map(counted).collect::<Vec<_>>().join(" + ")
}

/// What may change on the same hosts and may explain a step.
pub(super) fn ground(hosts: &[(String, HostFacts)]) -> Vec<String> {
    let mut facts: Vec<String> = hosts
        .iter()
        .flat_map(|(_, host)| {
            [("kernel", &host.kernel), ("microcode", &host.microcode), ("governor", &host.governor)]
        })
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    facts.sort();
    facts.dedup();
    facts
}

fn of_host(host: &HostFacts) -> String {
    let limited = host.cgroup_cpus > 0.0 && host.cgroup_cpus < f64::from(host.cores);
    let cores = if limited { host.cgroup_cpus.ceil() } else { f64::from(host.cores) };
    let limit = host.cgroup_memory_bytes;
    let memory = if limit > 0 { limit.min(host.memory_bytes) } else { host.memory_bytes };
    format!("{}/{cores}c/{}g", model(&host.cpu_model), gibibytes(memory as f64))
}

/// "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz" → "intel-xeon-e5-2680-v4".
fn model(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut plain = lower.split('@').next().unwrap_or_default().to_owned();
    for mark in ["(r)", "(tm)"] {
        plain = plain.replace(mark, " ");
    }
    let words: Vec<&str> = plain.split_whitespace().filter(|word| !NOISE.contains(word)).collect();
    if words.is_empty() { "unknown".to_owned() } else { words.join("-") }
}

/// The nearest of 1, 1.5, 2, 3, 4, 6, 8, 12, … GiB, so that what a kernel keeps for itself makes no other class.
fn gibibytes(bytes: f64) -> f64 {
    let gib = bytes / GIB;
    let steps = (0..24).flat_map(|power| [1.0, 1.5].map(|unit| unit * f64::from(1_u32 << power)));
    let apart = |step: f64| (gib / step).ln().abs();
    steps.min_by(|a, b| apart(*a).total_cmp(&apart(*b))).expect("there are steps")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(cpu: &str, cores: u32, memory_bytes: u64) -> (String, HostFacts) {
        let facts = HostFacts { cpu_model: cpu.into(), cores, memory_bytes, ..HostFacts::default() };
        ("a".into(), facts)
    }

    #[test]
    fn names_are_plain_and_memory_is_coarse() {
        let one = host("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 28, 67_200_000_000);
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
        assert_ne!(host_class(std::slice::from_ref(&a)), host_class(&[a.clone(), a]));
    }

    #[test]
    fn a_limit_of_the_control_group_counts_and_a_kernel_does_not() {
        let (name, mut facts) = host("x", 8, 1 << 35);
        facts.cgroup_cpus = 2.0;
        facts.cgroup_memory_bytes = 1 << 32;
        let before = (name.clone(), facts.clone());
        assert_eq!(host_class(std::slice::from_ref(&before)), "x/2c/4g");
        facts.kernel = "6.2".into();
        let after = (name, facts);
        assert_eq!(host_class(std::slice::from_ref(&before)), host_class(std::slice::from_ref(&after)));
        assert_ne!(ground(&[before]), ground(&[after]));
    }
}
