//! Output of `runs list`, `runs show` and `runs prune`. Must not know findings.

use std::io;

use contract::id::TrialKey;
use serde_json::{Value, json};

use super::origin;
use crate::history::RetentionDecision;
use crate::plan::Plan;
use crate::report::phrases::provenance::labelled;
use crate::report::phrases::words::{count, date, listed};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::{Answer, json, tables};
use crate::schedule;
use crate::store::{RunRecord, RunSummary};

/// A list of runs, newest first.
pub struct Runs<'a>(pub &'a [RunSummary]);

/// How a run was made and how it ended. The record needs no parts.
pub struct Shown<'a>(pub &'a RunRecord, pub &'a RunSummary);

/// The runs that were, or would be, deleted.
pub struct Pruned<'a> {
    /// All runs.
    pub runs: &'a [RunSummary],
    /// The decision for each, in the same order.
    pub fates: &'a [RetentionDecision],
    /// Whether they have been deleted.
    pub gone: bool,
}

impl Answer for Runs<'_> {
    fn text(&self, page: &mut Page) {
        if self.0.is_empty() {
            let none =
                "No such run is stored: `coordinator run --preset demo --engine sim` makes one.";
            return page.sentence(none, 0, 0);
        }
        page.table(&tables::runs::runs(self.0));
        let said = |run: &RunSummary| Some(format!("{}  {}", run.run, said(run)?));
        page.notes(&self.0.iter().filter_map(said).collect::<Vec<_>>());
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("runs", self.0)
    }

    fn quiet(&self) -> Vec<String> {
        self.0.iter().map(|run| run.run.to_string()).collect()
    }
}

/// Tags and remarks of a run, if it has any.
fn said(run: &RunSummary) -> Option<String> {
    let tags = (!run.tags.is_empty()).then(|| format!("[{}]", run.tags.join(", ")));
    let note = (!run.note.is_empty()).then(|| run.note.clone());
    let expected = (!run.expected.is_empty()).then(|| format!("expected change: {}", run.expected));
    let all: Vec<String> = [tags, note, expected].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(" · "))
}

impl Answer for Shown<'_> {
    fn text(&self, page: &mut Page) {
        let Self(record, summary) = self;
        let header = &record.header;
        page.say(&format!("run {}{}", header.run, labelled(header)));
        let [done, parts] = [count(summary.blocks, "block"), count(summary.parts, "part")];
        let requests = count(summary.requests, "request");
        page.say(&format!("{done} done, {parts} accepted, {requests}"));
        page.say(&ended(record));
        match Plan::from_json(&header.plan_json) {
            Ok(plan) => origin::full(page, record, &plan),
            Err(error) => page.item(&format!("its plan cannot be read: {error}")),
        }
        notices(page, record);
        annotations(page, record);
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("run", json::making(self.0, self.1))
    }

    fn quiet(&self) -> Vec<String> {
        vec![self.0.header.run.to_string()]
    }
}

fn ended(record: &RunRecord) -> String {
    let Some(end) = &record.end else {
        let run = record.header.run;
        return format!("without an end: `coordinator run --resume {run}`");
    };
    let why = match end.reason.as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    let at = date(end.unix_ms);
    format!("{}{why} at {at} UTC: {}", end.state.name(), end.validity)
}

fn annotations(page: &mut Page, record: &RunRecord) {
    if record.addenda.annotations.is_empty() {
        return;
    }
    page.heading("Tags and remarks");
    for annotation in &record.addenda.annotations {
        let (at, kind) = (date(annotation.unix_ms), annotation.kind.name());
        page.item(&format!("{at} UTC, {kind}: {}", annotation.text));
    }
}

fn notices(page: &mut Page, record: &RunRecord) {
    if record.notices.is_empty() {
        return;
    }
    page.heading("Events of the run");
    let plan = Plan::from_json(&record.header.plan_json).ok();
    for notice in &record.notices {
        let kind = notice.kind.name().replace('_', " ");
        let place = place(record, plan.as_ref(), notice.key);
        let (attempt, message) = (notice.attempt.0, &notice.message);
        page.item(&format!("{place}, attempt {attempt}: {kind}: {message}"));
    }
    if !record.superseded.is_empty() {
        let parts = count(record.superseded.len() as u64, "part");
        page.item(&format!(
            "{parts} of attempts that were not accepted are stored but never used"
        ));
    }
}

/// A trial by the plan's names; with several candidates, including its candidate.
fn place(record: &RunRecord, plan: Option<&Plan>, key: TrialKey) -> String {
    let Some(plan) = plan else {
        return key.to_string();
    };
    let (scenario, candidate) = schedule::of_cell(plan, key.cell);
    let Some(scenario) = plan.scenarios.get(scenario) else {
        return key.to_string();
    };
    let candidates = record.header.variants.get(1..).unwrap_or_default();
    let of = match candidates.get(candidate) {
        Some(variant) if candidates.len() > 1 => format!(" ({})", variant.name),
        _ => String::new(),
    };
    let (name, round) = (&scenario.name, plan.round_of(key.round));
    format!("{name}{of}, {round}, arm {}", key.arm)
}

impl Pruned<'_> {
    fn going(&self) -> impl Iterator<Item = &RunSummary> {
        let goes = |(run, fate): (_, &RetentionDecision)| {
            (*fate == RetentionDecision::Goes).then_some(run)
        };
        self.runs.iter().zip(self.fates).filter_map(goes)
    }
}

impl Answer for Pruned<'_> {
    fn text(&self, page: &mut Page) {
        let of = |wanted: RetentionDecision| {
            self.fates.iter().filter(|fate| **fate == wanted).count() as u64
        };
        let going: Vec<&RunSummary> = self.going().collect();
        if !going.is_empty() {
            page.table(&tables::runs::going(&going));
            page.gap();
        }
        let why = [
            (RetentionDecision::Marked, "marked"),
            (RetentionDecision::Unfinished, "unfinished"),
            (RetentionDecision::Calibration, "with noise floors"),
            (RetentionDecision::Newest, "among the newest"),
            (RetentionDecision::Young, "young"),
        ];
        let why = why.into_iter().filter(|(fate, _)| of(*fate) > 0);
        let why = listed(why.map(|(fate, word)| format!("{} {word}", of(fate))));
        let stay = match why.is_empty() {
            true => String::new(),
            false => format!("; {why} stay"),
        };
        let went = count(going.len() as u64, "run");
        let sentence = match (going.len(), self.gone) {
            (0, _) => format!("No run is removed{stay}."),
            (_, true) => {
                format!("{went} removed{stay}. `coordinator runs compact` frees their space.")
            }
            (_, false) => {
                format!("{went} would be removed{stay}. Nothing was removed yet: add --yes.")
            }
        };
        page.say(&sentence);
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let one = |(run, fate): (&RunSummary, &RetentionDecision)| json!({ "run": run.run, "fate": fate.name() });
        let runs: Vec<Value> = self.runs.iter().zip(self.fates).map(one).collect();
        to.answer("pruned", json!({ "gone": self.gone, "runs": runs }))
    }

    fn quiet(&self) -> Vec<String> {
        self.going().map(|run| run.run.to_string()).collect()
    }
}
