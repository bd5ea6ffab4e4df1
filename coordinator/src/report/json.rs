//! Findings and histories as JSON documents. [`super::document`] owns the shape of a run's document
//! and [`convert`] fills it; the smaller shapes are here.

pub(crate) mod capacity;
mod convert;
pub(crate) mod explain;
pub(crate) mod history;

use contract::run::RunState;
use serde_json::{Value, json};
use stats::capacity::Gain;

use super::document::SCHEMA_VERSION;
use crate::capacity::CapacityAnswer;
use crate::compare::{Cell, Findings};
use crate::history::RunHistory;

pub use convert::document;
pub(crate) use convert::{loads, look, making, plan};

/// The summary stored with a search's end; only a capacity that was found has a history.
#[must_use]
pub fn search_summary_json(answer: &CapacityAnswer, history: Option<&RunHistory>) -> String {
    let Some(history) = history else {
        return "{}".to_owned();
    };
    let cell = |gain: &Gain| {
        json!({
            "scenario": "capacity",
            "candidate": answer.candidate,
            "verdict": gain.verdict.name(),
        })
    };
    let cells: Vec<Value> = answer.gain.iter().map(cell).collect();
    json!({ "schema_version": SCHEMA_VERSION, "cells": cells, "history": history }).to_string()
}

/// The summary stored with a run's end.
#[must_use]
pub fn summary_json(findings: &Findings) -> String {
    let cell = |cell: &Cell| {
        json!({
            "scenario": cell.scenario,
            "candidate": cell.candidate,
            "verdict": cell.verdict().map(stats::compare::Verdict::name),
        })
    };
    let cells: Vec<Value> = findings.cells.iter().map(cell).collect();
    let state = findings.state.map(RunState::name);
    let history = RunHistory::of(findings);
    json!({ "schema_version": SCHEMA_VERSION, "state": state, "cells": cells, "history": history })
        .to_string()
}
