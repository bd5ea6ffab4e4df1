//! Json.

use std::io;

use super::progress::{Lines, Steps};
use super::{BuildSteps, Progress, Reporter, Streams};
use crate::build;
use crate::compare::Findings;
use crate::doctor::Check;
use crate::plan::Plan;
use crate::store::{Rebuilt, RunRecord, RunSummary, Verified};

pub(super) struct Json<'a> {
    pub(super) streams: Streams<'a>,
}

impl Reporter for Json<'_> {
    fn findings(&mut self, findings: &Findings) -> io::Result<()> {
        writeln!(self.streams.out, "{:#?}", (&findings.cells, &findings.validity, &findings.reasons))
    }
    fn full(&mut self, findings: &Findings) -> io::Result<()> {
        self.findings(findings)
    }
    fn runs(&mut self, runs: &[RunSummary]) -> io::Result<()> {
        writeln!(self.streams.out, "{runs:#?}")
    }
    fn shown(&mut self, record: &RunRecord) -> io::Result<()> {
        writeln!(self.streams.out, "{:#?}", record.header)
    }
    fn built(&mut self, outcome: &build::Outcome) -> io::Result<()> {
        writeln!(self.streams.out, "{:?}", outcome.done)
    }
    fn checks(&mut self, checks: &[Check]) -> io::Result<()> {
        writeln!(self.streams.out, "{checks:#?}")
    }
    fn plan(&mut self, plan: &Plan) -> io::Result<()> {
        writeln!(self.streams.out, "{plan:#?}")
    }
    fn verified(&mut self, verified: &Verified) -> io::Result<()> {
        writeln!(self.streams.out, "{verified:#?}")
    }
    fn rebuilt(&mut self, rebuilt: &Rebuilt) -> io::Result<()> {
        writeln!(self.streams.out, "{:?}", rebuilt.imported)
    }
    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.streams.out, "{text}")
    }
    fn progress(&mut self, plan: &Plan) -> Box<dyn Progress> {
        Box::new(Lines::new(plan))
    }
    fn build_progress(&mut self) -> Box<dyn BuildSteps> {
        Box::new(Steps)
    }
}

/// The summary kept with a run's end.
#[must_use]
pub fn summary_json(findings: &Findings) -> String {
    let cells: Vec<_> = findings
        .cells
        .iter()
        .map(|c| serde_json::json!({"scenario": c.scenario, "verdict": c.verdict().map(|v| v.name())}))
        .collect();
    serde_json::json!({ "cells": cells }).to_string()
}
