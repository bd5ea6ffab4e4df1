//! A server and its clients as real processes: a queue that is worked off, a kill at any moment, a
//! drain, and schedules.

use std::fs;

use contract::run::RunState;
use serde_json::Value;

use crate::sandbox::{Ended, Running, Sandbox, eventually, signal};
use crate::tally::{plan, requests, state};

/// Starts a server and waits until clients find it.
pub(crate) fn serve(sandbox: &Sandbox) -> Running {
    let running = sandbox.start(&["serve"]);
    let own = format!("{} http://127.0.0.1:", running.pid());
    eventually("the server is there", || {
        let address = fs::read_to_string(sandbox.path("store/control/address")).ok()?;
        address.starts_with(&own).then_some(())
    });
    running
}

pub(crate) fn document(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

pub(crate) fn submit(sandbox: &Sandbox, plan: &str) -> u64 {
    let submitted = document(&sandbox.run_beside(&["submit", plan, "-o", "json"]));
    submitted["job"]["id"].as_u64().unwrap()
}

pub(crate) fn jobs(sandbox: &Sandbox) -> Vec<Value> {
    let listed = document(&sandbox.run_beside(&["queue", "--all", "-o", "json"]));
    listed["jobs"].as_array().unwrap().clone()
}

pub(crate) fn job(sandbox: &Sandbox, id: u64) -> Value {
    let all = jobs(sandbox);
    all.into_iter().find(|job| job["id"] == id).unwrap()
}

/// Where a server is, as its clients find it.
pub(crate) fn url(sandbox: &Sandbox) -> String {
    let address = fs::read_to_string(sandbox.path("store/control/address")).unwrap();
    address.trim().split_once(' ').unwrap().1.to_owned()
}

pub(crate) fn token(sandbox: &Sandbox, role: &str) -> String {
    fs::read_to_string(sandbox.path("store/control").join(role)).unwrap()
}

/// A client that knows nothing of the server's store.
pub(crate) fn elsewhere(sandbox: &Sandbox, token: &str, arguments: &[&str]) -> Ended {
    let output = sandbox
        .command(arguments)
        .args(["--store", "another", "--server", &url(sandbox)])
        .env("PGO_BENCH_CONTROL_TOKEN", token)
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Ends a server as a scheduler does.
pub(crate) fn drained(sandbox: &Sandbox, server: Running) -> Ended {
    signal(server.pid(), "TERM");
    let ended = server.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    sandbox.deserted();
    ended
}

#[test]
fn jobs_are_measured_one_after_the_other_and_can_be_watched_and_read() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(2, 10, 2, 1));
    let server = serve(&sandbox);
    let [first, second] = [(); 2].map(|()| submit(&sandbox, &path));
    assert_eq!((first, second), (1, 2));
    let watched = sandbox.run_beside(&["watch", "2"]);
    assert_eq!(watched.code, Some(0), "{watched:?}");
    for told in ["job 2 (run small): done", "running", "round 1"] {
        let all = format!("{}{}", watched.stderr, watched.stdout).replace('\u{a0}', " ");
        assert!(all.contains(told), "{told}: {watched:?}");
    }
    let all = jobs(&sandbox);
    assert!(all.iter().all(|job| job["state"] == "done"), "{all:?}");
    assert_ne!(all[0]["run"], all[1]["run"]);
    // Beside a server, too, commands read a snapshot.
    let listed = sandbox.run_beside(&["runs", "list", "-o", "quiet"]);
    assert_eq!(listed.stdout.lines().count(), 2, "{listed:?}");
    assert!(
        listed
            .stderr
            .contains(&format!("process {} has", server.pid()))
    );
    drained(&sandbox, server);
    let store = sandbox.store();
    for run in store.runs().unwrap() {
        let record = store.read_run(run.run).unwrap();
        assert_eq!(state(&record), Some(RunState::Complete));
        assert_eq!(requests(&record), 2 * 3 * 10);
    }
    store.close().unwrap();
    assert!(!sandbox.path("store/control/address").exists());
    let alone = sandbox.run(&["queue"]);
    assert_eq!(alone.code, Some(2));
    assert!(alone.stderr.contains("find a server"), "{alone:?}");
}

#[test]
fn whenever_the_server_is_killed_no_job_is_lost_or_measured_twice() {
    killed(4, 3, 3);
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_kills_lose_and_double_nothing() {
    killed(100, 12, 6);
}

/// Kills a server this often while it carries out this many jobs, and checks all runs at the end.
fn killed(kills: u64, count: u64, rounds: u32) {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(rounds, 10, 8, 5));
    let mut server = serve(&sandbox);
    for _ in 0..count {
        submit(&sandbox, &path);
    }
    for kill in 0..kills {
        let mut seen = std::collections::BTreeSet::new();
        eventually("some workers have come and gone", || {
            seen.extend(sandbox.workers());
            (seen.len() as u64 > kill * 3 % 8).then_some(())
        });
        std::thread::sleep(std::time::Duration::from_millis(37 * (kill % 5)));
        server.kill();
        sandbox.deserted();
        server = serve(&sandbox);
    }
    eventually("all jobs have ended", || {
        let all = jobs(&sandbox);
        assert_eq!(all.len() as u64, count, "none lost, none doubled");
        let ended = |job: &Value| job["state"] == "done";
        all.iter().all(ended).then_some(())
    });
    let runs: Vec<Value> = jobs(&sandbox)
        .iter()
        .map(|job| job["run"].clone())
        .collect();
    drained(&sandbox, server);
    let store = sandbox.store();
    let stored = store.runs().unwrap();
    let ids: Vec<Value> = stored
        .iter()
        .map(|run| run.run.to_string().into())
        .collect();
    assert_eq!(ids, runs, "each job has one run, in their order");
    for run in stored {
        let record = store.read_run(run.run).unwrap();
        assert_eq!(state(&record), Some(RunState::Complete));
        assert_eq!(requests(&record), u64::from(rounds) * 3 * 10);
    }
    store.close().unwrap();
    assert_eq!(sandbox.run(&["runs", "verify"]).code, Some(0));
}

#[test]
fn a_drain_parks_the_job_and_the_next_server_goes_on_with_it() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(4, 10, 20, 10));
    let server = serve(&sandbox);
    let id = submit(&sandbox, &path);
    eventually("a block is done", || {
        let shown = sandbox.run_beside(&["runs", "show", "latest", "-o", "json"]);
        let shown: Value = serde_json::from_str(&shown.stdout).ok()?;
        (shown["run"]["blocks_done"].as_u64()? > 0).then_some(())
    });
    drained(&sandbox, server);
    let parked = sandbox.latest();
    let done = parked.blocks.len();
    assert!((1..4).contains(&done), "{done}");
    let server = serve(&sandbox);
    let before = job(&sandbox, id);
    assert!(
        before["failures"].as_object().unwrap().is_empty(),
        "{before}"
    );
    assert_eq!(sandbox.run_beside(&["watch", "1", "-q"]).code, Some(0));
    drained(&sandbox, server);
    let record = sandbox.latest();
    assert_eq!(record.header.run, parked.header.run, "the same run");
    assert_eq!(state(&record), Some(RunState::Complete));
    assert_eq!(requests(&record), 4 * 3 * 10);
}

#[test]
fn jobs_are_cancelled_and_refused_ones_are_named() {
    let sandbox = Sandbox::new();
    let long = sandbox.plan(&plan(500, 10, 20, 10));
    let server = serve(&sandbox);
    let [running, waiting] = [(); 2].map(|()| submit(&sandbox, &long));
    eventually("it is measured", || {
        (job(&sandbox, running)["state"] == "running").then_some(())
    });
    for id in [waiting, running] {
        let cancelled = sandbox.run_beside(&["cancel", &id.to_string()]);
        assert_eq!(cancelled.code, Some(0), "{cancelled:?}");
        eventually("it has ended", || {
            (job(&sandbox, id)["state"] == "cancelled").then_some(())
        });
    }
    let again = sandbox.run_beside(&["cancel", "1"]);
    assert_eq!(again.code, Some(2));
    assert!(
        again.stderr.contains("it is cancelled already"),
        "{again:?}"
    );
    let unknown = sandbox.run_beside(&["watch", "99"]);
    assert!(
        unknown.stderr.contains("there is none of that number"),
        "{unknown:?}"
    );
    // Builds that the server does not have: refused, and not tried again.
    let native = "name = 'native'\nrounds = 1\nengine = 'native'\n\
                  [[scenario]]\nname = 'burst'\nshape = { kind = 'burst', requests = 1 }\n\
                  prompt = { tokens = 4 }\noutput_tokens = 2\n";
    fs::write(sandbox.path("native.toml"), native).unwrap();
    let id = submit(&sandbox, "native.toml");
    let refused = sandbox.run_beside(&["watch", &id.to_string()]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert_eq!(job(&sandbox, id)["state"], "failed");
    drained(&sandbox, server);
}

#[test]
fn schedules_are_kept_over_a_restart() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(1, 10, 2, 1));
    let server = serve(&sandbox);
    let add = |name: &str, cron: &str| {
        sandbox.run_beside(&[
            "schedule",
            "add",
            name,
            "--cron",
            cron,
            "--zone",
            "Europe/Berlin",
            &path,
        ])
    };
    let added = add("nightly", "30 2 * * *");
    assert_eq!(added.code, Some(0), "{added:?}");
    assert!(
        added.stdout.contains(" CE"),
        "its next time on the wall: {added:?}"
    );
    for (name, cron, told) in [
        ("nightly", "30 2 * * *", "there is one of that name"),
        ("other", "2 30 * * *", "five fields"),
    ] {
        let refused = add(name, cron);
        assert_eq!(refused.code, Some(2));
        assert!(refused.stderr.contains(told), "{refused:?}");
    }
    server.kill();
    sandbox.deserted();
    let server = serve(&sandbox);
    let list = || document(&sandbox.run_beside(&["schedule", "list", "-o", "json"]));
    assert_eq!(list()["schedules"][0]["name"], "nightly");
    assert_eq!(
        sandbox.run_beside(&["schedule", "rm", "nightly"]).code,
        Some(0)
    );
    assert_eq!(list()["schedules"].as_array().unwrap().len(), 0);
    drained(&sandbox, server);
}
