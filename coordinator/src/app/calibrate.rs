//! `calibrate`: compares a build with itself until there are enough comparisons, and stores the
//! noise floor.

use stats::rng::Seed;
use stats::validity::Validity;

use super::history::digests;
use super::{App, ExitCode, run};
use crate::cli::CalibrateArgs;
use crate::dispatch::driver::unix_ms;
use crate::dispatch::event::Cause;
use crate::error::{AppError, exit};
use crate::history::{self, RunHistory};
use crate::plan::{Overrides, Plan};
use crate::report::answers;

/// Windows of a round with `--components` unless others are asked for.
const WINDOWS: u32 = 4;

/// A host is given up after this many INVALID runs, if they are also the majority.
const MOST_INVALID: u64 = 3;

pub(super) fn calibrate(app: &mut App<'_>, args: &CalibrateArgs) -> Result<ExitCode, AppError> {
    let slowed = args
        .changes
        .handicap
        .filter(|share| *share > 0.0)
        .map(|_| "--handicap");
    let until = args.changes.until.map(|_| "--until");
    let budget = args.changes.budget.map(|_| "--budget");
    let unused: Vec<&str> = slowed.into_iter().chain(until).chain(budget).collect();
    super::all_used(&unused, || "a comparison of a build with itself".to_owned())?;
    if args.components {
        return components(app, args);
    }
    let store = app.store()?;
    let (mut made, mut invalid): (u64, u64) = (0, 0);
    loop {
        let source = args.source();
        let flags = args.changes.overrides(&args.bench);
        let seed = flags
            .seed
            .map(|seed| Seed(seed).child("calibrate").nth(made).0 & Plan::SEED_MAX);
        // Repetitions with the same orders and requests would not be independent comparisons.
        let flags = Overrides {
            seed,
            to_the_end: true,
            ..flags
        };
        let prepared = run::new(&source, &flags, &|_| vec![args.variant.clone()], true, None)?;
        let id = prepared.run;
        let measured = run::measured(app, prepared, &store)?;
        run::keep(&store, id, &measured)?;
        if measured.ending.cause != Cause::Done {
            return Ok(exit::INCONCLUSIVE);
        }
        let doubted = matches!(measured.findings.validity, Validity::Invalid(_));
        made += 1;
        invalid += u64::from(doubted);
        // A single disturbed run is left out and counted. A host on which most measurements are
        // invalid cannot be calibrated, however often it is tried.
        if invalid >= MOST_INVALID && 2 * invalid > made {
            app.reporter.say(&answers::Short(&measured.findings))?;
            return Ok(exit::INVALID);
        }
        if doubted {
            continue;
        }
        let last = RunHistory::of(&measured.findings);
        let calibration = history::calibration(&digests(&store)?, &last);
        if calibration.runs < args.aa {
            continue;
        }
        store.put_calibration(id, &calibration.floors(unix_ms()))?;
        app.reporter.say(&calibration)?;
        return Ok(if calibration.is_sound() {
            exit::OK
        } else {
            exit::INVALID
        });
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
    let measured = run::measured(app, prepared, &store)?;
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
