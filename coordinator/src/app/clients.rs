//! The commands that speak to a server: `submit`, `queue`, `cancel`, `watch`, `schedule`.

use std::path::PathBuf;

use super::control::{Client, Where};
use super::{App, ExitCode, capacity};
use crate::cli::{
    JobArgs, LineupArgs, QueueArgs, ScheduleAdd, ScheduleCommand, ServerArgs, SubmitArgs,
    SubmitCalibration, SubmitCommand, SubmitSearch,
};
use crate::error::{AppError, exit};
use crate::plan::{self, Overrides, Source};
use crate::report::answers;
use crate::schedule::Lineup;
use crate::serve::{JobView, Kind, Order};

pub(super) fn submit(app: &mut App<'_>, args: &SubmitArgs) -> Result<ExitCode, AppError> {
    let (order, server) = match &args.other {
        None => {
            let overrides = args.changes.overrides(&args.bench);
            let order = comparison(&args.plan.source(), &overrides, &args.lineup)?;
            (order, &args.server)
        }
        Some(SubmitCommand::Capacity(args)) => (search(args)?, &args.server),
        Some(SubmitCommand::Calibrate(args)) => (calibration(args)?, &args.server),
    };
    let job = client(app, server)?.submit(order)?;
    app.reporter.say(&answers::Submitted(&job))?;
    Ok(exit::OK)
}

/// A comparison, checked as far as it can be without the server's builds.
fn comparison(
    source: &Source,
    overrides: &Overrides,
    lineup: &LineupArgs,
) -> Result<Order, AppError> {
    let plan = plan::resolve(&absolute(source)?, overrides, fresh())?;
    let variants = lineup.names(&plan.engine.variants());
    let checked = Lineup::new(&variants, lineup.a_a)?;
    checked.has_sound_layouts()?;
    checked.fits(&plan)?;
    Ok(Order {
        kind: Kind::Run,
        plan_json: plan.to_json(),
        plan: plan.name,
        variants,
        a_a: lineup.a_a,
        fixed_seed: overrides.seed.is_some(),
    })
}

fn search(args: &SubmitSearch) -> Result<Order, AppError> {
    let source = absolute(&args.plan.source())?;
    let (plan, variants) = capacity::planned(
        &source,
        &args.objectives,
        &args.search,
        &args.bench.overrides(),
    )?;
    Lineup::new(&variants, args.search.a_a)?.fits(&plan)?;
    Ok(Order {
        kind: Kind::Capacity,
        plan_json: plan.to_json(),
        plan: plan.name,
        variants,
        a_a: args.search.a_a,
        fixed_seed: args.bench.seed.is_some(),
    })
}

fn calibration(args: &SubmitCalibration) -> Result<Order, AppError> {
    super::calibrate::all_used(&args.changes)?;
    let overrides = Overrides {
        to_the_end: true,
        ..args.changes.overrides(&args.bench)
    };
    let source = absolute(&args.plan.source())?;
    let plan = plan::resolve(&source, &overrides, fresh())?;
    let variants = vec![args.variant.clone()];
    Lineup::new(&variants, true)?.fits(&plan)?;
    Ok(Order {
        kind: Kind::Calibration {
            comparisons: args.aa.max(1),
        },
        plan_json: plan.to_json(),
        plan: plan.name,
        variants,
        a_a: true,
        fixed_seed: overrides.seed.is_some(),
    })
}

/// Files that a plan names are found relative to it, and the server's working directory is another.
fn absolute(source: &Source) -> Result<Source, AppError> {
    Ok(match source {
        Source::File(path) => Source::File(std::path::absolute(path).map_err(|source| {
            let path = path.clone();
            AppError::Io { path, source }
        })?),
        preset => preset.clone(),
    })
}

fn fresh() -> u64 {
    u64::from_le_bytes(super::entropy::entropy())
}

pub(super) fn queue(app: &mut App<'_>, args: &QueueArgs) -> Result<ExitCode, AppError> {
    let jobs = client(app, &args.server)?.list(!args.all)?;
    app.reporter.say(&answers::Queue(&jobs))?;
    Ok(exit::OK)
}

pub(super) fn cancel(app: &mut App<'_>, args: &JobArgs) -> Result<ExitCode, AppError> {
    let job = client(app, &args.server)?.cancel(args.job)?;
    app.reporter.say(&answers::Submitted(&job))?;
    Ok(exit::OK)
}

/// Follows a job to its end; exit code 0 only if it is done.
pub(super) fn watch(app: &mut App<'_>, args: &JobArgs) -> Result<ExitCode, AppError> {
    let mut client = client(app, &args.server)?;
    let reporter = &app.reporter;
    let job = client.watch(
        args.job,
        |job: &JobView| reporter.follow_job(job),
        |line: &str| reporter.follow_line(line),
    )?;
    app.reporter.say(&answers::Submitted(&job))?;
    Ok(if job.is_done() {
        exit::OK
    } else {
        exit::INCONCLUSIVE
    })
}

pub(super) fn schedule(app: &mut App<'_>, command: &ScheduleCommand) -> Result<ExitCode, AppError> {
    match command {
        ScheduleCommand::Add(args) => add_schedule(app, args)?,
        ScheduleCommand::Rm(args) => {
            client(app, &args.server)?.remove_schedule(&args.name)?;
            app.reporter.line(&args.name)?;
        }
        ScheduleCommand::List(args) => {
            let schedules = client(app, &args.server)?.schedules()?;
            app.reporter.say(&answers::Schedules(&schedules))?;
        }
    }
    Ok(exit::OK)
}

fn add_schedule(app: &mut App<'_>, args: &ScheduleAdd) -> Result<(), AppError> {
    let overrides = args.changes.overrides(&args.bench);
    let order = comparison(&args.plan.source(), &overrides, &args.lineup)?;
    let mut client = client(app, &args.server)?;
    let added = client.add_schedule(&args.name, &args.cron, &args.zone, order)?;
    app.reporter
        .say(&answers::Schedules(std::slice::from_ref(&added)))?;
    Ok(())
}

/// Has the server carry out the command of this process, which only reads.
pub(super) fn read(app: &mut App<'_>) -> Result<ExitCode, AppError> {
    let credentials = std::env::var_os("PGO_BENCH_CREDENTIALS").map(PathBuf::from);
    let mut client = client(app, &ServerArgs { credentials })?;
    // The server parses the same words.
    let words = std::env::args().skip(1).collect();
    let (output, code) = client.read(words, app.reporter.colours())?;
    app.reporter.bytes(&output)?;
    Ok(code)
}

fn client(app: &App<'_>, args: &ServerArgs) -> Result<Client, AppError> {
    Ok(Client::connect(&Where {
        server: app.server.as_deref(),
        credentials: args.credentials.as_deref(),
        store: &app.store_dir()?,
    })?)
}
