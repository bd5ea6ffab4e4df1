//! A run with the layout control, from the command line to the exit code; and refusals.

use serde_json::Value;

use crate::sandbox::Sandbox;

/// Layouts that differ so much, and a candidate that differs so little, that a busy test host
/// cannot hide it. Without the control arm, which other tests cover.
fn plan(rounds: u32, variants: &str) -> String {
    format!(
        "name = 'layouts'\nrounds = {rounds}\ncontrol = false\nengine = 'sim'\n\
         [tolerance]\nlatency = 0.5\n\
         [validity]\nmax_lateness = 1.0\nmax_lateness_share = 1.0\n\
         [sim.all]\nstep_base_ns = 30000000\n{variants}\
         [[scenario]]\nname = 'burst'\nshape = {{ kind = 'burst', requests = 24 }}\n\
         prompt = {{ tokens = 4 }}\noutput_tokens = 4\nwarmup = {{ requests = 2, output_tokens = 1 }}\n"
    )
}

const LAYOUTS: &str = "[sim.baseline-layout1]\nscale = 4.0\n[sim.baseline-layout2]\nscale = 0.25\n";

fn document(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.run(&["compare", "--output", "json"]).stdout).unwrap()
}

#[test]
fn a_slower_layout_ends_nothing_and_a_slower_candidate_does() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(6, &format!("{LAYOUTS}[sim.pgo]\nscale = 1.2\n")));
    let gate = ["--seed", "3", "--gate", "--inconclusive", "pass"];
    let ended = sandbox.run(&[&["run", &path, "--layout-arms", "2"], &gate[..]].concat());
    assert_eq!(
        ended.code,
        Some(0),
        "a layout is four times slower: {ended:?}"
    );
    let flat = ended
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        flat.contains("within code-layout noise (±"),
        "{}",
        ended.stdout
    );
    assert!(
        flat.contains("Layout control: 2 shuffled baselines"),
        "{}",
        ended.stdout
    );
    let found = document(&sandbox);
    let candidates: Vec<&Value> = found["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["candidate"])
        .collect();
    assert_eq!(candidates, ["pgo"]);
    assert_eq!(found["layout"]["arms"].as_array().unwrap().len(), 2);
    assert_eq!(found["variants"].as_array().unwrap().len(), 4);
    assert_eq!(sandbox.latest().blocks.len(), 3 * 6, "a block each a round");
    // A resumed run recognises its controls by name, and nothing is left to do.
    let again = sandbox.run(&["run", "--resume", "latest"]);
    let flat = again
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(
        again.code == Some(0) && flat.contains("within code-layout noise"),
        "{again:?}"
    );

    // Counter-check: a candidate as slow as that layout is a regression.
    let path = sandbox.plan(&plan(6, "[sim.lame]\nscale = 4.0\n"));
    let ended = sandbox.run(&[&["run", &path, "--variants", "baseline,lame"], &gate[..]].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn layouts_alone_calibrate_what_placement_does() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(2, LAYOUTS));
    let alone = ["run", &path, "--variants", "baseline", "--layout-arms", "2"];
    let gated = sandbox.run(&[&alone[..], &["--gate"]].concat());
    assert_eq!(gated.code, Some(2), "controls are no comparison: {gated:?}");
    let ended = sandbox.run(&alone);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found = document(&sandbox);
    assert_eq!(
        (
            found["cells"].as_array().unwrap().len(),
            &found["run"]["verdict"]
        ),
        (0, &Value::Null)
    );
    assert!(
        found["layout"]["noise"][0]["sd"].as_f64().unwrap() > 0.7,
        "√2·ln 4 at rest"
    );
    assert!(ended.stdout.contains("Layout control"), "{}", ended.stdout);
}

#[test]
fn what_cannot_be_a_control_is_refused_with_the_way_out() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(2, LAYOUTS));
    for (arguments, sentence) in [
        (
            &["run", &path, "--layout-arms", "1"][..],
            "fewer than 2 layouts have no spread",
        ),
        (
            &["run", &path, "--layout-arms", "9"],
            "a number from 2 to 8",
        ),
        (
            &[
                "run",
                &path,
                "--variants",
                "pgo,baseline",
                "--layout-arms",
                "2",
            ],
            "must come first and not `pgo`",
        ),
        (
            &["run", &path, "--variants", "baseline-layout1,pgo"],
            "must come first and not `baseline-layout1`",
        ),
        (
            &["run", &path, "--variants", "baseline,pgo,baseline-layout1"],
            "one layout has no SD",
        ),
        (
            &["run", &path, "--variants", "baseline,pgo-layout1"],
            "there is no layout `pgo-layout1`",
        ),
        (
            &["run", &path, "--a-a", "--layout-arms", "2"],
            "cannot be used with",
        ),
        (
            &["build", "--layout-arms", "1"],
            "fewer than 2 layouts have no spread",
        ),
        (
            &["build", "--variants", "baseline-layout1"],
            "give --layout-arms with the number",
        ),
        (
            &["build", "--variants", "pgo-layout1"],
            "of the baseline alone",
        ),
    ] {
        let ended = sandbox.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        let said = ended
            .stderr
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(said.contains(sentence), "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(sandbox.litter(), Vec::<String>::new());
}
