//! Windows of a round with real processes: each arm keeps its process for the round, and none is
//! left afterwards.

use std::collections::BTreeSet;

use contract::run::RunState;

use crate::sandbox::Sandbox;
use crate::tally::state;

const PLAN: &str = "name = 'windows'\nrounds = 2\nwindows = 3\nengine = 'sim'\n\
     [validity]\nmax_lateness = 1.0\nmax_lateness_share = 1.0\n\
     [sim.all]\nstep_base_ns = 1000000\n\
     [[scenario]]\nname = 'burst'\nshape = { kind = 'burst', requests = 12 }\n\
     prompt = { tokens = 4 }\noutput_tokens = 4\nwarmup = { requests = 2, output_tokens = 1 }\n";

#[test]
fn an_arm_keeps_its_process_for_the_windows_of_a_round() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&["run", &sandbox.plan(PLAN), "--a-a", "--seed", "3"]);
    let record = sandbox.latest();
    assert_eq!(state(&record), Some(RunState::Complete), "{ended:?}");
    assert_eq!((record.blocks.len(), record.parts.len()), (6, 18));
    // A process tells of its start once, with its first part.
    let begun: BTreeSet<(u32, u32, String)> = record
        .parts
        .iter()
        .filter(|part| !part.cold.is_empty())
        .map(|part| part.place.key)
        .map(|key| (key.round / 3, key.round % 3, key.arm.to_string()))
        .collect();
    let expected = [0, 1]
        .into_iter()
        .flat_map(|round| ["A", "B", "A2"].map(|arm| (round, 0, arm.to_owned())));
    assert_eq!(begun, expected.collect());
    let said: Vec<&str> = ended.stdout.split_whitespace().collect();
    assert!(
        said.join(" ").contains("2 of 2 rounds"),
        "rounds count, not windows: {}",
        ended.stdout
    );
    assert!(
        ended.stderr.contains("round 2 of 2, window 3 of 3"),
        "{}",
        ended.stderr
    );
}

#[test]
fn windows_and_workers_that_stay_for_the_run_exclude_each_other() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["run", &sandbox.plan(PLAN), "--a-a", "--resident"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("leave one out"),
        "{}",
        refused.stderr
    );
}

/// Where the noise comes from is told of a run of windows, and refused of another.
#[test]
fn the_components_of_the_noise_are_measured_and_told_again() {
    let sandbox = Sandbox::new();
    let plan = sandbox.plan(&PLAN.replace("requests = 12", "requests = 60"));
    let arguments = [
        "calibrate",
        &plan,
        "--components",
        "--windows",
        "2",
        "--seed",
        "3",
    ];
    let measured = sandbox.run(&arguments);
    assert_eq!(measured.code, Some(0), "{measured:?}");
    assert!(measured.stdout.contains("between windows"), "{measured:?}");
    let again = sandbox.run(&["compare", "--components", "--output", "json"]);
    let document: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(document["kind"], "components");
    let found = &document["components"];
    assert_eq!(
        (found["windows"].as_u64(), found["rounds"].as_u64()),
        (Some(2), Some(2))
    );
    let primary = &found["cells"][0]["measures"][0];
    assert_eq!(primary["primary"], true, "{found}");
    assert!(primary["sd_between_windows"].as_f64().unwrap() > 0.0);
    assert_eq!(primary["designs"].as_array().unwrap().len(), 7);

    // The second run of a plan says before it begins how long it will take.
    assert!(
        !measured.stderr.contains("expected: about"),
        "{}",
        measured.stderr
    );
    let alone = sandbox.run(&["run", &plan, "--a-a", "--windows", "1"]);
    assert!(alone.stderr.contains("expected: about"), "{}", alone.stderr);
    assert!(matches!(alone.code, Some(0 | 3 | 4)), "{alone:?}");
    let refused = sandbox.run(&["compare", "--components"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("--components"),
        "{}",
        refused.stderr
    );
}
