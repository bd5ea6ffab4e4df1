//! An agent that joins during a run: it waits, measures nothing, and takes the slot of one that
//! dies, as real processes on hosts with different names.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use contract::run::{NoticeKind, RunState};

use crate::hosts::{may, obstacle, skip};
use crate::sandbox::{Running, Sandbox, eventually};
use crate::security::free;
use crate::tally::{notices, plan, requests, state};

const ROUNDS: u32 = 4;
const TOKEN: (&str, &str) = ("PGO_BENCH_TOKEN", "late");

/// An agent with one slot on a host of this name.
struct Agent(Child);

impl Agent {
    fn start(sandbox: &Sandbox, url: &str, name: &str) -> Self {
        let script = format!(
            "hostname host-{name}; exec {} agent --coordinator {url} --name {name} --patience 120",
            sandbox.path("worker").display()
        );
        let mut command = Command::new("unshare");
        command
            .args(["--uts", "sh", "-c", &script])
            .env(TOKEN.0, TOKEN.1);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a trial of this round, from one, has begun.
fn round(running: &Running, round: u32) {
    let line = format!("round {round} of {ROUNDS}");
    eventually(&line, || running.progress().contains(&line).then_some(()));
}

#[test]
fn an_agent_that_joins_late_waits_and_takes_the_place_of_one_that_dies() {
    let sandbox = Sandbox::new();
    let why = obstacle(&["unshare"]).or_else(|| {
        (!may("unshare --uts true")).then(|| "there are no UTS namespaces here".to_owned())
    });
    if let Some(why) = why {
        return skip(&why);
    }
    let address = free();
    let (url, listen) = (format!("http://{address}"), address.to_string());
    let text = plan(ROUNDS, 10, 8, 20).replace("slots = 2", "slots = 1");
    let arguments = [
        "run",
        &sandbox.plan(&text),
        "--seed",
        "1",
        "--launcher",
        "attach",
        "--agents",
        "1",
    ];
    let running = sandbox.start_with(&[&arguments[..], &["--listen", &listen]].concat(), &[TOKEN]);
    let mut first = Agent::start(&sandbox, &url, "m");
    round(&running, 1);
    // By name it sorts before the other.
    let _late = Agent::start(&sandbox, &url, "a");
    eventually("it is told to wait", || {
        running
            .progress()
            .contains("the agent of a waits")
            .then_some(())
    });
    round(&running, 3);
    first.kill();
    let ended = running.end();
    let record = sandbox.latest();
    let total = u64::from(ROUNDS) * 30;
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Complete), total),
        "{ended:?}"
    );
    let kinds = notices(&record);
    for kind in [
        NoticeKind::HostWaits,
        NoticeKind::AgentLost,
        NoticeKind::HostPlaced,
    ] {
        assert!(kinds.contains(&kind), "{kind:?}: {:?}", record.notices);
    }
    let mut places: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for part in &record.parts {
        places
            .entry(part.place.key.round)
            .or_default()
            .push(&part.origin.hostname);
    }
    for (round, hosts) in &places {
        assert!(
            hosts.iter().all(|host| host == &hosts[0]),
            "round {round}: {hosts:?}"
        );
    }
    assert_eq!((places[&0][0], places[&3][0]), ("host-m", "host-a"));
    let hosts: Vec<&str> = record
        .header
        .hosts
        .iter()
        .map(|(_, host)| host.hostname.as_str())
        .collect();
    assert_eq!(hosts, ["host-m", "host-a"], "who measured is on record");
    let report = sandbox.run(&["report", "latest", "--output", "json"]);
    let document: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(document["hosts"].as_array().map(Vec::len), Some(2));
    assert!(
        report.stdout.contains("\"blocks-repeated\""),
        "{}",
        document["measurement"]
    );
    sandbox.deserted();
}
