//! Queue and schedules together: every event goes through here, one at a time. What must survive a
//! crash is returned as one list of changes for each event, to be written at once: then no crash can
//! account for an occurrence without submitting its job, or the reverse. Must not know the store.

use std::collections::{BTreeMap, BTreeSet};

use super::cron::Timetable;
use super::job::{Job, JobId, Order, Origin};
use super::queue::{Outcome, Queue, QueueError};
use super::schedule::{Due, Schedule, ScheduleError, Why, is_name};

/// An event.
#[derive(Clone, Debug)]
pub enum Event {
    /// A client asks for a measurement.
    Submitted(Order),
    /// A client asks to end a job.
    Cancelled(JobId),
    /// An attempt is prepared, and its run will have this id. It is durable before the run exists,
    /// so that no crash in between makes a second one.
    Named {
        /// The job.
        job: JobId,
        /// The run.
        run: String,
    },
    /// The run of an attempt is stored.
    Began(JobId),
    /// A block of a job is durable.
    Progressed(JobId),
    /// One of several measurements of a job is complete; the next has a run of its own.
    NextRun(JobId),
    /// An attempt has ended.
    Ended {
        /// The job.
        job: JobId,
        /// How.
        outcome: Outcome,
    },
    /// A client adds a schedule.
    Scheduled {
        /// Its name.
        name: String,
        /// The cron expression.
        cron: String,
        /// The time zone.
        zone: String,
        /// What is measured.
        order: Order,
    },
    /// A client removes a schedule.
    Unscheduled(String),
    /// The server is to end: nothing begins any more.
    Drain,
    /// Time has passed.
    Tick,
}

/// An effect. [`Effect::Write`] comes first, and is performed before the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make these changes durable, all or none.
    Write(Vec<Change>),
    /// The job that was submitted.
    Accepted(JobId),
    /// Begin an attempt.
    Start(Box<Job>),
    /// Stop the attempt of a job.
    Stop(JobId),
}

/// A change of what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A job, new or changed.
    Job(Box<Job>),
    /// A job that is forgotten.
    NoJob(JobId),
    /// A schedule, new or changed.
    Schedule(Box<Schedule>),
    /// A schedule that is removed.
    NoSchedule(String),
}

/// Why an event was refused. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// By the queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// By the schedules.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

/// A schedule with its calendar, if this version can read its expression.
#[derive(Clone, Debug)]
struct Entry {
    schedule: Schedule,
    times: Option<Timetable>,
}

/// The server's whole state.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    queue: Queue,
    schedules: BTreeMap<String, Entry>,
}

/// What an event touched.
#[derive(Default)]
struct Touched {
    jobs: BTreeSet<JobId>,
    schedules: BTreeSet<String>,
    others: Vec<Effect>,
}

impl Desk {
    /// The state as the store has it, at the start of a server. `boot` is the number of this start,
    /// different from all earlier ones.
    #[must_use]
    pub fn restored(
        jobs: Vec<Job>,
        schedules: Vec<Schedule>,
        boot: u64,
        now_ms: u64,
    ) -> (Self, Vec<Effect>) {
        let (queue, changed) = Queue::restored(jobs, boot, now_ms);
        let entry = |schedule: Schedule| {
            let times = Timetable::new(&schedule.cron, &schedule.zone).ok();
            (schedule.name.clone(), Entry { schedule, times })
        };
        let schedules = schedules.into_iter().map(entry).collect();
        let mut desk = Self { queue, schedules };
        let touched = Touched {
            jobs: changed.into_iter().collect(),
            ..Touched::default()
        };
        let effects = desk.settle(touched, now_ms);
        (desk, effects)
    }

    /// All jobs, oldest first.
    pub fn jobs(&self) -> impl DoubleEndedIterator<Item = &Job> {
        self.queue.jobs()
    }

    /// One job.
    #[must_use]
    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.queue.job(id)
    }

    /// All schedules, by name, each with its calendar if its expression can be read.
    pub fn schedules(&self) -> impl Iterator<Item = (&Schedule, Option<&Timetable>)> {
        self.schedules
            .values()
            .map(|entry| (&entry.schedule, entry.times.as_ref()))
    }

    /// Whether nothing begins any more.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.queue.is_draining()
    }

    /// Whether an attempt is under way.
    #[must_use]
    pub fn is_measuring(&self) -> bool {
        self.queue.holder().is_some()
    }

    /// When something may be due next, milliseconds since 1970. Later than the last event, so that
    /// who waits for it never spins.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        if self.is_draining() {
            return None;
        }
        let next = |entry: &Entry| entry.times.as_ref()?.after(entry.schedule.seen_ms);
        let schedules = self.schedules.values().filter_map(next);
        schedules.chain(self.queue.next_ms()).min()
    }

    /// Handles one event.
    ///
    /// # Errors
    /// When it is refused; then nothing has changed.
    pub fn on_event(&mut self, now_ms: u64, event: Event) -> Result<Vec<Effect>, Refused> {
        let mut touched = Touched::default();
        match event {
            Event::Submitted(order) => {
                let id = self.queue.submit(order, Origin::Client, now_ms)?;
                touched.jobs.insert(id);
                touched.others.push(Effect::Accepted(id));
            }
            Event::Cancelled(id) => {
                let measured = self.queue.cancel(id, now_ms)?;
                touched.jobs.insert(id);
                touched.others.extend(measured.then_some(Effect::Stop(id)));
            }
            Event::Named { job, run } => {
                touched
                    .jobs
                    .extend(self.queue.named(job, run).then_some(job));
            }
            Event::Began(job) => touched.jobs.extend(self.queue.began(job).then_some(job)),
            Event::Progressed(job) => {
                touched
                    .jobs
                    .extend(self.queue.progressed(job).then_some(job));
            }
            Event::NextRun(job) => {
                touched.jobs.extend(self.queue.next_run(job).then_some(job));
            }
            Event::Ended { job, outcome } => {
                let ended = self.queue.ended(job, outcome, now_ms);
                touched.jobs.extend(ended.then_some(job));
            }
            Event::Scheduled {
                name,
                cron,
                zone,
                order,
            } => {
                let entry = self.new_entry(&name, cron, zone, order, now_ms)?;
                touched.schedules.insert(name.clone());
                self.schedules.insert(name, entry);
            }
            Event::Unscheduled(name) => {
                if self.schedules.remove(&name).is_none() {
                    return Err(ScheduleError::NoSuchSchedule { name }.into());
                }
                touched.schedules.insert(name);
            }
            Event::Drain => touched.others.extend(self.queue.drain().map(Effect::Stop)),
            Event::Tick => {}
        }
        Ok(self.settle(touched, now_ms))
    }

    fn new_entry(
        &self,
        name: &str,
        cron: String,
        zone: String,
        order: Order,
        now_ms: u64,
    ) -> Result<Entry, ScheduleError> {
        if !is_name(name) {
            return Err(ScheduleError::Name);
        }
        if self.schedules.contains_key(name) {
            let name = name.to_owned();
            return Err(ScheduleError::Exists { name });
        }
        let times = Timetable::new(&cron, &zone)?;
        if times.after(now_ms).is_none() {
            return Err(ScheduleError::Never { cron });
        }
        Ok(Entry {
            schedule: Schedule {
                name: name.to_owned(),
                cron,
                zone,
                order,
                seen_ms: now_ms,
                last: None,
                missed_in_all: 0,
                missed: Vec::new(),
            },
            times: Some(times),
        })
    }

    /// What follows from every event: due schedules are submitted, and a free fleet gets a job.
    fn settle(&mut self, mut touched: Touched, now_ms: u64) -> Vec<Effect> {
        // What is due during a drain is found by the next start.
        if !self.queue.is_draining() {
            self.submit_due(&mut touched, now_ms);
        }
        let start = self.queue.lease(now_ms);
        touched.jobs.extend(start);
        let forgotten = self.queue.forget();
        let jobs = touched.jobs.iter().filter_map(|id| self.queue.job(*id));
        let schedules = touched
            .schedules
            .iter()
            .map(|name| match self.schedules.get(name) {
                Some(entry) => Change::Schedule(Box::new(entry.schedule.clone())),
                None => Change::NoSchedule(name.clone()),
            });
        let changes: Vec<Change> = jobs
            .map(|job| Change::Job(Box::new(job.clone())))
            .chain(forgotten.into_iter().map(Change::NoJob))
            .chain(schedules)
            .collect();
        let write = (!changes.is_empty()).then_some(Effect::Write(changes));
        let start = start.and_then(|id| self.queue.job(id));
        let start = start.map(|job| Effect::Start(Box::new(job.clone())));
        write
            .into_iter()
            .chain(touched.others)
            .chain(start)
            .collect()
    }

    fn submit_due(&mut self, touched: &mut Touched, now_ms: u64) {
        for (name, Entry { schedule, times }) in &mut self.schedules {
            let Some(times) = times else { continue };
            let last = schedule.last.and_then(|id| self.queue.job(id));
            let busy = last.is_some_and(|job| !job.state.is_final());
            let (due, changed) = schedule.look(times, now_ms, busy);
            if changed {
                touched.schedules.insert(name.clone());
            }
            let Some(due @ Due { due_ms, made_up }) = due else {
                continue;
            };
            let origin = Origin::Schedule {
                name: name.clone(),
                due_ms,
                made_up,
            };
            match self.queue.submit(schedule.order.clone(), origin, now_ms) {
                Ok(id) => {
                    schedule.submitted(due, id);
                    touched.jobs.insert(id);
                }
                // It has been named as missed already if it is old.
                Err(_) if made_up => {}
                Err(_) => schedule.miss(due_ms, Why::Full),
            }
        }
    }
}
