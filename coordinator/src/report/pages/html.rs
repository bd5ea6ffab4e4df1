//! A run as one self-contained HTML file: no script, no request, light and dark mode, printable.
//! Owns the order of the page. Pure: findings in, text out. Chart data come from
//! [`compare::pictures`](crate::compare::pictures); nothing is derived here.
//!
//! maud escapes everything that came from outside (names, flags, messages, plans); the page's
//! policy also forbids scripts and requests.

mod answer;
mod origin;
mod trust;

use contract::text;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use stats::compare::Verdict;

use crate::compare::{Cell, Findings, LayoutControl, pictures};
use crate::report::charts::scene::Scene;
use crate::report::charts::{
    cold, curves, forest, inside, ladder, multiples, service, strip, trials,
};
use crate::report::phrases::changes::SIGNS;
use crate::report::phrases::layouts::{each, left_out};
use crate::report::phrases::load::{changes, load};
use crate::report::phrases::notes::notes;
use crate::report::phrases::provenance::{SIMULATED, labels, of_windows};
use crate::report::phrases::verdicts::headline;
use crate::report::phrases::words::{count, date};
use crate::report::render::html::table;
use crate::report::tables;
use crate::schedule;

use answer::{badge, tone};

const STYLE: &str = include_str!("html/style.css");

/// Allows only the page's own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Whether a file with this beginning is a page of this program, recognised by its policy.
#[must_use]
pub fn is_page(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    head.starts_with("<!DOCTYPE html>") && head.contains(POLICY)
}

/// The page of a run.
#[must_use]
pub fn page(findings: &Findings) -> String {
    let pictures = pictures(findings);
    let scenes: Vec<Scene<'_>> = findings
        .cells
        .iter()
        .zip(&pictures)
        .map(|(cell, picture)| Scene { cell, picture })
        .collect();
    let title = format!("{} · {}", findings.plan.name, findings.record.header.run);
    document(&title, &body(findings, &scenes))
}

/// A page with this title and body.
pub(super) fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    // Markup is escaped above; characters that change the text direction are not markup.
    text::block(&page.into_string(), usize::MAX).into_owned()
}

fn body(findings: &Findings, scenes: &[Scene<'_>]) -> Markup {
    html! {
        (head(findings))
        main {
            (answer::lead(findings))
            @if !findings.cells.is_empty() {
                section id="answers" {
                    h2 { "Load by load" }
                    @if findings.compared().next().is_some() {
                        p class="about" { "Signs: " (SIGNS) "." }
                    }
                    div class="cards" { @for cell in &findings.cells { (card(cell)) } }
                }
            }
            (trust::draw(findings))
            @if let Some(control) = &findings.layout { (layouts(control)) }
            @for scene in scenes { (scenario(findings, scene)) }
            (origin::draw(findings))
            (origin::words(findings))
        }
        (foot(findings))
    }
}

fn head(findings: &Findings) -> Markup {
    let header = &findings.record.header;
    html! {
        header {
            p class="run" {
                strong { (findings.plan.name) } " · run " code { (header.run) } " · "
                (date(header.run.unix_ms())) " UTC"
                @for label in labels(header) { " " span class="label" { (label) } }
            }
            @if header.simulated {
                p class="caution" { (SIMULATED) }
            }
        }
    }
}

/// Everything about one cell.
fn scenario(findings: &Findings, scene: &Scene<'_>) -> Markup {
    let cell = scene.cell;
    let (at, _) = schedule::of_cell(&findings.plan, cell.index);
    let (done, planned) = cell.rounds;
    html! {
        section class="scenario" id=(scene.id("all")) {
            h2 { (&cell.title) }
            p class="about" {
                (load(&findings.plan.scenarios[at], cell.sent.as_ref())) "; "
                (done) " of " (count(planned.into(), "round")) (of_windows(&findings.plan)) "."
            }
            @for change in changes(cell.sent.as_ref()) { p class="about" { (change) } }
            @let notes = notes(cell);
            @if !notes.is_empty() { ul class="reasons" { @for note in &notes { li { (note) } } } }
            (forest::draw(scene))
            div class="charts" {
                (ladder::draw(scene))
                (trials::draw(scene))
                (curves::draw(scene))
                (inside::draw(scene))
                (service::draw(scene))
                (cold::draw(scene))
            }
            (multiples::draw(scene))
            @if !cell.arms.is_empty() {
                h3 { "Arm by arm" }
                (side_by_side(&tables::arms::all(cell)))
            }
            @let checks = tables::checks::checks(cell);
            @if !checks.is_empty() {
                h3 { "Checks of the measurement" }
                (table(&checks))
            }
        }
    }
}

fn foot(findings: &Findings) -> Markup {
    let run = findings.record.header.run;
    html! {
        footer {
            p { "The same in other forms:" }
            ul {
                li { code { "coordinator report " (run) } " in a terminal" }
                li { code { "coordinator report " (run) " -o json" } " for programs, with every histogram" }
                li { code { "coordinator runs export " (run) } " to copy it elsewhere and recompute it" }
            }
        }
    }
}

fn side_by_side(tables: &[tables::table::Table]) -> Markup {
    let shown = tables.iter().filter(|table| !table.is_empty());
    html! { div class="tables" { @for one in shown { (table(one)) } } }
}

/// One card for each load: its verdict, the primary measure's change with its interval, and the
/// sentence of the terminal report.
fn card(cell: &Cell) -> Markup {
    // A figure that cannot be trusted is not shown large.
    let believed = cell.primary().filter(|metric| {
        let decision = metric.compared().map(|(_, decision)| decision.verdict);
        decision.is_some_and(|verdict| verdict != Verdict::Invalid)
    });
    html! {
        article class="card" {
            h3 { a href=(format!("#c{}-all", cell.index)) { (&cell.title) } }
            @if let Some(verdict) = cell.verdict() { p { (badge(&tone(verdict))) } }
            @if let Some(metric) = believed { (strip::draw(cell, metric)) }
            p class="said" { (said(cell)) }
        }
    }
}

/// The headline without the name of the load, which is above it.
fn said(cell: &Cell) -> String {
    let headline = headline(cell);
    let rest = [&cell.title, &cell.scenario]
        .into_iter()
        .find_map(|name| headline.strip_prefix(&format!("{name}: ")));
    let rest = rest.unwrap_or(&headline);
    format!("{rest}.")
}

/// The effect of code placement alone; smaller differences of candidates mean nothing.
fn layouts(control: &LayoutControl) -> Markup {
    html! {
        section id="layouts" {
            h2 { "Layout control" }
            p class="about" {
                (count(control.layouts() as u64, "shuffled baseline")) " against the baseline: the same functions, linked in "
                "another order. Their differences are the effect of code placement alone; a smaller \
                 difference of a candidate is "
                "labelled. Layouts are not candidates and have no verdict."
            }
            ul class="reasons" {
                @for text in each(control).iter().chain(&left_out(control)) { li { (text) "." } }
            }
            (side_by_side(&tables::layouts::layouts(control)))
        }
    }
}
