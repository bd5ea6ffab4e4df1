//! A build of revisions that is interrupted as by Ctrl-C and `kill -9`: the worktree and git's
//! record of it are removed, and the next build can begin.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::build_fixture::git::git;
use super::build_fixture::{Fixture, write};

/// Takes long enough to be interrupted, and ends soon if it is not.
const SLOW: &str = "fn main() { std::thread::sleep(std::time::Duration::from_secs(60)); }\n";

fn until(what: &str, holds: impl Fn() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(
            begin.elapsed() < Duration::from_secs(50),
            "waited in vain: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn worktrees(fixture: &Fixture) -> usize {
    git(&fixture.top(), &["worktree", "list"]).lines().count()
}

fn started(fixture: &Fixture, cache: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_coordinator"))
        .args(["build", "--package", "app", "--ref", "one"])
        .current_dir(fixture.root())
        .env("XDG_CACHE_HOME", cache)
        .env("CARGO_NET_OFFLINE", "true")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("it starts")
}

fn signal(name: &str, to: &str) {
    let done = Command::new("kill").args([name, "--", to]).status();
    assert!(done.expect("kill starts").success(), "{name} {to}");
}

#[test]
fn a_build_that_is_ended_in_the_middle_leaves_no_worktree() {
    let fixture = Fixture::in_git();
    write(&fixture.root().join("app/build.rs"), SLOW);
    fixture.commit("one");
    let cache = tempfile::tempdir().expect("temporary directory");
    let checkouts = cache.path().join("pgo-benchmarks/checkouts");
    let lock = fixture.root().join("target/bench/lock");
    let left = || fs::read_dir(&checkouts).map_or(0, Iterator::count);
    for (name, whole_group) in [("-INT", true), ("-KILL", false)] {
        let mut build = started(&fixture, cache.path());
        until("a worktree", || worktrees(&fixture) == 2 && left() == 1);
        let id = build.id();
        match whole_group {
            // As a terminal does.
            true => signal(name, &format!("-{id}")),
            false => signal(name, &id.to_string()),
        }
        build.wait().expect("it ends");
        until("its removal", || worktrees(&fixture) == 1 && left() == 0);
        if !whole_group {
            // Cargo continues if only its parent was killed.
            drop(
                Command::new("kill")
                    .args(["-KILL", "--", &format!("-{id}")])
                    .status(),
            );
        }
        // The lock is free again, so the next build can begin.
        until("the lock", || {
            fs::File::open(&lock).is_ok_and(|lock| lock.try_lock().is_ok())
        });
    }
}
