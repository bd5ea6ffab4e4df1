//! `soak`: holds a load for hours, and says what changed meanwhile.

use std::sync::Arc;

use contract::id::RunId;

use super::capacity::scenario;
use super::prepare::Prepared;
use super::search::{found, labels};
use super::{App, ExitCode, run};
use crate::cli::SoakArgs;
use crate::dispatch::event::Cause;
use crate::error::{AppError, exit};
use crate::plan::{self, Plan, Varied, WindowTimes};
use crate::soak::{SoakAnswer, SoakReader};
use crate::store::Store;

pub(super) fn soak(app: &mut App<'_>, args: &SoakArgs) -> Result<ExitCode, AppError> {
    if let Some(wanted) = &args.show {
        let store = app.reading()?;
        let run = store.find(wanted)?;
        return say(app, &answer(&store, run)?);
    }
    let store = app.store()?;
    let prepared = match &args.resume {
        Some(wanted) => {
            let prepared = run::resumed(&store, wanted, &args.fleet)?;
            if !prepared.job.orders.plan.soaks() {
                return Err(AppError::NoSoak);
            }
            prepared
        }
        None => begun(&store, args)?,
    };
    carried_out(app, &store, prepared)
}

fn carried_out(
    app: &mut App<'_>,
    store: &Arc<Store>,
    prepared: Prepared,
) -> Result<ExitCode, AppError> {
    if let Some(warning) = &prepared.target.door.warning {
        app.reporter.warn(warning);
    }
    let run = prepared.run;
    if prepared.job.script.blocks.is_empty() {
        return say(app, &answer(store, run)?);
    }
    let ending = run::carried_out(&mut app.reporter, prepared, store)?;
    if let Some(error) = run::cannot_be(store, run, &ending) {
        return Err(error);
    }
    let answer = match answer(store, run) {
        Err(AppError::Store(crate::store::StoreError::NoSuchRun { .. })) => {
            return Err(run::never_began(&ending));
        }
        answer => answer?,
    };
    let validity = if code(&answer) == exit::OK {
        "VALID"
    } else {
        "INCONCLUSIVE"
    };
    run::end_search(store, run, &ending, validity, "{}".to_owned())?;
    let code = say(app, &answer)?;
    Ok(if ending.cause == Cause::Done {
        code
    } else {
        exit::INCONCLUSIVE
    })
}

fn say(app: &mut App<'_>, answer: &SoakAnswer) -> Result<ExitCode, AppError> {
    app.reporter.say(answer)?;
    Ok(code(answer))
}

/// A soak that found something, or too little of it, is no success.
fn code(answer: &SoakAnswer) -> ExitCode {
    match (answer.is_clean(), answer.is_whole()) {
        (false, _) => exit::SLOWER,
        (true, false) => exit::INCONCLUSIVE,
        (true, true) => exit::OK,
    }
}

fn begun(store: &Store, args: &SoakArgs) -> Result<Prepared, AppError> {
    let fresh = u64::from_le_bytes(super::entropy::entropy());
    let plan = plan::resolve(&args.source(), &args.bench.overrides(), fresh)?;
    let load = &args.load;
    let scenario = scenario(&plan, load.scenario.as_deref())?;
    let rate = match load.rate {
        Some(rate) => rate,
        None => load.share * capacity(store, &load.of)?,
    };
    let variant = load.variant.clone().unwrap_or_else(|| {
        let of_plan = plan.engine.variants();
        (*of_plan.first().unwrap_or(&"baseline")).to_owned()
    });
    let times = WindowTimes {
        run_in: load.run_in,
        window: load.interval,
    };
    let plan = plan.soaking(&scenario, rate, load.intervals(), times)?;
    run::of_plan(plan, &[variant], false, Some(&args.fleet))
}

/// The capacity that a search found, requests a second.
fn capacity(store: &Store, wanted: &str) -> Result<f64, AppError> {
    let answer = found(store, store.find(wanted)?)?;
    if answer.capacity.varied == Varied::Concurrency {
        return Err(AppError::NoRate {
            what: "soak",
            run: wanted.to_owned(),
        });
    }
    let estimate = answer.confirmed().ok_or_else(|| AppError::NoCapacity {
        what: "soak",
        run: wanted.to_owned(),
        outcome: answer.what_instead(),
    })?;
    Ok(estimate.baseline.centre.exp())
}

fn answer(store: &Store, run: RunId) -> Result<SoakAnswer, AppError> {
    let progress = store.progress(run)?;
    let plan = Plan::from_json(&progress.header.plan_json)?;
    if !plan.soaks() {
        return Err(AppError::NoSoak);
    }
    let mut reader = SoakReader::default();
    store.visit_parts(run, |part| reader.take(&part))?;
    let variant = progress.header.variants.first();
    let variant = variant.map_or_else(String::new, |variant| variant.name.clone());
    reader
        .answer(
            run.to_string(),
            labels(&progress.header),
            variant,
            &plan,
            &progress.blocks,
        )
        .ok_or(AppError::NoSoak)
}
