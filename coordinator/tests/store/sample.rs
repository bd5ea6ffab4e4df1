//! Small runs to store.

use std::path::Path;

use contract::id::{Arm, Attempt, RunId, TrialKey};
use contract::identity::{HostFacts, Sha256};
use contract::part::{Origin, Outcome, Part, PartKey, RequestRecord};
use contract::record::Record;
use contract::run::{BlockDone, Notice, NoticeKind, RunEnd, RunHeader, RunState, VariantRecord};
use coordinator::store::{Store, StoreError};

pub(crate) const ORDER: [Arm; 3] = [Arm::B, Arm::A, Arm::A2];

pub(crate) fn run(number: u64) -> RunId {
    RunId::new(1_700_000_000_000 + number, [number as u8; 10])
}

pub(crate) fn header(run: RunId) -> RunHeader {
    RunHeader {
        run,
        tool_version: "0.1.0".into(),
        tool_git_sha: "abc".into(),
        plan_json: r#"{"name":"high","rounds":6}"#.into(),
        plan_digest: Sha256([3; 32]),
        seed: 42,
        variants: ["baseline", "pgo"]
            .map(|name| VariantRecord {
                name: name.into(),
                ..VariantRecord::default()
            })
            .to_vec(),
        hosts: vec![(
            "a1".into(),
            HostFacts {
                hostname: "h1".into(),
                ..HostFacts::default()
            },
        )],
        slots: 1,
        simulated: true,
        model_digest: "m".into(),
        model_sha256: None,
        labels: vec!["SIMULATED".into()],
        sequence: None,
    }
}

pub(crate) fn place(run: RunId, scenario: u32, round: u32, arm: Arm, attempt: u32) -> PartKey {
    PartKey {
        run,
        key: TrialKey {
            cell: scenario,
            round,
            arm,
        },
        slot: 0,
        attempt: Attempt(attempt),
    }
}

/// A part with this many requests; above about 250 it is longer than a piece.
pub(crate) fn part(place: PartKey, requests: u32) -> Part {
    let salt = u64::from(place.key.round * 7 + place.attempt.0);
    let requests = (0..requests)
        .map(|index| RequestRecord {
            index,
            outcome: Outcome::Ok,
            intended_ns: 0,
            sent_ns: 1_000_000_000 + u64::from(index),
            started_ns: 2_000_000_000 + salt,
            first_token_ns: 3_000_000_000,
            done_ns: 4_000_000_000,
            prompt_tokens: 32,
            output_tokens: 8,
        })
        .collect::<Vec<_>>();
    let origin = Origin {
        variant: "pgo".into(),
        exe_sha256: Sha256([7; 32]),
        instrumented: false,
        hostname: "h1".into(),
    };
    let mut part = crate::honest::part(place, origin, requests);
    part.engine.model_digest = "m".into();
    part
}

pub(crate) fn put(store: &Store, place: PartKey, requests: u32) -> Result<Part, StoreError> {
    let part = part(place, requests);
    store.put_part(&part.place, &part.seal()?)?;
    Ok(part)
}

pub(crate) fn block(scenario: u32, round: u32, attempt: u32) -> BlockDone {
    BlockDone {
        cell: scenario,
        round,
        attempt: Attempt(attempt),
        order: ORDER.to_vec(),
        finished_unix_ms: 5,
        planned_requests: 30,
        lost_requests: 0,
    }
}

/// Stores and commits one block of three parts.
pub(crate) fn write_block(
    store: &Store,
    run: RunId,
    round: u32,
    attempt: u32,
) -> Result<(), StoreError> {
    for arm in ORDER {
        put(store, place(run, 0, round, arm, attempt), 10)?;
    }
    store.commit_block(run, &block(0, round, attempt), &[])
}

pub(crate) fn notice(message: &str) -> Notice {
    Notice {
        unix_ms: 9,
        key: TrialKey {
            cell: 0,
            round: 1,
            arm: Arm::B,
        },
        attempt: Attempt(0),
        kind: NoticeKind::WorkerLost,
        message: message.into(),
        workers: None,
        host: None,
    }
}

pub(crate) fn end(state: RunState) -> RunEnd {
    RunEnd {
        unix_ms: 10,
        state,
        validity: "VALID".into(),
        summary_json: r#"{"e2e":1}"#.into(),
        reason: String::new(),
    }
}

/// A complete run with this many rounds.
pub(crate) fn write_run(store: &Store, run: RunId, rounds: u32) -> Result<(), StoreError> {
    store.begin_run(&header(run))?;
    (0..rounds).try_for_each(|round| write_block(store, run, round, 0))?;
    store.end_run(run, &end(RunState::Complete))
}

/// A closed store with this many complete runs.
pub(crate) fn store_with(dir: &Path, runs: u64, rounds: u32) {
    let store = Store::open(dir).unwrap();
    (1..=runs).for_each(|number| write_run(&store, run(number), rounds).unwrap());
    store.close().unwrap();
}
