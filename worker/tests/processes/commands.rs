//! Servers that a coordinator has a worker start: an agent with `--no-upload` starts none.

use std::collections::BTreeMap;
use std::path::Path;

use contract::command;
use contract::message::{FailureKind, FromPeer, ToPeer};
use contract::spec::{Command, Demand, EngineSpec, Protocol, Reach, ServerSpec};

use crate::agents::spawned;
use crate::coordinator::Coordinator;
use crate::programs::{ONE, agent, spawn};

/// A server that leaves a trace of its start.
fn server(trace: &Path) -> ToPeer {
    let said = r#"read open; echo '{"ready": {"protocol": 1}}'; read rest"#;
    let line = format!("touch '{}'; {said}", trace.display());
    let reach = Reach::Command(Command {
        line: ["sh", "-c", &line].map(str::to_owned).to_vec(),
        env: BTreeMap::new(),
        directory: "/".to_owned(),
    });
    let path = std::env::var_os("PATH");
    let identity = command::identify(&reach, path.as_deref()).unwrap().identity;
    ToPeer::Load {
        attempt: ONE,
        engine: EngineSpec::Server(Box::new(ServerSpec {
            identity,
            ..ServerSpec::new(Protocol::Exec, "candidate", reach)
        })),
        demand: Demand {
            concurrency: 1,
            tokens_per_request: 8,
        },
    }
}

/// What a worker of an agent with these flags says to the order.
async fn answer(flags: &[&str], trace: &Path) -> FromPeer {
    let mut coordinator = Coordinator::start();
    let _process = agent(&coordinator, flags);
    let mut session = coordinator.session().await;
    let (mut worker, _) = spawned(&mut coordinator, &mut session, spawn(1)).await;
    worker.say(server(trace));
    worker.hear().await.expect("it answers")
}

#[tokio::test]
async fn an_agent_that_takes_no_uploads_starts_no_commands() {
    let place = tempfile::tempdir().expect("a directory");
    let trace = place.path().join("started");
    let FromPeer::Failed { failure, .. } = answer(&["--no-upload"], &trace).await else {
        panic!("not refused")
    };
    assert_eq!(failure.kind, FailureKind::BadAssignment);
    for part in [
        "the server of candidate",
        "--no-upload",
        "without that flag",
    ] {
        assert!(failure.message.contains(part), "{failure}");
    }
    assert!(!trace.exists(), "it was started");
}

/// The twin: without the flag the same order starts it.
#[tokio::test]
async fn any_other_agent_starts_them() {
    let place = tempfile::tempdir().expect("a directory");
    let trace = place.path().join("started");
    let said = answer(&[], &trace).await;
    assert!(matches!(said, FromPeer::Loaded { .. }), "{said:?}");
    assert!(trace.exists(), "it was not started");
}
