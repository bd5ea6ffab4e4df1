//! What keeps a run from beginning: one sentence with the way out, the exit code, and nothing
//! stored.

use std::fs;

use crate::ground::{Ended, Ground, eventually};
use crate::native::{manifest, model};
use crate::tally::plan;

/// The command said why it has no answer, and nothing else.
fn refused(ended: &Ended, code: i32, says: &[&str]) {
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(code), ""),
        "{ended:?}"
    );
    let sentence = ended.stderr.lines().last().unwrap_or_default();
    for part in says {
        assert!(ended.stderr.contains(part), "{part:?} in {}", ended.stderr);
    }
    assert!(
        !ended.stderr.contains("panicked") && !sentence.is_empty(),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_is_misspelt_is_named_with_the_nearest() {
    let ground = Ground::new();
    refused(
        &ground.run(&["run", "--preset", "hihg"]),
        2,
        &["`hihg`", "`high`"],
    );
    let path = ground.plan(&plan(1, 10, 4, 2).replace("output_tokens = 4", "ouput_tokens = 4"));
    refused(
        &ground.run(&["run", &path]),
        2,
        &["scenario[0].ouput_tokens", "`output_tokens`"],
    );
    assert!(
        !ground.path("store").exists(),
        "nothing was measured, nothing is stored"
    );
}

#[test]
fn without_a_run_there_is_nothing_to_resume() {
    let ground = Ground::new();
    let ended = ground.run(&["run", "--resume", "latest"]);
    refused(&ended, 2, &["error: failed to", "store"]);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn without_the_worker_program_nothing_can_run_and_it_says_what_to_build() {
    let ground = Ground::new();
    fs::remove_file(ground.path("worker")).unwrap();
    let ended = ground.run(&["run", &ground.plan(&plan(1, 10, 4, 2))]);
    refused(
        &ended,
        2,
        &["host agent's program", "cargo build --release -p worker"],
    );
}

#[test]
fn a_missing_model_is_told_as_the_seed_does() {
    let ground = Ground::new();
    let ended = ground
        .start_with(
            &["run", "--preset", "high"],
            &[("BENCH_MODEL_PATH", "/nonexistent")],
        )
        .end();
    refused(
        &ended,
        2,
        &["Model not found at: /nonexistent\n", "BENCH_MODEL_PATH"],
    );
    refused(
        &ground.run(&["run", "--preset", "high", "--model", "/none"]),
        2,
        &["Model not found at: /none\n"],
    );
    refused(
        &ground.run(&["run", "--preset", "high"]),
        2,
        &["Model not found at: models/default\n", "fetch-model.sh"],
    );
}

#[test]
fn what_is_not_built_comes_with_the_command_that_builds_it() {
    let ground = Ground::new();
    let model = model(&ground);
    let run = ["run", "--preset", "high", "--model", &model];
    refused(
        &ground.run(&run),
        2,
        &[
            "no variants are built",
            "coordinator build --variants baseline,pgo",
        ],
    );
    manifest(&ground, &["baseline"]);
    refused(
        &ground.run(&run),
        2,
        &[
            "variant `pgo` is not built",
            "coordinator build --variants baseline,pgo",
        ],
    );
}

#[test]
fn two_variants_of_the_same_code_are_no_comparison() {
    let ground = Ground::new();
    let model = model(&ground);
    manifest(&ground, &["baseline", "pgo"]);
    let ended = ground.run(&["run", "--preset", "high", "--model", &model]);
    refused(&ended, 4, &["`baseline` and `pgo` are the same code"]);
    assert!(!ground.path("store").exists());
}

#[test]
fn what_does_not_fit_into_memory_is_refused_before_anything_is_measured() {
    let ground = Ground::new();
    let model = model(&ground);
    manifest(&ground, &["baseline"]);
    let run = |kv_bytes: &str| {
        let text =
            plan(1, 10, 4, 2).replace("engine = 'sim'", &format!("native.kv_bytes = {kv_bytes}"));
        let path = ground.plan(&text);
        ground.run(&["run", &path, "--model", &model, "--a-a"])
    };
    refused(&run("900000000000000"), 2, &["memory"]);
    assert!(ground.store().runs().unwrap().is_empty());
    // The twin: the same run with a cache that fits.
    let ended = run("0");
    assert_eq!(crate::tally::requests(&ground.latest()), 30, "{ended:?}");
    ground.deserted();
}

#[test]
fn a_second_coordinator_is_told_who_uses_the_store() {
    let ground = Ground::new();
    let path = ground.plan(&plan(1, 10, 40, 25));
    let running = ground.start(&["run", &path, "--seed", "1"]);
    ground.busy_worker();
    let ended = ground.run_beside(&["run", &path]);
    refused(
        &ended,
        2,
        &[&format!("process {} is using it", running.pid())],
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    eventually("the first is not disturbed", || {
        (!ground.workers().is_empty()).then_some(())
    });
    assert!(running.end().code.is_some());
    assert_eq!(crate::tally::requests(&ground.latest()), 30);
}
