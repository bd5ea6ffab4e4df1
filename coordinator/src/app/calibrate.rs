//! `calibrate`: compares a build with itself until there are enough comparisons, and keeps how far they strayed.

use stats::validity::Validity;

use super::history::digests;
use super::{App, Verdict, run};
use crate::cli::CalibrateArgs;
use crate::dispatch::driver::unix_ms;
use crate::dispatch::event::Cause;
use crate::error::{AppError, exit};
use crate::history::{self, Digest};

pub(super) fn calibrate(app: &mut App<'_>, args: &CalibrateArgs) -> Result<Verdict, AppError> {
    let store = app.store()?;
    loop {
        let source = args.source();
        let prepared = run::new(&source, &args.changes.overrides(), &args.variant, true, None)?;
        let id = prepared.run;
        let measured = run::measured(app, prepared, &store)?;
        run::keep(&store, id, &measured)?;
        if measured.ending.cause != Cause::Done {
            return Ok(exit::INCONCLUSIVE);
        }
        // Nothing can be learnt of a host on which measurements must not be believed, however often it is tried.
        if matches!(measured.findings.validity, Validity::Invalid(_)) {
            return app.show_findings(&measured.findings, exit::INVALID);
        }
        let last = Digest::of(&measured.findings);
        let calibration = history::calibration(&digests(&store)?, &last);
        if calibration.runs < args.aa {
            continue;
        }
        store.put_calibration(id, &calibration.floors(unix_ms()))?;
        // The archive beside the database is what a lost database is rebuilt from.
        store.export(id)?;
        app.reporter.calibrated(&calibration)?;
        return Ok(if calibration.is_sound() { exit::OK } else { exit::INVALID });
    }
}
