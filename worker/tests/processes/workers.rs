//! What a worker process does, from joining to its exit code.

use std::path::Path;
use std::time::Duration;

use contract::PROTOCOL;
use contract::id::{Arm, Attempt, TrialKey};
use contract::message::{Down, FailureKind, Up};
use contract::part::Part;
use contract::record::Record;
use contract::spec::{Demand, EngineSpec, NativeSpec, SimSpec};

use crate::coordinator::{Coordinator, DEADLINE, Session, TOKEN, welcome};
use crate::programs::{
    ONE, WORKER, arm, assignment, ended, joined, load, sha256, signal, slow, start, worker,
};

const HOUR: Duration = Duration::from_secs(3600);
/// Long enough for a busy machine to keep it, short enough to wait for its end.
const LEASE: Duration = Duration::from_secs(3);

pub(crate) fn native(model: &Path) -> Down {
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
    Down::Load {
        attempt: ONE,
        engine: EngineSpec::Native(spec),
        demand,
    }
}

async fn loaded(session: &mut Session, sim: SimSpec) {
    session.say(load(sim));
    assert!(matches!(
        session.hear().await,
        Some(Up::Loaded { attempt: ONE, .. })
    ));
}

async fn armed(session: &mut Session, sim: SimSpec) {
    loaded(session, sim).await;
    session.say(arm(4));
    assert_eq!(session.hear().await, Some(Up::Armed(ONE)));
}

/// The worker's own clock, by a ping.
async fn clock(session: &mut Session) -> Duration {
    session.say(Down::Ping { seq: 9 });
    let Some(Up::Pong { seq: 9, mono }) = session.hear().await else {
        panic!("no pong")
    };
    mono
}

async fn started(session: &mut Session, sim: SimSpec) {
    armed(session, sim).await;
    let now = clock(session).await;
    session.say(start(now));
    assert_eq!(session.hear().await, Some(Up::Started(ONE)));
}

/// The part, put together from its pieces.
async fn part(session: &mut Session) -> Part {
    let mut bytes = Vec::new();
    for expected in 0.. {
        let Some(Up::Part(chunk)) = session.hear().await else {
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

async fn leaves(process: tokio::process::Child, session: Session) -> Vec<Up> {
    session.say(Down::Drain);
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

    session.say(Down::PartStored(ONE));
    session.say(Down::Flush);
    assert_eq!(session.hear().await, Some(Up::Flushed(false)));
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
    let Some(Up::Loaded { report, .. }) = session.hear().await else {
        panic!("not loaded")
    };
    assert_eq!(report.model_digest, crate::models::digest(&model));
    session.say(arm(4));
    assert_eq!(session.hear().await, Some(Up::Armed(ONE)));
    let now = clock(&mut session).await;
    session.say(start(now));
    assert_eq!(session.hear().await, Some(Up::Started(ONE)));
    let part = part(&mut session).await;
    assert_eq!((part.outcomes.ok, part.output_tokens), (15, 15 * 4));
    assert_eq!(part.engine.model_digest, report.model_digest);
    session.say(Down::PartStored(ONE));
    assert_eq!(leaves(process, session).await, []);
}

#[tokio::test]
async fn signs_of_life_carry_the_progress_of_the_attempt_and_pongs_never_wait_for_it() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    assert_eq!(session.beat().await, Up::Beat(None));
    started(&mut session, slow()).await;
    let before = clock(&mut session).await;
    assert!(clock(&mut session).await > before);
    let told = crate::coordinator::within(async {
        loop {
            if let Up::Beat(Some(progress)) = session.beat().await
                && progress.issued == 15
            {
                return progress;
            }
        }
    });
    assert_eq!(told.await.attempt, ONE);
    session.say(Down::Cancel(ONE));
    assert_eq!(session.hear().await, Some(Up::Stopped(ONE)));
    leaves(process, session).await;
}

#[tokio::test]
async fn cancel_is_answered_in_every_state_and_the_next_attempt_works() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    let cancelled = async |session: &mut Session| {
        session.say(Down::Cancel(ONE));
        assert_eq!(session.hear().await, Some(Up::Stopped(ONE)));
    };
    cancelled(&mut session).await; // idle
    session.say(load(SimSpec {
        load_ns: 50_000_000,
        ..slow()
    }));
    cancelled(&mut session).await; // loading
    cancelled(&mut session).await; // ready
    session.say(Down::Arm {
        attempt: ONE,
        assignment: assignment(4, 10_000),
    });
    cancelled(&mut session).await; // arming
    session.say(arm(10_000));
    assert_eq!(session.hear().await, Some(Up::Armed(ONE)));
    cancelled(&mut session).await; // armed
    session.say(arm(10_000));
    assert_eq!(session.hear().await, Some(Up::Armed(ONE)));
    session.say(start(HOUR));
    cancelled(&mut session).await; // waiting for the start instant
    session.say(arm(10_000));
    assert_eq!(session.hear().await, Some(Up::Armed(ONE)));
    session.say(start(Duration::ZERO));
    assert_eq!(session.hear().await, Some(Up::Started(ONE)));
    cancelled(&mut session).await; // running

    session.say(Down::Arm {
        attempt: Attempt(2),
        assignment: assignment(1, 1),
    });
    assert_eq!(session.hear().await, Some(Up::Armed(Attempt(2))));
    session.say(start(Duration::ZERO)); // of the attempt that is over
    session.say(Down::Start {
        attempt: Attempt(2),
        at: Duration::ZERO,
        uncertainty: Duration::ZERO,
    });
    assert_eq!(session.hear().await, Some(Up::Started(Attempt(2))));
    let Some(Up::Part(chunk)) = session.hear().await else {
        panic!("no part")
    };
    let part = Part::open(&chunk.bytes).expect("the part opens");
    assert_eq!((part.outcomes.ok, part.place.attempt), (15, Attempt(2)));
    session.say(Down::Cancel(Attempt(2))); // reporting
    assert_eq!(session.hear().await, Some(Up::Stopped(Attempt(2))));

    session.say(Down::Drain);
    assert_eq!(session.rest().await, []);
    assert_eq!(
        ended(process).await,
        (Some(0), "ignored 1 messages of older attempts\n".to_owned())
    );
}

#[tokio::test]
async fn a_missing_model_and_an_illegal_message_are_told_with_their_kind() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    session.say(arm(1));
    let Some(Up::Failed { failure, .. }) = session.hear().await else {
        panic!("no failure")
    };
    assert_eq!(failure.kind, FailureKind::Protocol);
    session.say(native(Path::new("/no/such/model")));
    let Some(Up::Failed {
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
async fn a_signal_ends_a_running_trial_and_the_exit_is_clean() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    started(&mut session, slow()).await;
    signal(process.id().expect("it runs"), "TERM");
    assert_eq!(session.rest().await, [Up::Stopped(ONE)]);
    assert_eq!(ended(process).await, (Some(0), String::new()));
}

#[tokio::test]
async fn drain_during_a_trial_still_brings_the_part() {
    let mut coordinator = Coordinator::start();
    let (process, mut session) = joined(&mut coordinator).await;
    started(&mut session, SimSpec::default()).await;
    session.say(Down::Drain);
    assert_eq!(part(&mut session).await.outcomes.ended(), 15);
    session.say(Down::PartStored(ONE));
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
            return Down::Refused {
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
    assert_eq!(session.hear().await, Some(Up::Armed(ONE)));
    session.say(start(Duration::ZERO));
    assert_eq!(session.hear().await, Some(Up::Started(ONE)));
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
