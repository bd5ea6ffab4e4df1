//! A [`Hello`] to its message and back: the one message whose protocol number peers of other
//! versions must be able to read.

use super::{WireError, pb, required};
use crate::credentials::Token;
use crate::id::Ticket;
use crate::identity::{BuildInfo, HostFacts, Sha256};
use crate::message::{Hello, Role};
use crate::record::{host_from, host_to};
use crate::text::{NAME, bounded};

/// Greatest number of processor features taken from a peer.
const CPU_FLAGS: usize = 1024;
const FLAG: usize = 64;

pub(super) fn hello_to(hello: Hello) -> pb::Hello {
    let BuildInfo {
        version,
        target,
        exe_sha256,
        instrumented,
    } = hello.build;
    let build = pb::BuildInfo {
        version,
        target,
        exe_sha256: exe_sha256.0.to_vec(),
        instrumented,
    };
    let role = match hello.role {
        Role::Agent { name, slots } => pb::hello::Role::Agent(pb::AgentRole { name, slots }),
        Role::Worker { ticket } => pb::hello::Role::Worker(pb::WorkerRole { ticket: ticket.0 }),
    };
    pb::Hello {
        protocol: hello.protocol,
        token: hello.token.expose().to_owned(),
        pid: hello.pid,
        build: Some(build),
        host: Some(host_to("", &hello.host)),
        role: Some(role),
    }
}

pub(super) fn hello_from(hello: pb::Hello) -> Result<Hello, WireError> {
    let build = required(hello.build, "build")?;
    let (_, host) = host_from(hello.host.unwrap_or_default()).map_err(|_| WireError("host"))?;
    let role = match required(hello.role, "role")? {
        pb::hello::Role::Agent(agent) => Role::Agent {
            name: agent.name,
            slots: agent.slots,
        },
        pb::hello::Role::Worker(worker) => Role::Worker {
            ticket: Ticket(worker.ticket),
        },
    };
    Ok(Hello {
        protocol: hello.protocol,
        token: Token::new(&hello.token),
        pid: hello.pid,
        build: BuildInfo {
            version: bounded(build.version, NAME),
            target: bounded(build.target, NAME),
            exe_sha256: Sha256::from_slice(&build.exe_sha256).ok_or(WireError("exe_sha256"))?,
            instrumented: build.instrumented,
        },
        // Older peers send it in another field, and must be refused for their protocol number.
        host: host_of_peer(host),
        role,
    })
}

/// Shortens a peer's texts to what a page can show.
fn host_of_peer(host: HostFacts) -> HostFacts {
    let flags = host.cpu_flags.into_iter().take(CPU_FLAGS);
    HostFacts {
        hostname: bounded(host.hostname, NAME),
        cpu_model: bounded(host.cpu_model, NAME),
        kernel: bounded(host.kernel, NAME),
        cpu_flags: flags.map(|flag| bounded(flag, FLAG)).collect(),
        microcode: bounded(host.microcode, NAME),
        governor: bounded(host.governor, NAME),
        boost: bounded(host.boost, NAME),
        ..host
    }
}
