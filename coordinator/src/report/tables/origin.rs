//! Builds and hosts of a run. Must not know any figure.

use contract::identity::{HostFacts, Sha256};
use contract::run::VariantRecord;

use super::table::Table;
use crate::report::phrases::provenance::{before, frequency, topology};
use crate::report::phrases::words::{NONE, bytes, known};

/// Builds, or servers, baseline first.
pub(crate) fn builds(variants: &[VariantRecord]) -> Table {
    if variants.iter().any(VariantRecord::is_server) {
        return servers(variants);
    }
    let hash = |hash: &Sha256| match *hash == Sha256::default() {
        true => NONE.to_owned(),
        false => hash.to_string(),
    };
    let row = |variant: &VariantRecord| {
        [
            variant.name.clone(),
            known(&variant.flags),
            variant.git_sha.clone(),
            hash(&variant.sha256),
            hash(&variant.text_sha256),
            hash(&variant.profile_sha256),
        ]
    };
    let headings = [
        "variant",
        "flags",
        "sources",
        "SHA-256 of the file",
        "of its code",
        "of its profile",
    ];
    Table::new("Builds, baseline first", headings)
        .words(&[1, 2, 3, 4, 5])
        .with(variants.iter().map(row))
}

fn servers(variants: &[VariantRecord]) -> Table {
    let row = |variant: &VariantRecord| {
        [
            variant.name.clone(),
            variant.command.clone(),
            variant.identity.to_string(),
            match variant.program_sha256 == Sha256::default() {
                true => NONE.to_owned(),
                false => variant.program_sha256.to_string(),
            },
            variant.sha256.to_string(),
        ]
    };
    let headings = [
        "variant",
        "command",
        "SHA-256 of program, arguments and environment",
        "of the program",
        "of the worker that measured it",
    ];
    Table::new("Servers, baseline first", headings)
        .words(&[1, 2, 3, 4])
        .with(variants.iter().map(row))
}

/// Hosts, by agent name.
pub(crate) fn hosts(hosts: &[(String, HostFacts)]) -> Table {
    let row = |(agent, host): &(String, HostFacts)| {
        [
            agent.clone(),
            host.hostname.clone(),
            host.cpu_model.clone(),
            host.cores.to_string(),
            topology(host),
            bytes(host.memory_bytes as f64),
            known(&host.kernel),
            known(&host.microcode),
            frequency(host),
            before(host),
        ]
    };
    let headings = [
        "agent",
        "host",
        "processor",
        "cores",
        "topology",
        "memory",
        "kernel",
        "microcode",
        "frequency",
        "before the run",
    ];
    Table::new("Hosts", headings)
        .words(&[1, 2, 4, 6, 7, 8, 9])
        .with(hosts.iter().map(row))
}
