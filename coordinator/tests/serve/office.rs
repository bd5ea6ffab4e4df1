//! A desk with a simulated clock, a store, and a fleet that needs a given time for each job.

use std::collections::BTreeMap;

use coordinator::serve::{
    Change, Desk, Effect, Event, Job, JobId, JobState, Kind, Order, Origin, Outcome, Refused,
    Schedule,
};

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;

pub(crate) fn order(plan: &str) -> Order {
    Order {
        kind: Kind::Run,
        plan_json: "{}".to_owned(),
        plan: plan.to_owned(),
        variants: vec!["baseline".to_owned(), "pgo".to_owned()],
        a_a: false,
        fixed_seed: false,
    }
}

/// What survives a crash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) schedules: BTreeMap<String, Schedule>,
    boots: u64,
}

pub(crate) struct Office {
    pub(crate) now: u64,
    pub(crate) desk: Desk,
    pub(crate) kept: Kept,
    /// The job that has the fleet, and when it will be done.
    pub(crate) fleet: Option<(JobId, u64)>,
    /// How long each job takes, milliseconds.
    pub(crate) takes: u64,
    /// Every attempt that was started.
    pub(crate) started: Vec<JobId>,
}

impl Office {
    /// Opens with what was kept.
    pub(crate) fn opened(mut kept: Kept, now: u64) -> Self {
        kept.boots += 1;
        let jobs = kept.jobs.values().cloned().collect();
        let schedules = kept.schedules.values().cloned().collect();
        let (desk, effects) = Desk::restored(jobs, schedules, kept.boots, now);
        let mut office = Self {
            now,
            desk,
            kept,
            fleet: None,
            takes: 10 * MINUTE,
            started: Vec::new(),
        };
        office.perform(effects);
        office
    }

    pub(crate) fn new(now: u64) -> Self {
        Self::opened(Kept::default(), now)
    }

    /// Ends at once, as after kill -9, and opens again later.
    pub(crate) fn reopened(self, later: u64) -> Self {
        let (takes, started) = (self.takes, self.started);
        let mut office = Self::opened(self.kept, self.now + later);
        office.takes = takes;
        office.started.splice(..0, started);
        office
    }

    pub(crate) fn tell(&mut self, event: Event) -> Result<Option<JobId>, Refused> {
        let effects = self.desk.on_event(self.now, event)?;
        let accepted = self.perform(effects);
        let next = self.desk.next_ms();
        assert!(
            next.is_none_or(|next| next > self.now),
            "a driver would spin"
        );
        Ok(accepted)
    }

    pub(crate) fn submit(&mut self, plan: &str) -> JobId {
        self.tell(Event::Submitted(order(plan))).unwrap().unwrap()
    }

    pub(crate) fn schedule(&mut self, name: &str, cron: &str, zone: &str) {
        let event = Event::Scheduled {
            name: name.to_owned(),
            cron: cron.to_owned(),
            zone: zone.to_owned(),
            order: order(name),
        };
        self.tell(event).unwrap();
    }

    fn perform(&mut self, effects: Vec<Effect>) -> Option<JobId> {
        let mut accepted = None;
        for (position, effect) in effects.into_iter().enumerate() {
            match effect {
                Effect::Write(changes) => {
                    assert_eq!(position, 0, "what follows may rely on it");
                    changes.into_iter().for_each(|change| self.keep(change));
                }
                Effect::Accepted(id) => accepted = Some(id),
                Effect::Start(job) => {
                    assert!(self.fleet.is_none(), "one measurement at a time");
                    assert_eq!(self.kept.jobs[&job.id].state, job.state, "it is durable");
                    self.started.push(job.id);
                    self.fleet = Some((job.id, self.now + self.takes));
                }
                Effect::Stop(id) => {
                    let (held, _) = self.fleet.take().unwrap();
                    assert_eq!(held, id);
                    self.end(id, Outcome::Stopped);
                }
            }
        }
        accepted
    }

    fn keep(&mut self, change: Change) {
        match change {
            Change::Job(job) => drop(self.kept.jobs.insert(job.id, *job)),
            Change::NoJob(id) => drop(self.kept.jobs.remove(&id)),
            Change::Schedule(s) => drop(self.kept.schedules.insert(s.name.clone(), *s)),
            Change::NoSchedule(name) => drop(self.kept.schedules.remove(&name)),
        }
    }

    pub(crate) fn end(&mut self, job: JobId, outcome: Outcome) {
        self.tell(Event::Ended { job, outcome }).unwrap();
    }

    /// The attempt under way ends like this.
    pub(crate) fn finish(&mut self, outcome: Outcome) -> JobId {
        let (id, _) = self.fleet.take().expect("an attempt is under way");
        self.end(id, outcome);
        id
    }

    /// Lets time pass, a step at a time; jobs are done when their time is over.
    pub(crate) fn pass(&mut self, time: u64) {
        let until = self.now + time;
        while self.now < until {
            let done = self.fleet.map(|(_, at)| at);
            let next = [done, self.desk.next_ms(), Some(until)];
            let next = next.into_iter().flatten().min().unwrap_or(until);
            self.now = next.clamp(self.now + 1, until);
            if self.fleet.is_some_and(|(_, at)| at <= self.now) {
                self.finish(valid());
            } else {
                self.tell(Event::Tick).unwrap();
            }
        }
    }

    pub(crate) fn job(&self, id: JobId) -> &Job {
        self.desk.job(id).unwrap()
    }

    pub(crate) fn state(&self, id: JobId) -> JobState {
        self.job(id).state
    }

    /// When the jobs of a schedule were due, and whether each was made up for.
    pub(crate) fn due(&self, schedule: &str) -> Vec<(u64, bool)> {
        self.desk
            .jobs()
            .filter_map(|job| match &job.origin {
                Origin::Schedule {
                    name,
                    due_ms,
                    made_up,
                } if name == schedule => Some((*due_ms, *made_up)),
                _ => None,
            })
            .collect()
    }
}

pub(crate) fn valid() -> Outcome {
    Outcome::Done {
        validity: "VALID".to_owned(),
    }
}
