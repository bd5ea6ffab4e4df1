//! A search for a capacity as one self-contained HTML file. Owns the order of the page; nothing is
//! derived here.

use maud::{Markup, html};

use super::html::document;
use crate::capacity::CapacityAnswer;
use crate::report::charts::capacity::{latency, probes, scaling, violations};
use crate::report::phrases::capacity as phrases;
use crate::report::render::html::{prose, table};
use crate::report::tables::capacity as tables;

/// The page of a search.
#[must_use]
pub fn capacity_page(answer: &CapacityAnswer) -> String {
    let title = format!("{} · {}", answer.plan, answer.run);
    document(&title, &body(answer))
}

fn body(answer: &CapacityAnswer) -> Markup {
    let objectives = &answer.capacity.objectives;
    html! {
        header {
            p class="run" {
                strong { (answer.plan) } " · run " code { (answer.run) }
                @for label in &answer.labels { " " span class="label" { (label) } }
            }
        }
        main {
            section class="answer" {
                h1 { "Capacity" }
                p { @for objective in objectives { code { (objective) } " " } }
                p class="verdict" { (phrases::headline(answer)) }
                p { (prose(&phrases::advice(answer))) }
                @if let Some(gain) = &answer.gain { p class="verdict" { (phrases::gained(answer, gain)) } }
                @if let Some(estimate) = answer.estimate() { (table(&tables::capacities(answer, estimate))) }
                @let alone = tables::objectives(answer);
                @if !alone.is_empty() { (table(&alone)) }
                @if let Some(law) = phrases::step_law(answer) { p { (law) } }
                @if let Some(law) = phrases::scaling(answer) { p { (law) } }
            }
            section {
                h2 { "Charts" }
                div class="charts" {
                    @for (at, objective) in objectives.iter().enumerate() {
                        (violations(answer, at, objective))
                        (latency(answer, at, objective))
                    }
                    (probes(answer))
                    (scaling(answer))
                }
            }
        }
        footer {
            p { "The same in other forms:" }
            ul {
                li { code { "coordinator capacity --show " (answer.run) } " in a terminal" }
                li { code { "coordinator capacity --show " (answer.run) " -o json" } " for programs" }
            }
        }
    }
}
