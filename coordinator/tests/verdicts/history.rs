//! Histories in virtual time: a step of the engine is found at the right place, however busy the
//! test machine is; and the real program shows it.

use coordinator::store::{RunRecord, Store};
use serde_json::Value;

use crate::lab::{QUIET, Truth, each, ended, keep, program, said};

/// A store with runs of one build, each slower than the first by this factor.
fn stored(speeds: &[f64]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let runs: Vec<RunRecord> = each(speeds.len() as u64, |at| {
        let speed = speeds[at as usize];
        ended(
            Truth {
                a_a: true,
                scatter: 0.002,
                speed,
                ..QUIET
            }
            .record(at),
        )
    });
    let mut runs = runs;
    runs.sort_by_key(|record| record.header.run);
    runs.iter().for_each(|record| keep(&store, record));
    store.close().unwrap();
    dir
}

fn line(dir: &std::path::Path) -> Value {
    let trend: Value =
        serde_json::from_str(&said(dir, &["trend", "virtual", "--output", "json"])).unwrap();
    trend["trend"]["lines"][0].clone()
}

#[test]
fn a_step_is_found_and_an_expected_one_is_told_apart() {
    let dir = stored(&[1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0]);
    let found = line(dir.path());
    assert_eq!(found["points"].as_array().map(Vec::len), Some(8), "{found}");
    let [step] = &found["steps"].as_array().unwrap()[..] else {
        panic!("{found}")
    };
    assert_eq!(step["index"], 4);
    assert!(
        (step["change"].as_f64().unwrap() - 2.0).abs() < 0.05,
        "{step}"
    );

    let first = step["run"].as_str().unwrap().to_owned();
    let ok = |arguments: &[&str]| {
        assert!(
            program(dir.path(), arguments).status.success(),
            "{arguments:?}"
        );
    };
    ok(&["runs", "tag", &first, "slow"]);
    ok(&["runs", "note", &first, "sim scale 3", "--expected"]);
    assert_eq!(
        said(
            dir.path(),
            &["runs", "list", "--tag", "slow", "--output", "quiet"]
        ),
        first
    );
    let trend = program(dir.path(), &["trend"]);
    let text = String::from_utf8(trend.stdout).unwrap();
    assert!(
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains("expected (sim scale 3)"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

/// Counter-check: eight runs of one build have no step.
#[test]
fn runs_that_are_alike_have_no_step() {
    let found = line(stored(&[1.0; 8]).path());
    assert_eq!(found["steps"].as_array().map(Vec::len), Some(0), "{found}");
}
