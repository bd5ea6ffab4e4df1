//! For people: verdict first, then tables, at most 80 columns. Changes in sentences have words,
//! columns have signs. Owns the order of the page; each part of it has a file of its own.

mod across;
mod calibration;
mod comparison;
mod explain;
pub(super) mod layouts;
mod listings;
mod load;
mod page;
mod places;
pub(in crate::report) mod provenance;
mod table;
mod trend;
mod validity;
mod verdict;
pub(super) mod views;
pub(super) mod words;

use std::io;

use contract::text;

pub(super) use across::{headline as across_headline, outlook as across_outlook};
pub(super) use comparison::control_word;
pub(super) use listings::{HOT, hot_line, profile_line};
pub(super) use load::{changes, load};
pub(super) use places::notes;
pub(super) use provenance::labels;
pub(super) use validity::{doubts, loss, worst, worth_a_line};
pub(super) use verdict::{headline, outlook};
pub(super) use words::wait;

use comparison::Depth;
use page::Page;

use super::{BuildSteps, Form, Progress, Reporter, Streams, progress};
use crate::build;
use crate::compare::{Explanation, Findings};
use crate::doctor::Check;
use crate::history::{Across, AcrossLine, Calibration, Fate, Trend};
use crate::plan::{Ahead, Plan};
use crate::store::{Compacted, Rebuilt, RunRecord, RunSummary, Verified};

pub(super) struct Human<'a> {
    pub(super) streams: Streams<'a>,
    /// Writes comparisons in place of the page.
    pub(super) document: Option<Form>,
}

impl Human<'_> {
    fn page(&mut self, write: impl FnOnce(&mut Page)) -> io::Result<()> {
        let mut page = Page::new(self.streams.colour);
        write(&mut page);
        self.streams.out.write_all(page.finish().as_bytes())
    }

    /// A document of a form that has no page.
    fn whole(&mut self, document: &str) -> io::Result<()> {
        self.streams
            .out
            .write_all(text::block(document, usize::MAX).as_bytes())
    }
}

/// What `run` and `compare` show.
fn short(page: &mut Page, findings: &Findings) {
    provenance::title(page, findings);
    verdict::headlines(page, &findings.cells);
    validity::print(page, findings);
    validity::losses(page, findings);
    signs(page, findings);
    findings
        .cells
        .iter()
        .for_each(|cell| comparison::print(page, &findings.plan, cell, Depth::Short));
    layouts::print(page, findings, Depth::Short);
    provenance::short(page, findings);
    provenance::next(page, findings, false);
}

/// What the signs in the tables mean, once for all of them.
fn signs(page: &mut Page, findings: &Findings) {
    if findings.cells.iter().any(|cell| cell.candidate.is_some()) {
        page.gap();
        page.sentence(&format!("Signs: {}", words::SIGNS), 0, 2);
    }
}

/// What `report` shows.
fn full(page: &mut Page, findings: &Findings) {
    provenance::title(page, findings);
    verdict::headlines(page, &findings.cells);
    validity::print(page, findings);
    validity::losses(page, findings);
    signs(page, findings);
    for cell in &findings.cells {
        comparison::print(page, &findings.plan, cell, Depth::Full);
        views::print(page, cell);
        validity::checks(page, cell);
    }
    layouts::print(page, findings, Depth::Full);
    provenance::full(page, &findings.record.header, &findings.plan);
    provenance::next(page, findings, true);
}

impl Reporter for Human<'_> {
    fn findings(&mut self, findings: &Findings) -> io::Result<()> {
        if let Some(form) = &self.document {
            return self.whole(&(form.run)(findings));
        }
        self.page(|page| short(page, findings))
    }

    fn explained(
        &mut self,
        findings: &Findings,
        explanations: &[Explanation<'_>],
    ) -> io::Result<()> {
        self.page(|page| {
            provenance::title(page, findings);
            verdict::headlines(page, &findings.cells);
            explanations
                .iter()
                .for_each(|explanation| explain::print(page, explanation));
            // Of layouts alone there is no answer to lay open, only their spread.
            if explanations.is_empty() {
                layouts::print(page, findings, Depth::Full);
            }
        })
    }

    fn full(&mut self, findings: &Findings) -> io::Result<()> {
        self.page(|page| full(page, findings))
    }

    fn across(&mut self, across: &Across) -> io::Result<()> {
        if let Some(form) = &self.document {
            return self.whole(&(form.across)(across));
        }
        self.page(|page| across::print(page, across))
    }

    fn across_explained(&mut self, across: &Across, lines: &[&AcrossLine]) -> io::Result<()> {
        self.page(|page| across::explain(page, across, lines))
    }

    fn calibrated(&mut self, calibration: &Calibration) -> io::Result<()> {
        self.page(|page| calibration::print(page, calibration))
    }

    fn trend(&mut self, trend: &Trend) -> io::Result<()> {
        self.page(|page| trend::print(page, trend))
    }

    fn runs(&mut self, runs: &[RunSummary]) -> io::Result<()> {
        self.page(|page| listings::runs(page, runs))
    }

    fn shown(&mut self, record: &RunRecord, summary: &RunSummary) -> io::Result<()> {
        self.page(|page| listings::shown(page, record, summary))
    }

    fn built(&mut self, outcomes: &[build::Outcome]) -> io::Result<()> {
        self.page(|page| listings::built(page, outcomes))
    }

    fn checks(&mut self, checks: &[Check]) -> io::Result<()> {
        self.page(|page| listings::checks(page, checks))
    }

    fn plan(&mut self, plan: &Plan, ahead: &[Ahead]) -> io::Result<()> {
        self.page(|page| load::plan(page, plan, ahead))
    }

    fn verified(&mut self, verified: &Verified) -> io::Result<()> {
        self.page(|page| listings::verified(page, verified))
    }

    fn rebuilt(&mut self, rebuilt: &Rebuilt) -> io::Result<()> {
        self.page(|page| listings::rebuilt(page, rebuilt))
    }

    fn pruned(&mut self, runs: &[RunSummary], fates: &[Fate], gone: bool) -> io::Result<()> {
        self.page(|page| listings::pruned(page, runs, fates, gone))
    }

    fn compacted(&mut self, compacted: &Compacted) -> io::Result<()> {
        self.page(|page| listings::compacted(page, compacted))
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.streams.out, "{}", text::block(text, usize::MAX))
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.streams.out.write_all(bytes)
    }

    fn progress(&mut self, plan: &Plan) -> Box<dyn Progress> {
        progress::of_run(plan, &self.streams)
    }

    fn build_progress(&mut self) -> Box<dyn BuildSteps> {
        progress::of_build()
    }
}
