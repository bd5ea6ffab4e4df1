//! [`HostFacts`] to its one message and back, for stored records and a peer's hello.

use super::{RecordError, mirrored_one, pb};
use crate::identity::HostFacts;
use crate::mirror::{Mirror, mirror};

mirror!(HostFacts {
    hostname,
    cpu_model,
    cores,
    memory_bytes,
    kernel,
    cpu_flags,
    microcode,
    governor,
    cgroup_memory_bytes,
    cgroup_cpus,
    numa_nodes,
    threads_per_core,
    boost,
    load_average,
    stolen,
    processors,
} without agent);

pub(crate) fn host_to(agent: &str, facts: &HostFacts) -> pb::HostFacts {
    let agent = agent.to_owned();
    pb::HostFacts {
        agent,
        ..facts.clone().to_message()
    }
}

/// Host facts with the name of the agent.
pub(crate) fn host_from(host: pb::HostFacts) -> Result<(String, HostFacts), RecordError> {
    Ok((host.agent.clone(), mirrored_one(host)?))
}
