//! A run over mutual TLS with unauthorised callers of every kind: each is refused with one line
//! that says why, and the run is unaffected.
//!
//! One table of callers, each asserted case by case: longer than other files.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use contract::credentials::Token;
use contract::message::{Failure, FailureKind, FromPeer};
use contract::run::{NoticeKind, RunState};

use crate::sandbox::{Running, Sandbox, eventually, signal};
use crate::strangers::{endpoint, half_open, hello, say};
use crate::tally::{notices, plan, requests, state};

const HUNDRED_MIB: usize = 100 << 20;
const CROWD: usize = 1000;
/// Greatest memory of a coordinator under attack, kilobytes; without callers it takes about 20,000.
const MEMORY_KB: u64 = 200_000;

/// An agent started directly.
pub(crate) struct Agent(pub(crate) Child);

impl Drop for Agent {
    fn drop(&mut self) {
        // A failed test leaves nothing running.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Its command; in security tests it offers two slots.
pub(crate) fn agent(
    sandbox: &Sandbox,
    url: &str,
    credentials: Option<&Path>,
    token: Option<&str>,
) -> Command {
    let mut command = Command::new(sandbox.path("worker"));
    command.args([
        "agent",
        "--coordinator",
        url,
        "--slots",
        "2",
        "--patience",
        "120",
    ]);
    if let Some(credentials) = credentials {
        command.arg("--credentials").arg(credentials);
    }
    command
        .env_remove("PGO_BENCH_TOKEN")
        .envs(token.map(|token| ("PGO_BENCH_TOKEN", token)));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Exit code and standard error of an agent that must be refused.
fn turned_away(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

pub(crate) fn init(sandbox: &Sandbox, name: &str) -> PathBuf {
    init_for(sandbox, name, "localhost")
}

/// An authority whose coordinator is reached at this address.
pub(crate) fn init_for(sandbox: &Sandbox, name: &str, address: &str) -> PathBuf {
    let made = sandbox.run_beside(&["certs", "init", name, "--name", address]);
    assert_eq!(made.code, Some(0), "{made:?}");
    sandbox.path(name)
}

/// A port that was free a moment ago.
pub(crate) fn free() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn told(running: &Running, line: &str) {
    eventually(line, || running.progress().contains(line).then_some(()));
}

fn peak_memory_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A run with unauthorised callers.
struct Scene {
    sandbox: Sandbox,
    running: Running,
    ours: PathBuf,
    others: PathBuf,
    address: SocketAddr,
    url: String,
}

impl Scene {
    fn set() -> Self {
        let sandbox = Sandbox::new();
        let (ours, others) = (init(&sandbox, "certs"), init(&sandbox, "others"));
        let address = free();
        let (url, listen) = (format!("https://{address}"), address.to_string());
        let credentials = ours.join("coordinator").display().to_string();
        // Lasts as long as callers come, however long that takes on a busy machine.
        let text = plan(1000, 10, 30, 25).replace("start = 20", "start = 120");
        let plan = sandbox.plan(&text.replace("lease = 10", "lease = 60"));
        let run = [
            "run",
            &plan,
            "--seed",
            "1",
            "--launcher",
            "attach",
            "--agents",
            "1",
        ];
        let door = ["--listen", &listen, "--credentials", &credentials];
        let running = sandbox.start(&[&run[..], &door].concat());
        Self {
            sandbox,
            running,
            ours,
            others,
            address,
            url,
        }
    }

    /// An agent that must be refused with one line; returns the line.
    fn refused(&self, url: &str, credentials: Option<&Path>, token: Option<&str>) -> String {
        let (code, line) = turned_away(agent(&self.sandbox, url, credentials, token));
        assert_eq!((code, line.lines().count()), (Some(3), 1), "{line}");
        line
    }

    /// Certificates, checked on both sides.
    fn certificates(&self) {
        let Self {
            sandbox,
            running,
            ours,
            others,
            ..
        } = self;
        let nobody = endpoint(self.address, &ours.join("agent"), None);
        let (heard, status) = say(&nobody, vec![hello("x", String::new())]);
        assert!(heard == 0 && status.is_some(), "{heard} {status:?}");
        told(running, "it showed no certificate");
        let line = self.refused(&self.url, Some(&others.join("agent")), None);
        assert!(
            line.contains("does not come from the authority in ca.pem"),
            "{line}"
        );
        told(running, "it does not trust this coordinator's certificate");
        let mixed = sandbox.path("mixed");
        fs::create_dir(&mixed).unwrap();
        for (from, name) in [
            (ours, "ca.pem"),
            (others, "cert.pem"),
            (others, "key.pem"),
            (ours, "token"),
        ] {
            fs::copy(from.join("agent").join(name), mixed.join(name)).unwrap();
        }
        let line = self.refused(&self.url, Some(&mixed), None);
        assert!(line.contains("does not know the authority"), "{line}");
        told(running, "it showed a certificate of another authority");
    }

    fn token_and_text(&self) {
        let line = self.refused(&self.url, Some(&self.ours.join("agent")), Some("wrong"));
        assert!(
            line.contains("does not know this coordinator's token"),
            "{line}"
        );
        told(&self.running, "it does not know this coordinator's token");
        let line = self.refused(&format!("http://{}", self.address), None, Some("token"));
        assert!(line.contains("use https://"), "{line}");
        told(&self.running, "it does not speak TLS");
    }

    /// An authorised agent under a name in use. The holder of the name may be about to leave, so
    /// this refusal is not final.
    fn namesake(&self) {
        let mine = self.ours.join("agent");
        let (code, line) = turned_away(agent(&self.sandbox, &self.url, Some(&mine), None));
        assert_eq!((code, line.lines().count()), (Some(5), 1), "{line}");
        assert!(
            line.contains("has already joined: give each its own --name"),
            "{line}"
        );
        told(&self.running, "has already joined");
    }

    /// A hundred MiB before the hello, and after it.
    fn sizes(&self) {
        let mine = self.ours.join("agent");
        let door = endpoint(self.address, &mine, Some(&mine));
        let (_, status) = say(&door, vec![hello("x", "x".repeat(HUNDRED_MIB))]);
        assert!(
            status
                .as_ref()
                .is_some_and(|status| status.message().contains("larger than")),
            "{status:?}"
        );
        let failure = Failure {
            kind: FailureKind::Engine,
            message: "x".repeat(HUNDRED_MIB),
        };
        let huge = FromPeer::Failed {
            attempt: contract::id::Attempt(1),
            failure,
        };
        say(
            &door,
            vec![
                hello(Token::read(&mine).unwrap().expose(), String::new()),
                huge,
            ],
        );
        told(
            &self.running,
            "it sent a message larger than 1048576 bytes (2 so far)",
        );
    }
}

/// Waits until new workers have started for more trials than a block has.
fn goes_on(sandbox: &Sandbox) {
    let before: BTreeSet<u32> = sandbox.workers().into_iter().collect();
    let mut seen = BTreeSet::new();
    eventually("the run goes on", || {
        seen.extend(
            sandbox
                .workers()
                .into_iter()
                .filter(|pid| !before.contains(pid)),
        );
        (seen.len() > 4 * 2).then_some(())
    });
}

#[test]
fn strangers_are_refused_one_line_each_and_the_run_goes_on() {
    let scene = Scene::set();
    let mine = scene.ours.join("agent");
    let mut insider = agent(&scene.sandbox, &scene.url, Some(&mine), None);
    let insider = Agent(insider.stderr(Stdio::null()).spawn().unwrap());
    scene.sandbox.busy_worker();
    let crowd = half_open(scene.address, CROWD);
    scene.certificates();
    scene.token_and_text();
    scene.namesake();
    scene.sizes();
    told(
        &scene.running,
        "while too many others had not sent their hello",
    );
    let memory = peak_memory_kb(scene.running.pid());
    let Scene {
        sandbox, running, ..
    } = scene;
    goes_on(&sandbox);
    signal(running.pid(), "INT");
    let ended = running.end();
    drop(crowd);
    let record = sandbox.latest();
    let blocks = record.blocks.len() as u64;
    assert_eq!(
        (state(&record), requests(&record)),
        (Some(RunState::Stopped), blocks * 30),
        "{ended:?}"
    );
    assert!(
        blocks > 0 && record.blocks.iter().all(|block| block.attempt.0 == 1),
        "{:?}",
        record.blocks
    );
    assert_eq!(
        notices(&record),
        [NoticeKind::Interrupted],
        "strangers are none of the run's business"
    );
    assert!(memory < MEMORY_KB, "{memory} kB");
    for secret in [Token::read(&mine).unwrap().expose(), "BEGIN PRIVATE KEY"] {
        assert!(!ended.stderr.contains(secret) && !ended.stdout.contains(secret));
    }
    drop(insider);
    sandbox.deserted();
}

#[test]
fn an_agent_that_others_started_hears_that_the_run_is_over_and_ends_well() {
    let sandbox = Sandbox::new();
    let address = free();
    let (plan, listen) = (sandbox.plan(&plan(1, 10, 6, 4)), address.to_string());
    let door = ["--launcher", "attach", "--agents", "1", "--listen", &listen];
    let token = ("PGO_BENCH_TOKEN", "known");
    let running = sandbox.start_with(
        &[&["run", &plan, "--seed", "1"], &door[..]].concat(),
        &[token],
    );
    let (code, line) = turned_away(agent(
        &sandbox,
        &format!("http://{address}"),
        None,
        Some(token.1),
    ));
    assert_eq!((code, line.as_str()), (Some(0), ""));
    let ended = running.end();
    assert_eq!(requests(&sandbox.latest()), 30, "{ended:?}");
    // Counter-check: an empty value is not a token, however it was set.
    let run = [&["run", &plan], &door[..]].concat();
    let ended = sandbox.start_with(&run, &[("PGO_BENCH_TOKEN", "")]).end();
    assert_eq!(
        (ended.code, ended.stderr.lines().count()),
        (Some(2), 1),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("set PGO_BENCH_TOKEN"), "{ended:?}");
    let (code, line) = turned_away(agent(
        &sandbox,
        &format!("http://{address}"),
        None,
        Some(""),
    ));
    assert!(
        code == Some(2) && line.contains("PGO_BENCH_TOKEN"),
        "{line}"
    );
}

#[test]
fn hosts_follow_a_rotation_one_after_the_other_and_no_later_than_the_next() {
    let sandbox = Sandbox::new();
    let certs = init_for(&sandbox, "certs", "127.0.0.1");
    let keep = |name: &str| {
        fs::create_dir(sandbox.path(name)).unwrap();
        for file in fs::read_dir(certs.join("agent")).unwrap().flatten() {
            fs::copy(file.path(), sandbox.path(name).join(file.file_name())).unwrap();
        }
        sandbox.path(name)
    };
    let rotate = || {
        let rotated = sandbox.run_beside(&["certs", "rotate", "certs"]);
        assert_eq!(
            (rotated.code, rotated.stdout.lines().count()),
            (Some(0), 2),
            "{rotated:?}"
        );
    };
    let plan = sandbox.plan(&plan(1, 10, 6, 4));
    let own = certs.join("coordinator").display().to_string();
    // A run, and how this agent of it ended.
    let joins = |credentials: &Path| {
        let address = free();
        let run = [
            "run",
            &plan,
            "--seed",
            "1",
            "--launcher",
            "attach",
            "--agents",
            "1",
        ];
        let door = ["--listen", &address.to_string(), "--credentials", &own];
        let running = sandbox.start(&[&run[..], &door].concat());
        let told = turned_away(agent(
            &sandbox,
            &format!("https://{address}"),
            Some(credentials),
            None,
        ));
        if told.0 == Some(0) {
            drop(running.end());
        } else {
            running.kill();
        }
        told
    };
    let first = keep("first");
    rotate();
    let second = keep("second");
    for agent in [&first, &second] {
        assert_eq!(joins(agent), (Some(0), String::new()), "{agent:?}");
    }
    rotate();
    assert_eq!(joins(&second), (Some(0), String::new()));
    let (code, line) = joins(&first);
    assert!(
        code == Some(3) && line.contains("does not come from the authority in ca.pem"),
        "{line}"
    );
}

#[test]
fn nothing_but_loopback_is_served_without_certificates() {
    let sandbox = Sandbox::new();
    let open = [
        "--launcher",
        "attach",
        "--agents",
        "1",
        "--listen",
        "0.0.0.0:0",
        "--advertise",
        "here",
    ];
    let arguments = |more: &[&'static str]| {
        let all = ["run", "--preset", "high", "--engine", "sim"]
            .into_iter()
            .chain(open);
        all.chain(more.iter().copied())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let run = |more: &[&'static str]| {
        let words = arguments(more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        sandbox.start_with(&words, &[("PGO_BENCH_TOKEN", "known")])
    };
    let ended = run(&[]).end();
    assert_eq!(
        (ended.code, ended.stderr.lines().count()),
        (Some(2), 1),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("--credentials") && ended.stderr.contains("--insecure"),
        "{ended:?}"
    );
    // Counter-check: on request it listens.
    let listening = run(&["--insecure"]);
    eventually("it listens", || {
        (listening.progress().contains("slots") || listens(listening.pid())).then_some(())
    });
    listening.kill();
    let plain = turned_away(agent(
        &sandbox,
        "http://10.255.255.1:1",
        None,
        Some("known"),
    ));
    assert_eq!(plain.0, Some(2), "{plain:?}");
    assert!(plain.1.contains("unencrypted"), "{plain:?}");
}

/// Whether the process has a listening socket.
fn listens(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/net/tcp"))
        .is_ok_and(|table| table.contains("00000000:0000 0A"))
}

#[test]
fn secrets_are_in_no_argument_and_no_store() {
    let sandbox = Sandbox::new();
    let running = sandbox.start_with(
        &["run", &sandbox.plan(&plan(1, 10, 30, 25)), "--seed", "1"],
        &[("PGO_BENCH_TOKEN", "a-secret-to-be-kept")],
    );
    sandbox.busy_worker();
    for pid in sandbox
        .agents()
        .into_iter()
        .chain(sandbox.workers())
        .chain([running.pid()])
    {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!contains(&arguments, b"a-secret-to-be-kept"));
    }
    let ended = running.end();
    assert_eq!(requests(&sandbox.latest()), 30, "{ended:?}");
    let mut seen = 0;
    for entry in fs::read_dir(sandbox.path("store")).unwrap().flatten() {
        for file in std::iter::once(entry.path()).chain(
            fs::read_dir(entry.path())
                .into_iter()
                .flatten()
                .flatten()
                .map(|e| e.path()),
        ) {
            if let Ok(bytes) = fs::read(&file) {
                seen += bytes.len();
                assert!(
                    !contains(&bytes, b"a-secret-to-be-kept"),
                    "{}",
                    file.display()
                );
            }
        }
    }
    assert!(seen > 1000, "there is a store: {seen} bytes");
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
