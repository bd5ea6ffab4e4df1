//! Three variants in one run: each candidate against the baseline, one family of questions, one
//! exit code.

use serde_json::Value;

use crate::sandbox::Sandbox;

/// The gate's exit code for a run's verdict; the effect of a busy machine on the figures is not
/// tested here.
fn gate(document: &Value) -> i32 {
    match (
        document["measurement"]["verdict"].as_str(),
        document["run"]["verdict"].as_str(),
    ) {
        (Some("INVALID"), _) | (_, Some("INVALID")) => 4,
        (_, Some("SLOWER")) => 1,
        (Some("INCONCLUSIVE"), _) | (_, Some("UNDECIDED")) => 3,
        _ => 0,
    }
}

/// Differences that a quiet host cannot miss.
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
    p.map(|one| {
        if one == small {
            least
        } else {
            large.max(least)
        }
    })
}

#[test]
fn every_candidate_is_compared_with_the_baseline_in_one_family() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(&[QUICK, LAME].concat()));
    let ended = sandbox.run(&[
        "run",
        &path,
        "--variants",
        "baseline,quick,lame",
        "--seed",
        "3",
        "--gate",
    ]);
    let document: Value =
        serde_json::from_str(&sandbox.run(&["compare", "--output", "json"]).stdout).unwrap();
    assert_eq!(
        ended.code,
        Some(gate(&document)),
        "the worst of them decides: {ended:?}"
    );
    let cells = document["cells"].as_array().unwrap();
    let answers: Vec<_> = cells
        .iter()
        .map(|cell| [&cell["baseline"], &cell["candidate"]].map(|v| v.as_str().unwrap()))
        .collect();
    assert_eq!(answers, [["baseline", "quick"], ["baseline", "lame"]]);
    let lean = |cell: &Value| cell["metrics"][0]["effect"]["delta"].as_f64().unwrap();
    assert!(lean(&cells[0]) < lean(&cells[1]), "sixteen times as slow");
    let figure = |cell: &Value, name: &str| cell["metrics"][0][name].as_f64();
    let p: Vec<f64> = cells
        .iter()
        .map(|cell| cell["metrics"][0]["effect"]["p"].as_f64().unwrap())
        .collect();
    let adjusted: Vec<f64> = cells
        .iter()
        .map(|cell| figure(cell, "adjusted_p").unwrap())
        .collect();
    assert_eq!(adjusted, holm([p[0], p[1]]));

    let comment = sandbox.run(&["compare", "--output", "markdown"]).stdout;
    assert!(
        comment.contains("#### burst: quick against baseline"),
        "{comment}"
    );
    assert!(
        comment.contains("#### burst: lame against baseline"),
        "{comment}"
    );
    let suites = sandbox.run(&["compare", "--output", "junit"]).stdout;
    assert!(
        suites.contains("burst: quick against baseline")
            && suites.contains("burst: lame against baseline")
    );
    let page = sandbox.run(&["report", "--html", "page.html"]);
    assert_eq!(page.code, Some(0), "{page:?}");
    let page = std::fs::read_to_string(sandbox.path("page.html")).unwrap();
    assert!(page.contains("quick") && page.contains("lame"));
}

/// Counter-check: without the slow candidate there is a single question, which needs no correction.
#[test]
fn a_single_candidate_is_a_single_question() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(QUICK));
    let ended = sandbox.run(&[
        "run",
        &path,
        "--variants",
        "baseline,quick",
        "--seed",
        "3",
        "--gate",
    ]);
    let document: Value =
        serde_json::from_str(&sandbox.run(&["compare", "--output", "json"]).stdout).unwrap();
    assert_eq!(ended.code, Some(gate(&document)), "{ended:?}");
    assert_eq!(
        document["cells"][0]["metrics"][0]["adjusted_p"],
        Value::Null
    );
}
