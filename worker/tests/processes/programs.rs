//! Starts agents and workers as real processes, and builds the orders that tests send.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use contract::id::{Arm, Attempt, RunId, Ticket, TrialKey};
use contract::identity::Sha256;
use contract::message::{Spawn, ToPeer};
use contract::spec::{
    Assignment, Demand, EngineSpec, Objectives, PromptSet, PromptSpec, Scenario, Shape, Share,
    SimSpec, StopSpec, Warmup,
};
use sha2::Digest;
use tokio::process::{Child, Command};

use crate::coordinator::{Coordinator, Session, TOKEN, within};

pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_worker");
pub(crate) const ONE: Attempt = Attempt(1);

/// An agent of two slots.
pub(crate) fn agent(coordinator: &Coordinator, flags: &[&str]) -> Child {
    agent_at(coordinator, Path::new(env!("CARGO_TARGET_TMPDIR")), flags)
}

/// An agent with two slots and this home directory.
pub(crate) fn agent_at(coordinator: &Coordinator, home: &Path, flags: &[&str]) -> Child {
    // If the tests run under `nohup`, SIGHUP is ignored, and the agent would inherit that.
    Command::new("env")
        .args([
            "--default-signal=HUP",
            WORKER,
            "agent",
            "--coordinator",
            &coordinator.address,
            "--slots",
            "2",
        ])
        .args(flags)
        .env("PGO_BENCH_TOKEN", TOKEN)
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the worker program starts")
}

/// A worker without an agent.
pub(crate) fn worker(address: &str, token: &str) -> Child {
    Command::new(WORKER)
        .arg("join")
        .env("PGO_BENCH_COORDINATOR", address)
        .env("PGO_BENCH_TOKEN", token)
        .env("PGO_BENCH_TICKET", "7")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the worker program starts")
}

/// A worker that has joined.
pub(crate) async fn joined(coordinator: &mut Coordinator) -> (Child, Session) {
    let process = worker(&coordinator.address, TOKEN);
    let session = coordinator.session().await;
    assert_eq!(
        session.hello.role,
        contract::message::Role::Worker { ticket: Ticket(7) }
    );
    (process, session)
}

/// How a process ended, and what it wrote to its standard error.
pub(crate) async fn ended(process: Child) -> (Option<i32>, String) {
    let output = within(process.wait_with_output())
        .await
        .expect("it can be waited for");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

pub(crate) fn signal(pid: u32, name: &str) {
    let done = std::process::Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .expect("kill is there");
    assert!(done.success());
}

/// Whether the process is running; a zombie is not.
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| !rest.starts_with(" Z"))
    })
}

/// Waits until the process is no longer running.
pub(crate) async fn gone(pid: u32) {
    until(|| !runs(pid)).await;
}

/// Waits until the condition holds.
pub(crate) async fn until(is_so: impl Fn() -> bool) {
    within(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

pub(crate) fn sha256(path: &Path) -> Sha256 {
    Sha256(sha2::Sha256::digest(std::fs::read(path).expect("the file is there")).into())
}

pub(crate) fn spawn(ticket: u64) -> Spawn {
    Spawn {
        ticket: Ticket(ticket),
        slot: 0,
        binary: WORKER.to_owned(),
        sha256: sha256(Path::new(WORKER)),
        env: vec![("LLVM_PROFILE_FILE".into(), "/dev/null".into())],
        model: None,
    }
}

pub(crate) fn load(sim: SimSpec) -> ToPeer {
    let demand = Demand {
        concurrency: 30,
        tokens_per_request: 16,
    };
    ToPeer::Load {
        attempt: ONE,
        engine: EngineSpec::Sim(sim),
        demand,
    }
}

/// A second's worth of load: short, but long enough to be interrupted.
pub(crate) fn slow() -> SimSpec {
    SimSpec {
        step_base_ns: 50_000_000,
        ..SimSpec::default()
    }
}

/// A burst of 30 requests, 15 of them for this worker.
pub(crate) fn assignment(output_tokens: u32, warmup_tokens: u32) -> Box<Assignment> {
    Box::new(Assignment {
        run: RunId::new(1_700_000_000_000, [1; 10]),
        key: TrialKey {
            cell: 0,
            round: 1,
            arm: Arm::B,
        },
        variant: "pgo".into(),
        slot: 1,
        scenario: Scenario {
            name: "burst".into(),
            shape: Shape::Burst { requests: 30 },
            prompt: PromptSpec::of(PromptSet::Evaluation, 8),
            output_tokens: output_tokens.into(),
            mix: Vec::new(),
            stop: StopSpec::default(),
            max_in_flight: None,
            objectives: Objectives::default(),
            warmup: Warmup {
                requests: Some(2),
                output_tokens: warmup_tokens,
                run_in: None,
            },
            timeout: Duration::from_secs(60),
        },
        share: Share { index: 1, of: 2 },
        seed: 11,
    })
}

pub(crate) fn arm(output_tokens: u32) -> ToPeer {
    ToPeer::Arm {
        attempt: ONE,
        assignment: assignment(output_tokens, 2),
    }
}

pub(crate) fn start(at: Duration) -> ToPeer {
    ToPeer::Start {
        attempt: ONE,
        at,
        uncertainty: Duration::from_nanos(500),
    }
}
