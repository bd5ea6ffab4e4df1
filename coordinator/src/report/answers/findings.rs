//! Output of `run`, `compare` and `report`: verdict first, then tables, at most 80 columns. Changes
//! are words in sentences and signs in columns. Owns the order of the page.

use std::io;

use stats::validity::{Finding, alike};

use super::{next, origin};
use crate::compare::{Cell, Findings, MetricComparison};
use crate::plan::Plan;
use crate::report::pages::{junit, markdown};
use crate::report::phrases::doubts::{doubts, loss, worth_a_line};
use crate::report::phrases::footnotes::footnotes;
use crate::report::phrases::provenance::{SIMULATED, labelled, of_windows};
use crate::report::phrases::{changes, interim, layouts, load, servers, verdicts};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::comparison::{Depth, control, effects};
use crate::report::tables::{arms, checks, layouts as layout_tables, places};
use crate::report::{Answer, Tool, json};
use crate::schedule;

/// Output of `run` and `compare`.
pub struct Short<'a>(pub &'a Findings);

/// Output of `report`: everything.
pub struct Full<'a>(pub &'a Findings);

impl Answer for Short<'_> {
    fn text(&self, page: &mut Page) {
        let Self(findings) = self;
        top(page, findings);
        for cell in &findings.cells {
            comparison(page, &findings.plan, cell, Depth::Short);
        }
        layout_control(page, findings, Depth::Short);
        origin::short(page, &findings.record.header);
        next::next(page, findings, false);
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        Full(self.0).json(to)
    }

    fn quiet(&self) -> Vec<String> {
        let verdict = |cell: &Cell| {
            // Without a candidate nothing is compared, so the verdict is the measurement's.
            let own = || cell.assessment.validity.name();
            let verdict = cell.verdict().map_or_else(own, |found| found.name());
            let candidate = cell.candidate.as_ref();
            let candidate = candidate.map_or_else(String::new, |name| format!(" {name}"));
            format!("{} {verdict}{candidate}", cell.scenario)
        };
        let run = [self.0.record.header.run.to_string()];
        let verdicts = self.0.cells.iter().map(verdict);
        run.into_iter().chain(verdicts).collect()
    }

    fn document(&self, tool: Tool) -> Option<String> {
        Some(match tool {
            Tool::Markdown => markdown::comment(self.0),
            Tool::Junit => junit::results(self.0),
        })
    }
}

impl Answer for Full<'_> {
    fn text(&self, page: &mut Page) {
        let Self(findings) = self;
        top(page, findings);
        for cell in &findings.cells {
            comparison(page, &findings.plan, cell, Depth::Full);
            if !cell.arms.is_empty() {
                for table in arms::all(cell).iter().chain([&arms::cold(cell)]) {
                    page.titled(&format!("{}: ", cell.title), table);
                }
            }
            page.titled(&format!("{}: ", cell.title), &checks::checks(cell));
        }
        layout_control(page, findings, Depth::Full);
        origin::full(page, &findings.record, &findings.plan);
        next::next(page, findings, true);
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.document(&json::document(self.0).map_err(io::Error::other)?)
    }

    fn quiet(&self) -> Vec<String> {
        Short(self.0).quiet()
    }
}

/// The run, the answers, and whether they can be trusted.
fn top(page: &mut Page, findings: &Findings) {
    title(page, findings);
    page.heading(&format!("Measurement: {}", findings.validity.name()));
    page.items(&findings.reasons);
    for cell in findings.judged_cells() {
        reasons(page, findings, cell);
    }
    let mut losses = findings.losses().peekable();
    if losses.peek().is_some() {
        page.heading("Lost during the run (never counted, never compared)");
        page.items(losses.map(|notice| loss(findings, notice)));
    }
    if findings.compared().next().is_some() {
        page.gap();
        page.say(&format!("Signs: {}", changes::SIGNS));
    }
}

/// The run, and one answer for each scenario.
pub(crate) fn title(page: &mut Page, findings: &Findings) {
    let header = &findings.record.header;
    let (plan, run, labels) = (&findings.plan.name, header.run, labelled(header));
    page.say(&format!("{plan} · run {run}{labels}"));
    if header.simulated {
        page.sentence(SIMULATED, 0, 0);
    }
    if let Some(said) = interim::interim(findings) {
        page.say(&said);
    }
    page.gap();
    for cell in &findings.cells {
        page.say(&verdicts::headline(cell));
    }
}

fn reasons(page: &mut Page, findings: &Findings, cell: &Cell) {
    let (word, whole) = (cell.assessment.validity.name(), findings.validity.name());
    // The heading has said it, unless this scenario is better than the run as a whole.
    let title = &cell.title;
    let before = match word == whole {
        true => format!("{title}: "),
        false => format!("{title}: {word}: "),
    };
    list(page, &before, doubts(cell));
    list(page, &format!("{title}: note: "), &worth_a_line(cell));
    let failures = servers::failures(cell);
    page.items(failures.iter().map(|one| format!("{title}: {one}")));
}

/// Reasons of one severity, with advice after each kind.
fn list(page: &mut Page, before: &str, findings: &[Finding]) {
    for kind in alike(findings).chunk_by(|a, b| a.worst.reason.code() == b.worst.reason.code()) {
        page.items(kind.iter().map(|one| format!("{before}{one}")));
        let last = &kind[kind.len() - 1].worst;
        page.sentence(&format!("→ {}", last.reason.advice()), 4, 6);
    }
}

/// The comparison of one scenario, its control, and footnotes on single measures.
fn comparison(page: &mut Page, plan: &Plan, cell: &Cell, depth: Depth) {
    if cell.candidate.is_none() {
        return;
    }
    let shown: Vec<&MetricComparison> = depth.of(cell);
    let (done, planned) = cell.rounds;
    let (scenario, _) = schedule::of_cell(plan, cell.index);
    let offered = load::offered(&plan.scenarios[scenario], cell.sent.as_ref());
    page.heading(&format!(
        "{offered}; {done} of {planned} rounds{}",
        of_windows(plan)
    ));
    for change in load::changes(cell.sent.as_ref()) {
        page.sentence(&change, 2, 4);
    }
    page.table(&effects(cell, &shown));
    page.captioned(&control(cell, &shown));
    if depth == Depth::Full {
        let tables = places::places(cell);
        tables.iter().for_each(|table| page.captioned(table));
    }
    page.notes(&footnotes(&plan.validity.thresholds(), cell, &shown));
}

/// The layout control, if the run has one.
pub(crate) fn layout_control(page: &mut Page, findings: &Findings, depth: Depth) {
    let Some(control) = &findings.layout else {
        return;
    };
    page.heading(&layouts::title(control));
    page.items(layouts::each(control));
    if depth == Depth::Full {
        let tables = layout_tables::layouts(control);
        tables.iter().for_each(|table| page.captioned(table));
    }
    page.items(layouts::left_out(control));
}
