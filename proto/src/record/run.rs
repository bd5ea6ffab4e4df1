//! [`RunHeader`], [`BlockDone`], [`Notice`] and [`RunEnd`] to their stored messages and back.

use super::part::{arm, hash, perhaps, told};
use super::{RecordError, pb};
use crate::id::{Attempt, TrialKey};
use crate::identity::{HostFacts, Sha256};
use crate::run::{BlockDone, Notice, NoticeKind, RunEnd, RunHeader, RunState, VariantRecord};

pub(super) fn encode_header(header: &RunHeader) -> Result<pb::RunHeader, RecordError> {
    Ok(pb::RunHeader {
        run: header.run.to_string(),
        created_unix_ms: header.run.unix_ms(),
        tool_version: header.tool_version.clone(),
        tool_git_sha: header.tool_git_sha.clone(),
        plan_json: header.plan_json.clone(),
        plan_digest: header.plan_digest.0.to_vec(),
        seed: header.seed,
        variants: header.variants.iter().map(encode_variant).collect(),
        hosts: header.hosts.iter().map(encode_host).collect(),
        slots: header.slots,
        simulated: header.simulated,
        model_digest: header.model_digest.clone(),
        model_sha256: told(header.model_sha256),
        labels: header.labels.clone(),
        sequence: header.sequence,
    })
}

pub(super) fn decode_header(header: pb::RunHeader) -> Result<RunHeader, RecordError> {
    Ok(RunHeader {
        run: header.run.parse().map_err(|_| RecordError::Field("run"))?,
        tool_version: header.tool_version,
        tool_git_sha: header.tool_git_sha,
        plan_json: header.plan_json,
        plan_digest: hash(&header.plan_digest, "plan_digest")?,
        seed: header.seed,
        variants: header
            .variants
            .into_iter()
            .map(decode_variant)
            .collect::<Result<_, _>>()?,
        hosts: header.hosts.into_iter().map(decode_host).collect(),
        slots: header.slots,
        simulated: header.simulated,
        model_digest: header.model_digest,
        model_sha256: perhaps(&header.model_sha256, "model_sha256")?,
        labels: header.labels,
        sequence: header.sequence,
    })
}

fn encode_variant(variant: &VariantRecord) -> pb::VariantRecord {
    let profile = variant.profile_sha256;
    pb::VariantRecord {
        name: variant.name.clone(),
        sha256: variant.sha256.0.to_vec(),
        text_sha256: variant.text_sha256.0.to_vec(),
        git_sha: variant.git_sha.clone(),
        flags: variant.flags.clone(),
        profile_sha256: if profile == Sha256::default() {
            Vec::new()
        } else {
            profile.0.to_vec()
        },
    }
}

fn decode_variant(variant: pb::VariantRecord) -> Result<VariantRecord, RecordError> {
    Ok(VariantRecord {
        name: variant.name,
        sha256: hash(&variant.sha256, "sha256")?,
        text_sha256: hash(&variant.text_sha256, "text_sha256")?,
        git_sha: variant.git_sha,
        flags: variant.flags,
        profile_sha256: hash(&variant.profile_sha256, "profile_sha256")?,
    })
}

fn encode_host((agent, host): &(String, HostFacts)) -> pb::HostRecord {
    pb::HostRecord {
        agent: agent.clone(),
        hostname: host.hostname.clone(),
        cpu_model: host.cpu_model.clone(),
        cores: host.cores,
        memory_bytes: host.memory_bytes,
        kernel: host.kernel.clone(),
        microcode: host.microcode.clone(),
        governor: host.governor.clone(),
        cpu_flags: host.cpu_flags.clone(),
        cgroup_memory_bytes: host.cgroup_memory_bytes,
        cgroup_cpus: host.cgroup_cpus,
        numa_nodes: host.numa_nodes,
        threads_per_core: host.threads_per_core,
        boost: host.boost.clone(),
        load_average: host.load_average,
        stolen: host.stolen,
        processors: host.processors,
    }
}

fn decode_host(host: pb::HostRecord) -> (String, HostFacts) {
    let facts = HostFacts {
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
    };
    (host.agent, facts)
}

pub(super) fn encode_block(block: &BlockDone) -> Result<pb::BlockDone, RecordError> {
    Ok(pb::BlockDone {
        scenario: block.cell,
        round: block.round,
        attempt: block.attempt.0,
        order: block.order.iter().map(|arm| arm.number()).collect(),
        finished_unix_ms: block.finished_unix_ms,
        planned_requests: block.planned_requests,
        lost_requests: block.lost_requests,
    })
}

pub(super) fn decode_block(block: pb::BlockDone) -> Result<BlockDone, RecordError> {
    Ok(BlockDone {
        cell: block.scenario,
        round: block.round,
        attempt: Attempt(block.attempt),
        order: block.order.into_iter().map(arm).collect::<Result<_, _>>()?,
        finished_unix_ms: block.finished_unix_ms,
        planned_requests: block.planned_requests,
        lost_requests: block.lost_requests,
    })
}

pub(super) fn encode_notice(notice: &Notice) -> Result<pb::Notice, RecordError> {
    Ok(pb::Notice {
        unix_ms: notice.unix_ms,
        scenario: notice.key.cell,
        round: notice.key.round,
        arm: notice.key.arm.number(),
        attempt: notice.attempt.0,
        kind: notice.kind.name().to_owned(),
        message: notice.message.clone(),
        workers: notice.workers,
        host: notice.host.as_ref().map(encode_host),
    })
}

pub(super) fn decode_notice(notice: pb::Notice) -> Result<Notice, RecordError> {
    Ok(Notice {
        unix_ms: notice.unix_ms,
        key: TrialKey {
            cell: notice.scenario,
            round: notice.round,
            arm: arm(notice.arm)?,
        },
        attempt: Attempt(notice.attempt),
        kind: NoticeKind::from_name(&notice.kind).ok_or(RecordError::Field("kind"))?,
        message: notice.message,
        workers: notice.workers,
        host: notice.host.map(decode_host),
    })
}

pub(super) fn encode_end(end: &RunEnd) -> Result<pb::RunEnd, RecordError> {
    Ok(pb::RunEnd {
        unix_ms: end.unix_ms,
        state: end.state.name().to_owned(),
        validity: end.validity.clone(),
        summary_json: end.summary_json.clone(),
        reason: end.reason.clone(),
    })
}

pub(super) fn decode_end(end: pb::RunEnd) -> Result<RunEnd, RecordError> {
    Ok(RunEnd {
        unix_ms: end.unix_ms,
        state: RunState::from_name(&end.state).ok_or(RecordError::Field("state"))?,
        validity: end.validity,
        summary_json: end.summary_json,
        reason: end.reason,
    })
}
