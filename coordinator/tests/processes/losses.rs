//! Processes that die or stop during a trial, and the effect on the block.

use contract::run::{NoticeKind, RunState};

use crate::sandbox::{Sandbox, eventually, signal};
use crate::tally::{losses, owed, plan, requests, state};

/// Trials long enough to be interrupted: 30 tokens of 25 ms.
fn long() -> String {
    plan(1, 10, 30, 25)
}

#[test]
fn a_killed_worker_costs_its_block_an_attempt_and_nothing_else() {
    let sandbox = Sandbox::new();
    let running = sandbox.start(&["run", &sandbox.plan(&long()), "--seed", "1"]);
    signal(sandbox.busy_worker(), "KILL");
    let ended = running.end();
    let record = sandbox.latest();
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
    sandbox.deserted();
}

#[test]
fn where_a_loss_is_to_fail_the_run_it_is_invalid_and_says_why() {
    let sandbox = Sandbox::new();
    let running = sandbox.start(&[
        "run",
        &sandbox.plan(&long()),
        "--seed",
        "1",
        "--on-loss",
        "fail",
    ]);
    signal(sandbox.busy_worker(), "KILL");
    let ended = running.end();
    let record = sandbox.latest();
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
    sandbox.deserted();

    // A failed run is not lost: the rest can be run.
    let ended = sandbox.run(&["run", "--resume", "latest"]);
    let record = sandbox.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 30),
        "{ended:?}"
    );
}

#[test]
fn a_stopped_worker_is_overdue_or_silent_and_its_block_is_run_again() {
    let sandbox = Sandbox::new();
    let text = long().replace("lease = 10", "lease = 1");
    let running = sandbox.start(&["run", &sandbox.plan(&text), "--seed", "1"]);
    let stopped = sandbox.busy_worker();
    signal(stopped, "STOP");
    let ended = running.end();
    let record = sandbox.latest();
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
    sandbox.deserted();
}

#[test]
fn a_stopped_coordinator_is_left_by_its_agent_and_workers() {
    let sandbox = Sandbox::new();
    let text = long().replace("lease = 10", "lease = 1");
    let running = sandbox.start(&["run", &sandbox.plan(&text), "--seed", "1"]);
    sandbox.busy_worker();
    signal(running.pid(), "STOP");
    sandbox.deserted();
    signal(running.pid(), "CONT");
    let ended = running.end();
    let record = sandbox.latest();
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
    let sandbox = Sandbox::new();
    let running = sandbox.start(&[
        "run",
        &sandbox.plan(&long().replace("rounds = 1", "rounds = 2")),
        "--seed",
        "1",
    ]);
    sandbox.busy_worker();
    signal(sandbox.agent(), "KILL");
    eventually("its workers die with it", || {
        sandbox.workers().is_empty().then_some(())
    });
    let ended = running.end();
    let record = sandbox.latest();
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

    let ended = sandbox.run(&["run", "--resume", "latest"]);
    let record = sandbox.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 60),
        "{ended:?}"
    );
    sandbox.deserted();
}
