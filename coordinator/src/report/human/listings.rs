//! Short answers: lists of runs, a run's making, builds, prerequisites, the store's health. Must
//! not know findings.

use std::path::Path;

use contract::id::TrialKey;

use super::page::Page;
use super::provenance;
use super::table::{Table, cut};
use super::words::{bytes, count, date, percent};
use crate::build::{self, Manifest};
use crate::doctor::{Check, State};
use crate::history::Fate;
use crate::layout::Layout;
use crate::plan::Plan;
use crate::schedule;
use crate::store::{Brought, Compacted, Lost, Rebuilt, RunRecord, RunSummary, Verified};

/// Newest first.
pub(super) fn runs(page: &mut Page, runs: &[RunSummary]) {
    if runs.is_empty() {
        page.sentence(
            "No such run is stored: `coordinator run --preset demo --engine sim` makes one.",
            0,
            0,
        );
        return;
    }
    let mut table =
        Table::new(["run", "begun (UTC)", "plan", "variants", "measurement"]).left(&[1, 2, 3, 4]);
    for run in runs {
        let ended = run
            .end
            .as_ref()
            .map_or("unfinished", |end| match end.state.as_str() {
                "complete" => &end.validity,
                other => other,
            });
        let begun = date(run.run.unix_ms());
        let variants = cut(&run.variants.join(","), 14);
        table.row([
            run.run.to_string(),
            begun,
            cut(&run.plan, 10),
            variants,
            ended.to_owned(),
        ]);
    }
    table.print(page);
    let said: Vec<_> = runs
        .iter()
        .filter_map(|run| Some((run.run, said(run)?)))
        .collect();
    if !said.is_empty() {
        page.gap();
    }
    said.iter()
        .for_each(|(run, said)| page.sentence(&format!("{run}  {said}"), 2, 4));
}

/// Tags and remarks of a run, where it has any.
fn said(run: &RunSummary) -> Option<String> {
    let tags = (!run.tags.is_empty()).then(|| format!("[{}]", run.tags.join(", ")));
    let note = (!run.note.is_empty()).then(|| run.note.clone());
    let expected = (!run.expected.is_empty()).then(|| format!("expected change: {}", run.expected));
    let all: Vec<String> = [tags, note, expected].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(" · "))
}

/// How a run was made and what became of it.
pub(super) fn shown(page: &mut Page, record: &RunRecord, summary: &RunSummary) {
    let header = &record.header;
    let labels: String = provenance::labels(header)
        .iter()
        .map(|label| format!(" · {label}"))
        .collect();
    page.sentence(&format!("run {}{labels}", header.run), 0, 2);
    let [done, parts] = [count(summary.blocks, "block"), count(summary.parts, "part")];
    page.sentence(
        &format!(
            "{done} done, {parts} accepted, {}",
            count(summary.requests, "request")
        ),
        0,
        2,
    );
    match &record.end {
        Some(end) => {
            let why = if end.reason.is_empty() {
                String::new()
            } else {
                format!(" ({})", end.reason)
            };
            let ended = date(end.unix_ms);
            page.sentence(
                &format!("{}{why} at {ended} UTC: {}", end.state.name(), end.validity),
                0,
                2,
            );
        }
        None => page.sentence(
            &format!("without an end: `coordinator run --resume {}`", header.run),
            0,
            2,
        ),
    }
    match Plan::from_json(&header.plan_json) {
        Ok(plan) => provenance::full(page, header, &plan),
        Err(error) => page.item(&format!("its plan cannot be read: {error}")),
    }
    notices(page, record);
    annotations(page, record);
}

fn annotations(page: &mut Page, record: &RunRecord) {
    if record.addenda.annotations.is_empty() {
        return;
    }
    page.heading("Tags and remarks");
    for annotation in &record.addenda.annotations {
        let kind = annotation.kind.name();
        page.item(&format!(
            "{} UTC, {kind}: {}",
            date(annotation.unix_ms),
            annotation.text
        ));
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
        page.item(&format!(
            "{place}, attempt {}: {kind}: {}",
            notice.attempt.0, notice.message
        ));
    }
    if !record.superseded.is_empty() {
        let parts = count(record.superseded.len() as u64, "part");
        page.item(&format!(
            "{parts} of attempts that were not accepted are stored but never used"
        ));
    }
}

/// A trial in the plan's words; with several candidates, the one it belongs to.
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
    format!(
        "{}{of}, round {}, arm {}",
        scenario.name,
        key.round + 1,
        key.arm
    )
}

/// What builds left.
pub(super) fn built(page: &mut Page, outcomes: &[build::Outcome]) {
    for outcome in outcomes {
        if let Some(revision) = &outcome.revision {
            page.heading(&format!("Revision {revision}"));
        }
        source(page, outcome);
    }
    page.heading("Next");
    let names: Vec<(&str, String)> = outcomes
        .iter()
        .flat_map(|outcome| {
            let names = outcome.manifest.variants.keys();
            names.map(|name| (name.as_str(), outcome.full_name(name)))
        })
        .collect();
    let (layouts, built): (Vec<_>, Vec<_>) = names
        .into_iter()
        .partition(|(name, _)| Layout::named(name).is_some());
    let beside = if layouts.is_empty() {
        String::new()
    } else {
        format!(" --layout-arms {}", layouts.len())
    };
    let built: Vec<String> = built.into_iter().map(|(_, name)| name).collect();
    page.line(&format!(
        "  coordinator run --preset demo --variants {}{beside}",
        built.join(",")
    ));
}

/// What the build of one source left.
fn source(page: &mut Page, outcome: &build::Outcome) {
    let manifest = &outcome.manifest;
    if outcome.done.is_empty() {
        page.line("Everything is up to date.");
    } else {
        page.sentence(&format!("Done: {}.", outcome.done.join(", ")), 0, 2);
    }
    page.gap();
    variants(manifest).print(page);
    for (scope, profile) in &manifest.profiles {
        page.gap();
        let (sha, facts) = (short(&profile.sha256), profile_line(&profile.report));
        page.sentence(&format!("profile {sha} of scope {scope}: {facts}"), 2, 4);
        for hot in profile.report.hottest.iter().take(HOT) {
            page.sentence(&hot_line(hot), 4, 12);
        }
    }
    for (about, warning) in manifest
        .warnings
        .iter()
        .flat_map(|(about, all)| all.iter().map(move |w| (about, w)))
    {
        page.item(&format!("{about}: {warning}"));
    }
}

/// A function and its share of all counts.
pub(in crate::report) fn hot_line(hot: &build::HotFunction) -> String {
    format!("{:>5.1}\u{a0}%  {}", 100.0 * hot.share, hot.name)
}

fn variants(manifest: &Manifest) -> Table {
    let mut table =
        Table::new(["variant", "SHA-256", "code", "size", "built in", ""]).left(&[1, 2, 5]);
    for (name, variant) in manifest.variants.iter().chain(&manifest.controls) {
        let same = variant
            .identical_to
            .as_ref()
            .map(|other| format!("same code as {other}"));
        let shuffled = variant
            .layout_seed
            .map(|seed| format!("shuffled, seed {seed}"));
        let artifact = &variant.artifact;
        let (sha, text) = (
            short(&artifact.sha256).to_owned(),
            short(&artifact.text_sha256).to_owned(),
        );
        let took = super::words::wait(variant.build_seconds);
        table.row([
            name.clone(),
            sha,
            text,
            bytes(artifact.bytes as f64),
            took,
            same.or(shuffled).unwrap_or_default(),
        ]);
    }
    table
}

/// Functions of a profile that are named; `--output json` has more.
pub(in crate::report) const HOT: usize = 5;

fn short(hex: &str) -> &str {
    hex.get(..12).unwrap_or(hex)
}

/// A profile in one sentence.
pub(in crate::report) fn profile_line(report: &build::ProfileReport) -> String {
    let overlap = report.overlap_percent.map_or_else(String::new, |overlap| {
        format!(", its halves agree by {}", percent(overlap / 100.0))
    });
    let lost = match (report.missing, report.mismatched) {
        (0, 0) => String::new(),
        (missing, other) => {
            format!(", {missing} functions without a profile, {other} that changed since")
        }
    };
    format!(
        "{} of {} functions ran, {} counts from {}{overlap}{lost}",
        report.covered,
        report.functions,
        report.total_count,
        count(report.raw_files.into(), "raw profile")
    )
}

/// What the machine has and lacks, and what brings it.
pub(super) fn checks(page: &mut Page, checks: &[Check]) {
    for check in checks {
        let word = match check.state {
            State::Found => "found",
            State::Missing => "missing",
            State::Warning => "note",
        };
        page.entry(
            &format!("{word:\u{a0}<8}{}", check.name),
            &check.detail,
            0,
            23,
        );
        if let Some(remedy) = &check.remedy {
            page.sentence(&format!("→ {remedy}"), 23, 25);
        }
    }
    let of = |state| checks.iter().filter(|check| check.state == state).count() as u64;
    page.gap();
    page.line(&match (of(State::Missing), of(State::Warning)) {
        (0, 0) => "Nothing is missing.".to_owned(),
        (0, notes) => format!("{}, see above. Nothing is missing.", count(notes, "note")),
        (missing, _) => format!("{} missing.", count(missing, "prerequisite")),
    });
}

/// Which stored runs are sound.
pub(super) fn verified(page: &mut Page, verified: &Verified) {
    page.sentence(
        &format!(
            "{} sound, {} damaged.",
            verified.sound.len(),
            verified.damaged.len()
        ),
        0,
        2,
    );
    for (run, error) in &verified.damaged {
        page.item(&format!("{run}: failed to {error}"));
    }
    for (_, error) in &verified.files {
        page.item(&format!("failed to {error}"));
    }
    for run in &verified.uncopied {
        page.item(&format!("{run}: no complete copy beside the database"));
    }
    if !verified.files.is_empty() || !verified.uncopied.is_empty() {
        page.sentence(
            "`coordinator runs compact` makes new copies of the undamaged runs.",
            0,
            2,
        );
    }
}

/// What could be brought back.
pub(super) fn rebuilt(page: &mut Page, rebuilt: &Rebuilt) {
    page.sentence(&format!("{}.", brought_back(&rebuilt.brought)), 0, 2);
    if let Some(aside) = &rebuilt.aside {
        page.sentence(
            &format!("The old database was moved to {}", shown_path(aside)),
            0,
            2,
        );
    }
    for (path, error) in &rebuilt.refused {
        page.item(&format!(
            "{} is incomplete: failed to {error}",
            shown_path(path)
        ));
    }
    for Brought { run, lacks, .. } in rebuilt.brought.iter().filter(|brought| brought.lacks > 0) {
        let way = "the rest was restored without its end; `coordinator run --resume` measures what is missing";
        page.item(&format!(
            "{run}: {} lost; {way}",
            count(*lacks, "committed record")
        ));
    }
    for Lost { run, damage } in &rebuilt.lost {
        page.item(&format!("{run}: lost; {damage}"));
    }
    if rebuilt.nameless > 0 {
        let runs = count(rebuilt.nameless, "run");
        page.item(&format!(
            "{runs} lost: the old manifest counts them, and no source names them"
        ));
    }
    if rebuilt.unaccounted > 0 {
        let records = count(rebuilt.unaccounted, "committed record");
        page.item(&format!(
            "{records} lost: the old manifest counts them, and no source says of which run"
        ));
    }
}

/// How many runs came back, and from where.
fn brought_back(brought: &[Brought]) -> String {
    let mut from = std::collections::BTreeMap::<Vec<&str>, u64>::new();
    for one in brought {
        *from
            .entry(one.from.iter().map(|source| source.name()).collect())
            .or_default() += 1;
    }
    let runs = format!("{} brought back", count(brought.len() as u64, "run"));
    if from.is_empty() {
        return runs;
    }
    let from: Vec<_> = from
        .iter()
        .map(|(names, runs)| format!("{runs} from {}", names.join(" and ")))
        .collect();
    format!("{runs}: {}", from.join(", "))
}

/// Which runs went, or would go.
pub(super) fn pruned(page: &mut Page, runs: &[RunSummary], fates: &[Fate], gone: bool) {
    let of = |wanted: Fate| fates.iter().filter(|fate| **fate == wanted).count() as u64;
    let going: Vec<&RunSummary> = runs
        .iter()
        .zip(fates)
        .filter(|(_, fate)| **fate == Fate::Goes)
        .map(|(run, _)| run)
        .collect();
    if !going.is_empty() {
        let mut table = Table::new(["run", "begun (UTC)", "plan"]).left(&[1, 2]);
        going.iter().for_each(|run| {
            table.row([
                run.run.to_string(),
                date(run.run.unix_ms()),
                cut(&run.plan, 30),
            ]);
        });
        table.print(page);
        page.gap();
    }
    let why = [
        (Fate::Marked, "marked"),
        (Fate::Unfinished, "unfinished"),
        (Fate::Calibration, "with noise floors"),
        (Fate::Newest, "among the newest"),
        (Fate::Young, "young"),
    ];
    let why: Vec<String> = why
        .into_iter()
        .filter(|(fate, _)| of(*fate) > 0)
        .map(|(fate, word)| format!("{} {word}", of(fate)))
        .collect();
    let stay = if why.is_empty() {
        "none stays".to_owned()
    } else {
        format!("{} stay", why.join(", "))
    };
    let went = count(going.len() as u64, "run");
    let sentence = match (going.len(), gone) {
        (0, _) => format!("No run is removed: {stay}."),
        (_, true) => {
            format!("{went} removed; {stay}. `coordinator runs compact` frees their space.")
        }
        (_, false) => {
            format!("{went} would be removed; {stay}. Nothing was removed yet: add --yes.")
        }
    };
    page.sentence(&sentence, 0, 2);
}

/// How much smaller the database became.
pub(super) fn compacted(page: &mut Page, compacted: &Compacted) {
    let [before, after] = [compacted.before, compacted.after].map(|size| bytes(size as f64));
    page.sentence(
        &format!("The database takes {after} instead of {before}."),
        0,
        2,
    );
}

fn shown_path(path: &Path) -> String {
    path.display().to_string()
}
