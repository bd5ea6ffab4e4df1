//! A soak by the whole program, killed in the middle: what was stored stays, and one interval at most
//! is measured again.

use std::time::Duration;

use contract::run::RunState;
use serde_json::Value;

use crate::sandbox::{Sandbox, eventually};
use crate::tally::{Blocks, blocks, requests, state};

const PLAN: &str = r#"
name = "small"
engine = "sim"

[sim.all]
load_ns = 1000000
step_base_ns = 5000000
decode_ns = 1000
prefill_ns = 1000

[[scenario]]
name = "small"
shape = { kind = "poisson", rate = 40.0 }
stop = { duration = 1.0 }
prompt = { tokens = 4 }
output_tokens = 2
"#;

const LOAD: [&str; 6] = [
    "--rate=40rps",
    "--for=8s",
    "--interval=400ms",
    "--run-in=100ms",
    "--seed=7",
    "--output=json",
];

#[test]
fn a_soak_that_is_killed_goes_on_with_the_next_interval() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(PLAN);
    let first = [&["soak", &path][..], &LOAD].concat();
    let resume = ["soak", "--resume", "latest"];
    let mut kept = Blocks::new();
    // However slow the machine is, some intervals end before a kill.
    for kill in 0..30 {
        let running = sandbox.start(if kill == 0 { &first } else { &resume });
        eventually("a worker runs", || {
            (!sandbox.workers().is_empty()).then_some(())
        });
        std::thread::sleep(Duration::from_millis(1500));
        running.kill();
        sandbox.deserted();
        let now = blocks(&sandbox.latest());
        assert!(kept.iter().all(|(key, parts)| now.get(key) == Some(parts)));
        kept = now;
        if kept.len() >= 2 {
            break;
        }
    }
    assert!((2..16).contains(&kept.len()), "{}", kept.len());
    let shown = sandbox.run(&["soak", "--show", "latest", "-o", "quiet"]);
    assert!(shown.stdout.contains("UNFINISHED"), "{shown:?}");

    let resumed = sandbox.run(&["soak", "--resume", "latest", "-o", "json"]);
    let record = sandbox.latest();
    assert_eq!(state(&record), Some(RunState::Complete), "{resumed:?}");
    requests(&record);
    let now = blocks(&record);
    assert!(kept.iter().all(|(key, parts)| now.get(key) == Some(parts)));
    assert_eq!(now.len(), 16, "each interval once");
    let document: Value = serde_json::from_str(&resumed.stdout).unwrap();
    assert_eq!(document["soak"]["intervals"].as_array().unwrap().len(), 16);
    // A busy machine may make the latency step.
    assert!(matches!(resumed.code, Some(0 | 1)), "{resumed:?}");
    assert_eq!(sandbox.run(&["runs", "verify"]).code, Some(0));
}

#[test]
fn what_a_soak_cannot_do_is_said_in_one_sentence() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(PLAN);
    let refused = |arguments: &[&str], needle: &str| {
        let ended = sandbox.run(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(needle), "{}", ended.stderr);
    };
    refused(&["soak", &path], "none is stored there yet");
    sandbox.run(&["run", &path, "--a-a", "--rounds", "1", "--seed", "1"]);
    refused(&["soak", &path], "searched for none");
    refused(&["soak", "--show", "latest"], "this run held no load");
    refused(&["soak", "--resume", "latest"], "this run held no load");
    refused(
        &["soak", &path, "--rate", "fast"],
        "a rate in requests a second",
    );
}
