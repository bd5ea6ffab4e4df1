//! The coordinator is killed at any moment, and the run is resumed.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::run::RunState;

use crate::sandbox::{Sandbox, eventually};
use crate::tally::{Blocks, blocks, owed, plan, requests, state};

const ROUNDS: u32 = 6;
const KILLS: usize = 6;
/// Workers of one block.
const WORKERS: usize = 6;

/// Waits for a different moment of a block each time: during a trial, or when a block's last worker
/// has ended and the block is being made durable.
fn moment(sandbox: &Sandbox, kill: usize) {
    let mut seen = BTreeSet::<u32>::new();
    eventually("the moment comes", || {
        let alive = sandbox.workers();
        seen.extend(&alive);
        let come = match kill % 2 {
            0 => seen.len() > 2 + kill * 5 % 7,
            _ => !seen.is_empty() && seen.len().is_multiple_of(WORKERS) && alive.is_empty(),
        };
        come.then_some(())
    });
    std::thread::sleep(Duration::from_millis(11 * (kill as u64 / 2)));
}

#[test]
fn whenever_the_coordinator_is_killed_nothing_committed_is_lost_or_run_again() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(ROUNDS, 10, 8, 5));
    let first = ["run", &path, "--seed", "7"];
    let mut done = Blocks::new();
    for kill in 0..KILLS {
        let running = sandbox.start(if kill == 0 {
            &first
        } else {
            &["run", "--resume", "latest"]
        });
        moment(&sandbox, kill);
        running.kill();
        sandbox.deserted();
        let record = sandbox.latest();
        requests(&record);
        assert_eq!(state(&record), None, "it was killed in the middle");
        let now = blocks(&record);
        assert!(kept(&done, &now), "what was committed stays as it was");
        done = now;
    }
    let ended = sandbox.run(&["run", "--resume", "latest"]);
    let record = sandbox.latest();
    assert_eq!(state(&record), Some(RunState::Complete), "{ended:?}");
    assert_eq!(requests(&record), u64::from(ROUNDS) * 3 * 10);
    let now = blocks(&record);
    assert!(kept(&done, &now) && now.len() == ROUNDS as usize);
    assert_eq!(sandbox.litter(), Vec::<String>::new());
    assert_eq!(sandbox.run(&["runs", "verify"]).code, Some(0));

    let again = sandbox.run(&["run", "--resume", "latest"]);
    let record = sandbox.latest();
    assert_eq!(
        (again.code, state(&record)),
        (owed(&record), Some(RunState::Complete)),
        "{again:?}"
    );
    assert_eq!(
        blocks(&record),
        now,
        "a complete run has nothing left to run"
    );
    sandbox.deserted();
}

fn kept(before: &Blocks, after: &Blocks) -> bool {
    before
        .iter()
        .all(|(key, parts)| after.get(key) == Some(parts))
}

/// Counter-check: each of the checks above detects its fault.
#[test]
fn a_changed_a_doubled_and_a_lost_part_would_be_seen() {
    let sandbox = Sandbox::new();
    sandbox.run(&["run", &sandbox.plan(&plan(1, 10, 2, 1)), "--seed", "7"]);
    let record = sandbox.latest();
    assert_eq!(requests(&record), 30);
    let before = blocks(&record);

    let mut changed = record.clone();
    changed.parts[0].output_tokens += 1;
    assert!(!kept(&before, &blocks(&changed)));

    let mut doubled = record.clone();
    doubled.parts.push(record.parts[0].clone());
    assert!(std::panic::catch_unwind(|| requests(&doubled)).is_err());

    let mut lost = record;
    lost.parts.pop();
    assert!(!kept(&before, &blocks(&lost)));
    assert!(std::panic::catch_unwind(|| requests(&lost)).is_err());
}
