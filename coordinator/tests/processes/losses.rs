//! Processes that die or stop in the middle of a trial, and what becomes of the block.

use contract::run::{NoticeKind, RunState};

use crate::ground::{Ground, eventually, signal};
use crate::tally::{losses, owed, plan, requests, state};

/// Trials long enough to be caught at: 30 tokens of 25 ms.
fn long() -> String {
    plan(1, 10, 30, 25)
}

#[test]
fn a_killed_worker_costs_its_block_an_attempt_and_nothing_else() {
    let ground = Ground::new();
    let running = ground.start(&["run", &ground.plan(&long()), "--seed", "1"]);
    signal(ground.busy_worker(), "KILL");
    let ended = running.end();
    let record = ground.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 30),
        "{ended:?}"
    );
    assert_eq!(ended.code, owed(&record), "{ended:?}");
    assert_eq!(losses(&record), [NoticeKind::WorkerLost]);
    assert!(
        record.notices[0].message.contains("killed by signal 9"),
        "{:?}",
        record.notices
    );
    assert_eq!(record.blocks[0].attempt.0, 2);
    assert_eq!(record.parts.len(), 6);
    ground.deserted();
}

#[test]
fn where_a_loss_is_to_fail_the_run_it_is_invalid_and_says_why() {
    let ground = Ground::new();
    let running = ground.start(&[
        "run",
        &ground.plan(&long()),
        "--seed",
        "1",
        "--on-loss",
        "fail",
    ]);
    signal(ground.busy_worker(), "KILL");
    let ended = running.end();
    let record = ground.latest();
    assert_eq!(
        (ended.code, state(&record), requests(&record)),
        (Some(4), Some(RunState::Failed), 0),
        "{ended:?}"
    );
    let end = record.end.as_ref().unwrap();
    assert_eq!(end.validity, "INVALID");
    assert!(end.reason.contains("killed by signal 9"), "{}", end.reason);
    assert!(
        ended.stdout.contains("INVALID") && ended.stdout.contains("killed by signal 9"),
        "{ended:?}"
    );
    ground.deserted();

    // What failed is not lost: the rest can be run.
    let ended = ground.run(&["run", "--resume", "latest"]);
    let record = ground.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 30),
        "{ended:?}"
    );
}

#[test]
fn a_stopped_worker_is_overdue_or_silent_and_its_block_is_run_again() {
    let ground = Ground::new();
    let text = long().replace("lease = 10", "lease = 1");
    let running = ground.start(&["run", &ground.plan(&text), "--seed", "1"]);
    let stopped = ground.busy_worker();
    signal(stopped, "STOP");
    let ended = running.end();
    let record = ground.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 30),
        "{ended:?}"
    );
    assert!(
        matches!(
            losses(&record)[..],
            [NoticeKind::WorkerSilent | NoticeKind::Overdue]
        ),
        "{:?}",
        record.notices
    );
    assert_eq!(record.blocks[0].attempt.0, 2);
    ground.deserted();
}

#[test]
fn a_stopped_coordinator_is_left_by_its_agent_and_workers() {
    let ground = Ground::new();
    let text = long().replace("lease = 10", "lease = 1");
    let running = ground.start(&["run", &ground.plan(&text), "--seed", "1"]);
    ground.busy_worker();
    signal(running.pid(), "STOP");
    ground.deserted();
    signal(running.pid(), "CONT");
    let ended = running.end();
    let record = ground.latest();
    assert_eq!(
        (ended.code, state(&record)),
        (Some(4), Some(RunState::Failed)),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("it sent nothing for 1 s"),
        "{ended:?}"
    );
    assert!(record.end.unwrap().reason.contains("agent"), "{ended:?}");
}

#[test]
fn a_killed_agent_ends_the_run_by_name_and_the_rest_can_be_run() {
    let ground = Ground::new();
    let running = ground.start(&[
        "run",
        &ground.plan(&long().replace("rounds = 1", "rounds = 2")),
        "--seed",
        "1",
    ]);
    ground.busy_worker();
    signal(ground.agent(), "KILL");
    eventually("its workers die with it", || {
        ground.workers().is_empty().then_some(())
    });
    let ended = running.end();
    let record = ground.latest();
    assert_eq!(
        (ended.code, state(&record)),
        (Some(4), Some(RunState::Failed)),
        "{ended:?}"
    );
    let reason = &record.end.as_ref().unwrap().reason;
    assert!(
        reason.contains("agent") && reason.contains("killed by signal 9"),
        "{reason}"
    );
    assert_eq!(losses(&record), [NoticeKind::AgentLost]);

    let ended = ground.run(&["run", "--resume", "latest"]);
    let record = ground.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 60),
        "{ended:?}"
    );
    ground.deserted();
}
