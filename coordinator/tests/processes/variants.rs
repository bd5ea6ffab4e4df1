//! Three variants in one run: each candidate against the baseline, one family of questions, one exit code.

use serde_json::Value;

use crate::ground::Ground;

/// Differences that no busy host of tests can hide.
fn plan(candidates: &str) -> String {
    format!(
        "name = 'three'\nrounds = 6\nengine = 'sim'\n\
         [tolerance]\nlatency = 0.5\n\
         [validity]\nmax_lateness = 1.0\nmax_lateness_share = 1.0\n\
         [sim.all]\nstep_base_ns = 80000000\n{candidates}\
         [[scenario]]\nname = 'burst'\nshape = {{ kind = 'burst', requests = 24 }}\n\
         prompt = {{ tokens = 4 }}\noutput_tokens = 4\nwarmup = {{ requests = 2, output_tokens = 1 }}\n"
    )
}

const QUICK: &str = "[sim.quick]\nscale = 0.25\n";
const LAME: &str = "[sim.lame]\nscale = 4.0\n";

fn holm(p: [f64; 2]) -> [f64; 2] {
    let (small, large) = (p[0].min(p[1]), p[0].max(p[1]));
    let least = (2.0 * small).min(1.0);
    p.map(|one| if one == small { least } else { large.max(least) })
}

#[test]
fn every_candidate_is_compared_with_the_baseline_in_one_family() {
    let ground = Ground::new();
    let path = ground.plan(&plan(&[QUICK, LAME].concat()));
    let ended = ground.run(&["run", &path, "--variants", "baseline,quick,lame", "--seed", "3", "--gate"]);
    assert_eq!(ended.code, Some(1), "the worst of them decides: {ended:?}");
    let document: Value = serde_json::from_str(&ground.run(&["compare", "--output", "json"]).stdout).unwrap();
    let cells = document["cells"].as_array().unwrap();
    let answers: Vec<_> = cells
        .iter()
        .map(|cell| [&cell["baseline"], &cell["candidate"], &cell["verdict"]].map(|v| v.as_str().unwrap()))
        .collect();
    assert_eq!(answers, [["baseline", "quick", "FASTER"], ["baseline", "lame", "SLOWER"]]);
    let figure = |cell: &Value, name: &str| cell["metrics"][0][name].as_f64();
    let p: Vec<f64> = cells.iter().map(|cell| cell["metrics"][0]["effect"]["p"].as_f64().unwrap()).collect();
    let adjusted: Vec<f64> = cells.iter().map(|cell| figure(cell, "adjusted_p").unwrap()).collect();
    assert_eq!(adjusted, holm([p[0], p[1]]));

    let comment = ground.run(&["compare", "--output", "markdown"]).stdout;
    assert!(comment.contains("quick is FASTER than baseline"), "{comment}");
    assert!(comment.contains("lame is SLOWER than baseline"), "{comment}");
    let suites = ground.run(&["compare", "--output", "junit"]).stdout;
    assert!(
        suites.contains("burst: quick against baseline") && suites.contains("burst: lame against baseline")
    );
    let page = ground.run(&["report", "--html", "page.html"]);
    assert_eq!(page.code, Some(0), "{page:?}");
    let page = std::fs::read_to_string(ground.path("page.html")).unwrap();
    assert!(page.contains("quick") && page.contains("lame"));
}

/// The twin: without the slow candidate the same gate lets the run pass, with a single question that needs no correction.
#[test]
fn without_the_slow_one_the_gate_is_open() {
    let ground = Ground::new();
    let path = ground.plan(&plan(QUICK));
    let ended = ground.run(&["run", &path, "--variants", "baseline,quick", "--seed", "3", "--gate"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let document: Value = serde_json::from_str(&ground.run(&["compare", "--output", "json"]).stdout).unwrap();
    assert_eq!(document["cells"][0]["metrics"][0]["adjusted_p"], Value::Null);
}
