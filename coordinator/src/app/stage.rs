//! Where a measurement is carried out: how its progress is shown, and what stops it. A command shows
//! it on the terminal; a server passes it on to its clients.

use std::sync::Arc;

use super::execute::{FleetTarget, on_fleet};
use super::forecast::Forecast;
use crate::dispatch::event::Ending;
use crate::dispatch::job::Job;
use crate::dispatch::journal::Journal;
use crate::error::ExecuteError;
use crate::report::Reporter;

/// Carries out jobs.
pub(super) trait Stage {
    /// Carries out a job and returns its ending. Blocks. The forecast is for people who wait.
    ///
    /// # Errors
    /// When it could not begin, or the store failed.
    fn carry_out(
        &mut self,
        job: Job,
        target: &FleetTarget,
        journal: Arc<dyn Journal>,
        forecast: Option<Forecast>,
    ) -> Result<Ending, ExecuteError>;
}

impl Stage for Reporter<'_> {
    fn carry_out(
        &mut self,
        job: Job,
        target: &FleetTarget,
        journal: Arc<dyn Journal>,
        forecast: Option<Forecast>,
    ) -> Result<Ending, ExecuteError> {
        let mut progress = self.progress(&job.orders.plan);
        if let Some(Forecast { run, takes }) = forecast {
            progress.forecast(takes, &run);
        }
        let ending = on_fleet(job, target, journal, &mut |event| progress.show(&event));
        progress.finish();
        ending
    }
}
