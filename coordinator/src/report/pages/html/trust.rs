//! Whether the measurement can be trusted: the verdict with all reasons and advice, and the losses.
//! Must not judge.

use maud::{Markup, html};
use stats::validity::{Alike, Finding, alike};

use super::answer::{badge, trust};
use crate::compare::{Cell, Findings};
use crate::report::phrases::doubts::{doubts, loss, worth_a_line};
use crate::report::phrases::interim::interim;
use crate::report::render::html::prose;

/// The section above the figures.
pub(crate) fn draw(findings: &Findings) -> Markup {
    let tone = trust(&findings.validity);
    let losses: Vec<String> = findings
        .losses()
        .map(|notice| loss(findings, notice))
        .collect();
    html! {
        section id="measurement" {
            h2 { "Can the measurement be trusted? " (badge(&tone)) }
            (reasons(findings))
            @if let Some(said) = interim(findings) { p { (prose(&said)) "." } }
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

/// One item for each kind of reason.
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
