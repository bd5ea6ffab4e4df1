//! A run that is resumed on a host with another processor: this host, with a different text where
//! the kernel names it.

use std::fs;
use std::process::Command;

use contract::run::{NoticeKind, RunState};

use crate::hosts::{may, obstacle, skip};
use crate::sandbox::{Sandbox, signal};
use crate::tally::{notices, plan, requests, state};

const ROUNDS: u32 = 4;

/// Resumes the latest run with another processor name; returns exit code and standard error.
fn resumed_elsewhere(sandbox: &Sandbox) -> (Option<i32>, String) {
    let real = fs::read_to_string("/proc/cpuinfo").unwrap();
    let renamed = |line: &str| {
        if line.starts_with("model name") {
            "model name\t: Another 9000".to_owned()
        } else {
            line.to_owned()
        }
    };
    let lines: Vec<String> = real.lines().map(renamed).collect();
    fs::write(sandbox.path("cpuinfo"), lines.join("\n")).unwrap();
    let script = "mount --bind cpuinfo /proc/cpuinfo && exec ./coordinator --store store run --resume latest";
    let ended = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .current_dir(sandbox.path(""))
        .env("HOME", sandbox.path(""))
        .output()
        .unwrap();
    (
        ended.status.code(),
        String::from_utf8(ended.stderr).unwrap(),
    )
}

#[test]
fn a_run_is_not_taken_up_again_on_an_unlike_host_and_goes_on_where_it_was() {
    let sandbox = Sandbox::new();
    let why = obstacle(&["unshare", "mount"]).or_else(|| {
        (!may("unshare --mount true")).then(|| "there are no mount namespaces here".to_owned())
    });
    if let Some(why) = why {
        return skip(&why);
    }
    let running = sandbox.start(&[
        "run",
        &sandbox.plan(&plan(ROUNDS, 10, 30, 25)),
        "--seed",
        "1",
    ]);
    sandbox.busy_worker();
    signal(running.pid(), "INT");
    running.end();

    let (code, said) = resumed_elsewhere(&sandbox);
    let record = sandbox.latest();
    let reason = record
        .end
        .as_ref()
        .map(|end| end.reason.clone())
        .unwrap_or_default();
    assert!(matches!(code, Some(3 | 4)), "{said}");
    assert_eq!(state(&record), Some(RunState::Failed), "{said}");
    assert!(
        notices(&record).contains(&NoticeKind::HostRefused),
        "{:?}",
        record.notices
    );
    for words in [&said, &reason] {
        assert!(
            words.contains("not match the hosts") && words.contains("Another 9000 now"),
            "{words}"
        );
    }
    sandbox.deserted();

    // Counter-check: on its own host it continues.
    let again = sandbox.run(&["run", "--resume", "latest"]);
    let record = sandbox.latest();
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), u64::from(ROUNDS) * 30),
        "{again:?}"
    );
}
