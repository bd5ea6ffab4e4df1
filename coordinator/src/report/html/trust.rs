//! Whether the measurement is to be believed: the verdict with all reasons and what to do, what was
//! lost on the way, and every check with its figure and limit. Must not judge.

use maud::{Markup, html};
use stats::validity::{Alike, CheckResult, Finding, Severity, Validity, alike};

use super::super::human::words::look;
use super::super::human::{doubts, loss, worst, worth_a_line};
use super::answer::{Tone, badge};
use super::table::Table;
use super::{Scene, prose};
use crate::compare::{Cell, Findings};

/// The section above the figures.
pub(super) fn draw(findings: &Findings) -> Markup {
    let (class, sign) = match findings.validity {
        Validity::Valid => ("good", "✓"),
        Validity::Inconclusive(_) => ("open", "?"),
        Validity::Invalid(_) => ("bad", "!"),
    };
    let tone = Tone {
        class,
        sign,
        word: findings.validity.name(),
    };
    let losses: Vec<String> = findings
        .losses()
        .map(|notice| loss(findings, notice))
        .collect();
    html! {
        section id="measurement" {
            h2 { "Can the measurement be trusted? " (badge(&tone)) }
            (reasons(findings))
            @if let Some(planned) = &findings.look { p { (prose(&look(planned))) "." } }
            @if !losses.is_empty() {
                h3 { "Lost during the run" }
                p class="about" { "Never counted, never compared." }
                ul { @for loss in &losses { li { (loss) } } }
            }
        }
    }
}

fn reasons(findings: &Findings) -> Markup {
    let items: Vec<Markup> = findings.judged_cells().flat_map(of_cell).collect();
    html! {
        @if items.is_empty() && findings.reasons.is_empty() {
            p { "Every check that applies was passed, and there is no other reason to doubt it." }
        } @else {
            ul class="reasons" {
                @for reason in &findings.reasons { li { (prose(reason)) "." } }
                @for item in &items { (item) }
            }
        }
    }
}

/// Doubts and notes of one cell.
fn of_cell(cell: &Cell) -> Vec<Markup> {
    let (title, word) = (&cell.title, cell.assessment.validity.name());
    let notes = worth_a_line(cell);
    [
        items(&format!("{title}: {word}"), doubts(cell)),
        items(&format!("{title}: note"), &notes),
    ]
    .concat()
}

/// One item a kind of reason.
fn items(title: &str, findings: &[Finding]) -> Vec<Markup> {
    let item = |one: &Alike<'_>| {
        html! {
            li {
                (title) ": " (one.to_string()) "."
                span class="advice" { "→ " (one.worst.reason.advice()) }
            }
        }
    };
    alike(findings).iter().map(item).collect()
}

/// Every check that applied to a cell, of each the arm that came worst.
pub(super) fn checks(scene: &Scene<'_>) -> Markup {
    let mut seen: Vec<&str> = Vec::new();
    for (_, checked) in &scene.cell.checks {
        if !seen.contains(&checked.check) {
            seen.push(checked.check);
        }
    }
    if seen.is_empty() {
        return html! {};
    }
    let row = |check: &&str| {
        let (result, [name, arm, figure, limit, word]) =
            (result(scene.cell, check), worst(scene.cell, check));
        vec![name, arm, figure, limit, format!("{} {word}", sign(result))]
    };
    let headings = ["check", "worst arm", "figure", "limit", "result"];
    let table = Table::new("Each check, for the arm with the worst result", headings)
        .words(&[1, 4])
        .with(seen.iter().map(row));
    html! {
        h3 { "Checks of the measurement" }
        (table.draw())
    }
}

/// The worst result of a check over the arms.
fn result(cell: &Cell, check: &str) -> CheckResult {
    let rank = |result: &CheckResult| match result {
        CheckResult::Passed => 0,
        CheckResult::Unknown => 1,
        CheckResult::Found(Severity::Warning) => 2,
        CheckResult::Found(Severity::Inconclusive) => 3,
        CheckResult::Found(Severity::Invalid) => 4,
    };
    let of_check = cell
        .checks
        .iter()
        .filter(|(_, checked)| checked.check == check);
    of_check
        .map(|(_, checked)| checked.result)
        .max_by_key(rank)
        .unwrap_or(CheckResult::Unknown)
}

fn sign(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Passed => "✓",
        CheckResult::Unknown => "–",
        CheckResult::Found(Severity::Warning) => "!",
        CheckResult::Found(Severity::Inconclusive) => "?",
        CheckResult::Found(Severity::Invalid) => "✕",
    }
}
