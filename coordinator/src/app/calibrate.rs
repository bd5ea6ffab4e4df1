//! `calibrate`: compares a build with itself until there are enough comparisons, and stores the
//! noise floor.

use std::sync::Arc;

use stats::rng::Seed;
use stats::validity::Validity;

use super::history::digests;
use super::prepare::Prepared;
use super::stage::Stage;
use super::{App, ExitCode, run};
use crate::cli::{CalibrateArgs, Changes};
use crate::dispatch::driver::unix_ms;
use crate::dispatch::event::{Cause, Ending};
use crate::error::{AppError, exit};
use crate::history::{self, Calibration, RunHistory};
use crate::plan::{Overrides, Plan};
use crate::report::answers;
use crate::store::Store;

/// Windows of a round with `--components` unless others are asked for.
const WINDOWS: u32 = 4;

/// A host is given up after this many INVALID runs, if they are also the majority.
const MOST_INVALID: u64 = 3;

pub(super) fn calibrate(app: &mut App<'_>, args: &CalibrateArgs) -> Result<ExitCode, AppError> {
    all_used(&args.changes)?;
    if args.components {
        return components(app, args);
    }
    let store = app.store()?;
    let prepare = |made: u64| {
        let source = args.source();
        let flags = args.changes.overrides(&args.bench);
        // Repetitions with the same orders and requests would not be independent comparisons.
        let flags = Overrides {
            seed: flags.seed.map(|seed| seed_of(seed, made)),
            to_the_end: true,
            ..flags
        };
        run::new(&source, &flags, &|_| vec![args.variant.clone()], true, None)
    };
    Ok(
        match calibrated(&mut app.reporter, &store, args.aa, prepare)? {
            Calibrated::Stopped(_) => exit::INCONCLUSIVE,
            Calibrated::Doubtful(measured) => {
                app.reporter.say(&answers::Short(&measured.findings))?;
                exit::INVALID
            }
            Calibrated::Floors(calibration) => {
                app.reporter.say(&*calibration)?;
                if calibration.is_sound() {
                    exit::OK
                } else {
                    exit::INVALID
                }
            }
        },
    )
}

/// Refuses changes of a plan that a comparison of a build with itself would ignore.
///
/// # Errors
/// When there is one.
pub(super) fn all_used(changes: &Changes) -> Result<(), AppError> {
    let slowed = changes
        .handicap
        .filter(|share| *share > 0.0)
        .map(|_| "--handicap");
    let until = changes.until.map(|_| "--until");
    let budget = changes.budget.map(|_| "--budget");
    let unused: Vec<&str> = slowed.into_iter().chain(until).chain(budget).collect();
    super::all_used(&unused, || "a comparison of a build with itself".to_owned())
}

/// The seed of one of several comparisons.
pub(super) fn seed_of(seed: u64, comparison: u64) -> u64 {
    Seed(seed).child("calibrate").nth(comparison).0 & Plan::SEED_MAX
}

/// How a calibration ended.
pub(super) enum Calibrated {
    /// A comparison did not complete.
    Stopped(Box<Ending>),
    /// Most comparisons were INVALID; this is the last of them.
    Doubtful(Box<run::Measured>),
    /// There are enough comparisons, and their noise floors are stored.
    Floors(Box<Calibration>),
}

/// Compares a build with itself until the host class has `comparisons`, and stores the noise floors.
/// `prepare` is told how many comparisons were made before.
pub(super) fn calibrated(
    stage: &mut dyn Stage,
    store: &Arc<Store>,
    comparisons: u32,
    mut prepare: impl FnMut(u64) -> Result<Prepared, AppError>,
) -> Result<Calibrated, AppError> {
    let (mut made, mut invalid): (u64, u64) = (0, 0);
    loop {
        let prepared = prepare(made)?;
        let id = prepared.run;
        let measured = run::measured(stage, prepared, store)?;
        run::keep(store, id, &measured)?;
        if measured.ending.cause != Cause::Done {
            return Ok(Calibrated::Stopped(Box::new(measured.ending)));
        }
        let doubted = matches!(measured.findings.validity, Validity::Invalid(_));
        made += 1;
        invalid += u64::from(doubted);
        // A single disturbed run is left out and counted. A host on which most measurements are
        // invalid cannot be calibrated, however often it is tried.
        if invalid >= MOST_INVALID && 2 * invalid > made {
            return Ok(Calibrated::Doubtful(Box::new(measured)));
        }
        if doubted {
            continue;
        }
        let last = RunHistory::of(&measured.findings);
        let calibration = history::calibration(&digests(store)?, &last);
        if calibration.runs < comparisons {
            continue;
        }
        store.put_calibration(id, &calibration.floors(unix_ms()))?;
        return Ok(Calibrated::Floors(Box::new(calibration)));
    }
}

/// One run of several windows, and where its noise comes from.
fn components(app: &mut App<'_>, args: &CalibrateArgs) -> Result<ExitCode, AppError> {
    let flags = args.changes.overrides(&args.bench);
    let flags = Overrides {
        windows: flags.windows.or(Some(WINDOWS)),
        to_the_end: true,
        ..flags
    };
    let store = app.store()?;
    let variant = |_: &Plan| vec![args.variant.clone()];
    let prepared = run::new(&args.source(), &flags, &variant, true, None)?;
    let id = prepared.run;
    let measured = run::measured(&mut app.reporter, prepared, &store)?;
    run::keep(&store, id, &measured)?;
    if measured.ending.cause != Cause::Done {
        return Ok(exit::INCONCLUSIVE);
    }
    if matches!(measured.findings.validity, Validity::Invalid(_)) {
        app.reporter.say(&answers::Short(&measured.findings))?;
        return Ok(exit::INVALID);
    }
    super::noise(app, &measured.findings)
}
