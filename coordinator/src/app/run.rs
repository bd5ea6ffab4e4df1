//! `run`: a new run or the rest of an interrupted one, then its findings.

use std::sync::Arc;

use contract::id::{Attempt, RunId};
use contract::message::FailureKind;
use contract::run::{Notice, NoticeKind, RunEnd, RunState};

use super::execute::{Ground, on_this_host, sibling_worker};
use super::keep::Keeper;
use super::prepare::{self, Prepared, unix_ms};
use super::{App, Verdict};
use crate::cli::RunArgs;
use crate::compare::{self, Findings};
use crate::dispatch::event::Ending;
use crate::error::AppError;
use crate::plan::{self, Plan};
use crate::schedule::{self, Block, Lineup};
use crate::store::Store;

/// Carries a run out and shows what it found.
pub(super) fn run(app: &mut App<'_>, args: &RunArgs) -> Result<Verdict, AppError> {
    let prepared = match &args.resume {
        Some(wanted) => resumed(&*app.store()?, wanted)?,
        None => new(args)?,
    };
    let store = app.store()?;
    let run = prepared.run;
    let plan = Arc::clone(&prepared.job.orders.plan);
    let ground = Ground { agent: sibling_worker(), slots: plan.slots, lease: plan.timeouts.lease };
    let keeper = Keeper { store: Arc::clone(&store), run };
    let mut progress = app.reporter.progress(&plan);
    let ending = on_this_host(prepared.job, &ground, Arc::new(keeper), &mut |sight| progress.sight(&sight))?;
    progress.finish();
    let concluded = conclude(&store, run, &ending);
    if let Some(error) = cannot_be(&ending) {
        return Err(error);
    }
    let findings = concluded?;
    app.reporter.findings(&findings)?;
    Ok(super::verdict(&findings, args.gate))
}

fn new(args: &RunArgs) -> Result<Prepared, AppError> {
    let source = args.source().expect("the command line asks for a plan, a preset or a run to resume");
    let fresh = u64::from_le_bytes(super::entropy::entropy());
    let plan = plan::resolve(&source, &args.changes.overrides(), fresh)?;
    let lineup = Lineup::new(&args.lineup.names(), args.lineup.a_a)?;
    lineup.fits(&plan)?;
    let model = prepare::model(&plan)?;
    let builds = prepare::builds(&plan, &lineup)?;
    Ok(prepare::new_run(plan, &lineup, builds, model))
}

/// The rest of a run: the same plan, seed and builds; blocks that are done are not run again.
fn resumed(store: &Store, wanted: &str) -> Result<Prepared, AppError> {
    let run = store.find(wanted)?;
    let resume = store.resume_run(run)?;
    let header = &resume.header;
    let plan = Plan::from_json(&header.plan_json)?;
    let names: Vec<String> = header.variants.iter().map(|variant| variant.name.clone()).collect();
    let lineup = Lineup::new(&names, header.labels.iter().any(|label| label == Findings::A_A))?;
    let model = prepare::model(&plan)?;
    let builds = prepare::builds(&plan, &lineup)?;
    for (now, then) in builds.records.iter().zip(&header.variants) {
        if now.sha256 != then.sha256 {
            return Err(AppError::OtherBuild {
                variant: now.name.clone(),
                then: then.sha256,
                now: now.sha256,
            });
        }
    }
    let blocks = schedule::remaining(schedule::blocks(&plan, &lineup), &resume.blocks);
    if let Some(next) = blocks.first() {
        store.put_notice(run, &taken_up(next, resume.blocks.len()))?;
    }
    let last = resume.next_attempts.values().map(|attempt| attempt.0).max();
    let job = prepare::job(run, plan, blocks, builds.binaries, model, Attempt(last.unwrap_or(1)));
    Ok(Prepared { run, job })
}

/// What a reader must know of a run that was not made in one go.
fn taken_up(next: &Block, done: usize) -> Notice {
    Notice {
        unix_ms: unix_ms(),
        key: next.key(next.order[0]),
        attempt: Attempt::default(),
        kind: NoticeKind::Resumed,
        message: format!("taken up again after {done} blocks"),
    }
}

/// What ended the run before anything was measured and no second try can mend.
fn cannot_be(ending: &Ending) -> Option<AppError> {
    let failure = ending.failure.clone()?;
    let before = matches!(
        failure.kind,
        FailureKind::ModelNotFound | FailureKind::ModelInvalid | FailureKind::NotEnoughMemory
    );
    before.then_some(AppError::Worker(failure))
}

/// Writes the end, derives the findings, and keeps the archive beside the database.
fn conclude(store: &Store, run: RunId, ending: &Ending) -> Result<Findings, AppError> {
    let begun = store.find(run.as_str()).is_ok();
    if !begun {
        return Err(match ending.state {
            RunState::Stopped => AppError::StoppedAtOnce,
            _ => AppError::NeverBegan { reason: ending.reason.clone() },
        });
    }
    let mut end = RunEnd {
        unix_ms: unix_ms(),
        state: ending.state,
        validity: String::new(),
        summary_json: "{}".to_owned(),
        reason: ending.reason.clone(),
    };
    let mut record = store.read_run(run)?;
    record.end = Some(end.clone());
    let findings = compare::findings(record)?;
    end.validity = findings.validity.name().to_owned();
    end.summary_json = crate::report::summary_json(&findings);
    store.end_run(run, &end)?;
    if ending.state == RunState::Complete {
        store.export(run)?;
    }
    Ok(findings)
}
