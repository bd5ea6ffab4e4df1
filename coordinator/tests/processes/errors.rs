//! Errors that prevent a run: one sentence that says what to do, the exit code, and nothing stored.

use std::fs;

use crate::native::{manifest, model};
use crate::sandbox::{Ended, Sandbox, eventually};
use crate::tally::plan;

/// The command printed the reason, and nothing else.
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
    let sandbox = Sandbox::new();
    refused(
        &sandbox.run(&["run", "--preset", "hihg"]),
        2,
        &["`hihg`", "`high`"],
    );
    let path = sandbox.plan(&plan(1, 10, 4, 2).replace("output_tokens = 4", "ouput_tokens = 4"));
    refused(
        &sandbox.run(&["run", &path]),
        2,
        &["scenario[0].ouput_tokens", "`output_tokens`"],
    );
    assert!(
        !sandbox.path("store").exists(),
        "nothing was measured, nothing is stored"
    );
}

#[test]
fn without_a_run_there_is_nothing_to_resume() {
    let sandbox = Sandbox::new();
    let ended = sandbox.run(&["run", "--resume", "latest"]);
    refused(&ended, 2, &["error: failed to", "store"]);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
}

#[test]
fn without_the_worker_program_nothing_can_run_and_it_says_what_to_build() {
    let sandbox = Sandbox::new();
    fs::remove_file(sandbox.path("worker")).unwrap();
    let ended = sandbox.run(&["run", &sandbox.plan(&plan(1, 10, 4, 2))]);
    refused(
        &ended,
        2,
        &["host agent's program", "cargo build --release -p worker"],
    );
}

#[test]
fn a_missing_model_is_told_as_the_seed_does() {
    let sandbox = Sandbox::new();
    let ended = sandbox
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
        &sandbox.run(&["run", "--preset", "high", "--model", "/none"]),
        2,
        &["Model not found at: /none\n"],
    );
    refused(
        &sandbox.run(&["run", "--preset", "high"]),
        2,
        &["Model not found at: models/default\n", "fetch-model.sh"],
    );
}

#[test]
fn what_is_not_built_comes_with_the_command_that_builds_it() {
    let sandbox = Sandbox::new();
    let model = model(&sandbox);
    let run = ["run", "--preset", "high", "--model", &model];
    refused(
        &sandbox.run(&run),
        2,
        &[
            "no variants are built",
            "coordinator build --variants baseline,pgo",
        ],
    );
    manifest(&sandbox, &["baseline"]);
    refused(
        &sandbox.run(&run),
        2,
        &[
            "variant `pgo` is not built",
            "coordinator build --variants baseline,pgo",
        ],
    );
}

#[test]
fn two_variants_of_the_same_code_are_no_comparison() {
    let sandbox = Sandbox::new();
    let model = model(&sandbox);
    manifest(&sandbox, &["baseline", "pgo"]);
    let ended = sandbox.run(&["run", "--preset", "high", "--model", &model]);
    refused(&ended, 4, &["`baseline` and `pgo` are the same code"]);
    assert!(!sandbox.path("store").exists());
}

#[test]
fn what_does_not_fit_into_memory_is_refused_before_anything_is_measured() {
    let sandbox = Sandbox::new();
    let model = model(&sandbox);
    manifest(&sandbox, &["baseline"]);
    let run = |kv_bytes: &str| {
        let text =
            plan(1, 10, 4, 2).replace("engine = 'sim'", &format!("native.kv_bytes = {kv_bytes}"));
        let path = sandbox.plan(&text);
        sandbox.run(&["run", &path, "--model", &model, "--a-a"])
    };
    refused(&run("900000000000000"), 2, &["memory"]);
    assert!(sandbox.store().runs().unwrap().is_empty());
    // Counter-check: the same run with a cache that fits.
    let ended = run("0");
    assert_eq!(crate::tally::requests(&sandbox.latest()), 30, "{ended:?}");
    sandbox.deserted();
}

#[test]
fn a_second_coordinator_is_told_who_uses_the_store() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(1, 10, 40, 25));
    let running = sandbox.start(&["run", &path, "--seed", "1"]);
    sandbox.busy_worker();
    let ended = sandbox.run_beside(&["run", &path]);
    refused(
        &ended,
        2,
        &[&format!("process {} is using it", running.pid())],
    );
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    eventually("the first is not disturbed", || {
        (!sandbox.workers().is_empty()).then_some(())
    });
    assert!(running.end().code.is_some());
    assert_eq!(crate::tally::requests(&sandbox.latest()), 30);
}
