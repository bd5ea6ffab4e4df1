//! What an agent does with the processes it starts, and what happens to them when it ends.
//!
//! One process each, asserted case by case: longer than other files.

use std::time::Duration;

use contract::id::Ticket;
use contract::identity::Sha256;
use contract::message::{BuildChunk, Exit, FromPeer, PART_CHUNK, Role, Spawn, ToPeer};
use sha2::Digest;
use tokio::process::Command;

use crate::coordinator::{Coordinator, DEADLINE, Session, welcome};
use crate::programs::{
    ONE, WORKER, agent, agent_at, arm, ended, gone, load, runs, signal, slow, spawn, start, until,
};
use crate::workers::running;

/// Has a worker started; returns its session and process id.
pub(crate) async fn spawned(
    coordinator: &mut Coordinator,
    agent: &mut Session,
    order: Spawn,
) -> (Session, u32) {
    let ticket = order.ticket;
    agent.say(ToPeer::Spawn(order));
    let worker = coordinator.session().await;
    assert_eq!(worker.hello.role, Role::Worker { ticket });
    let pid = worker.hello.pid;
    (worker, pid)
}

async fn refused(agent: &mut Session, order: Spawn) -> String {
    let expected = order.ticket;
    agent.say(ToPeer::Spawn(order));
    let Some(FromPeer::SpawnFailed { ticket, message }) = agent.hear().await else {
        panic!("not refused")
    };
    assert_eq!(ticket, expected);
    message
}

fn exited(ticket: u64, code: Option<i32>, signal: Option<i32>) -> FromPeer {
    FromPeer::Exited {
        ticket: Ticket(ticket),
        exit: Exit {
            code,
            signal,
            tail: String::new(),
        },
    }
}

/// Brings a worker into the middle of a trial.
async fn busy(worker: &mut Session) {
    worker.say(load(slow()));
    assert!(matches!(worker.hear().await, Some(FromPeer::Loaded { .. })));
    worker.say(arm(10_000));
    assert_eq!(worker.hear().await, Some(FromPeer::Armed(ONE)));
    worker.say(start(Duration::ZERO));
    running(worker).await;
}

#[tokio::test]
async fn the_ready_file_is_there_while_a_session_is() {
    let mut coordinator = Coordinator::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ready");
    std::fs::write(&file, "left by one that was killed").unwrap();
    let process = agent(
        &coordinator,
        &["--keep", "--ready-file", &file.display().to_string()],
    );
    let first = coordinator.session().await;
    until(|| std::fs::read(&file).is_ok_and(|text| text == b"joined\n")).await;
    drop(first);
    let second = coordinator.session().await;
    until(|| file.exists()).await;
    second.say(ToPeer::Drain);
    assert_eq!(second.rest().await, []);
    assert_eq!(ended(process).await, (Some(0), String::new()));
    assert!(!file.exists());
}

#[tokio::test]
async fn a_ready_file_that_cannot_be_written_is_told() {
    let coordinator = Coordinator::start();
    let process = agent(&coordinator, &["--ready-file", "/proc/nowhere/ready"]);
    let (code, said) = ended(process).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("/proc/nowhere/ready") && said.contains("joined"),
        "{said}"
    );
}

#[tokio::test]
async fn an_agent_registers_its_host_and_ends_when_drained() {
    let mut coordinator = Coordinator::start();
    let process = agent(&coordinator, &["--name", "host one"]);
    let session = coordinator.session().await;
    assert_eq!(
        session.hello.role,
        Role::Agent {
            name: "host one".into(),
            slots: 2
        }
    );
    assert!(session.hello.host.cores >= 1);
    session.say(ToPeer::Drain);
    assert_eq!(session.rest().await, []);
    assert_eq!(ended(process).await, (Some(0), String::new()));
}

#[tokio::test]
async fn what_must_not_or_cannot_be_started_is_refused_with_a_sentence() {
    let mut coordinator = Coordinator::start();
    let _process = agent(&coordinator, &[]);
    let mut session = coordinator.session().await;
    let other = Sha256([1; 32]);
    session.say(ToPeer::Spawn(Spawn {
        sha256: other,
        ..spawn(1)
    }));
    assert_eq!(
        session.hear().await,
        Some(FromPeer::FetchBuild {
            sha256: other,
            offset: 0
        }),
        "it has no such file"
    );
    let bytes = Err("it is no build of this run".to_owned());
    session.say(ToPeer::BuildChunk(BuildChunk {
        sha256: other,
        offset: 0,
        bytes,
        last: true,
    }));
    let Some(FromPeer::SpawnFailed { message, .. }) = session.hear().await else {
        panic!("not refused")
    };
    assert!(
        message.contains("it is no build of this run") && message.contains("0101"),
        "{message}"
    );
    let message = refused(
        &mut session,
        Spawn {
            slot: 2,
            ..spawn(3)
        },
    )
    .await;
    assert!(message.contains("this host offers 2"), "{message}");
    let (_worker, _) = spawned(&mut coordinator, &mut session, spawn(4)).await;
    let message = refused(&mut session, spawn(4)).await;
    assert!(message.contains("second process for ticket 4"), "{message}");
}

/// This worker plus one byte: a different build that runs.
fn other_build() -> Vec<u8> {
    let mut bytes = std::fs::read(WORKER).expect("the worker program");
    bytes.push(b'\n');
    bytes
}

/// Answers requests for pieces of this build until it is complete; returns whether it replaced
/// another.
async fn supply(session: &mut Session, build: &[u8]) -> bool {
    loop {
        match session.hear().await {
            Some(FromPeer::FetchBuild { sha256, offset }) => {
                let rest = &build[usize::try_from(offset).expect("it fits")..];
                let bytes = rest[..rest.len().min(PART_CHUNK)].to_vec();
                let last = bytes.len() == rest.len();
                session.say(ToPeer::BuildChunk(BuildChunk {
                    sha256,
                    offset,
                    bytes: Ok(bytes),
                    last,
                }));
            }
            Some(FromPeer::FetchedBuild { size, replaced, .. }) => {
                assert_eq!(size, build.len() as u64);
                return replaced;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_build_travels_once_and_a_damaged_copy_is_fetched_again() {
    let home = tempfile::tempdir().expect("a place for the cache");
    let mut coordinator = Coordinator::start();
    let _process = agent_at(&coordinator, home.path(), &[]);
    let mut session = coordinator.session().await;
    let build = other_build();
    let sha256 = Sha256(sha2::Sha256::digest(&build).into());
    let order = |ticket| Spawn {
        sha256,
        binary: "/elsewhere/pgo".into(),
        ..spawn(ticket)
    };
    session.say(ToPeer::Spawn(order(1)));
    assert!(!supply(&mut session, &build).await);
    assert_eq!(
        coordinator.session().await.hello.build.exe_sha256,
        sha256,
        "what runs is what came"
    );
    session.say(ToPeer::Stop {
        ticket: Ticket(1),
        grace: Duration::ZERO,
    });
    assert!(matches!(
        session.hear().await,
        Some(FromPeer::Exited { .. })
    ));
    let (_worker, _) = spawned(&mut coordinator, &mut session, order(2)).await;

    let kept = home
        .path()
        .join(".cache/pgo-benchmarks/builds")
        .join(sha256.to_string());
    std::fs::remove_file(&kept).expect("it is kept there");
    std::fs::write(&kept, &build[..1000]).expect("writable");
    session.say(ToPeer::Spawn(Spawn {
        slot: 1,
        ..order(3)
    }));
    assert!(supply(&mut session, &build).await, "the damage is told");
    let _worker = coordinator.session().await;
    assert_eq!(std::fs::read(&kept).expect("it is there"), build);
}

#[tokio::test]
async fn an_agent_that_takes_no_uploads_starts_only_what_it_was_given() {
    let home = tempfile::tempdir().expect("a place for builds");
    let mut coordinator = Coordinator::start();
    let folder = home.path().display().to_string();
    let _process = agent_at(
        &coordinator,
        home.path(),
        &["--no-upload", "--builds-dir", &folder],
    );
    let mut session = coordinator.session().await;
    let build = other_build();
    let sha256 = Sha256(sha2::Sha256::digest(&build).into());
    let order = |ticket| Spawn {
        sha256,
        binary: "/elsewhere/pgo".into(),
        ..spawn(ticket)
    };
    let message = refused(&mut session, order(1)).await;
    assert!(
        message.contains("--no-upload") && message.contains("--builds-dir"),
        "{message}"
    );
    let path = home.path().join("pgo");
    std::fs::copy(WORKER, &path).expect("writable");
    std::fs::write(&path, &build).expect("writable");
    spawned(&mut coordinator, &mut session, order(2)).await;
}

#[tokio::test]
async fn a_worker_gets_everything_by_environment_and_a_session_of_its_own() {
    let mut coordinator = Coordinator::start();
    let _process = agent(&coordinator, &[]);
    let mut session = coordinator.session().await;
    let (_worker, pid) = spawned(&mut coordinator, &mut session, spawn(6)).await;
    let read =
        |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("it runs");
    let environment = read("environ");
    for expected in [
        "PGO_BENCH_TICKET=6",
        "PGO_BENCH_SLOTS=2",
        "LLVM_PROFILE_FILE=/dev/null",
    ] {
        assert!(
            environment.split('\0').any(|variable| variable == expected),
            "{expected}"
        );
    }
    assert_eq!(
        read("cmdline").split('\0').skip(1).collect::<Vec<_>>(),
        ["join", ""]
    );
    let stat = read("stat");
    let ids: Vec<&str> = stat
        .rsplit_once(')')
        .expect("a name")
        .1
        .split_whitespace()
        .skip(2)
        .take(2)
        .collect();
    assert_eq!(
        ids,
        [pid.to_string(), pid.to_string()],
        "process group and session"
    );
}

#[tokio::test]
async fn stop_lets_a_worker_end_by_itself_and_kills_one_that_does_not() {
    let mut coordinator = Coordinator::start();
    let _process = agent(&coordinator, &[]);
    let mut session = coordinator.session().await;
    let (mut worker, _) = spawned(&mut coordinator, &mut session, spawn(1)).await;
    busy(&mut worker).await;
    session.say(ToPeer::Stop {
        ticket: Ticket(1),
        grace: DEADLINE,
    });
    assert_eq!(worker.rest().await, []);
    assert_eq!(session.hear().await, Some(exited(1, Some(0), None)));

    let (_worker, pid) = spawned(&mut coordinator, &mut session, spawn(2)).await;
    signal(pid, "STOP");
    session.say(ToPeer::Stop {
        ticket: Ticket(2),
        grace: Duration::from_millis(50),
    });
    assert_eq!(session.hear().await, Some(exited(2, None, Some(9))));

    let (_worker, pid) = spawned(&mut coordinator, &mut session, spawn(3)).await;
    signal(pid, "STOP");
    session.say(ToPeer::Stop {
        ticket: Ticket(3),
        grace: DEADLINE * 2,
    });
    session.say(ToPeer::Stop {
        ticket: Ticket(3),
        grace: Duration::ZERO,
    });
    assert_eq!(
        session.hear().await,
        Some(exited(3, None, Some(9))),
        "the strictest order holds"
    );
}

#[tokio::test]
async fn the_death_of_a_worker_is_told_with_signal_code_and_last_words() {
    let mut coordinator = Coordinator::start();
    let _process = agent(&coordinator, &[]);
    let mut session = coordinator.session().await;
    let (mut worker, pid) = spawned(&mut coordinator, &mut session, spawn(1)).await;
    busy(&mut worker).await;
    signal(pid, "KILL");
    assert_eq!(session.hear().await, Some(exited(1, None, Some(9))));

    let (worker, _) = spawned(&mut coordinator, &mut session, spawn(2)).await;
    drop(worker);
    let Some(FromPeer::Exited { exit, .. }) = session.hear().await else {
        panic!("no exit")
    };
    assert_eq!(exit.code, Some(5));
    assert!(
        exit.tail.starts_with("error: failed to keep the session"),
        "{}",
        exit.tail
    );
}

#[tokio::test]
async fn a_signal_to_the_agent_ends_its_session_then_its_workers_and_then_itself() {
    let mut coordinator = Coordinator::start();
    let process = agent(&coordinator, &[]);
    let mut session = coordinator.session().await;
    let (mut first, one) = spawned(&mut coordinator, &mut session, spawn(1)).await;
    let (_second, two) = spawned(
        &mut coordinator,
        &mut session,
        Spawn {
            slot: 1,
            ..spawn(2)
        },
    )
    .await;
    busy(&mut first).await;
    signal(process.id().expect("it runs"), "TERM");
    assert_eq!(session.rest().await, [], "it is lost as a whole");
    assert_eq!(ended(process).await.0, Some(0));
    assert!(!runs(one) && !runs(two));
}

#[tokio::test]
async fn workers_do_not_outlive_an_agent_that_was_killed() {
    let mut coordinator = Coordinator::start();
    let process = agent(&coordinator, &[]);
    let mut session = coordinator.session().await;
    let (_worker, pid) = spawned(&mut coordinator, &mut session, spawn(1)).await;
    assert!(runs(pid));
    signal(process.id().expect("it runs"), "KILL");
    gone(pid).await;
}

#[tokio::test]
async fn the_end_of_standard_input_ends_an_agent_that_watches_it() {
    let mut coordinator = Coordinator::start();
    let mut process = agent(&coordinator, &["--until-stdin-closes"]);
    let mut session = coordinator.session().await;
    let (_worker, pid) = spawned(&mut coordinator, &mut session, spawn(1)).await;
    drop(process.stdin.take());
    assert_eq!(session.rest().await, []);
    assert_eq!(ended(process).await.0, Some(0));
    assert!(!runs(pid));
}

#[tokio::test]
async fn silence_longer_than_the_lease_ends_an_agent_and_its_workers() {
    let mut coordinator = Coordinator::greeting(|hello| match hello.role {
        Role::Agent { .. } => welcome(Duration::from_secs(3)),
        Role::Worker { .. } => welcome(DEADLINE * 2),
    });
    let process = agent(&coordinator, &[]);
    let mut session = coordinator.session().await;
    // Starting a worker may take longer than the lease; messages without effect renew it meanwhile.
    let words = session.words_for_nothing();
    let (_worker, pid) = spawned(&mut coordinator, &mut session, spawn(1)).await;
    words.abort();
    let (code, stderr) = ended(process).await;
    assert_eq!(code, Some(5), "{stderr}");
    assert!(!runs(pid));
}

#[tokio::test]
async fn an_agent_that_is_to_keep_dials_again_with_all_its_slots_free() {
    let mut coordinator = Coordinator::start();
    let process = agent(&coordinator, &["--keep"]);
    let mut session = coordinator.session().await;
    let (_worker, pid) = spawned(&mut coordinator, &mut session, spawn(1)).await;
    drop(session);
    let session = coordinator.session().await;
    assert!(!runs(pid));
    session.say(ToPeer::Drain);
    assert_eq!(session.rest().await, []);
    assert_eq!(ended(process).await.0, Some(0));
}

#[tokio::test]
async fn a_coordinator_that_is_not_there_is_given_up_after_the_patience() {
    // Bound but never served: it accepts no session.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    drop(listener);
    let output = Command::new(WORKER)
        .args(["agent", "--coordinator", &address, "--patience", "0.2"])
        .env("PGO_BENCH_TOKEN", "t")
        .output();
    let output = crate::coordinator::within(output).await.expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("refused"), "{stderr}");
}

#[tokio::test]
async fn wrong_usage_is_told_before_anything_is_dialled() {
    for (arguments, token, expected) in [
        (
            vec!["agent", "--coordinator", "127.0.0.1:1"],
            Some("t"),
            "an address like http://",
        ),
        (
            vec!["agent", "--coordinator", "http://127.0.0.1:1"],
            None,
            "PGO_BENCH_TOKEN",
        ),
        (
            vec![
                "agent",
                "--coordinator",
                "http://127.0.0.1:1",
                "--slots",
                "0",
            ],
            Some("t"),
            "--slots",
        ),
    ] {
        let mut command = Command::new(WORKER);
        command
            .args(arguments)
            .env_remove("PGO_BENCH_TOKEN")
            .envs(token.map(|t| ("PGO_BENCH_TOKEN", t)));
        let output = crate::coordinator::within(command.output())
            .await
            .expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}
