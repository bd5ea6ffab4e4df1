//! What an agent checks before it starts anything (open files and models), and how it ends when
//! refused.

use std::process::Stdio;

use contract::id::Ticket;
use contract::message::{FromPeer, Spawn, ToPeer};
use tokio::process::{Child, Command};

use crate::agents::spawned;
use crate::coordinator::{Coordinator, TOKEN};
use crate::programs::{WORKER, agent, ended, spawn};

#[tokio::test]
async fn who_is_turned_away_after_the_welcome_ends_with_the_code_that_says_whether_for_good() {
    for (last, code, says) in [
        (true, 3, "failed to join the coordinator"),
        (false, 5, "failed to keep the session"),
    ] {
        let mut coordinator = Coordinator::start();
        let process = agent(&coordinator, &[]);
        let session = coordinator.session().await;
        session.say(ToPeer::Refused {
            message: "it is not like the others".into(),
            last,
        });
        let (ended, said) = ended(process).await;
        assert_eq!((ended, said.lines().count()), (Some(code), 1), "{said}");
        assert!(
            said.contains(says) && said.contains("it is not like the others"),
            "{said}"
        );
    }
}

/// An agent of 400 slots, started with this limit of open files.
fn limited(coordinator: &Coordinator, limit: &str) -> Child {
    let line = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    Command::new("sh")
        .args([
            "-c",
            &line,
            WORKER,
            "agent",
            "--coordinator",
            &coordinator.address,
            "--slots",
            "400",
        ])
        .env("PGO_BENCH_TOKEN", TOKEN)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("there is a shell")
}

#[tokio::test]
async fn an_agent_of_many_slots_raises_its_own_limit_of_open_files_or_says_who_must() {
    let mut coordinator = Coordinator::start();
    let process = limited(&coordinator, "-S -n 256");
    let session = coordinator.session().await;
    let limits =
        std::fs::read_to_string(format!("/proc/{}/limits", session.hello.pid)).expect("it lives");
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .expect("a line");
    assert_eq!(files.split_whitespace().next(), Some("1728"), "{limits}");
    session.say(ToPeer::Drain);
    assert_eq!(ended(process).await.0, Some(0));

    let (code, said) = ended(limited(&coordinator, "-n 256")).await;
    assert_eq!((code, said.lines().count()), (Some(2), 1), "{said}");
    for words in [
        "400 workers",
        "only 256 are allowed",
        "`ulimit -Hn` to 1728",
        "--slots",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[tokio::test]
async fn a_model_is_hashed_before_its_worker_starts_and_anew_when_it_was_written() {
    let place = tempfile::tempdir().expect("a directory");
    let model = place.path().join("tiny");
    crate::models::synth("3", &model);
    let mut coordinator = Coordinator::start();
    let _process = agent(&coordinator, &[]);
    let mut session = coordinator.session().await;
    let verified = |ticket| Spawn {
        model: Some(model.display().to_string()),
        ..spawn(ticket)
    };
    let (mut told, mut workers) = (Vec::new(), Vec::new());
    for order in [spawn(1), verified(2), verified(3)] {
        if order.ticket == Ticket(3) {
            let weights = model.join("model.safetensors");
            let mut bytes = std::fs::read(&weights).expect("it is there");
            let middle = bytes.len() / 2 + 4096;
            bytes[middle] ^= 1;
            std::fs::write(weights, bytes).expect("it is writable");
        }
        let (mut worker, _) = spawned(&mut coordinator, &mut session, order).await;
        worker.say(crate::workers::native(&model));
        let Some(FromPeer::Loaded { report, .. }) = worker.hear().await else {
            panic!("not loaded")
        };
        workers.push(worker);
        told.push((
            report.model_digest,
            report.model_sha256.map(|sha256| sha256.to_string()),
        ));
        if told.len() == 2 {
            assert_eq!(told[1].1, Some(crate::models::full_digest(&model)));
        }
    }
    let [plain, before, after] = &told[..] else {
        panic!("three workers")
    };
    assert_eq!(plain.1, None, "not requested");
    assert_eq!(
        (&plain.0, &before.0),
        (&after.0, &after.0),
        "a flipped bit between two samples"
    );
    assert_eq!(after.1, Some(crate::models::full_digest(&model)));
    assert_ne!(before.1, after.1);
}
