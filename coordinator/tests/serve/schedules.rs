//! Two days with two schedules over both changes of the clock in Europe/Berlin, and hours without a
//! server.

use coordinator::serve::cron::Timetable;
use coordinator::serve::{Event, JobState, Outcome, Why};

use crate::office::{HOUR, MINUTE, Office, order};

/// Noon of 28 March 2026 in Berlin; the next night has no hour from 2 to 3.
const SPRING: u64 = 1_774_695_600_000;
/// Noon of 24 October 2026 in Berlin; the next night has the hour from 2 to 3 twice.
const AUTUMN: u64 = 1_792_836_000_000;

const NIGHTLY: &str = "30 2 * * *";
const HOURLY: &str = "15 * * * *";
const BERLIN: &str = "Europe/Berlin";

fn wall(unix_ms: u64) -> String {
    Timetable::new(HOURLY, BERLIN).unwrap().on_the_wall(unix_ms)
}

#[test]
fn over_both_changes_of_the_clock_every_run_comes_once() {
    for (noon, nights) in [
        (SPRING, ["2026-03-29 03:00 CEST", "2026-03-30 02:30 CEST"]),
        (AUTUMN, ["2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"]),
    ] {
        assert!(wall(noon).contains("12:00"), "{}", wall(noon));
        let mut office = Office::new(noon);
        office.schedule("nightly", NIGHTLY, BERLIN);
        office.schedule("hourly", HOURLY, BERLIN);
        office.pass(48 * HOUR);
        let nightly: Vec<String> = office
            .due("nightly")
            .iter()
            .map(|(at, _)| wall(*at))
            .collect();
        assert_eq!(nightly, nights);
        let hourly = office.due("hourly");
        assert_eq!(hourly.len(), 48, "one for every hour that passed");
        let apart = |pair: &[(u64, bool)]| pair[1].0 - pair[0].0 == HOUR;
        assert!(hourly.windows(2).all(apart), "none twice, none left out");
        assert_eq!(office.started.len(), 50);
        assert!(office.desk.jobs().all(|job| job.state == JobState::Done));
        assert!(office.desk.schedules().all(|(s, _)| s.missed.is_empty()));
    }
}

#[test]
fn what_was_due_without_a_server_is_named_and_made_up_for_once() {
    let mut office = Office::new(SPRING);
    office.schedule("nightly", NIGHTLY, BERLIN);
    office.schedule("hourly", HOURLY, BERLIN);
    // Down from 00:30 to 07:30 on the wall, which are six hours.
    office.pass(12 * HOUR + 30 * MINUTE);
    let (before, idle) = (office.started.len(), office.fleet.is_none());
    assert!(before == 13 && idle, "{before}");
    let mut office = office.reopened(6 * HOUR);
    assert!(wall(office.now).contains("07:30"), "{}", wall(office.now));
    office.tell(Event::Tick).unwrap();
    let missed = |office: &Office, name: &str| {
        let (schedule, _) = office
            .desk
            .schedules()
            .find(|(s, _)| s.name == name)
            .unwrap();
        let all = schedule.missed.clone();
        assert_eq!(all.len() as u64, schedule.missed_in_all);
        all
    };
    let nightly = missed(&office, "nightly");
    let hourly = missed(&office, "hourly");
    let names = |all: &[coordinator::serve::Missed]| -> Vec<String> {
        all.iter()
            .map(|m| wall(m.due_ms)[11..16].to_owned())
            .collect()
    };
    assert_eq!(names(&nightly), ["03:00"]);
    assert_eq!(
        names(&hourly),
        ["01:15", "03:15", "04:15", "05:15", "06:15", "07:15"]
    );
    assert!(nightly.iter().chain(&hourly).all(|m| m.why == Why::Down));
    let made_up =
        |all: &[coordinator::serve::Missed]| all.iter().filter(|m| m.made_up.is_some()).count();
    assert_eq!((made_up(&nightly), made_up(&hourly)), (1, 1), "once each");
    assert!(hourly.last().unwrap().made_up.is_some(), "the newest");

    office.pass(24 * HOUR);
    let jobs = office.due("hourly");
    assert_eq!(jobs.iter().filter(|(_, made_up)| *made_up).count(), 1);
    let mut due: Vec<u64> = jobs.iter().map(|(at, _)| *at).collect();
    let all = due.len();
    due.dedup();
    assert_eq!(due.len(), all, "none twice");
    assert_eq!(missed(&office, "hourly"), hourly, "nothing more is missed");
}

/// Counter-check: with the server up, the same hours are not missed.
#[test]
fn a_short_restart_misses_nothing() {
    let mut office = Office::new(SPRING);
    office.schedule("hourly", HOURLY, BERLIN);
    office.pass(2 * HOUR + 14 * MINUTE + 30_000);
    // Due in this minute, and the server is back within it.
    let mut office = office.reopened(MINUTE);
    office.tell(Event::Tick).unwrap();
    office.pass(HOUR);
    let due = office.due("hourly");
    assert!(
        due.len() == 4 && due.iter().all(|(_, made_up)| !made_up),
        "{due:?}"
    );
    assert!(office.desk.schedules().all(|(s, _)| s.missed.is_empty()));
}

#[test]
fn jobs_of_a_schedule_never_stack() {
    let mut office = Office::new(SPRING);
    // Every job takes two and a half hours.
    office.takes = 150 * MINUTE;
    office.schedule("hourly", HOURLY, BERLIN);
    office.pass(24 * HOUR);
    let waiting = office
        .desk
        .jobs()
        .filter(|job| !job.state.is_final())
        .count();
    assert!(waiting <= 1, "{waiting}");
    let (schedule, _) = office.desk.schedules().next().unwrap();
    assert!(
        schedule
            .missed
            .iter()
            .all(|m| m.why == Why::Busy && m.made_up.is_none())
    );
    assert_eq!(office.due("hourly").len() + schedule.missed.len(), 24);
    assert_eq!(office.due("hourly").len(), 8, "every third");
}

#[test]
fn a_clock_that_is_set_back_doubles_nothing() {
    let mut office = Office::new(SPRING);
    office.schedule("hourly", HOURLY, BERLIN);
    office.pass(5 * HOUR);
    let before = office.due("hourly");
    office.now -= 3 * HOUR;
    office.pass(3 * HOUR);
    assert_eq!(office.due("hourly"), before);
    office.pass(HOUR);
    assert_eq!(office.due("hourly").len(), before.len() + 1);
}

#[test]
fn schedules_are_added_once_and_removed() {
    let mut office = Office::new(SPRING);
    office.schedule("hourly", HOURLY, BERLIN);
    let add = |name: &str, cron: &str| Event::Scheduled {
        name: name.to_owned(),
        cron: cron.to_owned(),
        zone: "UTC".to_owned(),
        order: order("p"),
    };
    for (event, told) in [
        (add("hourly", HOURLY), "there is one of that name"),
        (add("two words", HOURLY), "name the schedule"),
        (add("never", "0 0 30 2 *"), "never due"),
        (add("odd", "* *"), "five fields"),
        (Event::Unscheduled("other".to_owned()), "there is none"),
    ] {
        let refused = office.tell(event).unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
    }
    assert_eq!(
        office.kept.schedules.len(),
        1,
        "what was refused changed nothing"
    );
    office
        .tell(Event::Unscheduled("hourly".to_owned()))
        .unwrap();
    office.pass(5 * HOUR);
    assert!(office.due("hourly").is_empty() && office.kept.schedules.is_empty());
}

#[test]
fn a_failed_job_does_not_keep_its_schedule_busy() {
    let mut office = Office::new(SPRING);
    office.schedule("hourly", HOURLY, BERLIN);
    office.pass(16 * MINUTE);
    let failure = coordinator::serve::Failure::Refused;
    let reason = "its build is gone".to_owned();
    office.finish(Outcome::Failed { failure, reason });
    office.pass(HOUR);
    assert_eq!(office.due("hourly").len(), 2);
}
