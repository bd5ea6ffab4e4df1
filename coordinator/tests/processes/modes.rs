//! Undisturbed whole runs in every mode.

use std::collections::{BTreeMap, BTreeSet};

use contract::id::Arm;
use contract::run::RunState;
use coordinator::store::RunRecord;

use crate::sandbox::Sandbox;
use crate::tally::{notices, owed, plan, requests, state};

#[test]
fn the_stress_test_over_four_slots_accounts_for_every_request() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&[
        "run",
        "--preset",
        "high",
        "--variants",
        "baseline,pgo",
        "--slots",
        "4",
        "--engine",
        "sim",
        "--rounds",
        "5",
        "--seed",
        "5",
        "--output",
        "json",
    ]);
    let record = sandbox.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 3 * 5 * 300),
        "{}",
        ended.stderr
    );
    assert_eq!(
        (ended.code, record.parts.len()),
        (owed(&record), 2 * 5 * 3 * 4)
    );
    assert_eq!(notices(&record), []);
    assert_eq!(
        told(&ended.stdout),
        3 * 5 * 300,
        "the document counts what the parts do"
    );
    assert!(record.superseded.is_empty() && record.header.simulated);
    assert_eq!(sandbox.litter(), Vec::<String>::new());
    sandbox.deserted();
}

/// Requests with an outcome over all arms of the JSON document.
fn told(document: &str) -> u64 {
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    let cells = document["cells"].as_array().unwrap().iter();
    let arms = cells.flat_map(|cell| cell["arms"].as_array().unwrap());
    arms.map(|arm| arm["outcomes"]["planned"].as_u64().unwrap())
        .sum()
}

#[test]
fn workers_are_started_anew_for_every_trial_unless_resident() {
    for (flags, label, cold) in [
        (&[][..], None, 12),
        (&["--resident"][..], Some("resident"), 4),
    ] {
        let sandbox = Sandbox::new();
        let path = sandbox.plan(&plan(2, 10, 4, 2));
        let ended = sandbox.run(&[&["run", &path, "--seed", "1"], flags].concat());
        let record = sandbox.latest();
        assert_eq!(
            (state(&record), requests(&record)),
            (Some(RunState::Complete), 60),
            "{ended:?}"
        );
        // A process reports its cold start only with its first part.
        assert_eq!(
            record
                .parts
                .iter()
                .filter(|part| !part.cold.is_empty())
                .count(),
            cold
        );
        assert_eq!(record.header.labels, label.into_iter().collect::<Vec<_>>());
        sandbox.deserted();
    }
}

/// The processors that the workers of each arm used, by round.
fn processors(record: &RunRecord) -> BTreeMap<u32, BTreeMap<Arm, BTreeSet<u32>>> {
    let mut rounds = BTreeMap::<_, BTreeMap<_, BTreeSet<u32>>>::new();
    for part in &record.parts {
        let arms = rounds.entry(part.place.key.round).or_default();
        let engine = part
            .engine
            .engine_processors
            .iter()
            .chain(&part.engine.load_processors);
        arms.entry(part.place.key.arm).or_default().extend(engine);
    }
    rounds
}

#[test]
fn a_duet_runs_both_builds_at_once_on_processors_of_their_own() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(2, 10, 4, 2));
    let flags = [
        "run",
        &path,
        "--variants",
        "baseline,pgo",
        "--no-aa",
        "--seed",
        "1",
    ];
    let ended = sandbox.run(&[&flags[..], &["--duet"]].concat());
    if std::thread::available_parallelism().unwrap().get() < 2 {
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("leave out duet"), "{ended:?}");
        return;
    }
    let record = sandbox.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 40),
        "{ended:?}"
    );
    assert_eq!(record.header.labels, ["duet: A and B at the same time"]);
    let words = ended
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        words.contains("duet: A and B at the same time"),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("arm A (baseline) beside arm B (pgo)"),
        "{ended:?}"
    );
    let rounds = processors(&record);
    assert!(
        rounds
            .values()
            .all(|arms| arms[&Arm::A].is_disjoint(&arms[&Arm::B])),
        "{rounds:?}"
    );
    assert_ne!(rounds[&0], rounds[&1], "the arms change sides");
    // Counter-check: alternating arms use the same processors.
    let ended = sandbox.run(&flags);
    let rounds = processors(&sandbox.latest());
    assert!(
        rounds.values().all(|arms| arms[&Arm::A] == arms[&Arm::B]),
        "{ended:?}"
    );
}

#[test]
fn a_build_against_itself_is_labelled() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&[
        "run",
        &sandbox.plan(&plan(1, 10, 4, 2)),
        "--a-a",
        "--seed",
        "1",
    ]);
    let record = sandbox.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), 30),
        "{ended:?}"
    );
    assert_eq!(record.header.labels, ["a/a"]);
    let variants: BTreeSet<_> = record
        .parts
        .iter()
        .map(|part| part.origin.variant.as_str())
        .collect();
    assert_eq!(variants, BTreeSet::from(["baseline"]));
}
