//! `run`: a new run or the rest of an interrupted one, then its findings.

use std::sync::{Arc, Mutex};

use contract::id::{Attempt, RunId};
use contract::run::{Notice, NoticeKind, RunEnd};

use super::execute::FleetTarget;
use super::fleet_target;
use super::forecast;
use super::prepare::{self, Prepared};
use super::search::{lineup, restored};
use super::stage::Stage;
use super::store_journal::StoreJournal;
use super::{App, ExitCode, interim, stored};
use crate::capacity::{CapacityError, CapacitySearch};
use crate::cli::{FleetArgs, RunArgs};
use crate::compare::Findings;
use crate::dispatch::driver::unix_ms;
use crate::dispatch::event::{Cause, Ending};
use crate::dispatch::job::{Job, RunIdentity};
use crate::error::AppError;
use crate::plan::{self, Overrides, Plan, Source, Stop};
use crate::report::answers;
use crate::schedule::{self, Block, Lineup};
use crate::store::{Store, StoreError};

/// Result of a run.
pub(super) struct Measured {
    /// What it found.
    pub findings: Findings,
    /// How it ended.
    pub ending: Ending,
}

/// Runs and shows the findings.
pub(super) fn run(app: &mut App<'_>, args: &RunArgs) -> Result<ExitCode, AppError> {
    if args.gate.gate && args.resume.is_none() && !args.lineup.compares() {
        return Err(AppError::NothingToGate);
    }
    let prepared = match &args.resume {
        Some(wanted) => resumed(&*app.store()?, wanted, &args.fleet)?,
        None => {
            let source = args
                .source()
                .expect("the command line asks for a plan, a preset or a run to resume");
            new(
                &source,
                &args.changes.overrides(&args.bench),
                &|plan| args.lineup.names(&plan.engine.variants()),
                args.lineup.a_a,
                Some(&args.fleet),
            )?
        }
    };
    if prepared.job.orders.plan.capacity.is_some() {
        let run = prepared.run.to_string();
        return Err(CapacityError::IsSearch { run }.into());
    }
    if let Some(warning) = &prepared.target.door.warning {
        app.reporter.warn(warning);
    }
    let store = app.store()?;
    let run = prepared.run;
    let measured = measured(&mut app.reporter, prepared, &store)?;
    app.reporter.say(&answers::Short(&measured.findings))?;
    keep(&store, run, &measured)?;
    super::verdict(&measured.findings, args.gate)
}

/// Runs a prepared job and derives its findings; [`keep`] must follow.
pub(super) fn measured(
    stage: &mut dyn Stage,
    prepared: Prepared,
    store: &Arc<Store>,
) -> Result<Measured, AppError> {
    let run = prepared.run;
    let ending = if prepared.job.script.blocks.is_empty() {
        let reason = interim::settled(store, run)?.unwrap_or_default();
        Ending {
            cause: Cause::Done,
            reason,
        }
    } else {
        carried_out(stage, prepared, store)?
    };
    if let Some(error) = cannot_be(store, run, &ending) {
        return Err(error);
    }
    Ok(Measured {
        findings: conclude(store, run, &ending)?,
        ending,
    })
}

/// Carries out the blocks of a prepared job.
pub(super) fn carried_out(
    stage: &mut dyn Stage,
    prepared: Prepared,
    store: &Arc<Store>,
) -> Result<Ending, AppError> {
    let plan = Arc::clone(&prepared.job.orders.plan);
    if let Some(first) = prepared
        .job
        .script
        .blocks
        .first()
        .filter(|_| prepared.job.header.is_none())
    {
        // Nothing is refused from here on, so only now is an earlier ending of the run withdrawn.
        let done = store.resume_run(prepared.run)?.blocks.len();
        store.put_notice(prepared.run, &taken_up(first, done))?;
    }
    let search = match (&plan.capacity, &prepared.job.header) {
        (None, _) => None,
        (Some(_), Some(header)) => Some(CapacitySearch::new(&plan, &lineup(header)?)?),
        (Some(_), None) => Some(restored(store, prepared.run)?),
    };
    let keeper = StoreJournal {
        store: Arc::clone(store),
        run: prepared.run,
        looks: plan.stop != Stop::AtEnd,
        search: search.map(Mutex::new),
    };
    let forecast = prepared
        .job
        .header
        .as_ref()
        .filter(|_| plan.capacity.is_none());
    let forecast = forecast.and_then(|header| {
        forecast::of(store, header, &plan.name, prepared.job.script.blocks.len())
    });
    let journal = Arc::new(keeper);
    Ok(stage.carry_out(prepared.job, &prepared.target, journal, forecast)?)
}

/// A run of the chosen variants, baseline first; on this host if no fleet is given.
pub(super) fn new(
    source: &Source,
    overrides: &Overrides,
    variants: &dyn Fn(&Plan) -> Vec<String>,
    a_a: bool,
    fleet: Option<&FleetArgs>,
) -> Result<Prepared, AppError> {
    let fresh = u64::from_le_bytes(super::entropy::entropy());
    let plan = plan::resolve(source, overrides, fresh)?;
    let variants = variants(&plan);
    of_plan(plan, &variants, a_a, fleet)
}

/// The same of a checked plan.
pub(super) fn of_plan(
    plan: Plan,
    variants: &[String],
    a_a: bool,
    fleet: Option<&FleetArgs>,
) -> Result<Prepared, AppError> {
    let lineup = Lineup::new(variants, a_a)?;
    lineup.has_sound_layouts()?;
    lineup.fits(&plan)?;
    let target = match fleet {
        Some(fleet) => fleet_target::of(fleet, &plan)?,
        None => FleetTarget::this_host(plan.slots, plan.timeouts.lease),
    };
    let model = prepare::model(&plan)?;
    let builds = prepare::builds(&plan, &lineup)?;
    prepare::new_run(plan, &lineup, builds, model, target)
}

/// The rest of a run: same plan, seed and builds; completed blocks are not run again.
pub(super) fn resumed(
    store: &Store,
    wanted: &str,
    fleet: &FleetArgs,
) -> Result<Prepared, AppError> {
    let run = store.find(wanted)?;
    let resume = store.progress(run)?;
    let header = &resume.header;
    let plan = Plan::from_json(&header.plan_json)?;
    let lineup = lineup(header)?;
    let model = prepare::model(&plan)?;
    let builds = prepare::builds(&plan, &lineup)?;
    for (now, then) in builds.records.iter().zip(&header.variants) {
        let hashes = [(then.sha256, now.sha256), (then.identity, now.identity)];
        if let Some((then, found)) = hashes.into_iter().find(|(then, now)| then != now) {
            return Err(AppError::OtherBuild {
                variant: now.name.clone(),
                then,
                now: found,
            });
        }
    }
    let mut blocks = match plan.capacity {
        None => schedule::remaining(schedule::blocks(&plan, &lineup), &resume.blocks),
        Some(_) => restored(store, run)?.next_block().into_iter().collect(),
    };
    if plan.stop != Stop::AtEnd && interim::settled(store, run)?.is_some() {
        blocks.clear();
    }
    let last = resume.next_attempts.values().map(|attempt| attempt.0).max();
    let target = fleet_target::of(fleet, &plan)?;
    let slots = target.all_slots();
    if slots != header.slots {
        return Err(AppError::OtherFleet {
            then: header.slots,
            now: slots,
        });
    }
    let job = prepare::job(
        run,
        plan,
        blocks,
        builds,
        model,
        Attempt(last.unwrap_or(1)),
        slots,
    );
    let identity = RunIdentity {
        model_digest: header.model_digest.clone(),
        model_sha256: header.model_sha256,
        first: None,
        hosts: header.hosts.clone(),
    };
    Ok(Prepared {
        run,
        job: Job {
            identity: Some(identity),
            ..job
        },
        target,
    })
}

/// The notice that a run was resumed.
fn taken_up(next: &Block, done: usize) -> Notice {
    Notice {
        unix_ms: unix_ms(),
        key: next.key(next.order[0]),
        attempt: Attempt::default(),
        kind: NoticeKind::Resumed,
        message: format!("resumed after {done} blocks"),
        workers: Some(0),
        host: None,
    }
}

/// The error of a run that ended before its first block was done and that would fail again.
pub(super) fn cannot_be(store: &Store, run: RunId, ending: &Ending) -> Option<AppError> {
    let measured = store
        .progress(run)
        .is_ok_and(|progress| !progress.blocks.is_empty());
    match &ending.cause {
        Cause::Worker(failure) if !measured => {
            // If part of the run is stored, it gets its ending; otherwise there is nothing to end.
            end(store, run, ending, String::new(), "{}".to_owned()).ok();
            Some(AppError::Worker(failure.clone()))
        }
        _ => None,
    }
}

/// Derives the findings for this ending.
fn conclude(store: &Store, run: RunId, ending: &Ending) -> Result<Findings, AppError> {
    let mut record = match store.read_outline(run) {
        Ok(record) => record,
        Err(StoreError::NoSuchRun { .. }) => return Err(never_began(ending)),
        Err(error) => return Err(error.into()),
    };
    record.end = Some(run_end(ending, String::new(), "{}".to_owned()));
    if record.addenda.floors.is_none() {
        record.addenda.floors = interim::fix_floors(store, &record)?;
    }
    stored::derived(store, record)
}

pub(super) fn never_began(ending: &Ending) -> AppError {
    let reason = ending.reason.clone();
    match ending.cause {
        Cause::User => AppError::StoppedAtOnce,
        Cause::Store => AppError::Kept { reason },
        _ => AppError::NeverBegan { reason },
    }
}

/// Writes the ending and stores the archive beside the database. The findings have been shown
/// before, so a store that fails now hides nothing.
pub(super) fn keep(store: &Store, run: RunId, measured: &Measured) -> Result<(), AppError> {
    let Measured { findings, ending } = measured;
    if ending.cause == Cause::Store {
        return Err(AppError::Kept {
            reason: ending.reason.clone(),
        });
    }
    let validity = findings.validity.name().to_owned();
    end(
        store,
        run,
        ending,
        validity,
        crate::report::summary_json(findings),
    )?;
    if ending.cause == Cause::Done {
        store.export(run)?;
    }
    Ok(())
}

/// Writes the ending of a search, and stores the archive beside the database.
pub(super) fn end_search(
    store: &Store,
    run: RunId,
    ending: &Ending,
    validity: &str,
    summary_json: String,
) -> Result<(), AppError> {
    if ending.cause == Cause::Store {
        return Err(AppError::Kept {
            reason: ending.reason.clone(),
        });
    }
    end(store, run, ending, validity.to_owned(), summary_json)?;
    if ending.cause == Cause::Done {
        store.export(run)?;
    }
    Ok(())
}

fn end(
    store: &Store,
    run: RunId,
    ending: &Ending,
    validity: String,
    summary_json: String,
) -> Result<(), AppError> {
    Ok(store.end_run(run, &run_end(ending, validity, summary_json))?)
}

fn run_end(ending: &Ending, validity: String, summary_json: String) -> RunEnd {
    let (state, reason) = (ending.state(), ending.reason.clone());
    RunEnd {
        unix_ms: unix_ms(),
        state,
        validity,
        summary_json,
        reason,
    }
}
