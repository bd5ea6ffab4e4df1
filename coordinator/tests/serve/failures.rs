//! Attempts that fail, jobs that are cancelled, and drains.

use coordinator::serve::{Event, Failure, JobId, JobState, Outcome};

use crate::office::{HOUR, MINUTE, Office, valid};

fn failed(failure: Failure) -> Outcome {
    Outcome::Failed {
        failure,
        reason: format!("because of {}", failure.name()),
    }
}

#[test]
fn jobs_are_measured_one_at_a_time_in_their_order() {
    let mut office = Office::new(HOUR);
    let jobs = ["a", "b", "c"].map(|plan| office.submit(plan));
    assert_eq!(office.started, jobs[..1]);
    assert_eq!(office.state(jobs[1]), JobState::Queued);
    office.pass(HOUR);
    assert_eq!(office.started, jobs);
    assert!(jobs.iter().all(|id| office.state(*id) == JobState::Done));
    assert_eq!(office.job(jobs[0]).validity, "VALID");
}

#[test]
fn each_kind_of_failure_has_its_limit_and_its_pause() {
    for failure in Failure::ALL {
        let mut office = Office::new(HOUR);
        office.takes = 1000 * HOUR;
        let id = office.submit("a");
        let mut attempts = 0;
        while !office.state(id).is_final() {
            attempts += 1;
            office.finish(failed(failure));
            let waits = office.job(id).not_before_ms.saturating_sub(office.now);
            let long = matches!(failure, Failure::Lost | Failure::Store);
            if !office.state(id).is_final() {
                assert_eq!(waits > 0, long, "{failure:?}");
                assert_eq!(office.fleet.is_none(), long, "it waits its time");
                office.pass(waits.max(1));
                assert!(office.fleet.is_some());
            }
        }
        assert_eq!(attempts, failure.limit(), "{failure:?}");
        assert_eq!(office.state(id), JobState::Failed);
        assert!(office.job(id).reason.contains(failure.name()));
    }
}

/// Counter-check: failures with progress between them do not add up.
#[test]
fn a_job_that_makes_progress_is_not_given_up() {
    let mut office = Office::new(HOUR);
    office.takes = 1000 * HOUR;
    let id = office.submit("a");
    for _ in 0..3 * Failure::Lost.limit() {
        let run = "R".to_owned();
        office.tell(Event::Named { job: id, run }).unwrap();
        office.tell(Event::Began(id)).unwrap();
        office.tell(Event::Progressed(id)).unwrap();
        office.finish(failed(Failure::Lost));
        assert_eq!(office.state(id), JobState::Queued);
        office.pass(5 * MINUTE);
    }
    office.finish(valid());
    assert_eq!(office.state(id), JobState::Done);
    assert_eq!(
        office.job(id).run.as_deref(),
        Some("R"),
        "it resumed one run"
    );
}

#[test]
fn a_waiting_job_does_not_hold_up_the_next() {
    let mut office = Office::new(HOUR);
    let [first, second] = ["a", "b"].map(|plan| office.submit(plan));
    office.finish(failed(Failure::Lost));
    assert_eq!(office.fleet.map(|(id, _)| id), Some(second));
    office.pass(HOUR);
    assert_eq!(office.started, [first, second, first]);
}

#[test]
fn a_job_can_be_cancelled_in_every_state_once() {
    let mut office = Office::new(HOUR);
    let [running, waiting] = ["a", "b"].map(|plan| office.submit(plan));
    let run = "R".to_owned();
    office.tell(Event::Named { job: running, run }).unwrap();
    office.tell(Event::Began(running)).unwrap();
    for id in [waiting, running] {
        office.tell(Event::Cancelled(id)).unwrap();
        assert_eq!(office.state(id), JobState::Cancelled);
        let again = office.tell(Event::Cancelled(id)).unwrap_err().to_string();
        assert!(again.contains("it is cancelled already"), "{again}");
    }
    assert!(office.fleet.is_none());
    let unknown = office.tell(Event::Cancelled(JobId(99))).unwrap_err();
    assert!(unknown.to_string().contains("there is none"), "{unknown}");
    // Counter-check: a job that nobody cancels is measured.
    let other = office.submit("c");
    office.pass(HOUR);
    assert_eq!(office.state(other), JobState::Done);
}

/// A measurement may be complete in the moment in which it is cancelled.
#[test]
fn what_was_done_when_it_was_cancelled_is_done() {
    let mut office = Office::new(HOUR);
    let id = office.submit("a");
    let effects = office
        .desk
        .on_event(office.now, Event::Cancelled(id))
        .unwrap();
    drop(effects);
    office.finish(valid());
    assert_eq!(office.state(id), JobState::Done);
}

#[test]
fn a_drain_stops_the_attempt_begins_nothing_and_the_next_start_resumes_it() {
    let mut office = Office::new(HOUR);
    let [first, second] = ["a", "b"].map(|plan| office.submit(plan));
    let run = "R".to_owned();
    office.tell(Event::Named { job: first, run }).unwrap();
    office.tell(Event::Began(first)).unwrap();
    office.tell(Event::Drain).unwrap();
    assert!(office.fleet.is_none() && office.desk.is_draining());
    assert_eq!(office.state(first), JobState::Queued);
    assert!(
        office.job(first).failures.is_empty(),
        "a drain is no failure"
    );
    office.pass(HOUR);
    assert_eq!(office.started, [first], "nothing begins");

    let mut office = office.reopened(HOUR);
    assert_eq!(office.job(first).run.as_deref(), Some("R"));
    office.pass(HOUR);
    assert_eq!(office.started, [first, first, second]);
    assert!(
        [first, second]
            .iter()
            .all(|id| office.state(*id) == JobState::Done)
    );
}

#[test]
fn ended_jobs_are_forgotten_in_the_end_but_numbers_are_not_given_twice() {
    let mut office = Office::new(HOUR);
    office.takes = 1;
    for _ in 0..600 {
        office.submit("a");
        office.pass(10);
    }
    assert!(office.kept.jobs.len() <= 501, "{}", office.kept.jobs.len());
    let mut office = office.reopened(1);
    assert_eq!(office.submit("b"), JobId(601));
}

#[test]
fn a_queue_that_is_full_refuses() {
    let mut office = Office::new(HOUR);
    let refused = (0..2000).find_map(|_| {
        let event = Event::Submitted(crate::office::order("a"));
        office.tell(event).err()
    });
    assert!(refused.unwrap().to_string().contains("are waiting"));
}
