//! A worker process, from joining to its exit code.

use std::path::Path;
use std::time::Duration;

use contract::PROTOCOL;
use contract::id::{Arm, Attempt, TrialKey};
use contract::message::{FailureKind, FromPeer, ToPeer};
use contract::part::Part;
use contract::record::Record;
use contract::spec::{Demand, EngineSpec, NativeSpec, SimSpec};

use crate::coordinator::{Coordinator, DEADLINE, Session, TOKEN, welcome};
use crate::programs::{
    ONE, WORKER, arm, assignment, ended, joined, load, sha256, signal, slow, start, worker,
};

const HOUR: Duration = Duration::from_secs(3600);
/// Long enough for a busy machine to keep it, short enough for a test to wait for its end.
const LEASE: Duration = Duration::from_secs(3);

pub(crate) fn native(model: &Path) -> ToPeer {
    let spec = NativeSpec {
        model: model.display().to_string(),
        threads: 0,
        kv_bytes: 0,
        max_batch: 8,
        prefill_chunk: 16,
        kv_f32: false,
        weights: contract::spec::WeightForm::AsStored,
        handicap: 0.0,
        prefix_reuse: false,
        pin: false,
    };
    let demand = Demand {
        concurrency: 15,
        tokens_per_request: 12,
    };
    ToPeer::Load {
        attempt: ONE,
        engine: EngineSpec::Native(spec),
        demand,
    }
}

async fn loaded(session: &mut Session, sim: SimSpec) {
    session.say(load(sim));
    assert!(matches!(
        session.hear().await,
        Some(FromPeer::Loaded { attempt: ONE, .. })
    ));
}

async fn armed(session: &mut Session, sim: SimSpec) {
    loaded(session, sim).await;
    session.say(arm(4));
    assert_eq!(session.hear().await, Some(FromPeer::Armed(ONE)));
}

/// The worker's own clock, from a ping.
async fn clock(session: &mut Session) -> Duration {
    session.say(ToPeer::Ping { seq: 9 });
    let Some(FromPeer::Pong { seq: 9, mono }) = session.hear().await else {
        panic!("no pong")
    };
    mono
}

async fn started(session: &mut Session, sim: SimSpec) {
    armed(session, sim).await;
    let now = clock(session).await;
    session.say(start(now));
}

/// The part, assembled from its pieces.
async fn part(session: &mut Session) -> Part {
    let mut bytes = Vec::new();
    for expected in 0.. {
        let Some(FromPeer::Part(chunk)) = session.hear().await else {
            panic!("no piece {expected}")
        };
        assert_eq!((chunk.attempt, chunk.seq), (ONE, expected));
        bytes.extend(chunk.bytes);
        if chunk.last {
            break;
        }
    }
    Part::open(&bytes).expect("the part opens")
}

async fn leaves(process: tokio::process::Child, session: Session) -> Vec<FromPeer> {
    session.say(ToPeer::Drain);
    let heard = session.rest().await;
    assert_eq!(ended(process).await, (Some(0), String::new()));
    heard
}

#[tokio::test]
async fn a_worker_goes_through_a_trial_and_its_part_adds_up() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    let hello = session.hello.clone();
    assert_eq!(hello.protocol, PROTOCOL);
    assert_eq!(hello.build.exe_sha256, sha256(Path::new(WORKER)));
    assert_eq!(Some(hello.pid), process.id());

    started(&mut session, SimSpec::default()).await;
    let part = part(&mut session).await;
    assert_eq!((part.outcomes.planned, part.outcomes.ended()), (15, 15));
    assert_eq!((part.place.attempt, part.place.slot), (ONE, 1));
    assert_eq!(
        part.place.key,
        TrialKey {
            cell: 0,
            round: 1,
            arm: Arm::B
        }
    );
    assert_eq!(
        (part.origin.variant.as_str(), part.origin.exe_sha256),
        ("pgo", hello.build.exe_sha256)
    );
    assert!(
        part.cold.iter().any(|phase| phase.name == "runtime"),
        "{:?}",
        part.cold
    );

    session.say(ToPeer::PartStored(ONE));
    session.say(ToPeer::Flush);
    assert_eq!(session.hear().await, Some(FromPeer::Flushed(false)));
    assert_eq!(leaves(process, session).await, []);
}

#[tokio::test]
async fn a_worker_measures_a_real_model_and_names_it_by_its_digest() {
    let place = tempfile::tempdir().expect("a directory");
    let model = place.path().join("tiny");
    crate::models::synth("3", &model);
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    session.say(native(&model));
    let Some(FromPeer::Loaded { report, .. }) = session.hear().await else {
        panic!("not loaded")
    };
    assert_eq!(report.model_digest, crate::models::digest(&model));
    session.say(arm(4));
    assert_eq!(session.hear().await, Some(FromPeer::Armed(ONE)));
    let now = clock(&mut session).await;
    session.say(start(now));
    let part = part(&mut session).await;
    assert_eq!((part.outcomes.ok, part.output_tokens), (15, 15 * 4));
    assert_eq!(part.engine.model_digest, report.model_digest);
    session.say(ToPeer::PartStored(ONE));
    assert_eq!(leaves(process, session).await, []);
}

#[tokio::test]
async fn signs_of_life_carry_the_progress_of_the_attempt_and_pongs_never_wait_for_it() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    assert_eq!(session.beat().await, FromPeer::Beat(None));
    started(&mut session, slow()).await;
    let before = clock(&mut session).await;
    assert!(clock(&mut session).await > before);
    let told = crate::coordinator::within(async {
        loop {
            if let FromPeer::Beat(Some(progress)) = session.beat().await
                && progress.issued == 15
            {
                return progress;
            }
        }
    });
    assert_eq!(told.await.attempt, ONE);
    signal(process.id().expect("it runs"), "TERM");
    assert_eq!(session.rest().await, []);
    assert_eq!(ended(process).await, (Some(0), String::new()));
}

#[tokio::test]
async fn a_start_of_an_attempt_that_is_over_is_ignored_and_the_next_attempt_works() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    started(&mut session, SimSpec::default()).await;
    part(&mut session).await;
    session.say(ToPeer::PartStored(ONE));
    session.say(ToPeer::Arm {
        attempt: Attempt(2),
        assignment: assignment(1, 1),
    });
    assert_eq!(session.hear().await, Some(FromPeer::Armed(Attempt(2))));
    session.say(start(Duration::ZERO)); // of the attempt that is over
    session.say(ToPeer::Start {
        attempt: Attempt(2),
        at: Duration::ZERO,
        uncertainty: Duration::ZERO,
    });
    let Some(FromPeer::Part(chunk)) = session.hear().await else {
        panic!("no part")
    };
    let part = Part::open(&chunk.bytes).expect("the part opens");
    assert_eq!((part.outcomes.ok, part.place.attempt), (15, Attempt(2)));
    session.say(ToPeer::PartStored(Attempt(2)));
    session.say(ToPeer::Drain);
    assert_eq!(session.rest().await, []);
    assert_eq!(
        ended(process).await,
        (Some(0), "ignored 1 messages of older attempts\n".to_owned())
    );
}

/// Waits until requests of a long trial are in flight.
pub(crate) async fn running(session: &mut Session) {
    crate::coordinator::within(async {
        while !matches!(session.beat().await, FromPeer::Beat(Some(now)) if now.issued > 0) {}
    })
    .await;
}

#[tokio::test]
async fn a_signal_ends_a_worker_in_every_state_and_the_exit_is_clean() {
    let long = || SimSpec {
        load_ns: 50_000_000,
        ..slow()
    };
    let long_arm = || ToPeer::Arm {
        attempt: ONE,
        assignment: assignment(4, 10_000),
    };
    let states: [(&str, Vec<ToPeer>, usize); 7] = [
        ("idle", vec![], 0),
        ("loading", vec![load(long())], 0),
        ("ready", vec![load(long())], 1),
        ("arming", vec![load(long()), long_arm()], 1),
        ("armed", vec![load(long()), arm(10_000)], 2),
        ("waiting", vec![load(long()), arm(10_000), start(HOUR)], 2),
        (
            "running",
            vec![load(long()), arm(10_000), start(Duration::ZERO)],
            2,
        ),
    ];
    for (state, messages, answers) in states {
        let mut coordinator = Coordinator::start();
        let (process, mut session) = joined(&mut coordinator).await;
        for (n, message) in messages.into_iter().enumerate() {
            session.say(message);
            if n < answers {
                let told = session.hear().await;
                let fine = matches!(told, Some(FromPeer::Loaded { .. } | FromPeer::Armed(ONE)));
                assert!(fine, "{state}: {told:?}");
            }
        }
        if state == "running" {
            running(&mut session).await;
        }
        // Messages are handled in order, so everything sent before is known to it.
        clock(&mut session).await;
        signal(process.id().expect("it runs"), "TERM");
        let told = session.rest().await;
        // Messages from before the signal.
        let fine = |m: &FromPeer| matches!(m, FromPeer::Loaded { .. } | FromPeer::Armed(ONE));
        assert!(told.iter().all(fine), "{state}: {told:?}");
        assert_eq!(ended(process).await, (Some(0), String::new()), "{state}");
    }
}

#[tokio::test]
async fn a_missing_model_and_an_illegal_message_are_told_with_their_kind() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    session.say(arm(1));
    let Some(FromPeer::Failed { failure, .. }) = session.hear().await else {
        panic!("no failure")
    };
    assert_eq!(failure.kind, FailureKind::Protocol);
    session.say(native(Path::new("/no/such/model")));
    let Some(FromPeer::Failed {
        attempt: ONE,
        failure,
    }) = session.hear().await
    else {
        panic!("no failure")
    };
    assert_eq!(failure.kind, FailureKind::ModelNotFound);
    assert!(failure.message.contains("/no/such/model"), "{failure}");
    leaves(process, session).await;
}

#[tokio::test]
async fn drain_during_a_trial_still_brings_the_part() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    started(&mut session, SimSpec::default()).await;
    session.say(ToPeer::Drain);
    assert_eq!(part(&mut session).await.outcomes.ended(), 15);
    session.say(ToPeer::PartStored(ONE));
    assert_eq!(session.rest().await, []);
    assert_eq!(ended(process).await.0, Some(0));
}

#[tokio::test]
async fn a_wrong_token_is_final() {
    let coordinator = Coordinator::start();
    let (code, stderr) = ended(worker(&coordinator.address, "guess")).await;
    assert_eq!(code, Some(3), "{stderr}");
    assert!(
        stderr.contains("the token is not that of this run"),
        "{stderr}"
    );
}

#[tokio::test]
async fn a_refusal_that_may_pass_is_tried_again() {
    let greeted = std::sync::atomic::AtomicU32::new(0);
    let mut coordinator = Coordinator::greeting(move |_| {
        if greeted.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 {
            return ToPeer::Refused {
                message: "not yet".into(),
                last: false,
            };
        }
        welcome(DEADLINE * 2)
    });
    let (process, session) = joined(&mut coordinator).await;
    leaves(process, session).await;
}

#[tokio::test]
async fn silence_longer_than_the_lease_ends_a_running_worker() {
    let mut coordinator = Coordinator::greeting(|_| welcome(LEASE));
    let (process, mut session) = joined(&mut coordinator).await;
    loaded(&mut session, SimSpec::default()).await;
    session.say(arm(100_000));
    assert_eq!(session.hear().await, Some(FromPeer::Armed(ONE)));
    session.say(start(Duration::ZERO));
    let (code, stderr) = ended(process).await;
    assert_eq!(code, Some(5), "{stderr}");
    assert!(stderr.contains("it sent nothing for 3 s"), "{stderr}");
}

#[tokio::test]
async fn words_within_the_lease_keep_a_worker_alive() {
    let mut coordinator = Coordinator::greeting(|_| welcome(LEASE));
    let (process, mut session) = joined(&mut coordinator).await;
    let began = clock(&mut session).await;
    while clock(&mut session).await < began + LEASE * 2 {
        session.beat().await;
    }
    leaves(process, session).await;
}

#[tokio::test]
async fn a_session_that_breaks_ends_the_worker() {
    let mut coordinator = Coordinator::start();
    let (process, session) = joined(&mut coordinator).await;
    drop(session);
    let (code, stderr) = ended(process).await;
    assert_eq!(code, Some(5), "{stderr}");
}

#[tokio::test]
async fn what_an_agent_hands_over_must_be_complete() {
    let output = tokio::process::Command::new(WORKER)
        .arg("join")
        .env("PGO_BENCH_COORDINATOR", "http://127.0.0.1:1")
        .env("PGO_BENCH_TOKEN", TOKEN)
        .env_remove("PGO_BENCH_TICKET")
        .output();
    let output = crate::coordinator::within(output).await.expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("PGO_BENCH_TICKET"));
}
