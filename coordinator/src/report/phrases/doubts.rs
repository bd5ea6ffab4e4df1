//! Why a measurement cannot be trusted, and the losses of the run. Must not judge.

use contract::run::{Notice, NoticeKind};
use stats::validity::{Finding, Validity};

use crate::compare::{Cell, Findings};

/// Warnings that no label has shown before.
pub(crate) fn worth_a_line(cell: &Cell) -> Vec<Finding> {
    let warnings = cell.assessment.warnings.iter();
    warnings
        .filter(|finding| finding.reason.code() != "simulated")
        .cloned()
        .collect()
}

/// Why a scenario's measurement is not VALID.
pub(crate) fn doubts(cell: &Cell) -> &[Finding] {
    match &cell.assessment.validity {
        Validity::Valid => &[],
        Validity::Inconclusive(reasons) | Validity::Invalid(reasons) => reasons,
    }
}

/// What was lost and where, and what happened to its block.
pub(crate) fn loss(findings: &Findings, notice: &Notice) -> String {
    let (key, attempt) = (notice.key, notice.attempt.0);
    let scenario = findings.all_cells().find(|cell| cell.index == key.cell);
    let scenario = scenario.map_or("?", |cell| &cell.title);
    let place = format!(
        "{scenario}, {}, arm {}",
        findings.plan.round_of(key.round),
        key.arm
    );
    let message = &notice.message;
    match became(findings, notice) {
        Some(became) => format!("{place}, attempt {attempt}: {message} → {became}"),
        None => format!("{place}, attempt {attempt}: {message}"),
    }
}

fn became(findings: &Findings, notice: &Notice) -> Option<String> {
    if matches!(notice.kind, NoticeKind::Late | NoticeKind::BadPart) {
        return None;
    }
    let here = (notice.key.cell, notice.key.round);
    let mut blocks = findings.record.blocks.iter();
    Some(
        match blocks.find(|block| (block.cell, block.round) == here) {
            Some(block) if block.attempt > notice.attempt => {
                format!("the block was repeated; attempt {} counts", block.attempt.0)
            }
            Some(_) => "the block was completed anyway".to_owned(),
            None => "the block is not done".to_owned(),
        },
    )
}
