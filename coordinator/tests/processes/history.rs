//! Histories with the real program and real processes: noise floors, points, and refusals.

use coordinator::store::RunSummary;
use serde_json::Value;

use crate::sandbox::{Ended, Sandbox};

/// A short run whose durations are all multiplied. Late starts do not matter here, and test hosts
/// are busy.
fn plan(scale: f64, requests: u32) -> String {
    format!(
        "name = 'nightly'\nrounds = 2\ncontrol = false\nengine = 'sim'\n\
         [[scenario]]\nname = 'burst'\nshape = {{ kind = 'burst', requests = {requests} }}\n\
         prompt = {{ tokens = 8 }}\noutput_tokens = 4\n\
         [validity]\nmax_lateness = 1.0\nmax_lateness_share = 1.0\n\
         [sim.all]\nscale = {scale}\nstep_base_ns = 40000000\nround_sd = 0.001\n"
    )
}

fn ok(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    &ended.stdout
}

fn document(ended: &Ended) -> Value {
    serde_json::from_str(ok(ended)).unwrap()
}

#[test]
fn a_calibrated_host_raises_the_tolerance_of_later_runs() {
    let sandbox = Sandbox::new();
    // Enough requests for the primary measure to be compared.
    let path = sandbox.plan(&plan(1.0, 24));
    let made = sandbox.run(&[
        "calibrate",
        &path,
        "--aa",
        "2",
        "--seed",
        "5",
        "--output",
        "json",
    ]);
    let store = sandbox.store();
    let seed = |run: &RunSummary| store.read_outline(run.run).unwrap().header.seed;
    let seeds: Vec<u64> = store.runs().unwrap().iter().map(seed).collect();
    store.close().unwrap();
    assert!(
        seeds.len() == 2 && seeds[0] != seeds[1],
        "each comparison draws anew: {seeds:?}"
    );
    assert!(matches!(made.code, Some(0 | 4)), "{made:?}");
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(made["calibration"]["runs"], 2, "{made}");
    let floor = |document: &Value| {
        document["cells"][0]["metrics"][0]["noise_floor"]
            .as_f64()
            .unwrap()
    };
    let of_last =
        || serde_json::from_str(&sandbox.run(&["compare", "--output", "json"]).stdout).unwrap();
    assert_eq!(floor(&of_last()), 0.0, "an A/A run is judged without");
    sandbox.run(&["run", &path]);
    let wanted = made["calibration"]["measures"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["primary"] == true);
    assert!((floor(&of_last()) - wanted.unwrap()["noise_floor"].as_f64().unwrap()).abs() < 1e-12);
}

/// Validity limits are not part of what was measured: runs with other limits are in the same
/// series.
#[test]
fn a_calibration_leaves_invalid_runs_out_and_gives_a_host_up_where_most_are() {
    let sandbox = Sandbox::new();
    let fair = plan(1.0, 24);
    let strict = sandbox.plan(
        &fair
            .replace("= 1.0\nmax", "= 0.0\nmax")
            .replace("share = 1.0", "share = 0.0"),
    );
    assert_eq!(
        sandbox.run(&["calibrate", &strict, "--aa", "2"]).code,
        Some(4),
        "each is INVALID"
    );
    assert_eq!(
        sandbox
            .run(&["runs", "list", "--output", "quiet"])
            .stdout
            .lines()
            .count(),
        3,
        "and then no more"
    );
    let fair = sandbox.plan(&fair);
    let made = sandbox.run(&["calibrate", &fair, "--aa", "1", "--output", "json"]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(
        (
            &made["calibration"]["runs"],
            &made["calibration"]["left_out"]["invalid"]
        ),
        (&1.into(), &3.into())
    );
}

/// Real runs have a history; steps are tested in virtual time (`verdicts/history.rs`).
#[test]
fn runs_of_real_processes_are_points_and_what_nobody_ran_is_refused() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(1.0, 24));
    for _ in 0..2 {
        sandbox.run(&["run", &path, "--a-a"]);
    }
    let trend = document(&sandbox.run(&["trend", "nightly", "--output", "json"]));
    assert_eq!(
        trend["trend"]["lines"][0]["points"]
            .as_array()
            .map(Vec::len),
        Some(2),
        "{trend}"
    );
    assert_eq!(sandbox.run(&["trend", "weekly"]).code, Some(2));
    let hidden = sandbox.run(&["trend", "--metric", "e2e-p99"]);
    let said = hidden
        .stderr
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        hidden.code == Some(2) && said.contains("too few requests of a round lie beyond it"),
        "{hidden:?}"
    );
    assert_eq!(
        sandbox.run(&["runs", "tag", "latest", "two words"]).code,
        Some(2)
    );
}
