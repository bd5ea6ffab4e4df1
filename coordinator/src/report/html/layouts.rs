//! The layout control: what placement of code alone does, beside which small differences of
//! candidates mean nothing. Must not derive a figure.

use maud::{Markup, html};

use super::super::human::layouts::{HEADINGS, figures, left_out, said};
use super::super::human::words::{Unit, count};
use super::table::Table;
use crate::compare::{Findings, LayoutControl};

/// The section, where the run has the control.
pub(super) fn draw(findings: &Findings) -> Markup {
    let Some(control) = &findings.layout else {
        return html! {};
    };
    let primaries = || control.noises.iter().filter(|noise| noise.primary);
    let left_out = left_out(control);
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
                @for noise in primaries() { li { (said(noise)) "." } }
                @for text in &left_out { li { (text) "." } }
            }
            div class="tables" { @for noise in primaries() { (table(control, &noise.scenario).draw()) } }
        }
    }
}

fn table(control: &LayoutControl, scenario: &str) -> Table {
    let here = control
        .noises
        .iter()
        .filter(|noise| noise.scenario == scenario && !noise.counted.is_empty());
    Table::new(
        format!("{scenario}: layouts against the baseline"),
        HEADINGS,
    )
    .with(here.map(|noise| figures(noise, Unit::Said).to_vec()))
}
