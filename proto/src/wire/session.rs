//! [`FromPeer`] and [`ToPeer`] to the items of the session's streams and back.

use std::time::Duration;

use super::hello::{hello_from, hello_to};
use super::load::{assignment_from, assignment_to};
use super::{FromPeerItem, ToPeerItem, WireError, from_json, own, pb, required, to_json};
use crate::id::{Attempt, Ticket};
use crate::identity::Sha256;
use crate::message::{
    BuildChunk, Exit, Failure, FailureKind, FromPeer, LoadReport, PartChunk, Progress, Spawn,
    ToPeer, Welcome,
};
use crate::mirror::{Mirror, mirror};
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

impl From<FromPeer> for FromPeerItem {
    fn from(message: FromPeer) -> Self {
        use pb::from_peer::Kind;
        let kind = match message {
            FromPeer::Hello(hello) => Kind::Hello(hello_to(*hello)),
            FromPeer::Pong { seq, mono } => Kind::Pong(pb::Pong {
                seq,
                mono_ns: ns(mono),
            }),
            FromPeer::Beat(progress) => Kind::Beat(pb::Beat {
                progress: progress.map(Mirror::to_message),
            }),
            FromPeer::SpawnFailed { ticket, message } => Kind::SpawnFailed(pb::SpawnFailed {
                ticket: ticket.0,
                message,
            }),
            FromPeer::Exited {
                ticket,
                exit: Exit { code, signal, tail },
            } => Kind::Exited(pb::Exited {
                ticket: ticket.0,
                code,
                signal,
                tail,
            }),
            FromPeer::FetchBuild { sha256, offset } => Kind::FetchBuild(pb::FetchBuild {
                sha256: sha256.0.to_vec(),
                offset,
            }),
            FromPeer::FetchedBuild {
                sha256,
                size,
                replaced,
            } => Kind::FetchedBuild(pb::FetchedBuild {
                sha256: sha256.0.to_vec(),
                size,
                replaced,
            }),
            FromPeer::Loaded { attempt, report } => Kind::Loaded(pb::Loaded {
                attempt: attempt.0,
                report: Some(report.to_message()),
            }),
            FromPeer::Armed(attempt) => Kind::Armed(pb::Armed { attempt: attempt.0 }),
            FromPeer::Part(PartChunk {
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
            FromPeer::Flushed(instrumented) => Kind::Flushed(pb::Flushed { instrumented }),
            FromPeer::Failed { attempt, failure } => Kind::Failed(pb::Failed {
                attempt: attempt.0,
                kind: kind_to(failure.kind).into(),
                message: failure.message,
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<FromPeerItem> for FromPeer {
    type Error = WireError;

    fn try_from(item: FromPeerItem) -> Result<Self, WireError> {
        use pb::from_peer::Kind;
        Ok(match required(item.kind, "kind")? {
            Kind::Hello(hello) => Self::Hello(Box::new(hello_from(hello)?)),
            Kind::Pong(pong) => Self::Pong {
                seq: pong.seq,
                mono: Duration::from_nanos(pong.mono_ns),
            },
            Kind::Beat(beat) => Self::Beat(beat.progress.map(own).transpose()?),
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
                report: report_of_peer(own(required(loaded.report, "report")?)?),
            },
            Kind::Armed(armed) => Self::Armed(Attempt(armed.attempt)),
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

impl From<ToPeer> for ToPeerItem {
    fn from(message: ToPeer) -> Self {
        use pb::to_peer::Kind;
        let kind = match message {
            ToPeer::Welcome(Welcome {
                session,
                lease,
                beat,
            }) => Kind::Welcome(pb::Welcome {
                session,
                lease_ms: ms(lease),
                beat_ms: ms(beat),
            }),
            ToPeer::Refused { message, last } => Kind::Refused(pb::Refused {
                message,
                r#final: last,
            }),
            ToPeer::Ping { seq } => Kind::Ping(pb::Ping { seq }),
            ToPeer::Spawn(spawn) => Kind::Spawn(spawn_to(spawn)),
            ToPeer::Stop { ticket, grace } => Kind::Stop(pb::Stop {
                ticket: ticket.0,
                grace_ms: ms(grace),
            }),
            ToPeer::BuildChunk(chunk) => Kind::BuildChunk(chunk_to(chunk)),
            ToPeer::Load {
                attempt,
                engine,
                demand,
            } => Kind::Load(pb::Load {
                attempt: attempt.0,
                engine_json: to_json(&engine),
                demand: Some(demand.to_message()),
            }),
            ToPeer::Arm {
                attempt,
                assignment,
            } => Kind::Arm(pb::Arm {
                attempt: attempt.0,
                assignment: Some(assignment_to(&assignment)),
            }),
            ToPeer::Start {
                attempt,
                at,
                uncertainty,
            } => Kind::Start(pb::Start {
                attempt: attempt.0,
                at_mono_ns: ns(at),
                uncertainty_ns: ns(uncertainty),
            }),
            ToPeer::PartStored(attempt) => Kind::PartStored(pb::PartStored { attempt: attempt.0 }),
            ToPeer::Flush => Kind::Flush(pb::Flush {}),
            ToPeer::Drain => Kind::Drain(pb::Drain {}),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<ToPeerItem> for ToPeer {
    type Error = WireError;

    fn try_from(item: ToPeerItem) -> Result<Self, WireError> {
        use pb::to_peer::Kind;
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
                engine: from_json(&load.engine_json, "engine")?,
                demand: own(required(load.demand, "demand")?)?,
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

mirror!(Progress {
    attempt,
    issued,
    completed,
    failed,
    output_tokens,
    late_ns,
});

fn report_of_peer(report: LoadReport) -> LoadReport {
    LoadReport {
        model_digest: bounded(report.model_digest, NAME),
        ..report
    }
}

mirror!(LoadReport {
    model_digest,
    parameters,
    weight_bytes,
    max_context,
    threads,
    memory_needed,
    model_sha256,
});

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
