//! Histories through the real program: tags and remarks, and a step of the simulated engine found where it is.

use coordinator::store::RunSummary;
use serde_json::Value;

use crate::ground::{Ended, Ground};

/// A short run whose every duration is multiplied. A late start says nothing here, and hosts of tests are busy.
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
    let ground = Ground::new();
    // Enough requests for the primary measure to be compared.
    let path = ground.plan(&plan(1.0, 24));
    let made = ground.run(&["calibrate", &path, "--aa", "2", "--seed", "5", "--output", "json"]);
    let store = ground.store();
    let seed = |run: &RunSummary| store.read_outline(run.run).unwrap().header.seed;
    let seeds: Vec<u64> = store.runs().unwrap().iter().map(seed).collect();
    store.close().unwrap();
    assert!(seeds.len() == 2 && seeds[0] != seeds[1], "each comparison draws anew: {seeds:?}");
    assert!(matches!(made.code, Some(0 | 4)), "{made:?}");
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(made["calibration"]["runs"], 2, "{made}");
    let floor = |document: &Value| document["cells"][0]["metrics"][0]["noise_floor"].as_f64().unwrap();
    let of_last = || serde_json::from_str(&ground.run(&["compare", "--output", "json"]).stdout).unwrap();
    assert_eq!(floor(&of_last()), 0.0, "an A/A run is judged without");
    ground.run(&["run", &path]);
    let wanted =
        made["calibration"]["measures"].as_array().unwrap().iter().find(|row| row["primary"] == true);
    assert!((floor(&of_last()) - wanted.unwrap()["noise_floor"].as_f64().unwrap()).abs() < 1e-12);
}

/// Limits of validity are no part of what was measured: runs under others are of the same series.
#[test]
fn a_calibration_leaves_invalid_runs_out_and_gives_a_host_up_where_most_are() {
    let ground = Ground::new();
    let fair = plan(1.0, 24);
    let strict = ground.plan(&fair.replace("= 1.0\nmax", "= 0.0\nmax").replace("share = 1.0", "share = 0.0"));
    assert_eq!(ground.run(&["calibrate", &strict, "--aa", "2"]).code, Some(4), "each is INVALID");
    assert_eq!(
        ground.run(&["runs", "list", "--output", "quiet"]).stdout.lines().count(),
        3,
        "and then no more"
    );
    let fair = ground.plan(&fair);
    let made = ground.run(&["calibrate", &fair, "--aa", "1", "--output", "json"]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(
        (&made["calibration"]["runs"], &made["calibration"]["left_out"]["invalid"]),
        (&1.into(), &3.into())
    );
}

#[test]
fn a_step_is_found_and_an_expected_one_is_told_apart() {
    let ground = Ground::new();
    for scale in [1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0] {
        let path = ground.plan(&plan(scale, 24));
        ground.run(&["run", &path, "--a-a"]);
    }
    let trend = document(&ground.run(&["trend", "nightly", "--output", "json"]));
    let line = &trend["trend"]["lines"][0];
    assert_eq!(line["points"].as_array().map(Vec::len), Some(8), "{trend}");
    let [step] = &line["steps"].as_array().unwrap()[..] else { panic!("{trend}") };
    assert_eq!(step["index"], 4);
    assert!(step["change"].as_f64().unwrap() > 0.5, "{step}");

    let first = step["run"].as_str().unwrap().to_owned();
    ok(&ground.run(&["runs", "tag", &first, "slow"]));
    ok(&ground.run(&["runs", "note", &first, "sim scale 3", "--expected"]));
    let listed = ok(&ground.run(&["runs", "list", "--tag", "slow", "--output", "quiet"])).to_owned();
    assert_eq!(listed.trim(), first);
    let trend = ground.run(&["trend"]);
    let flat = ok(&trend).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("expected (sim scale 3)"), "{flat}");
    assert!(trend.stdout.lines().all(|line| line.chars().count() <= 80), "{}", trend.stdout);
    // The twin: what nobody ran has no history, and a tag is one word.
    assert_eq!(ground.run(&["trend", "weekly"]).code, Some(2));
    let hidden = ground.run(&["trend", "--metric", "e2e-p99"]);
    let said = hidden.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        hidden.code == Some(2) && said.contains("too few requests of a round to be a point"),
        "{hidden:?}"
    );
    assert_eq!(ground.run(&["runs", "tag", "latest", "two words"]).code, Some(2));
}
