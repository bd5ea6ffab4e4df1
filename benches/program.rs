//! A benchmark never takes a failed run for a time, and programs alternate. The programs here are
//! scripts.
#![cfg(unix)]
#![expect(
    clippy::print_stderr,
    reason = "what is tested tells its user what it does"
)]

#[path = "concurrent/program.rs"]
mod program;
#[path = "concurrent/turns.rs"]
mod turns;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use program::{Demand, Program, RunError};
use turns::Turns;

const DEMAND: Demand = Demand {
    concurrent: 3,
    prompt_tokens: 8,
    output_tokens: 2,
};
const GOOD: &str = r#"echo '{"sha256":"ab","instrumented":false,"wall_ns":70,"requests":{"asked":3,"ok":3,"failed":{}}}'"#;

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("bench-program")
        .join(name);
    let _absent = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target directory is writable");
    folder
}

/// Another process writes the program: a descriptor open for writing here would be inherited by
/// processes that other tests start at that moment, and the kernel refuses to execute a file that
/// is open for writing.
fn script(folder: &Path, name: &'static str, body: &str) -> Program {
    let (text, path) = (folder.join("text"), folder.join(name));
    fs::write(&text, format!("#!/bin/sh\n{body}\n")).expect("it is writable");
    let copied = Command::new("install")
        .args(["-m", "755"])
        .args([&text, &path])
        .status();
    assert!(copied.expect("coreutils are there").success());
    Program { name, path }
}

#[test]
fn the_time_is_the_one_the_program_reports() {
    let program = script(&folder("good"), "baseline", GOOD);
    let report = program.run(Path::new("/m"), DEMAND).expect("a good run");
    assert_eq!(
        (report.wall, report.sha256.as_str(), report.instrumented),
        (Duration::from_nanos(70), "ab", false)
    );
}

#[test]
fn the_program_is_asked_for_the_level() {
    let folder = folder("asked");
    let asked = folder.join("asked");
    let program = script(
        &folder,
        "baseline",
        &format!("echo \"$@\" > {}\n{GOOD}", asked.display()),
    );
    program.run(Path::new("/m"), DEMAND).expect("a good run");
    let expected = "--json --model-path /m --concurrent 3 --prompt-tokens 8 --max-tokens 2\n";
    assert_eq!(fs::read_to_string(asked).expect("the script ran"), expected);
}

#[test]
fn a_run_with_a_failed_request_is_no_time() {
    let body =
        GOOD.replace("\"ok\":3,\"failed\":{}", "\"ok\":2,\"failed\":{\"full\":1}") + "; exit 1";
    let error = script(&folder("failed"), "pgo", &body)
        .run(Path::new("/m"), DEMAND)
        .expect_err("one failed");
    assert!(
        matches!(&error, RunError::Failed { ok: 2, asked: 3, failed, .. } if failed.contains("full")),
        "{error}"
    );
}

#[test]
fn fewer_requests_than_wanted_are_no_time() {
    let body = GOOD.replace(":3", ":1");
    let error = script(&folder("fewer"), "pgo", &body)
        .run(Path::new("/m"), DEMAND)
        .expect_err("fewer");
    assert!(
        matches!(error, RunError::Failed { asked: 1, .. }),
        "{error}"
    );
}

#[test]
fn other_ends_are_no_time() {
    let folder = folder("ends");
    let run = |body: &str| {
        script(&folder, "pgo", body)
            .run(Path::new("/m"), DEMAND)
            .expect_err("no time")
    };
    assert!(
        run("echo 'no model' >&2; exit 2")
            .to_string()
            .contains("no model")
    );
    assert!(matches!(
        run(&format!("{GOOD}; kill -9 $$")),
        RunError::Ended { .. }
    ));
    assert!(matches!(run("echo hello"), RunError::Unreadable { .. }));
    assert!(matches!(
        run(&GOOD.replace("70", "0")),
        RunError::Unreadable { .. }
    ));
    let absent = Program {
        name: "pgo",
        path: folder.join("absent"),
    };
    assert!(matches!(
        absent.run(Path::new("/m"), DEMAND),
        Err(RunError::Start { .. })
    ));
}

#[test]
fn programs_run_in_turns_and_the_order_alternates() {
    let folder = folder("turns");
    let log = folder.join("log");
    let note = |name| format!("echo {name} >> {}\n{GOOD}", log.display());
    let programs = [
        script(&folder, "baseline", &note("a")),
        script(&folder, "pgo", &note("b")),
    ];
    let mut turns = Turns::new("test".to_owned(), &programs, Path::new("/m"), DEMAND);
    for index in [0, 0, 1, 1, 1] {
        assert_eq!(turns.next(index), Duration::from_nanos(70));
    }
    assert_eq!(
        fs::read_to_string(log).expect("the scripts ran"),
        "a\nb\nb\na\na\nb\n"
    );
}

#[test]
#[should_panic(expected = "is not measured")]
fn a_failure_ends_the_benchmark() {
    let programs = [script(&folder("panic"), "baseline", "exit 1")];
    Turns::new("test".to_owned(), &programs, Path::new("/m"), DEMAND).next(0);
}
