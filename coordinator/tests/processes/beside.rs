//! Commands that read, beside a run that has the store open.

use contract::run::RunState;

use crate::sandbox::{Ended, Sandbox, eventually, signal};
use crate::tally::{plan, requests, state};

/// What the line on stderr must contain.
const NOTE: &str = "has the store open; this reads a snapshot of it, of ";

fn is_snapshot(ended: &Ended) -> bool {
    ended.stderr.contains(NOTE)
}

#[test]
fn commands_that_read_work_beside_a_run_and_say_that_they_read_a_snapshot() {
    let sandbox = Sandbox::new();
    sandbox.run(&["run", &sandbox.plan(&plan(1, 10, 2, 1)), "--seed", "7"]);
    let first = sandbox.latest();
    let id = first.header.run.to_string();
    // More rounds than will be run: it is stopped below.
    let running = sandbox.start(&["run", &sandbox.plan(&plan(500, 10, 20, 10))]);
    sandbox.busy_worker();
    let reads: [&[&str]; 9] = [
        &["runs", "list"],
        &["runs", "list", "-o", "json"],
        &["runs", "show", "latest"],
        &["runs", "show", &id],
        &["runs", "verify", &id],
        &["runs", "prune"],
        &["runs", "export", &id, "--to", "copy.bench"],
        &["report", &id],
        &["compare", &id],
    ];
    for arguments in reads {
        let ended = sandbox.run_beside(arguments);
        assert!(is_snapshot(&ended), "{arguments:?}: {ended:?}");
        assert!(
            ended
                .stderr
                .contains(&format!("process {} ", running.pid())),
            "{ended:?}"
        );
        // `compare` also tells whether a busy machine disturbed the measurement.
        let fine = ended.code == Some(0) || arguments[0] == "compare";
        assert!(fine && ended.code != Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
    assert!(sandbox.path("copy.bench").exists());
    let listed = sandbox.run_beside(&["runs", "list", "-o", "quiet"]);
    assert_eq!(listed.stdout.lines().count(), 2, "{listed:?}");

    // What is committed while the run goes on is in later snapshots.
    eventually("a block more is seen", || {
        let shown = sandbox.run_beside(&["runs", "show", "latest", "-o", "json"]);
        let shown: serde_json::Value = serde_json::from_str(&shown.stdout).ok()?;
        (shown["run"]["blocks_done"].as_u64()? > 0).then_some(())
    });

    // Counter-check: what writes is refused, as before.
    for arguments in [&["runs", "tag", &id, "x"][..], &["runs", "prune", "--yes"]] {
        let refused = sandbox.run_beside(arguments);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("is using it"), "{refused:?}");
    }

    signal(running.pid(), "INT");
    running.end();
    sandbox.deserted();
    let record = sandbox.latest();
    requests(&record);
    assert_eq!(state(&record), Some(RunState::Stopped));
    assert_eq!(sandbox.run(&["runs", "verify"]).code, Some(0));
    // Counter-check: without a run there is no snapshot.
    let alone = sandbox.run(&["runs", "list"]);
    assert!(alone.code == Some(0) && !is_snapshot(&alone), "{alone:?}");
}
