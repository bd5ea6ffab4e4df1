//! `capacity`: begins, resumes, shows and compares searches.

use std::sync::Arc;

use contract::spec::{Scenario, Shape};
use stats::capacity::METHOD;
use stats::compare::Verdict;

use super::prepare::Prepared;
use super::search::found;
use super::stage::Stage;
use super::{App, ExitCode, run, stored};
use crate::capacity::CapacityAnswer;
use crate::cli::{CapacityArgs, CapacityCommand, Format, GateArgs, Inconclusive, SearchArgs};
use crate::dispatch::event::Cause;
use crate::error::{AppError, exit};
use crate::history::{self, RunHistory, RunMeans};
use crate::plan::{self, CapacityPlan, Objective, Overrides, Plan, Source, Varied, WindowTimes};
use crate::report::{self, answers, export};
use crate::store::Store;

/// Each rung is this much above the one below.
const RATIO: f64 = 1.03;
/// The range is this much below and above the scenario's own rate.
const RANGE: f64 = 16.0;
/// Windows of a search at most, whatever its budget.
const MOST_WINDOWS: f64 = 10_000.0;
/// The rate of a scenario that has none.
const USUAL_RATE: f64 = 4.0;

pub(super) fn capacity(app: &mut App<'_>, args: &CapacityArgs) -> Result<ExitCode, AppError> {
    if let Some(CapacityCommand::Plan(args)) = &args.plan_for {
        return super::machines::planned(app, args);
    }
    has_form(args)?;
    match (&args.resume, &args.show) {
        (_, Some(wanted)) if args.against.is_empty() => {
            let store = app.reading()?;
            let run = store.find(wanted)?;
            let answer = found(&store, run)?;
            if args.gate.gate && answer.candidate.is_none() {
                return Err(AppError::NothingToGate);
            }
            if let Some(path) = &args.html {
                stored::write_page(path, args.force, &report::capacity_page(&answer))?;
                app.reporter.line(&path.display().to_string())?;
                return Ok(code(&answer, args.gate));
            }
            say(app, &answer, args)
        }
        (_, Some(wanted)) => across(app, args, wanted),
        (Some(wanted), None) => {
            let prepared = run::resumed(&*app.store()?, wanted, &args.fleet)?;
            if prepared.job.orders.plan.capacity.is_none() {
                return Err(crate::capacity::CapacityError::NoSearch.into());
            }
            carried_out(app, prepared, args)
        }
        (None, None) => {
            let prepared = begun(args)?;
            carried_out(app, prepared, args)
        }
    }
}

/// Refuses a form that the answer does not have.
fn has_form(args: &CapacityArgs) -> Result<(), AppError> {
    let across = !args.against.is_empty();
    let fits = match args.output.format {
        Format::Csv | Format::OpenMetrics => !across && !args.explain,
        Format::Markdown | Format::Junit => across,
        _ => true,
    };
    fits.then_some(()).ok_or(AppError::NoSuchCapacityForm)
}

/// Carries out the rest of a search and shows what it found.
fn carried_out(
    app: &mut App<'_>,
    prepared: Prepared,
    args: &CapacityArgs,
) -> Result<ExitCode, AppError> {
    if let Some(warning) = &prepared.target.door.warning {
        app.reporter.warn(warning);
    }
    let store = app.store()?;
    let (answer, cause) = searched(&mut app.reporter, prepared, &store)?;
    let code = say(app, &answer, args)?;
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
    let plan = Arc::clone(&prepared.job.orders.plan);
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
    let history = RunHistory::of_search(&store.header(run)?, &plan, &answer);
    let summary = report::search_summary_json(&answer, history.as_ref());
    run::end_search(store, run, &ending, standing(&answer), summary)?;
    Ok((answer, ending.cause))
}

fn say(
    app: &mut App<'_>,
    answer: &CapacityAnswer,
    args: &CapacityArgs,
) -> Result<ExitCode, AppError> {
    match export::capacity(args.output.format, answer) {
        Some(text) => app.reporter.bytes(text.as_bytes())?,
        None if args.explain => app.reporter.say(&answers::CapacityExplained(answer))?,
        None => app.reporter.say(answer)?,
    }
    Ok(code(answer, args.gate))
}

/// The exit code of a search. A control that differs is INVALID even without a gate.
fn code(answer: &CapacityAnswer, gate: GateArgs) -> ExitCode {
    let verdict = answer.gain.as_ref().map(|gain| gain.verdict);
    let open_fails = gate.gate && gate.inconclusive == Inconclusive::Fail;
    match verdict {
        Some(Verdict::Invalid) => exit::INVALID,
        _ if !answer.is_found() => exit::INCONCLUSIVE,
        Some(Verdict::Slower) if gate.gate => exit::SLOWER,
        Some(Verdict::Undecided) | None if open_fails => exit::INCONCLUSIVE,
        _ => exit::OK,
    }
}

/// The validity that is recorded with a search.
pub(super) fn standing(answer: &CapacityAnswer) -> &'static str {
    match &answer.gain {
        Some(gain) if gain.verdict == Verdict::Invalid => "INVALID",
        _ if answer.is_found() => "VALID",
        _ => "INCONCLUSIVE",
    }
}

/// Compares the capacities of searches of different times.
fn across(app: &mut App<'_>, args: &CapacityArgs, shown: &str) -> Result<ExitCode, AppError> {
    let store = app.reading()?;
    let means = |wanted: &str| -> Result<RunMeans, AppError> {
        let run = store.find(wanted)?;
        let (header, answer) = (store.header(run)?, found(&store, run)?);
        let plan = Plan::from_json(&header.plan_json)?;
        RunMeans::of_search(&header, &plan, &answer).ok_or_else(|| AppError::NoCapacity {
            what: "compare capacities",
            run: wanted.to_owned(),
            outcome: answer.what_instead(),
        })
    };
    let new: Vec<_> = shown.split(',').map(means).collect::<Result<_, _>>()?;
    let old = args.against.iter().map(|run| means(run));
    let old: Vec<_> = old.collect::<Result<_, _>>()?;
    let found = history::across(&old, &new, args.unlike)?;
    app.reporter.say(&found)?;
    super::verdict_across(&found, args.gate)
}

fn begun(args: &CapacityArgs) -> Result<Prepared, AppError> {
    let overrides = args.bench.overrides();
    let (plan, variants) = planned(&args.source(), &args.objectives, &args.search, &overrides)?;
    if args.gate.gate && variants.len() < 2 && !args.search.a_a {
        return Err(AppError::NothingToGate);
    }
    run::of_plan(plan, &variants, args.search.a_a, Some(&args.fleet))
}

/// The plan of a search, and its variants.
pub(super) fn planned(
    source: &Source,
    objectives: &[Objective],
    search: &SearchArgs,
    overrides: &Overrides,
) -> Result<(Plan, Vec<String>), AppError> {
    let fresh = u64::from_le_bytes(super::entropy::entropy());
    let plan = plan::resolve(source, overrides, fresh)?;
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
pub(super) fn scenario(plan: &Plan, wanted: Option<&str>) -> Result<Scenario, AppError> {
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
    let (varied, (lowest, highest)) = match search.concurrency {
        Some((fewest, most)) => (Varied::Concurrency, (fewest.into(), most.into())),
        None => {
            let range = (own / RANGE, own * RANGE);
            (Varied::Rate, search.rates.unwrap_or(range))
        }
    };
    let each = (search.run_in + search.window).as_secs_f64();
    let most = search.concurrency.map_or(u32::MAX, |(_, most)| most);
    let levels = search.levels().into_iter().filter(|level| *level <= most);
    CapacityPlan {
        method: METHOD,
        varied,
        objectives: objectives.to_vec(),
        levels: levels.collect(),
        lowest,
        highest,
        ratio: RATIO,
        precision: search.precision,
        windows: (search.budget.as_secs_f64() / each)
            .floor()
            .clamp(1.0, MOST_WINDOWS) as u32,
    }
}
