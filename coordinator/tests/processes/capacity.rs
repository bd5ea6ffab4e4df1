//! A search for a capacity by the whole program, killed at any moment and resumed.

use contract::run::RunState;
use serde_json::Value;

use crate::sandbox::{Ended, Sandbox, eventually};
use crate::tally::{Blocks, blocks, requests, state};

/// Every step of this engine takes 10 ms and serves at most two requests of two tokens, so that it
/// carries less than 100 requests a second on any machine.
const PLAN: &str = r#"
name = "small"
engine = "sim"
on_loss = "repeat"

[sim.all]
load_ns = 1000000
step_base_ns = 10000000
decode_ns = 1000
prefill_ns = 1000
max_batch = 2

[[scenario]]
name = "small"
shape = { kind = "poisson", rate = 40.0 }
stop = { duration = 1.0 }
prompt = { tokens = 4 }
output_tokens = 2
"#;

const SEARCH: [&str; 13] = [
    "--objective",
    "e2e.p90<150ms",
    "--window",
    "300ms",
    "--run-in",
    "100ms",
    "--rates",
    "10..400",
    "--precision",
    "500%",
    "--budget",
    "30s",
    "--seed=7",
];

fn search<'a>(plan: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["capacity", plan][..], &SEARCH, more].concat()
}

fn answer(ended: &Ended) -> Value {
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["kind"], "capacity");
    document["capacity"].clone()
}

/// Waits until some workers more have been started.
fn moment(sandbox: &Sandbox, workers: usize) {
    let mut seen = std::collections::BTreeSet::new();
    eventually("workers come and go", || {
        seen.extend(sandbox.workers());
        (seen.len() > workers).then_some(())
    });
}

#[test]
fn a_search_that_is_killed_goes_on_without_a_probe_lost_or_made_twice() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(PLAN);
    let first = search(&path, &[]);
    let mut done = Blocks::new();
    for kill in 0..4 {
        let resumed = ["capacity", "--resume", "latest"];
        let running = sandbox.start(if kill == 0 { &first } else { &resumed });
        moment(&sandbox, 2);
        running.kill();
        sandbox.deserted();
        let record = sandbox.latest();
        requests(&record);
        assert_eq!(state(&record), None, "it was killed in the middle");
        let now = blocks(&record);
        let kept = done.iter().all(|(key, parts)| now.get(key) == Some(parts));
        assert!(kept, "what was committed stays as it was");
        done = now;
    }
    assert!(
        !done.is_empty(),
        "the twin: something was committed before a kill"
    );
    let ended = sandbox.run(&["capacity", "--resume", "latest", "-o", "json"]);
    let record = sandbox.latest();
    assert_eq!(state(&record), Some(RunState::Complete), "{ended:?}");
    requests(&record);
    let now = blocks(&record);
    assert!(done.iter().all(|(key, parts)| now.get(key) == Some(parts)));

    let answer = answer(&ended);
    let (levels, probes) = (answer["levels"].as_array(), answer["probes"].as_array());
    let made = levels.unwrap().len() + probes.unwrap().len();
    assert_eq!(
        made,
        record.blocks.len(),
        "every probe is one block: {answer}"
    );
    let found = answer["outcome"] == "FOUND";
    assert_eq!(ended.code, Some(if found { 0 } else { 3 }), "{answer}");

    // Asked again, the search is over and answers the same.
    let again = sandbox.run(&["capacity", "--resume", "latest", "-o", "json"]);
    assert_eq!((again.code, &again.stdout), (ended.code, &ended.stdout));
    let shown = sandbox.run(&["capacity", "--show", "latest", "-o", "json"]);
    assert_eq!((shown.code, &shown.stdout), (ended.code, &ended.stdout));
    assert_eq!(blocks(&sandbox.latest()), now, "nothing was run again");
    assert_eq!(sandbox.run(&["runs", "verify"]).code, Some(0));
}

#[test]
fn what_a_search_cannot_do_is_said_in_one_sentence() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(PLAN);
    let refused = |arguments: &[&str], needle: &str| {
        let ended = sandbox.run(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(needle), "{}", ended.stderr);
    };
    refused(
        &["capacity", &path, "--objective", "ttft<1"],
        "is no objective: write one as",
    );
    refused(
        &search(&path, &["--variants", "a,b,c"]),
        "at most two variants",
    );
    refused(
        &search(&path, &["--scenario", "none"]),
        "--scenario one of small",
    );
    refused(
        &["capacity", "--show", "latest"],
        "none is stored there yet",
    );
    sandbox.run(&["run", &path, "--a-a", "--rounds", "1", "--seed", "1"]);
    refused(&["capacity", "--show", "latest"], "searched for none");
    refused(&["capacity", "--resume", "latest"], "searched for none");

    // One window is no search, and says so.
    let short = sandbox.run(
        &search(&path, &["--in-flight=0", "--output=json"])
            .iter()
            .map(|a| if *a == "30s" { "400ms" } else { a })
            .collect::<Vec<_>>(),
    );
    assert_eq!(
        (short.code, &answer(&short)["outcome"]),
        (Some(3), &Value::from("BUDGET"))
    );
    refused(&["compare", "latest"], "coordinator capacity --show");
    refused(
        &["run", "--resume", "latest"],
        "coordinator capacity --resume",
    );
    refused(&["capacity", "plan", "--target", "300rps"], "is BUDGET");

    let table = "[capacity]\nobjectives = [\"ttft.p99<1s\"]\nlowest = 1.0\nhighest = 2.0\nratio = 1.03\nprecision = 0.05\nwindows = 10\n";
    let path = sandbox.plan(&format!("{PLAN}\n{table}"));
    refused(&["run", &path], "is written by `coordinator capacity`");
}
