//! `capacity`: begins, resumes and shows a search, and plans machines from one.

use std::sync::Arc;

use contract::id::RunId;
use contract::spec::{Scenario, Shape};
use stats::capacity::{Demand, HostCapacity, Outcome, machines};

use super::prepare::Prepared;
use super::search::restored;
use super::stage::Stage;
use super::{App, ExitCode, run};
use crate::capacity::CapacityAnswer;
use crate::cli::{CapacityArgs, CapacityCommand, MachinesArgs, SearchArgs};
use crate::dispatch::event::Cause;
use crate::error::{AppError, exit};
use crate::plan::{self, CapacityPlan, Objective, Plan, Source, WindowTimes};
use crate::report::answers;
use crate::store::Store;

/// Shown above every figure of a simulated run.
const SIMULATED: &str = "SIMULATED";
/// Each rung is this much above the one below.
const RATIO: f64 = 1.03;
/// The range is this much below and above the scenario's own rate.
const RANGE: f64 = 16.0;
/// Windows of a search at most, whatever its budget.
const MOST_WINDOWS: f64 = 10_000.0;
/// The rate of a scenario that has none.
const USUAL_RATE: f64 = 4.0;

pub(super) fn capacity(app: &mut App<'_>, args: &CapacityArgs) -> Result<ExitCode, AppError> {
    match (&args.plan_for, &args.resume, &args.show) {
        (Some(CapacityCommand::Plan(args)), ..) => plan_machines(app, args),
        (None, _, Some(wanted)) => {
            let store = app.reading()?;
            let run = store.find(wanted)?;
            say(app, &found(&store, run)?)
        }
        (None, Some(wanted), None) => {
            let prepared = run::resumed(&*app.store()?, wanted, &args.fleet)?;
            if prepared.job.orders.plan.capacity.is_none() {
                return Err(crate::capacity::CapacityError::NoSearch.into());
            }
            carried_out(app, prepared)
        }
        (None, None, None) => {
            let prepared = begun(args)?;
            carried_out(app, prepared)
        }
    }
}

/// Carries out the rest of a search and shows what it found.
pub(super) fn carried_out(app: &mut App<'_>, prepared: Prepared) -> Result<ExitCode, AppError> {
    if let Some(warning) = &prepared.target.door.warning {
        app.reporter.warn(warning);
    }
    let store = app.store()?;
    let (answer, cause) = searched(&mut app.reporter, prepared, &store)?;
    let code = say(app, &answer)?;
    // The search decided nothing if the run was stopped or failed.
    Ok(if cause == Cause::Done {
        code
    } else {
        exit::INCONCLUSIVE
    })
}

/// Carries out the rest of a search and stores its end. Returns what it found and how it ended.
pub(super) fn searched(
    stage: &mut dyn Stage,
    prepared: Prepared,
    store: &Arc<Store>,
) -> Result<(CapacityAnswer, Cause), AppError> {
    let run = prepared.run;
    if prepared.job.script.blocks.is_empty() {
        return Ok((found(store, run)?, Cause::Done));
    }
    let ending = run::carried_out(stage, prepared, store)?;
    if let Some(error) = run::cannot_be(store, run, &ending) {
        return Err(error);
    }
    let answer = match found(store, run) {
        Err(AppError::Store(crate::store::StoreError::NoSuchRun { .. })) => {
            return Err(run::never_began(&ending));
        }
        answer => answer?,
    };
    run::end_search(store, run, &ending, is_found(&answer))?;
    Ok((answer, ending.cause))
}

fn say(app: &mut App<'_>, answer: &CapacityAnswer) -> Result<ExitCode, AppError> {
    app.reporter.say(answer)?;
    Ok(if is_found(answer) {
        exit::OK
    } else {
        exit::INCONCLUSIVE
    })
}

pub(super) fn is_found(answer: &CapacityAnswer) -> bool {
    matches!(answer.outcome, Some(Outcome::Found { confirmation, .. }) if confirmation.holds())
}

fn begun(args: &CapacityArgs) -> Result<Prepared, AppError> {
    let (plan, variants) = planned(&args.source(), &args.objectives, &args.search)?;
    run::of_plan(plan, &variants, args.search.a_a, Some(&args.fleet))
}

/// The plan of a search, and its variants.
pub(super) fn planned(
    source: &Source,
    objectives: &[Objective],
    search: &SearchArgs,
) -> Result<(Plan, Vec<String>), AppError> {
    let fresh = u64::from_le_bytes(super::entropy::entropy());
    let plan = plan::resolve(source, &search.overrides(), fresh)?;
    let scenario = scenario(&plan, search.scenario.as_deref())?;
    let capacity = wanted(objectives, search, &scenario);
    let times = WindowTimes {
        run_in: search.run_in,
        window: search.window,
    };
    let variants = search.names(&plan.engine.variants());
    Ok((plan.searching(&scenario, capacity, times)?, variants))
}

/// The scenario whose requests are sent.
fn scenario(plan: &Plan, wanted: Option<&str>) -> Result<Scenario, AppError> {
    let names = || plan.scenarios.iter().map(|s| s.name.as_str());
    let found = match (wanted, &plan.scenarios[..]) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), all) => all.iter().find(|scenario| scenario.name == name),
    };
    found.cloned().ok_or_else(|| AppError::WhichScenario {
        known: names().collect::<Vec<_>>().join(", "),
    })
}

fn wanted(objectives: &[Objective], search: &SearchArgs, scenario: &Scenario) -> CapacityPlan {
    let own = match scenario.shape {
        Shape::Constant { rate } | Shape::Poisson { rate } | Shape::Gamma { rate, .. } => rate,
        _ => USUAL_RATE,
    };
    let (lowest, highest) = search.rates.unwrap_or((own / RANGE, own * RANGE));
    let each = (search.run_in + search.window).as_secs_f64();
    CapacityPlan {
        objectives: objectives.to_vec(),
        levels: search.levels(),
        lowest,
        highest,
        ratio: RATIO,
        precision: search.precision,
        windows: (search.budget.as_secs_f64() / each)
            .floor()
            .clamp(1.0, MOST_WINDOWS) as u32,
    }
}

fn found(store: &Arc<Store>, run: RunId) -> Result<CapacityAnswer, AppError> {
    let header = store.header(run)?;
    let simulated = header.simulated.then(|| SIMULATED.to_owned());
    let labels = simulated.into_iter().chain(header.labels).collect();
    Ok(restored(store, run)?.answer(run.to_string(), labels))
}

fn plan_machines(app: &mut App<'_>, args: &MachinesArgs) -> Result<ExitCode, AppError> {
    let store = app.reading()?;
    let run = store.find(&args.run)?;
    let answer = found(&store, run)?;
    let refused = |outcome| AppError::NoCapacity {
        run: args.run.clone(),
        outcome,
    };
    let estimate = match &answer.outcome {
        Some(Outcome::Found { estimate, .. }) if is_found(&answer) => estimate,
        Some(Outcome::Found { .. }) => return Err(refused("FOUND but not confirmed")),
        other => return Err(refused(other.as_ref().map_or("not over", Outcome::name))),
    };
    let hosts = store.header(run)?.hosts.len().max(1);
    let mean = estimate.baseline.centre.exp() / hosts as f64;
    // The half width is that of Student's t, so the normal value gives no error that is too small.
    let error = mean * estimate.baseline.half / 1.96;
    let host = HostCapacity {
        mean,
        error,
        spread: mean * args.spread,
        freedom: None,
    };
    let demand = Demand {
        rate: args.target,
        headroom: args.headroom,
        survive: args.survive,
    };
    let found = machines(host, demand).ok_or(AppError::NoMachines)?;
    app.reporter.say(&answers::MachinesPlanned {
        answer: &answer,
        host,
        demand,
        found,
        hosts,
        price: args.price,
    })?;
    Ok(exit::OK)
}
