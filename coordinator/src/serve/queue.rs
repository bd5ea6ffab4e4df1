//! The queue: one measurement at a time has the fleet, in the order of submission. Owns the states of
//! jobs and the limits of attempts; must not know schedules, nor how a measurement is carried out.

use std::collections::BTreeMap;

use super::job::{Failure, Job, JobId, JobState, Order, Origin};

/// Jobs that may wait.
pub(super) const MOST_WAITING: usize = 1000;
/// Jobs that are kept after their end.
const KEPT: usize = 500;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is measured and stored.
    Done {
        /// VALID, INCONCLUSIVE or INVALID.
        validity: String,
    },
    /// It failed.
    Failed {
        /// How.
        failure: Failure,
        /// Why, in one sentence.
        reason: String,
    },
    /// It was stopped: by a drain or because the job was cancelled.
    Stopped,
}

/// Why the queue refused something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// Too many jobs wait.
    #[error("submit a job: {MOST_WAITING} jobs are waiting; cancel some, or wait")]
    Full,
    /// No such job.
    #[error("find job {}: there is none of that number; `coordinator queue` lists the jobs", .0.0)]
    NoSuchJob(JobId),
    /// The job has ended already.
    #[error("cancel job {}: it is {state} already", id.0)]
    Ended {
        /// The job.
        id: JobId,
        /// Its state.
        state: &'static str,
    },
}

/// All jobs that are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    jobs: BTreeMap<JobId, Job>,
    /// The number of this start of the server, which its leases carry.
    boot: u64,
    draining: bool,
}

impl Queue {
    /// The queue as the store has it. Leases of earlier starts are void: their jobs wait again, or
    /// are given up after the last attempt that is allowed. Also returns the changed jobs.
    pub(super) fn restored(jobs: Vec<Job>, boot: u64, now_ms: u64) -> (Self, Vec<JobId>) {
        let mut queue = Self {
            jobs: jobs.into_iter().map(|job| (job.id, job)).collect(),
            boot,
            draining: false,
        };
        let held: Vec<JobId> = queue
            .jobs
            .values()
            .filter(|job| job.state.holds_fleet())
            .map(|job| job.id)
            .collect();
        for id in &held {
            queue.failed(
                *id,
                Failure::Died,
                "the server ended during the attempt".to_owned(),
                now_ms,
            );
        }
        (queue, held)
    }

    pub(super) fn jobs(&self) -> impl DoubleEndedIterator<Item = &Job> {
        self.jobs.values()
    }

    pub(super) fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    /// The job that has the fleet.
    pub(super) fn holder(&self) -> Option<&Job> {
        self.jobs().find(|job| job.state.holds_fleet())
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// Adds a job.
    pub(super) fn submit(
        &mut self,
        order: Order,
        origin: Origin,
        now_ms: u64,
    ) -> Result<JobId, QueueError> {
        let waiting = self.jobs().filter(|job| !job.state.is_final()).count();
        if waiting >= MOST_WAITING {
            return Err(QueueError::Full);
        }
        let id = JobId(self.jobs.keys().next_back().map_or(1, |last| last.0 + 1));
        self.jobs.insert(
            id,
            Job {
                id,
                order,
                origin,
                submitted_ms: now_ms,
                state: JobState::Queued,
                cancelling: false,
                run: None,
                earlier_runs: 0,
                failures: BTreeMap::new(),
                not_before_ms: 0,
                ended_ms: None,
                reason: String::new(),
                validity: String::new(),
            },
        );
        Ok(id)
    }

    /// Ends a job. Returns whether its measurement must be stopped first.
    pub(super) fn cancel(&mut self, id: JobId, now_ms: u64) -> Result<bool, QueueError> {
        let job = self.jobs.get_mut(&id).ok_or(QueueError::NoSuchJob(id))?;
        if job.state.is_final() {
            let state = job.state.name();
            return Err(QueueError::Ended { id, state });
        }
        if job.state.holds_fleet() {
            job.cancelling = true;
            return Ok(true);
        }
        end(job, JobState::Cancelled, now_ms);
        Ok(false)
    }

    /// No further attempt begins. Returns the job whose attempt must be stopped.
    pub(super) fn drain(&mut self) -> Option<JobId> {
        self.draining = true;
        self.holder().map(|job| job.id)
    }

    /// Gives the fleet to the next job, if it is free and one may begin.
    pub(super) fn lease(&mut self, now_ms: u64) -> Option<JobId> {
        if self.draining || self.holder().is_some() {
            return None;
        }
        let boot = self.boot;
        let next = self
            .jobs
            .values_mut()
            .find(|job| job.state == JobState::Queued && job.not_before_ms <= now_ms)?;
        next.state = JobState::Leased { boot };
        Some(next.id)
    }

    /// When the next job may begin that cannot begin now, milliseconds since 1970. While the fleet is
    /// held, no job begins by the passing of time.
    pub(super) fn next_ms(&self) -> Option<u64> {
        if self.draining || self.holder().is_some() {
            return None;
        }
        let waiting = self.jobs().filter(|job| job.state == JobState::Queued);
        waiting.map(|job| job.not_before_ms).min()
    }

    /// The run of an attempt will have this id.
    pub(super) fn named(&mut self, id: JobId, run: String) -> bool {
        let named = self.held(id).map(|job| job.run = Some(run));
        named.is_some()
    }

    /// The run of an attempt is stored.
    pub(super) fn began(&mut self, id: JobId) -> bool {
        let boot = self.boot;
        let began = self
            .held(id)
            .map(|job| job.state = JobState::Running { boot });
        began.is_some()
    }

    /// A block is durable. Returns whether that changed the job: its failures are forgotten.
    pub(super) fn progressed(&mut self, id: JobId) -> bool {
        self.held(id)
            .is_some_and(|job| !std::mem::take(&mut job.failures).is_empty())
    }

    /// One of the measurements of a job is complete, and the next begins a run of its own.
    pub(super) fn next_run(&mut self, id: JobId) -> bool {
        let Some(job) = self.held(id).filter(|job| job.run.is_some()) else {
            return false;
        };
        job.run = None;
        job.earlier_runs += 1;
        true
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, id: JobId, outcome: Outcome, now_ms: u64) -> bool {
        let Some(job) = self.held(id) else {
            return false;
        };
        match outcome {
            Outcome::Done { validity } => {
                job.validity = validity;
                job.reason.clear();
                end(job, JobState::Done, now_ms);
            }
            _ if job.cancelling => end(job, JobState::Cancelled, now_ms),
            Outcome::Stopped => {
                job.state = JobState::Queued;
                "stopped with the server".clone_into(&mut job.reason);
            }
            Outcome::Failed { failure, reason } => self.failed(id, failure, reason, now_ms),
        }
        true
    }

    fn failed(&mut self, id: JobId, failure: Failure, reason: String, now_ms: u64) {
        let Some(job) = self.held(id) else { return };
        let count = job.failures.entry(failure).or_insert(0);
        *count += 1;
        job.reason = reason;
        if job.cancelling {
            end(job, JobState::Cancelled, now_ms);
        } else if *count >= failure.limit() {
            end(job, JobState::Failed, now_ms);
        } else {
            let pause = failure.pause(*count).as_millis();
            job.not_before_ms = now_ms.saturating_add(u64::try_from(pause).unwrap_or(u64::MAX));
            job.state = JobState::Queued;
        }
    }

    /// Forgets the oldest ended jobs beyond those that are kept. The last job stays, because its
    /// number must not be given again.
    pub(super) fn forget(&mut self) -> Vec<JobId> {
        let ended: Vec<JobId> = self
            .jobs()
            .filter(|job| job.state.is_final())
            .map(|job| job.id)
            .collect();
        let going = ended.len().saturating_sub(KEPT);
        for id in &ended[..going] {
            self.jobs.remove(id);
        }
        ended[..going].to_vec()
    }

    fn held(&mut self, id: JobId) -> Option<&mut Job> {
        self.jobs.get_mut(&id).filter(|job| job.state.holds_fleet())
    }
}

fn end(job: &mut Job, state: JobState, now_ms: u64) {
    job.state = state;
    job.ended_ms = Some(now_ms);
    job.cancelling = false;
}
