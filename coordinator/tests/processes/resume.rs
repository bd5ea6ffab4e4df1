//! The coordinator killed at any moment, and the run taken up again.

use contract::run::RunState;

use crate::ground::{Ground, eventually};
use crate::tally::{Blocks, blocks, owed, plan, requests, state};

const ROUNDS: u32 = 4;
const KILLS: u32 = 5;

#[test]
fn whenever_the_coordinator_is_killed_nothing_committed_is_lost_or_run_again() {
    let ground = Ground::new();
    let path = ground.plan(&plan(ROUNDS, 10, 8, 5));
    let mut done = Blocks::new();
    let mut began = false;
    for kill in 0..KILLS {
        let resume: &[&str] = &["run", "--resume", "latest"];
        let running = if began { ground.start(resume) } else { ground.start(&["run", &path, "--seed", "7"]) };
        // After so many workers were seen: somewhere else in a block each time.
        let mut seen = std::collections::BTreeSet::new();
        eventually("so many workers were seen", || {
            seen.extend(ground.workers());
            (seen.len() > 2 + (kill as usize * 5) % 7).then_some(())
        });
        running.kill();
        ground.deserted();
        let record = ground.latest();
        began = true;
        requests(&record);
        assert_eq!(state(&record), None, "it was killed in the middle");
        let now = blocks(&record);
        assert!(
            done.iter().all(|(key, parts)| now.get(key) == Some(parts)),
            "what was committed stays as it was"
        );
        done = now;
    }
    let ended = ground.run(&["run", "--resume", "latest"]);
    let record = ground.latest();
    assert_eq!(state(&record), Some(RunState::Complete), "{ended:?}");
    assert_eq!(requests(&record), u64::from(ROUNDS) * 3 * 10);
    let now = blocks(&record);
    assert!(done.iter().all(|(key, parts)| now.get(key) == Some(parts)));
    assert_eq!(now.len(), ROUNDS as usize);
    assert_eq!(ground.litter(), Vec::<String>::new());
    ground.deserted();

    let again = ground.run(&["run", "--resume", "latest"]);
    let record = ground.latest();
    assert_eq!((again.code, state(&record)), (owed(&record), Some(RunState::Complete)), "{again:?}");
    assert_eq!(blocks(&record), now, "a complete run has nothing left to run");
}

#[test]
fn a_changed_part_would_be_seen() {
    let ground = Ground::new();
    ground.run(&["run", &ground.plan(&plan(1, 10, 2, 1)), "--seed", "7"]);
    let mut record = ground.latest();
    let before = blocks(&record);
    record.parts[0].output_tokens += 1;
    assert_ne!(blocks(&record), before);
}
