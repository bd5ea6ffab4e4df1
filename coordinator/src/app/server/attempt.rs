//! One attempt of a job: a run is prepared or resumed, and carried out like any other. Owns the
//! translation between jobs and runs; must not know the queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use contract::id::RunId;
use tokio::sync::{mpsc, watch};

use super::super::calibrate::{self, Calibrated};
use super::super::entropy::entropy;
use super::super::execute::{FleetTarget, on_fleet_until};
use super::super::forecast::Forecast;
use super::super::prepare::Prepared;
use super::super::stage::Stage;
use super::super::{capacity, run};
use super::handle::Handle;
use super::observed::Observed;
use crate::cli::FleetArgs;
use crate::dispatch::event::{Cause, Ending};
use crate::dispatch::job::Job as RunJob;
use crate::dispatch::journal::Journal;
use crate::error::{AppError, ExecuteError};
use crate::plan::Plan;
use crate::report;
use crate::serve::{Event, Failure, Job, Kind, Outcome};
use crate::store::Store;

/// Everything that an attempt needs.
pub(super) struct Attempt {
    pub(super) job: Job,
    pub(super) store: Arc<Store>,
    pub(super) fleet: FleetArgs,
    pub(super) handle: Handle,
    /// Becomes true when it is to stop.
    pub(super) stop: watch::Receiver<bool>,
}

impl Attempt {
    /// Carries it out and reports how it ended. Blocks.
    pub(super) fn carry_out(mut self) {
        let (handle, job) = (self.handle.clone(), self.job.id);
        let tried = catch_unwind(AssertUnwindSafe(|| self.tried()));
        let outcome = match tried {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => outcome_of(&error),
            Err(_) => Outcome::Failed {
                failure: Failure::Died,
                reason: "the attempt panicked; report that as a bug".to_owned(),
            },
        };
        // Without a desk the server is ending, and the next start sees a lease that is void.
        drop(handle.tell_blocking(Event::Ended { job, outcome }));
    }

    fn tried(&mut self) -> Result<Outcome, AppError> {
        let store = Arc::clone(&self.store);
        match self.job.order.kind {
            Kind::Run | Kind::Capacity => {
                let prepared = self.prepared(self.job.order.fixed_seed)?;
                if prepared.job.orders.plan.capacity.is_some() {
                    let (answer, cause) = capacity::searched(self, prepared, &store)?;
                    Ok(outcome(&cause, "", capacity::standing(&answer)))
                } else {
                    self.measured(prepared)
                }
            }
            Kind::Calibration { comparisons } => self.calibrated(comparisons),
        }
    }

    fn measured(&mut self, prepared: Prepared) -> Result<Outcome, AppError> {
        let (store, run) = (Arc::clone(&self.store), prepared.run);
        let measured = run::measured(self, prepared, &store)?;
        run::keep(&store, run, &measured)?;
        let validity = measured.findings.validity.name();
        Ok(outcome(
            &measured.ending.cause,
            &measured.ending.reason,
            validity,
        ))
    }

    fn calibrated(&mut self, comparisons: u32) -> Result<Outcome, AppError> {
        let store = Arc::clone(&self.store);
        let (job, fleet) = (self.job.clone(), self.fleet.clone());
        let handle = self.handle.clone();
        let (kept, mut known) = (Arc::clone(&store), self.known());
        // As the desk counts them, over all attempts: equal seeds would not be independent.
        let (mut number, mut begun) = (job.earlier_runs, job.run.is_some());
        let prepare = |_| {
            // A comparison that was interrupted is completed first.
            if let Some(run) = known.take() {
                return run::resumed(&store, run.as_str(), &fleet);
            }
            handle.tell_blocking(Event::NextRun(job.id))?;
            number += u64::from(std::mem::replace(&mut begun, true));
            let seed = job.order.fixed_seed.then_some(number);
            named(&handle, &job, fresh(&job, &fleet, seed)?)
        };
        Ok(
            match calibrate::calibrated(self, &kept, comparisons, prepare)? {
                Calibrated::Stopped(ending) => outcome(&ending.cause, &ending.reason, ""),
                Calibrated::Doubtful(_) => outcome(&Cause::Done, "", "INVALID"),
                Calibrated::Floors(floors) if floors.is_sound() => {
                    outcome(&Cause::Done, "", "VALID")
                }
                Calibrated::Floors(_) => outcome(&Cause::Done, "", "INVALID"),
            },
        )
    }

    /// The run that an earlier attempt left in the store.
    fn known(&self) -> Option<RunId> {
        let run: RunId = self.job.run.as_deref()?.parse().ok()?;
        self.store.summary(run).is_ok().then_some(run)
    }

    fn prepared(&self, fixed_seed: bool) -> Result<Prepared, AppError> {
        match self.known() {
            Some(run) => run::resumed(&self.store, run.as_str(), &self.fleet),
            None => {
                let first = fixed_seed.then_some(0);
                let prepared = fresh(&self.job, &self.fleet, first)?;
                named(&self.handle, &self.job, prepared)
            }
        }
    }
}

/// A new run of an order. With a fixed seed, `comparison` says which of its comparisons it is.
fn fresh(job: &Job, fleet: &FleetArgs, comparison: Option<u64>) -> Result<Prepared, AppError> {
    let order = &job.order;
    let plan = Plan::from_json(&order.plan_json)?;
    let seed = match (comparison, order.kind) {
        (Some(made), Kind::Calibration { .. }) => calibrate::seed_of(plan.seed, made),
        (Some(_), _) => plan.seed,
        (None, _) => u64::from_le_bytes(entropy()) & Plan::SEED_MAX,
    };
    let plan = Plan { seed, ..plan };
    run::of_plan(plan, &order.variants, order.a_a, Some(fleet))
}

/// Makes the id of a run durable in its job before the run exists.
fn named(handle: &Handle, job: &Job, prepared: Prepared) -> Result<Prepared, AppError> {
    let (job, run) = (job.id, prepared.run.to_string());
    handle.tell_blocking(Event::Named { job, run })?;
    Ok(prepared)
}

impl Stage for Attempt {
    fn carry_out(
        &mut self,
        job: RunJob,
        target: &FleetTarget,
        journal: Arc<dyn Journal>,
        _: Option<Forecast>,
    ) -> Result<Ending, ExecuteError> {
        let (id, handle) = (self.job.id, self.handle.clone());
        let journal = Observed {
            inner: journal,
            job: id,
            handle: handle.clone(),
        };
        let mut stop = self.stop.clone();
        let interrupts = || {
            let (interrupt, interrupts) = mpsc::channel(1);
            tokio::spawn(async move {
                // An error means that the server is gone, which also ends the attempt.
                drop(stop.wait_for(|stop| *stop).await);
                let _ = interrupt.send(()).await;
            });
            interrupts
        };
        let mut lines = report::Lines::new(&job.orders.plan);
        let mut show = |event| {
            if let Some(line) = lines.line(&event) {
                handle.say(id, line);
            }
        };
        on_fleet_until(job, target, Arc::new(journal), interrupts, &mut show)
    }
}

fn outcome(cause: &Cause, reason: &str, validity: &str) -> Outcome {
    let failed = |failure| Outcome::Failed {
        failure,
        reason: reason.to_owned(),
    };
    match cause {
        Cause::Done => Outcome::Done {
            validity: validity.to_owned(),
        },
        Cause::User => Outcome::Stopped,
        Cause::Worker(_) => failed(Failure::Refused),
        Cause::Store => failed(Failure::Store),
        Cause::Losses => failed(Failure::Lost),
    }
}

/// The outcome of an attempt that could not be carried out.
fn outcome_of(error: &AppError) -> Outcome {
    let failure = match error {
        AppError::StoppedAtOnce => return Outcome::Stopped,
        AppError::NeverBegan { .. } | AppError::Execute(_) => Failure::Lost,
        AppError::Store(_) | AppError::Kept { .. } => Failure::Store,
        _ => Failure::Refused,
    };
    Outcome::Failed {
        failure,
        reason: error.to_string(),
    }
}
