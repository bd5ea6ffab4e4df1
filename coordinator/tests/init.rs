//! `coordinator init engine`: it writes a package that Cargo accepts, with a plan that the program
//! accepts; it replaces nothing; and, in a test that must be requested, a new project goes from its
//! conformance test to a verdict.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "processes/programs.rs"]
mod programs;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use programs::{COORDINATOR, worker};

const FILES: [&str; 8] = [
    ".gitignore",
    "Cargo.toml",
    "README.md",
    "plan.toml",
    "src/lib.rs",
    "src/main.rs",
    "src/model.rs",
    "tests/conformance.rs",
];

fn checkout() -> PathBuf {
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    parent.unwrap().to_owned()
}

fn init(here: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(COORDINATOR);
    command
        .args(["init", "engine"])
        .args(words)
        .current_dir(here);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a project that depends on this checkout's worker.
fn written(here: &Path, kind: &str) -> PathBuf {
    let library = checkout().join("worker").display().to_string();
    let words = ["an-engine", "--kind", kind, "--worker-path", &library];
    let done = init(here, &words);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let mut said: Vec<String> = text(&done.stdout).lines().map(str::to_owned).collect();
    said.sort();
    assert_eq!(said, FILES.map(|file| format!("an-engine/{file}")));
    here.join("an-engine")
}

fn metadata(project: &Path) -> Output {
    // The versions used here, so that nothing is downloaded.
    fs::copy(checkout().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--offline", "--format-version", "1"]);
    cargo.current_dir(project).output().unwrap()
}

#[test]
fn a_project_is_one_that_cargo_and_the_coordinator_take() {
    for kind in ["blocking", "step"] {
        let dir = tempfile::tempdir().unwrap();
        let project = written(dir.path(), kind);
        let done = metadata(&project);
        assert!(done.status.success(), "{kind}: {}", text(&done.stderr));
        let answer: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        let packages = answer["packages"].as_array().unwrap();
        let has = |name: &str| packages.iter().any(|package| package["name"] == name);
        assert!(has("an-engine") && has("worker"), "{kind}");

        let plan = project.join("plan.toml");
        let checked = Command::new(COORDINATOR)
            .args(["plan", "check"])
            .arg(plan)
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}", text(&checked.stderr));
        for file in FILES {
            let text = fs::read_to_string(project.join(file)).unwrap();
            let left = ["my-engine", "my_engine", "WORKER"].map(|word| text.contains(word));
            assert_eq!(left, [false; 3], "{file} has something to fill in");
        }
        let lines = fs::read_to_string(project.join("README.md")).unwrap();
        assert!(lines.lines().count() <= 25, "a page that is read");
    }
}

/// Counter-check: a manifest without the library is noticed.
#[test]
fn a_project_without_the_library_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let project = written(dir.path(), "blocking");
    let manifest = project.join("Cargo.toml");
    let text_of = fs::read_to_string(&manifest).unwrap();
    let library = checkout().join("worker").canonicalize().unwrap();
    let moved = text_of.replace(library.to_str().unwrap(), "nowhere");
    assert_ne!(moved, text_of);
    fs::write(&manifest, moved).unwrap();
    let done = metadata(&project);
    assert!(!done.status.success());
}

#[test]
fn nothing_is_replaced_and_what_is_wrong_is_said_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path();
    written(here, "blocking");
    fs::write(here.join("file"), "mine").unwrap();
    fs::create_dir(here.join("empty")).unwrap();
    let library = checkout().join("worker").display().to_string();
    let library = library.as_str();
    let other = checkout().join("coordinator").display().to_string();
    for (words, said) in [
        (
            &["an-engine", "--worker-path", library][..],
            "it is not empty",
        ),
        (&["file", "--worker-path", library], "failed to write file"),
        (
            &["new", "--name", "2x", "--worker-path", library],
            "begin with a letter",
        ),
        (
            &["new", "--name", "serde", "--worker-path", library],
            "give another with --name",
        ),
        (
            &["new", "--worker-path", &other],
            "no Cargo.toml of a package `worker`",
        ),
        (&["new"], "--worker-path"),
    ] {
        let done = init(here, words);
        let error = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{words:?}: {error}");
        assert!(error.contains(said), "{words:?}: {error}");
        assert!(!here.join("new").exists(), "{words:?}");
    }
    assert_eq!(fs::read_to_string(here.join("file")).unwrap(), "mine");
    let done = init(here, &["empty", "--name", "mine", "--worker-path", library]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
}

#[test]
fn the_library_of_the_checkout_around_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().join("checkout/below");
    fs::create_dir_all(&here).unwrap();
    fs::create_dir(dir.path().join("checkout/worker")).unwrap();
    let manifest = dir.path().join("checkout/worker/Cargo.toml");
    fs::write(manifest, "[package]\nname = \"worker\"\n").unwrap();
    let done = init(&here, &["mine"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let written = fs::read_to_string(here.join("mine/Cargo.toml")).unwrap();
    assert!(written.contains("checkout/worker\""), "{written}");
}

/// All steps of a new project, as in its README, with fewer rounds.
#[test]
#[ignore = "builds a worker in two variants from the start, which takes minutes"]
fn a_new_project_conforms_is_built_and_gets_a_verdict() {
    // The agent's program, next to the coordinator.
    worker();
    for kind in ["blocking", "step"] {
        // Kept, so that the next time only the project is built.
        let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join("init");
        fs::create_dir_all(&here).unwrap();
        let old = here.join("an-engine");
        let target = here.join("target");
        drop(fs::remove_dir_all(&old));
        let project = written(&here, kind);
        fs::copy(checkout().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
        std::os::unix::fs::symlink(&target, project.join("target")).unwrap();
        fs::create_dir_all(&target).unwrap();

        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--offline"]).current_dir(&project);
        cargo.env_remove("CARGO_TARGET_DIR");
        let tested = cargo.output().unwrap();
        assert!(tested.status.success(), "{kind}: {}", text(&tested.stderr));
        assert!(
            text(&tested.stdout).contains("test it_conforms ... ok"),
            "{kind}"
        );

        step(&project, &["build", "--engine", "linked"], &[0]);
        let run = ["run", "plan.toml", "--rounds", "6", "--seed", "1"];
        // The verdict depends on how quiet the machine is.
        let said = step(&project, &run, &[0, 3, 4]);
        let verdict = ["faster", "slower", "the same", "UNDECIDED", "SAME"];
        assert!(
            verdict.iter().any(|word| said.contains(word)),
            "{kind}: {said}"
        );
        drop(writeln!(std::io::stdout(), "{said}"));
    }
}

fn step(project: &Path, words: &[&str], codes: &[i32]) -> String {
    let done = Command::new(COORDINATOR)
        .args(words)
        .current_dir(project)
        .env("PGO_BENCH_STORE", project.join("store"))
        .output()
        .unwrap();
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    let code = done.status.code().unwrap();
    assert!(codes.contains(&code), "{words:?}: {code}\n{out}\n{err}");
    out
}
