//! For programs: one JSON document a command, the run's with a published schema. Owns the other
//! documents, which are small; [`super::document`] owns the run's shape and [`convert`] fills it.

mod convert;
mod explain;
mod history;

use std::io;

use contract::run::RunState;
use contract::text;
use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Value, json};

use super::document::SCHEMA_VERSION;
use super::{BuildSteps, Progress, Reporter, Streams, progress};
use crate::build;
use crate::compare::{Explanation, Findings};
use crate::doctor::{Check, State};
use crate::history::{Across, AcrossLine, Calibration, Digest, Fate, Trend};
use crate::plan::{Ahead, Plan};
use crate::store::{Brought, Compacted, Lost, Rebuilt, RunRecord, RunSummary, Verified};

pub use convert::document;

pub(super) struct Json<'a> {
    pub(super) streams: Streams<'a>,
}

impl Json<'_> {
    fn print(&mut self, document: &impl Serialize) -> io::Result<()> {
        let mut writer = serde_json::Serializer::with_formatter(&mut *self.streams.out, Harmless);
        document.serialize(&mut writer)?;
        writeln!(self.streams.out)
    }

    /// A small document: version, kind and one field of that name.
    fn answer(&mut self, kind: &str, value: impl Serialize) -> io::Result<()> {
        self.print(&json!({ "schema_version": SCHEMA_VERSION, "kind": kind, kind: value }))
    }
}

/// Compact, and nothing in a string is an order to a terminal that shows it.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        to: &mut W,
        text: &str,
    ) -> io::Result<()> {
        to.write_all(text::json(text).as_bytes())
    }
}

impl Reporter for Json<'_> {
    fn findings(&mut self, findings: &Findings) -> io::Result<()> {
        self.full(findings)
    }

    fn full(&mut self, findings: &Findings) -> io::Result<()> {
        let document = document(findings).map_err(io::Error::other)?;
        self.print(&document)
    }

    fn explained(
        &mut self,
        findings: &Findings,
        explanations: &[Explanation<'_>],
    ) -> io::Result<()> {
        let run = findings.record.header.run.to_string();
        let metrics: Vec<Value> = explanations.iter().map(explain::explanation).collect();
        self.answer(
            "explanation",
            json!({ "run": run, "look": convert::look(findings), "metrics": metrics }),
        )
    }

    fn across(&mut self, across: &Across) -> io::Result<()> {
        self.answer("across", history::across(across))
    }

    fn across_explained(&mut self, across: &Across, lines: &[&AcrossLine]) -> io::Result<()> {
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| history::across_line(line))
            .collect();
        let mut whole = history::across(across);
        whole["lines"] = lines.into();
        self.answer("across", whole)
    }

    fn calibrated(&mut self, calibration: &Calibration) -> io::Result<()> {
        self.answer("calibration", history::calibration(calibration))
    }

    fn trend(&mut self, trend: &Trend) -> io::Result<()> {
        self.answer("trend", history::trend(trend))
    }

    fn runs(&mut self, runs: &[RunSummary]) -> io::Result<()> {
        self.answer("runs", runs)
    }

    fn shown(&mut self, record: &RunRecord, summary: &RunSummary) -> io::Result<()> {
        let shown = convert::making(record, summary);
        self.answer("run", shown)
    }

    fn built(&mut self, outcomes: &[build::Outcome]) -> io::Result<()> {
        if let [outcome] = outcomes
            && outcome.revision.is_none()
        {
            let built = json!({ "done": outcome.done, "manifest": outcome.manifest });
            return self.answer("build", built);
        }
        let one = |outcome: &build::Outcome| {
            json!({
                "revision": outcome.revision,
                "done": outcome.done,
                "manifest": outcome.manifest,
            })
        };
        let revisions: Vec<Value> = outcomes.iter().map(one).collect();
        self.answer("build", json!({ "revisions": revisions }))
    }

    fn checks(&mut self, checks: &[Check]) -> io::Result<()> {
        self.answer("checks", checks.iter().map(check).collect::<Vec<_>>())
    }

    fn plan(&mut self, plan: &Plan, ahead: &[Ahead]) -> io::Result<()> {
        self.print(&json!({
            "schema_version": SCHEMA_VERSION,
            "kind": "plan",
            "plan": convert::plan(&plan.to_json()),
            "loads": convert::loads(plan, ahead),
        }))
    }

    fn verified(&mut self, verified: &Verified) -> io::Result<()> {
        let sound: Vec<String> = verified.sound.iter().map(ToString::to_string).collect();
        let damaged = |(run, error): &(contract::id::RunId, crate::store::StoreError)| json!({ "run": run.to_string(), "reason": error.to_string() });
        let damaged: Vec<Value> = verified.damaged.iter().map(damaged).collect();
        let file = |(path, error): &(std::path::PathBuf, crate::store::StoreError)| json!({ "path": path, "reason": error.to_string() });
        let files: Vec<Value> = verified.files.iter().map(file).collect();
        self.answer("verified", json!({ "sound": sound, "damaged": damaged, "damaged_files": files, "uncopied": verified.uncopied }))
    }

    fn rebuilt(&mut self, rebuilt: &Rebuilt) -> io::Result<()> {
        let imported: Vec<String> = rebuilt.runs().map(|run| run.to_string()).collect();
        let brought = |one: &Brought| {
            let from: Vec<&str> = one.from.iter().map(|source| source.name()).collect();
            json!({ "run": one.run.to_string(), "from": from, "lacks": one.lacks })
        };
        let brought: Vec<Value> = rebuilt.brought.iter().map(brought).collect();
        let lost =
            |one: &Lost| json!({ "run": one.run.to_string(), "reason": one.damage.to_string() });
        let lost: Vec<Value> = rebuilt.lost.iter().map(lost).collect();
        let (nameless, unaccounted) = (rebuilt.nameless, rebuilt.unaccounted);
        let refused = |(path, error): &(std::path::PathBuf, crate::store::StoreError)| json!({ "path": path, "reason": error.to_string() });
        let refused: Vec<Value> = rebuilt.refused.iter().map(refused).collect();
        self.answer(
            "rebuilt",
            json!({
                "imported": imported, "brought": brought, "lost": lost, "nameless_runs": nameless,
                "unaccounted_records": unaccounted, "refused": refused, "aside": rebuilt.aside
            }),
        )
    }

    fn pruned(&mut self, runs: &[RunSummary], fates: &[Fate], gone: bool) -> io::Result<()> {
        let one =
            |(run, fate): (&RunSummary, &Fate)| json!({ "run": run.run, "fate": fate.name() });
        let runs: Vec<Value> = runs.iter().zip(fates).map(one).collect();
        self.answer("pruned", json!({ "gone": gone, "runs": runs }))
    }

    fn compacted(&mut self, compacted: &Compacted) -> io::Result<()> {
        self.answer(
            "compacted",
            json!({ "before_bytes": compacted.before, "after_bytes": compacted.after }),
        )
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        self.answer("text", text)
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

fn check(check: &Check) -> Value {
    let state = match check.state {
        State::Found => "found",
        State::Missing => "missing",
        State::Warning => "warning",
    };
    json!({ "name": check.name, "state": state, "detail": check.detail, "remedy": check.remedy })
}

/// The summary kept with a run's end.
#[must_use]
pub fn summary_json(findings: &Findings) -> String {
    let cell = |cell: &crate::compare::Cell| {
        json!({
            "scenario": cell.scenario,
            "candidate": cell.candidate,
            "verdict": cell.verdict().map(stats::compare::Verdict::name),
        })
    };
    let cells: Vec<Value> = findings.cells.iter().map(cell).collect();
    let state = findings.state.map(RunState::name);
    let history = Digest::of(findings);
    json!({ "schema_version": SCHEMA_VERSION, "state": state, "cells": cells, "history": history })
        .to_string()
}
