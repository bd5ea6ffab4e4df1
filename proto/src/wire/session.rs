//! [`Up`] and [`Down`] to the items of the session's streams and back.

use std::time::Duration;

use super::load::{assignment_from, assignment_to, demand_from, demand_to, engine_from, engine_to};
use super::{DownItem, UpItem, WireError, pb, required};
use crate::credentials::Token;
use crate::id::{Attempt, Ticket};
use crate::identity::{BuildInfo, HostFacts, Sha256};
use crate::message::{
    BuildChunk, Down, Exit, Failure, FailureKind, Hello, LoadReport, PartChunk, Progress, Role,
    Spawn, Up, Welcome,
};
use crate::text::{NAME, SENTENCE, bounded};

const KINDS: [(FailureKind, pb::FailureKind); 6] = [
    (FailureKind::ModelNotFound, pb::FailureKind::ModelNotFound),
    (FailureKind::ModelInvalid, pb::FailureKind::ModelInvalid),
    (
        FailureKind::NotEnoughMemory,
        pb::FailureKind::NotEnoughMemory,
    ),
    (FailureKind::BadAssignment, pb::FailureKind::BadAssignment),
    (FailureKind::Engine, pb::FailureKind::Engine),
    (FailureKind::Protocol, pb::FailureKind::Protocol),
];

/// Features of a processor that are taken from a peer at most, and characters of each.
const CPU_FLAGS: usize = 1024;
const FLAG: usize = 64;

impl From<Up> for UpItem {
    fn from(up: Up) -> Self {
        use pb::up::Kind;
        let kind = match up {
            Up::Hello(hello) => Kind::Hello(hello_to(*hello)),
            Up::Pong { seq, mono } => Kind::Pong(pb::Pong {
                seq,
                mono_ns: ns(mono),
            }),
            Up::Beat(progress) => Kind::Beat(pb::Beat {
                progress: progress.map(progress_to),
            }),
            Up::Spawned { ticket, pid } => Kind::Spawned(pb::Spawned {
                ticket: ticket.0,
                pid,
            }),
            Up::SpawnFailed { ticket, message } => Kind::SpawnFailed(pb::SpawnFailed {
                ticket: ticket.0,
                message,
            }),
            Up::Exited {
                ticket,
                exit: Exit { code, signal, tail },
            } => Kind::Exited(pb::Exited {
                ticket: ticket.0,
                code,
                signal,
                tail,
            }),
            Up::FetchBuild { sha256, offset } => Kind::FetchBuild(pb::FetchBuild {
                sha256: sha256.0.to_vec(),
                offset,
            }),
            Up::FetchedBuild {
                sha256,
                size,
                replaced,
            } => Kind::FetchedBuild(pb::FetchedBuild {
                sha256: sha256.0.to_vec(),
                size,
                replaced,
            }),
            Up::Loaded { attempt, report } => Kind::Loaded(pb::Loaded {
                attempt: attempt.0,
                report: Some(report_to(report)),
            }),
            Up::Armed(attempt) => Kind::Armed(pb::Armed { attempt: attempt.0 }),
            Up::Started(attempt) => Kind::Started(pb::Started { attempt: attempt.0 }),
            Up::Part(PartChunk {
                attempt,
                seq,
                last,
                bytes,
            }) => Kind::Part(pb::PartChunk {
                attempt: attempt.0,
                seq,
                last,
                bytes,
            }),
            Up::Stopped(attempt) => Kind::Stopped(pb::Stopped { attempt: attempt.0 }),
            Up::Flushed(instrumented) => Kind::Flushed(pb::Flushed { instrumented }),
            Up::Failed { attempt, failure } => Kind::Failed(pb::Failed {
                attempt: attempt.0,
                kind: kind_to(failure.kind).into(),
                message: failure.message,
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<UpItem> for Up {
    type Error = WireError;

    fn try_from(item: UpItem) -> Result<Self, WireError> {
        use pb::up::Kind;
        Ok(match required(item.kind, "kind")? {
            Kind::Hello(hello) => Self::Hello(Box::new(hello_from(hello)?)),
            Kind::Pong(pong) => Self::Pong {
                seq: pong.seq,
                mono: Duration::from_nanos(pong.mono_ns),
            },
            Kind::Beat(beat) => Self::Beat(beat.progress.map(|p| progress_from(&p))),
            Kind::Spawned(spawned) => Self::Spawned {
                ticket: Ticket(spawned.ticket),
                pid: spawned.pid,
            },
            Kind::SpawnFailed(failed) => {
                let message = bounded(failed.message, SENTENCE);
                Self::SpawnFailed {
                    ticket: Ticket(failed.ticket),
                    message,
                }
            }
            Kind::Exited(pb::Exited {
                ticket,
                code,
                signal,
                tail,
            }) => {
                let tail = bounded(tail, SENTENCE);
                Self::Exited {
                    ticket: Ticket(ticket),
                    exit: Exit { code, signal, tail },
                }
            }
            Kind::FetchBuild(fetch) => Self::FetchBuild {
                sha256: sha256(&fetch.sha256)?,
                offset: fetch.offset,
            },
            Kind::FetchedBuild(fetched) => Self::FetchedBuild {
                sha256: sha256(&fetched.sha256)?,
                size: fetched.size,
                replaced: fetched.replaced,
            },
            Kind::Loaded(loaded) => Self::Loaded {
                attempt: Attempt(loaded.attempt),
                report: report_from(required(loaded.report, "report")?)?,
            },
            Kind::Armed(armed) => Self::Armed(Attempt(armed.attempt)),
            Kind::Started(started) => Self::Started(Attempt(started.attempt)),
            Kind::Part(pb::PartChunk {
                attempt,
                seq,
                last,
                bytes,
            }) => Self::Part(PartChunk {
                attempt: Attempt(attempt),
                seq,
                last,
                bytes,
            }),
            Kind::Stopped(stopped) => Self::Stopped(Attempt(stopped.attempt)),
            Kind::Flushed(flushed) => Self::Flushed(flushed.instrumented),
            Kind::Failed(failed) => Self::Failed {
                attempt: Attempt(failed.attempt),
                failure: Failure {
                    kind: kind_from(failed.kind())?,
                    message: bounded(failed.message, SENTENCE),
                },
            },
        })
    }
}

impl From<Down> for DownItem {
    fn from(down: Down) -> Self {
        use pb::down::Kind;
        let kind = match down {
            Down::Welcome(Welcome {
                session,
                lease,
                beat,
            }) => Kind::Welcome(pb::Welcome {
                session,
                lease_ms: ms(lease),
                beat_ms: ms(beat),
            }),
            Down::Refused { message, last } => Kind::Refused(pb::Refused {
                message,
                r#final: last,
            }),
            Down::Ping { seq } => Kind::Ping(pb::Ping { seq }),
            Down::Spawn(spawn) => Kind::Spawn(spawn_to(spawn)),
            Down::Stop { ticket, grace } => Kind::Stop(pb::Stop {
                ticket: ticket.0,
                grace_ms: ms(grace),
            }),
            Down::BuildChunk(chunk) => Kind::BuildChunk(chunk_to(chunk)),
            Down::Load {
                attempt,
                engine,
                demand,
            } => Kind::Load(pb::Load {
                attempt: attempt.0,
                engine: Some(engine_to(&engine)),
                demand: Some(demand_to(demand)),
            }),
            Down::Arm {
                attempt,
                assignment,
            } => Kind::Arm(pb::Arm {
                attempt: attempt.0,
                assignment: Some(assignment_to(&assignment)),
            }),
            Down::Start {
                attempt,
                at,
                uncertainty,
            } => Kind::Start(pb::Start {
                attempt: attempt.0,
                at_mono_ns: ns(at),
                uncertainty_ns: ns(uncertainty),
            }),
            Down::Cancel(attempt) => Kind::Cancel(pb::Cancel { attempt: attempt.0 }),
            Down::PartStored(attempt) => Kind::PartStored(pb::PartStored { attempt: attempt.0 }),
            Down::Flush => Kind::Flush(pb::Flush {}),
            Down::Drain => Kind::Drain(pb::Drain {}),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<DownItem> for Down {
    type Error = WireError;

    fn try_from(item: DownItem) -> Result<Self, WireError> {
        use pb::down::Kind;
        Ok(match required(item.kind, "kind")? {
            Kind::Welcome(pb::Welcome {
                session,
                lease_ms,
                beat_ms,
            }) => Self::Welcome(Welcome {
                session,
                lease: millis(lease_ms),
                beat: millis(beat_ms),
            }),
            Kind::Refused(refused) => Self::Refused {
                message: bounded(refused.message, SENTENCE),
                last: refused.r#final,
            },
            Kind::Ping(ping) => Self::Ping { seq: ping.seq },
            Kind::Spawn(spawn) => Self::Spawn(spawn_from(spawn)?),
            Kind::Stop(stop) => Self::Stop {
                ticket: Ticket(stop.ticket),
                grace: millis(stop.grace_ms),
            },
            Kind::BuildChunk(chunk) => Self::BuildChunk(chunk_from(chunk)?),
            Kind::Load(load) => Self::Load {
                attempt: Attempt(load.attempt),
                engine: engine_from(load.engine)?,
                demand: demand_from(load.demand)?,
            },
            Kind::Arm(arm) => Self::Arm {
                attempt: Attempt(arm.attempt),
                assignment: Box::new(assignment_from(arm.assignment)?),
            },
            Kind::Start(start) => Self::Start {
                attempt: Attempt(start.attempt),
                at: Duration::from_nanos(start.at_mono_ns),
                uncertainty: Duration::from_nanos(start.uncertainty_ns),
            },
            Kind::Cancel(cancel) => Self::Cancel(Attempt(cancel.attempt)),
            Kind::PartStored(stored) => Self::PartStored(Attempt(stored.attempt)),
            Kind::Flush(pb::Flush {}) => Self::Flush,
            Kind::Drain(pb::Drain {}) => Self::Drain,
        })
    }
}

fn sha256(bytes: &[u8]) -> Result<Sha256, WireError> {
    Sha256::from_slice(bytes).ok_or(WireError("sha256"))
}

fn chunk_to(chunk: BuildChunk) -> pb::BuildChunk {
    let BuildChunk {
        sha256,
        offset,
        bytes,
        last,
    } = chunk;
    let (bytes, refused) = match bytes {
        Ok(bytes) => (bytes, String::new()),
        Err(refused) => (Vec::new(), refused),
    };
    pb::BuildChunk {
        sha256: sha256.0.to_vec(),
        offset,
        bytes,
        last,
        refused,
    }
}

fn chunk_from(chunk: pb::BuildChunk) -> Result<BuildChunk, WireError> {
    let bytes = if chunk.refused.is_empty() {
        Ok(chunk.bytes)
    } else {
        Err(bounded(chunk.refused, SENTENCE))
    };
    Ok(BuildChunk {
        sha256: sha256(&chunk.sha256)?,
        offset: chunk.offset,
        bytes,
        last: chunk.last,
    })
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

fn kind_to(kind: FailureKind) -> pb::FailureKind {
    KINDS
        .iter()
        .find(|(own, _)| *own == kind)
        .expect("every kind is in the table")
        .1
}

fn kind_from(kind: pb::FailureKind) -> Result<FailureKind, WireError> {
    KINDS
        .iter()
        .find(|(_, wire)| *wire == kind)
        .map(|(own, _)| *own)
        .ok_or(WireError("failure kind"))
}

fn hello_to(hello: Hello) -> pb::Hello {
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
        host: Some(host_to(hello.host)),
        role: Some(role),
    }
}

fn hello_from(hello: pb::Hello) -> Result<Hello, WireError> {
    let build = required(hello.build, "build")?;
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
        host: host_from(required(hello.host, "host")?),
        role,
    })
}

fn host_to(host: HostFacts) -> pb::HostFacts {
    pb::HostFacts {
        hostname: host.hostname,
        cpu_model: host.cpu_model,
        cores: host.cores,
        memory_bytes: host.memory_bytes,
        kernel: host.kernel,
        cpu_flags: host.cpu_flags,
        microcode: host.microcode,
        governor: host.governor,
        cgroup_memory_bytes: host.cgroup_memory_bytes,
        cgroup_cpus: host.cgroup_cpus,
        numa_nodes: host.numa_nodes,
        threads_per_core: host.threads_per_core,
        boost: host.boost,
        load_average: host.load_average,
        stolen: host.stolen,
        processors: host.processors,
    }
}

fn host_from(host: pb::HostFacts) -> HostFacts {
    let flags = host.cpu_flags.into_iter().take(CPU_FLAGS);
    HostFacts {
        hostname: bounded(host.hostname, NAME),
        cpu_model: bounded(host.cpu_model, NAME),
        cores: host.cores,
        memory_bytes: host.memory_bytes,
        kernel: bounded(host.kernel, NAME),
        cpu_flags: flags.map(|flag| bounded(flag, FLAG)).collect(),
        microcode: bounded(host.microcode, NAME),
        governor: bounded(host.governor, NAME),
        cgroup_memory_bytes: host.cgroup_memory_bytes,
        cgroup_cpus: host.cgroup_cpus,
        numa_nodes: host.numa_nodes,
        threads_per_core: host.threads_per_core,
        boost: bounded(host.boost, NAME),
        load_average: host.load_average,
        stolen: host.stolen,
        processors: host.processors,
    }
}

fn progress_to(progress: Progress) -> pb::Progress {
    let Progress {
        attempt,
        issued,
        completed,
        failed,
        output_tokens,
        late_ns,
    } = progress;
    pb::Progress {
        attempt: attempt.0,
        issued,
        completed,
        failed,
        output_tokens,
        late_ns,
    }
}

fn progress_from(progress: &pb::Progress) -> Progress {
    let pb::Progress {
        attempt,
        issued,
        completed,
        failed,
        output_tokens,
        late_ns,
    } = *progress;
    Progress {
        attempt: Attempt(attempt),
        issued,
        completed,
        failed,
        output_tokens,
        late_ns,
    }
}

fn report_to(report: LoadReport) -> pb::LoadReport {
    pb::LoadReport {
        model_digest: report.model_digest,
        parameters: report.parameters,
        weight_bytes: report.weight_bytes,
        max_context: report.max_context,
        threads: report.threads,
        memory_needed: report.memory_needed,
        model_sha256: report
            .model_sha256
            .map_or_else(Vec::new, |sha256| sha256.0.to_vec()),
    }
}

fn report_from(report: pb::LoadReport) -> Result<LoadReport, WireError> {
    let told = Some(&report.model_sha256).filter(|bytes| !bytes.is_empty());
    Ok(LoadReport {
        model_sha256: told.map(|bytes| sha256(bytes)).transpose()?,
        model_digest: bounded(report.model_digest, NAME),
        parameters: report.parameters,
        weight_bytes: report.weight_bytes,
        max_context: report.max_context,
        threads: report.threads,
        memory_needed: report.memory_needed,
    })
}

fn spawn_to(spawn: Spawn) -> pb::Spawn {
    let env = spawn
        .env
        .into_iter()
        .map(|(name, value)| pb::EnvVar { name, value })
        .collect();
    pb::Spawn {
        ticket: spawn.ticket.0,
        slot: spawn.slot,
        binary: spawn.binary,
        sha256: spawn.sha256.0.to_vec(),
        env,
        model: spawn.model.unwrap_or_default(),
    }
}

fn spawn_from(spawn: pb::Spawn) -> Result<Spawn, WireError> {
    Ok(Spawn {
        ticket: Ticket(spawn.ticket),
        slot: spawn.slot,
        binary: spawn.binary,
        sha256: Sha256::from_slice(&spawn.sha256).ok_or(WireError("sha256"))?,
        env: spawn
            .env
            .into_iter()
            .map(|var| (var.name, var.value))
            .collect(),
        model: Some(spawn.model).filter(|model| !model.is_empty()),
    })
}
