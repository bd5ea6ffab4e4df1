//! Ctrl-C: once, twice, and three times.

use contract::run::{NoticeKind, RunState};
use coordinator::error::exit;
use coordinator::store::RunRecord;

use crate::sandbox::{Ended, Sandbox, eventually, signal};
use crate::tally::{blocks, notices, owed, plan, requests, state};

/// Starts a run and waits until its first block is done.
fn with_one_block_done(sandbox: &Sandbox) -> crate::sandbox::Running {
    let running = sandbox.start(&["run", &sandbox.plan(&plan(6, 10, 16, 12)), "--seed", "3"]);
    let mut seen = std::collections::BTreeSet::new();
    eventually("the second block's second trial", || {
        seen.extend(sandbox.workers());
        (seen.len() > 8).then_some(())
    });
    running
}

/// An unfinished run is INCONCLUSIVE, unless a busy machine made the completed rounds INVALID.
fn assert_unfinished(ended: &Ended, record: &RunRecord) {
    assert!(matches!(owed(record), Some(3 | 4)), "{ended:?}");
    assert_eq!(ended.code, owed(record), "{ended:?}");
}

#[test]
fn once_stops_cleanly_with_what_is_done_and_the_rest_can_be_run() {
    let sandbox = Sandbox::new();
    let running = with_one_block_done(&sandbox);
    signal(running.pid(), "INT");
    let ended = running.end();
    assert!(
        ended.stdout.contains("--resume"),
        "it says how to go on: {ended:?}"
    );
    let stopped = sandbox.latest();
    assert_unfinished(&ended, &stopped);
    assert_eq!(state(&stopped), Some(RunState::Stopped));
    assert_eq!(notices(&stopped), [NoticeKind::Interrupted]);
    let done = blocks(&stopped);
    assert!((1..6).contains(&done.len()), "{}", done.len());
    assert_eq!(requests(&stopped), done.len() as u64 * 30);
    sandbox.deserted();

    let ended = sandbox.run(&["run", "--resume", "latest"]);
    let record = sandbox.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 180),
        "{ended:?}"
    );
    let now = blocks(&record);
    assert!(done.iter().all(|(key, parts)| now.get(key) == Some(parts)));
    assert_eq!(
        notices(&record),
        [NoticeKind::Interrupted, NoticeKind::Resumed]
    );
}

#[test]
fn before_anything_is_measured_it_leaves_nothing() {
    let sandbox = Sandbox::new();
    let text = plan(1, 10, 4, 2).replace("load_ns = 1000,", "load_ns = 60000000000,");
    let running = sandbox.start(&["run", &sandbox.plan(&text)]);
    eventually("a worker is there", || sandbox.workers().pop());
    // The signal that schedulers send has the same effect as Ctrl-C.
    signal(running.pid(), "TERM");
    let ended = running.end();
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(3), ""),
        "{ended:?}"
    );
    assert!(
        ended
            .stderr
            .contains("stopped before anything was measured"),
        "{ended:?}"
    );
    assert!(sandbox.store().runs().unwrap().is_empty());
    sandbox.deserted();
}

#[test]
fn a_terminal_that_closes_stops_a_run_as_ctrl_c_does() {
    let sandbox = Sandbox::new();
    let running = with_one_block_done(&sandbox);
    signal(running.pid(), "HUP");
    let ended = running.end();
    let stopped = sandbox.latest();
    assert_unfinished(&ended, &stopped);
    assert_eq!(
        (state(&stopped), notices(&stopped)),
        (Some(RunState::Stopped), vec![NoticeKind::Interrupted])
    );
    assert!(ended.stdout.contains("--resume"), "{ended:?}");
    sandbox.deserted();
}

#[test]
fn twice_waits_for_nobody_and_loses_nothing_committed() {
    let sandbox = Sandbox::new();
    let running = with_one_block_done(&sandbox);
    // A worker that does not react would delay a graceful end.
    for worker in sandbox.workers() {
        signal(worker, "STOP");
    }
    signal(running.pid(), "INT");
    eventually("the first is taken", || {
        running.progress().contains("stopping").then_some(())
    });
    signal(running.pid(), "INT");
    let ended = running.end();
    let record = sandbox.latest();
    assert_unfinished(&ended, &record);
    assert_eq!(state(&record), Some(RunState::Stopped));
    assert!(requests(&record) >= 30);
    sandbox.deserted();
}

#[test]
fn a_third_time_ends_the_process_at_once_with_a_code_of_its_own() {
    let sandbox = Sandbox::new();
    let running = with_one_block_done(&sandbox);
    // Even after the second Ctrl-C the coordinator would wait for this agent, so a third is needed.
    let agent = sandbox.agent();
    signal(agent, "STOP");
    let program = format!("/proc/{}/exe", running.pid());
    eventually("it has ended", || {
        signal(running.pid(), "INT");
        std::fs::read_link(&program).is_err().then_some(())
    });
    let ended = running.end();
    assert_eq!(ended.code, Some(i32::from(exit::INTERRUPTED)), "{ended:?}");
    assert!(
        requests(&sandbox.latest()) >= 30,
        "what was committed is safe"
    );
    signal(agent, "KILL");
    sandbox.deserted();
}
