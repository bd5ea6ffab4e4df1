//! Whether the measurement can be trusted, why not, and what to do; and what was lost during the
//! run. Must not judge.

use contract::run::{Notice, NoticeKind};
use stats::validity::{CheckResult, Checked, Finding, Quantity, Severity, Validity, alike};

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
        reasons(page, findings, cell);
    }
}

fn reasons(page: &mut Page, findings: &Findings, cell: &Cell) {
    let title = &cell.title;
    let (word, whole) = (cell.assessment.validity.name(), findings.validity.name());
    // The heading has said it, unless this scenario fares better than the whole run.
    let weight = if word == whole {
        String::new()
    } else {
        format!("{word}: ")
    };
    list(page, &format!("{title}: {weight}"), doubts(cell));
    list(page, &format!("{title}: note: "), &worth_a_line(cell));
}

/// Warnings that no label has told before.
pub(in crate::report) fn worth_a_line(cell: &Cell) -> Vec<Finding> {
    let labelled = |finding: &&Finding| finding.reason.code() != "simulated";
    cell.assessment
        .warnings
        .iter()
        .filter(labelled)
        .cloned()
        .collect()
}

/// Why a scenario's measurement is not VALID.
pub(in crate::report) fn doubts(cell: &Cell) -> &[Finding] {
    match &cell.assessment.validity {
        Validity::Valid => &[],
        Validity::Inconclusive(reasons) | Validity::Invalid(reasons) => reasons,
    }
}

/// The reasons of one weight, and after each kind what to do about it.
fn list(page: &mut Page, before: &str, findings: &[Finding]) {
    let told = alike(findings);
    for (at, one) in told.iter().enumerate() {
        page.item(&format!("{before}{one}"));
        let code = one.worst.reason.code();
        if told
            .get(at + 1)
            .is_none_or(|next| next.worst.reason.code() != code)
        {
            page.sentence(&format!("→ {}", one.worst.reason.advice()), 4, 6);
        }
    }
}

/// Prints every check that applied, with its figure and limit: of each the arm that came worst.
pub(super) fn checks(page: &mut Page, cell: &Cell) {
    if cell.checks.is_empty() {
        return;
    }
    page.heading(&format!("{}: checks of the measurement", cell.title));
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
    let of_check = cell
        .checks
        .iter()
        .filter(|(_, checked)| checked.check == check);
    let worse = |a: &Checked, b: &Checked| rank(a).cmp(&rank(b)).then(size(a).total_cmp(&size(b)));
    let (arm, checked) = of_check
        .max_by(|(_, a), (_, b)| worse(a, b))
        .expect("the check is one of the cell's");
    let (figure, limit) = match checked.figure {
        Some((figure, limit)) => (quantity(figure), quantity(limit)),
        None => (NONE.to_owned(), NONE.to_owned()),
    };
    [
        check.replace('-', " "),
        arm.to_string(),
        figure,
        limit,
        checked.result.name().to_owned(),
    ]
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
    page.heading("Lost during the run (never counted, never compared)");
    for notice in losses {
        page.item(&loss(findings, notice));
    }
}

/// What was lost, where, and what became of its block.
pub(in crate::report) fn loss(findings: &Findings, notice: &Notice) -> String {
    let (key, attempt) = (notice.key, notice.attempt.0);
    let scenario = findings.all_cells().find(|cell| cell.index == key.cell);
    let scenario = scenario.map_or("?", |cell| &cell.title);
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
    let here = (notice.key.cell, notice.key.round);
    let done = findings
        .record
        .blocks
        .iter()
        .find(|block| (block.cell, block.round) == here);
    Some(match done {
        Some(block) if block.attempt > notice.attempt => {
            format!("the block was repeated; attempt {} counts", block.attempt.0)
        }
        Some(_) => "the block was completed anyway".to_owned(),
        None => "the block is not done".to_owned(),
    })
}
