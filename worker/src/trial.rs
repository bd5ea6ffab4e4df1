//! One worker's trials: open the engine, warm it up, run the measured window, return a part.
//! Everything runs on the calling thread, which becomes the driver's. Must not know sessions or
//! messages.

mod drive;

use crate::engine::Time;
use std::sync::Arc;
use std::time::Duration;

use contract::id::Attempt;
use contract::identity::Sha256;
use contract::message::{Failure, LoadReport};
use contract::metric::Metric;
use contract::part::{
    EngineFacts, Origin, Part, PartKey, Sent, ServerFacts, StopCause, Usage, Window,
};
use contract::spec::{Assignment, Demand, EngineSpec, Planned};
use drive::{bad_assignment, broken, drive, unanswered, window_start};

use crate::engine::linked::Engines;
use crate::engine::{self, Engine, Opened};
use crate::load::driver::{Bench, Driver};
use crate::load::files::Files;
use crate::load::inbox::Inbox;
use crate::load::phase::{self, Phase, PhaseError};
use crate::load::stop::Reason;
use crate::measure::{Clock, ColdStart, Measured, Moments};
use crate::os::family::Family;
use crate::{generator_limit, os};

pub use crate::load::control::Control;

/// The counters are read this long before the start instant, so that reading them is not in the
/// window.
const METER_LEAD: Duration = Duration::from_millis(5);

/// An open engine with everything that a trial needs.
pub struct OpenEngine {
    engine: Box<dyn Engine>,
    report: LoadReport,
    kernels: String,
    processors: Vec<u32>,
    family: Option<Family>,
    clock: Clock,
    inbox: Inbox,
    cold: Cold,
    /// Generator limit of this process, requests per second.
    floor: Option<f64>,
    /// Set once the engine can no longer be used.
    broken: Option<Reason>,
    /// The window of the assignment for which it was warmed up.
    prepared: Option<(Assignment, Phase)>,
}

/// The cold start; a process has only one.
enum Cold {
    /// Not warmed up yet.
    Starting(ColdStart),
    /// Complete, to be sent with the first part.
    Known(ColdStart),
    /// Sent with a part.
    Told,
}

/// The start instant of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartAt {
    /// The instant on [`Clock::now`].
    pub at: Duration,
    /// Its uncertainty.
    pub uncertainty: Duration,
}

/// How a trial ended.
#[derive(Debug)]
pub enum TrialEnd {
    /// With this part.
    Part(Box<Part>),
    /// Cancelled; there is no part.
    Cancelled,
    /// Without a part.
    Failed(Failure),
}

/// A phase that ended as planned.
struct Ran {
    measured: Measured,
    sent: Sent,
    stopped: StopCause,
    start_late: Duration,
    usage: Usage,
}

/// Why a phase has no result.
enum NoResult {
    Cancelled,
    Failed(Reason),
}

impl OpenEngine {
    /// Opens an engine of this crate; see [`open_with`](Self::open_with).
    ///
    /// # Errors
    /// As there.
    pub fn open(
        spec: &EngineSpec,
        demand: Demand,
        slots: u32,
        clock: &Clock,
        cold: ColdStart,
    ) -> Result<Self, Failure> {
        Self::open_with(Engines::default(), spec, demand, slots, clock, cold)
    }

    /// Opens an engine for a demand, on a host that `slots` workers share: one of this crate or of
    /// `engines`. Time since the last mark of `cold` is not counted.
    ///
    /// # Errors
    /// When there is no such model, it cannot be used, or it does not fit; the message includes the
    /// way out.
    pub fn open_with(
        engines: Engines,
        spec: &EngineSpec,
        demand: Demand,
        slots: u32,
        clock: &Clock,
        mut cold: ColdStart,
    ) -> Result<Self, Failure> {
        let inbox = Inbox::default();
        // While nothing else of this process runs.
        let floor = if clock.is_virtual() {
            None
        } else {
            generator_limit::requests_per_second()
        };
        cold.skip();
        let sink = inbox.sink(clock);
        let Opened {
            engine,
            report,
            kernels,
            processors,
            family,
        } = engine::open(
            engines,
            spec,
            demand,
            slots,
            Arc::new(clock.clone()),
            sink,
            &mut |name| cold.mark(name),
        )?;
        // An engine that does not pin itself runs wherever this process may.
        let anywhere = processors.is_empty() && !clock.is_virtual();
        let processors = if anywhere {
            os::processors()
        } else {
            processors
        };
        let cold = Cold::Starting(cold);
        let clock = clock.clone();
        Ok(Self {
            engine,
            report,
            kernels,
            processors,
            family,
            clock,
            inbox,
            cold,
            floor,
            broken: None,
            prepared: None,
        })
    }

    /// The same for a model whose every byte was hashed.
    #[must_use]
    pub fn of_verified(mut self, model: Option<Sha256>) -> Self {
        self.report.model_sha256 = model;
        self
    }

    /// Facts of the opened engine.
    #[must_use]
    pub fn report(&self) -> LoadReport {
        self.report.clone()
    }

    /// Prepares the window's requests and warms up at full concurrency. Returns false if cancelled.
    ///
    /// # Errors
    /// When the assignment contradicts itself or the engine, or the engine does not answer.
    pub fn warm_up(&mut self, assignment: &Assignment, control: &Control) -> Result<bool, Failure> {
        let files = Files::open(assignment).map_err(|error| bad_assignment(error.into()))?;
        self.prepare(assignment, &files).map_err(bad_assignment)?;
        let phase = Phase::warm_up(assignment, &*self.engine, &files).map_err(bad_assignment)?;
        drop(files);
        match self.offer(phase, self.clock.now(), control, &mut || ()) {
            Ok(ran) => self.warmed(&ran.measured).map(|()| true),
            Err(NoResult::Cancelled) => Ok(false),
            Err(NoResult::Failed(reason)) => Err(broken(reason, self.engine.complaint())),
        }
    }

    /// Runs the measured window, beginning at `start`. `on_started` is called once the first
    /// requests are sent.
    pub fn run(
        &mut self,
        assignment: &Assignment,
        start: StartAt,
        origin: Origin,
        attempt: Attempt,
        control: &Control,
        on_started: &mut dyn FnMut(),
    ) -> TrialEnd {
        if let Err(error) = self.prepare_anew(assignment) {
            return TrialEnd::Failed(bad_assignment(error));
        }
        let (_, mut phase) = self.prepared.take().expect("it was prepared above");
        let window = window_start(assignment, start.at + phase.opens);
        if phase.opens.is_zero() {
            self.engine.begin_window(window);
        } else {
            phase.opening = Some(window);
        }
        match self.offer(phase, start.at, control, on_started) {
            Ok(ran) => TrialEnd::Part(Box::new(self.part(assignment, start, origin, attempt, ran))),
            Err(NoResult::Cancelled) => TrialEnd::Cancelled,
            Err(NoResult::Failed(reason)) => {
                TrialEnd::Failed(broken(reason, self.engine.complaint()))
            }
        }
    }

    /// Makes the window's prompts unless they exist already.
    fn prepare_anew(&mut self, assignment: &Assignment) -> Result<(), PhaseError> {
        match &self.prepared {
            Some((of, _)) if of == assignment => Ok(()),
            _ => self.prepare(assignment, &Files::open(assignment)?),
        }
    }

    fn prepare(&mut self, assignment: &Assignment, files: &Files) -> Result<(), PhaseError> {
        phase::check(assignment, self.report.max_context)?;
        let phase = Phase::measured(assignment, &*self.engine, files)?;
        self.prepared = Some((assignment.clone(), phase));
        Ok(())
    }

    fn bench<'a>(&'a mut self, control: &'a Control) -> Bench<'a> {
        Bench {
            engine: &mut *self.engine,
            inbox: &self.inbox,
            clock: &self.clock,
            control,
        }
    }

    fn warmed(&mut self, measured: &Measured) -> Result<(), Failure> {
        let outcomes = &measured.outcomes;
        if outcomes.planned > 0 && outcomes.ok == 0 {
            return Err(unanswered(outcomes, self.engine.complaint()));
        }
        self.cold = match std::mem::replace(&mut self.cold, Cold::Told) {
            Cold::Starting(mut cold) => {
                let first = measured.histograms.get(Metric::Ttft).exact();
                // Over all warm-up requests, which run at full concurrency; it is not the wait of a
                // single first request.
                if first.count > 0 {
                    cold.add("first_token", Duration::from_nanos(first.min));
                }
                Cold::Known(cold)
            }
            later => later,
        };
        Ok(())
    }

    /// Offers a whole phase and waits until the engine has released it. An engine that failed is
    /// not used again.
    fn offer(
        &mut self,
        phase: Phase,
        start: Duration,
        control: &Control,
        on_started: &mut dyn FnMut(),
    ) -> Result<Ran, NoResult> {
        let done = match self.broken {
            Some(reason) => Err(NoResult::Failed(reason)),
            None => {
                let family = self.family.clone();
                drive(
                    Driver::new(self.bench(control), phase, start),
                    start,
                    family.as_ref(),
                    on_started,
                )
            }
        };
        if let Err(NoResult::Failed(reason)) = done {
            self.broken = Some(reason);
        }
        done
    }

    fn part(
        &mut self,
        assignment: &Assignment,
        start: StartAt,
        origin: Origin,
        attempt: Attempt,
        ran: Ran,
    ) -> Part {
        let Ran {
            measured,
            sent,
            stopped,
            start_late,
            usage,
        } = ran;
        let planned = u64::from(assignment.share.count(assignment.scenario.requests()));
        let exact = matches!(assignment.scenario.planned(), Planned::Exactly(_));
        let place = PartKey {
            run: assignment.run,
            key: assignment.key,
            slot: assignment.slot,
            attempt,
        };
        Part {
            place,
            origin,
            histograms: measured.histograms,
            outcomes: measured.outcomes,
            requests: measured.requests,
            requests_not_kept: measured.requests_not_kept,
            steps: measured.steps,
            token_digest: measured.token_digest,
            prompt_tokens: measured.prompt_tokens,
            output_tokens: measured.output_tokens,
            offered: if exact {
                planned
            } else {
                measured.outcomes.planned
            },
            in_time: measured.in_time,
            stopped,
            good: measured.good,
            run_in: measured.run_in,
            sent: Some(sent),
            series: measured.series,
            window: Window {
                first_completion: measured.first_completion,
                last_completion: measured.last_completion,
                start_late,
                clock_uncertainty: start.uncertainty,
            },
            cold: self.tell_cold(),
            usage: Usage {
                floor: self.floor,
                ..usage
            },
            engine: self.facts(measured.moments),
        }
    }

    fn tell_cold(&mut self) -> Vec<contract::part::ColdPhase> {
        match std::mem::replace(&mut self.cold, Cold::Told) {
            Cold::Starting(cold) | Cold::Known(cold) => cold.phases().to_vec(),
            Cold::Told => Vec::new(),
        }
    }

    fn facts(&self, moments: Moments) -> EngineFacts {
        let facts = self.engine.facts();
        let server = facts.server.map(|server| ServerFacts {
            itl: moments.itl,
            moments: moments.count,
            ..server
        });
        EngineFacts {
            model_digest: self.report.model_digest.clone(),
            model_sha256: self.report.model_sha256,
            threads: self.report.threads,
            kernels: self.kernels.clone(),
            engine_processors: self.processors.clone(),
            load_processors: if self.processors.is_empty() {
                Vec::new()
            } else {
                os::processors()
            },
            server,
            ..facts
        }
    }
}
