//! [`RunHeader`], [`BlockDone`], [`Notice`] and [`RunEnd`] to their stored messages and back.

use super::part::arm;
use super::{RecordError, field, host_from, host_to, messages, mirrored, pb};
use crate::id::{Attempt, TrialKey};
use crate::mirror::{Field, mirror};
use crate::run::{BlockDone, Notice, NoticeKind, RunEnd, RunHeader, RunState, VariantRecord};

pub(super) fn encode_header(header: &RunHeader) -> Result<pb::RunHeader, RecordError> {
    Ok(pb::RunHeader {
        run: header.run.to_string(),
        created_unix_ms: header.run.unix_ms(),
        tool_version: header.tool_version.clone(),
        tool_git_sha: header.tool_git_sha.clone(),
        plan_json: header.plan_json.clone(),
        plan_digest: header.plan_digest.stored(),
        seed: header.seed,
        variants: messages(&header.variants),
        hosts: header
            .hosts
            .iter()
            .map(|(agent, facts)| host_to(agent, facts))
            .collect(),
        slots: header.slots,
        simulated: header.simulated,
        model_digest: header.model_digest.clone(),
        model_sha256: header.model_sha256.stored(),
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
        plan_digest: field(header.plan_digest, "plan_digest")?,
        seed: header.seed,
        variants: mirrored(header.variants)?,
        hosts: header
            .hosts
            .into_iter()
            .map(host_from)
            .collect::<Result<_, _>>()?,
        slots: header.slots,
        simulated: header.simulated,
        model_digest: header.model_digest,
        model_sha256: field(header.model_sha256, "model_sha256")?,
        labels: header.labels,
        sequence: header.sequence,
    })
}

mirror!(VariantRecord {
    name,
    sha256,
    text_sha256,
    git_sha,
    flags,
    profile_sha256,
    command,
    identity,
    program_sha256,
});

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
        host: notice
            .host
            .as_ref()
            .map(|(agent, facts)| host_to(agent, facts)),
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
        host: notice.host.map(host_from).transpose()?,
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
