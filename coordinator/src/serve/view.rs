//! Jobs and schedules as clients see them. Fields are data; must not know how they are sent or shown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cron::Timetable;
use super::job::{Job, JobState, Origin};
use super::schedule::{Missed, Schedule, Why};

/// A job. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobView {
    /// Its number.
    pub id: u64,
    /// `run`, `capacity` or `calibration`.
    pub kind: String,
    /// Name of the plan.
    pub plan: String,
    /// Names of the variants, baseline first.
    pub variants: Vec<String>,
    /// Name of its state.
    pub state: String,
    /// Id of the stored run; empty before there is one.
    pub run: String,
    /// Why the last attempt ended early, or why it waits.
    pub reason: String,
    /// VALID, INCONCLUSIVE or INVALID, once it is done.
    pub validity: String,
    /// When it was submitted.
    pub submitted_ms: u64,
    /// The next attempt begins no earlier.
    pub not_before_ms: u64,
    /// When it reached its last state.
    pub ended_ms: Option<u64>,
    /// Failures since the last progress, by kind.
    pub failures: BTreeMap<String, u32>,
    /// The schedule that submitted it; empty for a client.
    pub schedule: String,
    /// When it was due, if a schedule submitted it.
    pub due_ms: u64,
    /// Whether it was missed then and is made up for.
    pub made_up: bool,
}

/// A schedule. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduleView {
    /// Its name.
    pub name: String,
    /// The cron expression.
    pub cron: String,
    /// The time zone.
    pub zone: String,
    /// `run`, `capacity` or `calibration`.
    pub kind: String,
    /// Name of the plan.
    pub plan: String,
    /// The next occurrence; `None` if the server cannot read the expression.
    pub next_ms: Option<u64>,
    /// The same on the wall of its time zone.
    pub next: String,
    /// The last job that it submitted.
    pub last_job: Option<u64>,
    /// Number of missed occurrences in all.
    pub missed_in_all: u64,
    /// The last of them, oldest first.
    pub missed: Vec<MissedView>,
}

/// A missed occurrence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissedView {
    /// When it was due.
    pub due_ms: u64,
    /// The same on the wall of the schedule's time zone.
    pub due: String,
    /// `down`, `busy` or `full`.
    pub why: String,
    /// The job that made up for it.
    pub made_up: Option<u64>,
}

impl JobView {
    /// Whether it never changes again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let finals = [JobState::Done, JobState::Failed, JobState::Cancelled];
        finals.iter().any(|state| state.name() == self.state)
    }

    /// Whether it is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == JobState::Done.name()
    }
}

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        let (schedule, due_ms, made_up) = match &job.origin {
            Origin::Client => (String::new(), 0, false),
            Origin::Schedule {
                name,
                due_ms,
                made_up,
            } => (name.clone(), *due_ms, *made_up),
        };
        let failures = job.failures.iter();
        Self {
            id: job.id.0,
            kind: job.order.kind.name().to_owned(),
            plan: job.order.plan.clone(),
            variants: job.order.variants.clone(),
            state: job.state.name().to_owned(),
            run: job.run.clone().unwrap_or_default(),
            reason: job.reason.clone(),
            validity: job.validity.clone(),
            submitted_ms: job.submitted_ms,
            not_before_ms: job.not_before_ms,
            ended_ms: job.ended_ms,
            failures: failures
                .map(|(kind, n)| (kind.name().to_owned(), *n))
                .collect(),
            schedule,
            due_ms,
            made_up,
        }
    }
}

impl ScheduleView {
    /// A schedule with its calendar, if its expression can be read.
    #[must_use]
    pub fn new(schedule: &Schedule, times: Option<&Timetable>) -> Self {
        let wall = |at: u64| times.map_or_else(String::new, |times| times.on_the_wall(at));
        let missed = |missed: &Missed| MissedView {
            due_ms: missed.due_ms,
            due: wall(missed.due_ms),
            why: missed.why.name().to_owned(),
            made_up: missed.made_up.map(|job| job.0),
        };
        let next_ms = times.and_then(|times| times.after(schedule.seen_ms));
        Self {
            name: schedule.name.clone(),
            cron: schedule.cron.clone(),
            zone: schedule.zone.clone(),
            kind: schedule.order.kind.name().to_owned(),
            plan: schedule.order.plan.clone(),
            next_ms,
            next: next_ms.map(wall).unwrap_or_default(),
            last_job: schedule.last.map(|job| job.0),
            missed_in_all: schedule.missed_in_all,
            missed: schedule.missed.iter().map(missed).collect(),
        }
    }
}

impl Why {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Busy => "busy",
            Self::Full => "full",
        }
    }
}
