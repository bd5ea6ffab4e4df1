//! The server dies between any two steps, and whenever it is started again nothing is doubled or
//! lost.

use std::collections::BTreeMap;

use coordinator::serve::{Event, Failure, JobId, JobState, Outcome};
use stats::rng::Seed;

use crate::office::{HOUR, MINUTE, Office, valid};

#[test]
fn a_lease_ends_with_the_server_that_gave_it() {
    let mut office = Office::new(HOUR);
    let [first, second] = ["a", "b"].map(|plan| office.submit(plan));
    let run = "R".to_owned();
    office.tell(Event::Named { job: first, run }).unwrap();
    office.tell(Event::Began(first)).unwrap();
    let mut office = office.reopened(MINUTE);
    // The restored server has given the fleet to the same job again, which resumes its run.
    assert_eq!(office.started, [first, first]);
    assert_eq!(office.job(first).run.as_deref(), Some("R"));
    assert_eq!(office.job(first).failures[&Failure::Died], 1);
    office.pass(HOUR);
    assert!(
        [first, second]
            .iter()
            .all(|id| office.state(*id) == JobState::Done)
    );
}

#[test]
fn a_job_that_takes_the_server_down_is_given_up() {
    let mut office = Office::new(HOUR);
    let [first, second] = ["a", "b"].map(|plan| office.submit(plan));
    for _ in 0..Failure::Died.limit() {
        office = office.reopened(MINUTE);
    }
    assert_eq!(office.state(first), JobState::Failed);
    office.pass(HOUR);
    assert_eq!(office.state(second), JobState::Done);
}

/// Random events, with a crash after each with a chance of one in eight. Every submitted job ends
/// exactly once, and no final state ever changes.
#[test]
fn random_crashes_lose_and_double_nothing() {
    let (mut crashes, mut ended) = (0, 0);
    for series in 0..200 {
        let mut draw = {
            let (seed, mut drawn) = (Seed(series), 0);
            move |below: u64| {
                drawn += 1;
                seed.nth(drawn).0 % below
            }
        };
        let mut office = Office::new(HOUR);
        office.takes = 1000 * HOUR;
        office.schedule("hourly", "15 * * * *", "Europe/Berlin");
        let mut finals: BTreeMap<JobId, JobState> = BTreeMap::new();
        let mut submitted = 0;
        for _ in 0..120 {
            match (draw(8), office.fleet) {
                (0 | 1, _) => {
                    office.submit("a");
                    submitted += 1;
                }
                (2, Some((job, _))) => {
                    let run = format!("run of {}", job.0);
                    office.tell(Event::Named { job, run }).unwrap();
                    office.tell(Event::Began(job)).unwrap();
                }
                (3, Some((job, _))) => drop(office.tell(Event::Progressed(job)).unwrap()),
                (4, Some(_)) => drop(office.finish(valid())),
                (5, Some(_)) => {
                    let failure = Failure::ALL[draw(4) as usize];
                    let reason = "it failed".to_owned();
                    office.finish(Outcome::Failed { failure, reason });
                }
                (6, _) => {
                    let last = office.desk.jobs().last().map(|job| job.id);
                    // It may have ended already.
                    last.map(|id| office.tell(Event::Cancelled(id)).ok());
                }
                _ => office.pass(draw(40) * MINUTE),
            }
            if draw(8) == 0 {
                office = office.reopened(draw(90) * MINUTE);
                crashes += 1;
            }
            for job in office.desk.jobs() {
                if let Some(before) = finals.get(&job.id) {
                    assert_eq!(*before, job.state, "an end is final");
                }
                if job.state.is_final() {
                    finals.insert(job.id, job.state);
                }
                if let Some(run) = &job.run {
                    assert_eq!(*run, format!("run of {}", job.id.0), "one run a job");
                }
            }
            let held = office.desk.jobs().filter(|job| job.state.holds_fleet());
            assert!(held.count() <= 1);
            let kept: Vec<_> = office.kept.jobs.values().cloned().collect();
            let known: Vec<_> = office.desk.jobs().cloned().collect();
            assert_eq!(kept, known, "what is known is durable");
        }
        let by_clients = office.desk.jobs().count() - office.due("hourly").len();
        assert_eq!(by_clients, submitted, "none lost, none doubled");
        let mut due: Vec<u64> = office.due("hourly").iter().map(|(at, _)| *at).collect();
        let all = due.len();
        due.sort_unstable();
        due.dedup();
        assert_eq!(due.len(), all, "no occurrence twice");
        ended += finals.len();
    }
    assert!(
        crashes > 1000 && ended > 1000,
        "{crashes} {ended}: nothing was tried"
    );
}
