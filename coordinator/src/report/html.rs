//! A run as one HTML file that needs nothing else: no script, no request, light and dark, on paper
//! too. Owns the order of the page; each part of it has a file of its own. Pure: findings in, text
//! out. What it draws comes from [`compare::pictures`]; it derives nothing itself.
//!
//! Everything that came from outside (names, flags, messages, plans) goes through maud's escaping;
//! the page's policy forbids scripts and requests besides.

mod answer;
mod arms;
mod card;
mod chart;
mod cold;
mod curves;
mod forest;
mod inside;
mod ladder;
mod layouts;
mod mark;
mod origin;
mod places;
mod scale;
mod service;
mod table;
mod trials;
mod trust;

use contract::id::Arm;
use contract::text;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::human::words::{count, date};
use super::human::{changes, load, notes};
use crate::compare::{Cell, Findings, Picture, pictures};
use crate::schedule;

const STYLE: &str = include_str!("html/style.css");

/// Nothing but the page's own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// One cell with what its drawings need.
struct Scene<'a> {
    findings: &'a Findings,
    cell: &'a Cell,
    picture: &'a Picture,
}

impl Scene<'_> {
    /// A name that is unique on the page.
    fn id(&self, what: &str) -> String {
        format!("c{}-{what}", self.cell.index)
    }
}

/// Whether a file that begins so is a page of this program, which its policy says.
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
        .map(|(cell, picture)| Scene {
            findings,
            cell,
            picture,
        })
        .collect();
    let title = format!("{} · {}", findings.plan.name, findings.record.header.run);
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
            body { (body(findings, &scenes)) }
        }
    };
    // Markup is escaped above; the direction of text is not markup.
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
                    div class="cards" { @for cell in &findings.cells { (card::draw(cell)) } }
                }
            }
            (trust::draw(findings))
            (layouts::draw(findings))
            @for scene in scenes { (scenario(scene)) }
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
                @for label in super::human::labels(header) { " " span class="label" { (label) } }
            }
            @if header.simulated {
                p class="caution" {
                    "Service times come from a model, not from an engine: this run says nothing about real \
                     builds."
                }
            }
        }
    }
}

/// Everything about one cell.
fn scenario(scene: &Scene<'_>) -> Markup {
    let Scene { findings, cell, .. } = scene;
    let (at, _) = schedule::of_cell(&findings.plan, cell.index);
    let (done, planned) = cell.rounds;
    html! {
        section class="scenario" id=(scene.id("all")) {
            h2 { (&cell.title) }
            p class="about" {
                (load(&findings.plan.scenarios[at], cell.sent.as_ref())) "; "
                (done) " of " (count(planned.into(), "round")) "."
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
            (places::draw(scene))
            (arms::draw(scene))
            (trust::checks(scene))
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

/// A sentence whose commands, between backticks, are set as such.
fn prose(text: &str) -> Markup {
    html! { @for (at, piece) in text.split('`').enumerate() {
        @if at % 2 == 1 { code { (piece) } } @else { (piece) }
    } }
}

/// The arms of a cell with the names of their variants.
fn arm_names(cell: &Cell) -> Vec<(Arm, &str)> {
    cell.arms
        .iter()
        .map(|arm| (arm.arm, arm.variant.as_str()))
        .collect()
}

/// "baseline A": an arm with its variant, for headings.
fn heading(cell: &Cell, arm: Arm) -> String {
    let variant = cell
        .arms
        .iter()
        .find(|one| one.arm == arm)
        .map_or("", |one| one.variant.as_str());
    format!("{variant} {arm}")
}
