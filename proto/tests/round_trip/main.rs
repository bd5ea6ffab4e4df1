//! Every message and every record is encoded and decoded unchanged.
#![cfg(feature = "wire")]

mod messages;
mod older;
mod records;

use contract::id::{Arm, TrialKey};
use contract::identity::HostFacts;

pub(crate) const KEY: TrialKey = TrialKey {
    cell: 1,
    round: 4,
    arm: Arm::A2,
};

pub(crate) fn host() -> HostFacts {
    HostFacts {
        hostname: "h1".into(),
        cpu_model: "cpu".into(),
        cores: 2,
        memory_bytes: 3,
        kernel: "k".into(),
        cpu_flags: vec!["avx2".into()],
        microcode: "m".into(),
        governor: "g".into(),
        cgroup_memory_bytes: 4,
        cgroup_cpus: 1.5,
        numa_nodes: 5,
        threads_per_core: 6,
        boost: "on".into(),
        load_average: 0.5,
        stolen: 0.25,
        processors: 7,
    }
}
