//! Whether the measurement is to be believed, why not, and what to do; and what was lost on the way. Must not judge.

use contract::run::{Notice, NoticeKind};
use stats::validity::{CheckResult, Checked, Finding, Quantity, Severity, Validity};

use super::page::Page;
use super::table::Table;
use super::words::{NONE, percent, seconds};
use crate::compare::{Cell, Findings};

/// Prints the verdict on the measurement with all reasons.
pub(super) fn print(page: &mut Page, findings: &Findings) {
    page.heading(&format!("Measurement: {}", findings.validity.name()));
    for reason in &findings.reasons {
        page.item(reason);
    }
    for cell in findings.judged_cells() {
        reasons(page, cell, findings.validity.name());
    }
}

fn reasons(page: &mut Page, cell: &Cell, whole: &str) {
    let reasons = doubts(cell);
    // The heading has said it, unless this scenario fares better than the whole run.
    let word = cell.assessment.validity.name();
    list(page, cell, &if word == whole { String::new() } else { format!("{word}: ") }, reasons);
    let labelled = |finding: &&Finding| finding.reason.code() != "simulated";
    let warnings: Vec<Finding> = cell.assessment.warnings.iter().filter(labelled).cloned().collect();
    list(page, cell, "note: ", &warnings);
}

/// Why a scenario's measurement is not VALID.
pub(in crate::report) fn doubts(cell: &Cell) -> &[Finding] {
    match &cell.assessment.validity {
        Validity::Valid => &[],
        Validity::Inconclusive(reasons) | Validity::Invalid(reasons) => reasons,
    }
}

/// The scenario, and of a layout its name.
fn place(cell: &Cell) -> String {
    let layout = cell.candidate.as_ref().filter(|_| cell.is_layout());
    layout.map_or_else(|| cell.scenario.clone(), |layout| format!("{}, {layout}", cell.scenario))
}

/// The reasons of one weight, and after each kind what to do about it.
fn list(page: &mut Page, cell: &Cell, word: &str, findings: &[Finding]) {
    for (at, finding) in findings.iter().enumerate() {
        page.item(&format!("{}: {word}{finding}", place(cell)));
        let code = finding.reason.code();
        if findings.get(at + 1).is_none_or(|next| next.reason.code() != code) {
            page.sentence(&format!("→ {}", finding.reason.advice()), 4, 6);
        }
    }
}

/// Prints every check that applied, with its figure and limit: of each the arm that came worst.
pub(super) fn checks(page: &mut Page, cell: &Cell) {
    if cell.checks.is_empty() {
        return;
    }
    page.heading(&format!("{}: what the measurement was held to", cell.scenario));
    let mut table = Table::new(["check", "arm", "figure", "limit", "result"]).left(&[1, 4]);
    let mut seen: Vec<&str> = Vec::new();
    for (_, checked) in &cell.checks {
        if !seen.contains(&checked.check) {
            seen.push(checked.check);
            table.row(worst(cell, checked.check));
        }
    }
    table.print(page);
}

/// The row of a check: of all arms the one that came worst.
pub(in crate::report) fn worst(cell: &Cell, check: &str) -> [String; 5] {
    let rank = |checked: &Checked| match checked.result {
        CheckResult::Passed => (0, Severity::Warning),
        CheckResult::Unknown => (1, Severity::Warning),
        CheckResult::Found(severity) => (2, severity),
    };
    let size = |checked: &Checked| match checked.figure {
        Some((Quantity::Count(n), _)) => n as f64,
        Some((Quantity::Share(share), _)) => share.abs(),
        Some((Quantity::Time(time), _)) => time.as_secs_f64(),
        None => 0.0,
    };
    let of_check = cell.checks.iter().filter(|(_, checked)| checked.check == check);
    let worse = |a: &Checked, b: &Checked| rank(a).cmp(&rank(b)).then(size(a).total_cmp(&size(b)));
    let (arm, checked) =
        of_check.max_by(|(_, a), (_, b)| worse(a, b)).expect("the check is one of the cell's");
    let (figure, limit) = match checked.figure {
        Some((figure, limit)) => (quantity(figure), quantity(limit)),
        None => (NONE.to_owned(), NONE.to_owned()),
    };
    [check.replace('-', " "), arm.to_string(), figure, limit, checked.result.name().to_owned()]
}

fn quantity(quantity: Quantity) -> String {
    match quantity {
        Quantity::Count(n) => n.to_string(),
        Quantity::Share(share) => percent(share),
        Quantity::Time(time) => seconds(time.as_secs_f64()),
    }
}

/// Prints what was lost, and what became of its block.
pub(super) fn losses(page: &mut Page, findings: &Findings) {
    let losses: Vec<&Notice> = findings.losses().collect();
    if losses.is_empty() {
        return;
    }
    page.heading("Lost on the way (never counted, never compared)");
    for notice in losses {
        page.item(&loss(findings, notice));
    }
}

/// What was lost, where, and what became of its block.
pub(in crate::report) fn loss(findings: &Findings, notice: &Notice) -> String {
    let (key, attempt) = (notice.key, notice.attempt.0);
    let scenario = findings.all_cells().find(|cell| cell.index == key.scenario);
    let scenario = scenario.map_or("?", |cell| &cell.scenario);
    let place = format!("{scenario}, round {}, arm {}", key.round + 1, key.arm);
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
    let here = (notice.key.scenario, notice.key.round);
    let done = findings.record.blocks.iter().find(|block| (block.scenario, block.round) == here);
    Some(match done {
        Some(block) if block.attempt > notice.attempt => {
            format!("the block was repeated; attempt {} counts", block.attempt.0)
        }
        Some(_) => "the block was done nevertheless".to_owned(),
        None => "the block is not done".to_owned(),
    })
}
