//! Converts findings to the published document. Owns the mapping only; computes no figure.

mod layouts;
mod metrics;
mod parts;
mod places;

use std::path::PathBuf;

use contract::addendum::Annotation;
use contract::histogram::HistogramError;
use contract::id::Arm;
use contract::identity::{HostFacts, Sha256};
use contract::prompt_files::Survey;
use contract::run::{Notice, RunState, VariantRecord};
use contract::spec::Scenario;
use serde_json::{Value, json};
use stats::compare::{Guard, Verdict};
use stats::validity::{Assessment, Checked, Finding, Quantity, Validity};

use crate::compare::{Cell, Findings};
use crate::plan::Stop;
use crate::plan::{Ahead, Plan};
use crate::report::document as doc;
use crate::store::{RunRecord, RunSummary};

pub(super) use layouts::noise;
pub(super) use metrics::metric;

/// The document of a run.
///
/// # Errors
/// When a histogram cannot be encoded.
pub fn document(findings: &Findings) -> Result<doc::RunDocument, HistogramError> {
    let record = &findings.record;
    let part = |part| parts::part(part, &findings.plan);
    Ok(doc::RunDocument {
        schema_version: doc::SCHEMA_VERSION,
        kind: "run".to_owned(),
        run: run(findings),
        plan: plan(&record.header.plan_json),
        variants: record.header.variants.iter().map(variant).collect(),
        hosts: record.header.hosts.iter().map(host).collect(),
        settings: settings(findings),
        measurement: overall(findings),
        notices: record.notices.iter().map(notice).collect(),
        cells: findings.cells.iter().map(cell).collect(),
        layout: findings.layout.as_ref().map(layouts::control),
        parts: findings
            .trials
            .parts()
            .into_iter()
            .map(part)
            .collect::<Result<_, _>>()?,
    })
}

/// The plan as stored, which is JSON.
pub(crate) fn plan(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// What is known of the loads of a plan's scenarios before the run.
pub(crate) fn loads(plan: &Plan, ahead: &[Ahead]) -> Value {
    let load = |(scenario, ahead): (&Scenario, &Ahead)| {
        let file = |(path, survey): &(PathBuf, Survey)| {
            json!({
                "path": path,
                "evaluation_prompts": survey.evaluation,
                "training_prompts": survey.training,
                "left_out": survey.left_out,
            })
        };
        json!({
            "scenario": scenario.name,
            "requests": scenario.requests(),
            "exact": matches!(scenario.planned(), contract::spec::Planned::Exactly(_)),
            "sent": ahead.sent,
            "files": ahead.prompts.iter().map(file).collect::<Vec<_>>(),
        })
    };
    plan.scenarios.iter().zip(ahead).map(load).collect()
}

/// How a run was made and how it ended, without its measurements.
pub(crate) fn making(record: &RunRecord, summary: &RunSummary) -> Value {
    let header = &record.header;
    let end = record.end.as_ref();
    json!({
        "id": header.run.to_string(),
        "begun_unix_ms": header.run.unix_ms(),
        "ended_unix_ms": end.map(|end| end.unix_ms),
        "state": end.map(|end| end.state.name()),
        "validity": end.map(|end| &end.validity),
        "reason": end.map(|end| &end.reason),
        "simulated": header.simulated,
        "labels": header.labels,
        "slots": header.slots,
        "seed": header.seed,
        "plan": plan(&header.plan_json),
        "plan_sha256": header.plan_digest,
        "model_digest": header.model_digest,
        "model_sha256": header.model_sha256,
        "tool_version": header.tool_version,
        "tool_git_sha": header.tool_git_sha,
        "variants": header.variants.iter().map(variant).collect::<Vec<_>>(),
        "hosts": header.hosts.iter().map(host).collect::<Vec<_>>(),
        "blocks_done": record.blocks.len(),
        "parts": summary.parts,
        "requests": summary.requests,
        "superseded_parts": record.superseded.len(),
        "notices": record.notices.iter().map(notice).collect::<Vec<_>>(),
        "annotations": record.addenda.annotations.iter().map(annotation).collect::<Vec<_>>(),
    })
}

fn annotation(annotation: &Annotation) -> Value {
    json!({ "unix_ms": annotation.unix_ms, "kind": annotation.kind.name(), "text": annotation.text })
}

fn run(findings: &Findings) -> doc::Run {
    let (record, header) = (&findings.record, &findings.record.header);
    let end = record.end.as_ref();
    doc::Run {
        id: header.run.to_string(),
        begun_unix_ms: header.run.unix_ms(),
        ended_unix_ms: end.map(|end| end.unix_ms),
        state: findings.state.map(RunState::name).map(str::to_owned),
        reason: end.map_or_else(String::new, |end| end.reason.clone()),
        verdict: findings.verdict().map(Verdict::name).map(str::to_owned),
        simulated: header.simulated,
        labels: header.labels.clone(),
        slots: header.slots,
        seed: header.seed,
        plan_sha256: header.plan_digest.to_string(),
        model_digest: header.model_digest.clone(),
        model_sha256: header.model_sha256.map(|sha256| sha256.to_string()),
        tool_version: header.tool_version.clone(),
        tool_git_sha: header.tool_git_sha.clone(),
        blocks_done: record.blocks.len() as u64,
        superseded_parts: record.superseded.len() as u64,
    }
}

fn variant(variant: &VariantRecord) -> doc::Variant {
    let some = |hash: Sha256| (hash != Sha256::default()).then(|| hash.to_string());
    doc::Variant {
        name: variant.name.clone(),
        sha256: variant.sha256.to_string(),
        text_sha256: some(variant.text_sha256),
        profile_sha256: some(variant.profile_sha256),
        git_sha: variant.git_sha.clone(),
        flags: variant.flags.clone(),
        command: variant.is_server().then(|| variant.command.clone()),
        identity_sha256: some(variant.identity),
        program_sha256: some(variant.program_sha256),
    }
}

fn host((agent, facts): &(String, HostFacts)) -> doc::Host {
    doc::Host {
        agent: agent.clone(),
        facts: facts.clone(),
    }
}

/// The planned analyses, and the one that this answer is from.
pub(crate) fn look(findings: &Findings) -> Option<doc::Interim> {
    if findings.plan.stop == Stop::AtEnd {
        return None;
    }
    let planned = &findings.planned;
    let analyses: Vec<u32> = planned
        .analyses
        .list()
        .iter()
        .map(|one| one.rounds)
        .collect();
    let (after, answer) = match planned.is_interim() {
        true => (planned.current().rounds, "look"),
        false => (analyses[0], "end"),
    };
    Some(doc::Interim {
        after,
        rounds: planned.rounds(),
        answer: answer.to_owned(),
        analyses,
        alpha_same: Some(planned.current().alpha_same),
    })
}

fn settings(findings: &Findings) -> doc::Settings {
    let settings = &findings.settings;
    let guard = match settings.guard {
        Guard::Off => "off",
        Guard::Auto => "auto",
        Guard::Full => "full",
    };
    doc::Settings {
        alpha: settings.alpha,
        power: settings.power,
        guard: guard.to_owned(),
        look: look(findings),
    }
}

/// The run's own reasons, then those of the cells that caused its validity.
fn overall(findings: &Findings) -> doc::Measurement {
    // The only reason of its own that a complete run can have is that its layouts give no answer.
    let (code, advice) = match findings.state {
        Some(RunState::Complete) => (
            "layout-noise-unknown",
            "run more layouts, or on a quieter host",
        ),
        _ => ("unfinished", "resume the run"),
    };
    let own = |text: &String| doc::Reason {
        code: code.to_owned(),
        text: text.clone(),
        advice: advice.to_owned(),
    };
    let of_cells = reasons(&findings.validity).iter().map(reason);
    doc::Measurement {
        verdict: findings.validity.name().to_owned(),
        reasons: findings.reasons.iter().map(own).chain(of_cells).collect(),
        warnings: Vec::new(),
    }
}

fn reasons(validity: &Validity) -> &[Finding] {
    match validity {
        Validity::Valid => &[],
        Validity::Inconclusive(reasons) | Validity::Invalid(reasons) => reasons,
    }
}

fn reason(finding: &Finding) -> doc::Reason {
    doc::Reason {
        code: finding.reason.code().to_owned(),
        text: finding.to_string(),
        advice: finding.reason.advice().to_owned(),
    }
}

fn assessed(assessment: &Assessment) -> doc::Measurement {
    doc::Measurement {
        verdict: assessment.validity.name().to_owned(),
        reasons: reasons(&assessment.validity).iter().map(reason).collect(),
        warnings: assessment.warnings.iter().map(reason).collect(),
    }
}

fn notice(notice: &Notice) -> doc::Notice {
    doc::Notice {
        unix_ms: notice.unix_ms,
        kind: notice.kind.name().to_owned(),
        cell: notice.key.cell,
        round: notice.key.round,
        arm: notice.key.arm.to_string(),
        attempt: notice.attempt.0,
        message: notice.message.clone(),
    }
}

fn cell(cell: &Cell) -> doc::Cell {
    doc::Cell {
        index: cell.index,
        scenario: cell.scenario.clone(),
        requests: cell.requests,
        sent: cell.sent,
        baseline: cell.baseline.clone(),
        candidate: cell.candidate.clone(),
        rounds_done: cell.rounds.0,
        rounds_planned: cell.rounds.1,
        verdict: cell.verdict().map(Verdict::name).map(str::to_owned),
        measurement: assessed(&cell.assessment),
        checks: cell
            .checks
            .iter()
            .map(|(arm, checked)| check(*arm, checked))
            .collect(),
        arms: cell.arms.clone(),
        metrics: cell.metrics.iter().map(metric).collect(),
        places: cell
            .places
            .as_ref()
            .map(|found| places::places(found, cell.alpha)),
        signals: places::signals(&cell.signals),
    }
}

fn check(arm: Arm, checked: &Checked) -> doc::Check {
    let plain = |quantity| match quantity {
        Quantity::Count(n) => (n as f64, "count"),
        Quantity::Share(share) => (share, "share"),
        Quantity::Time(time) => (time.as_nanos() as f64, "ns"),
    };
    let figure = checked
        .figure
        .map(|(figure, limit)| (plain(figure), plain(limit)));
    doc::Check {
        check: checked.check.to_owned(),
        arm: arm.to_string(),
        result: checked.result.name().to_owned(),
        figure: figure.map(|((figure, _), _)| figure),
        limit: figure.map(|(_, (limit, _))| limit),
        unit: figure.map(|((_, unit), _)| unit.to_owned()),
        key: checked.key.map(str::to_owned),
    }
}
