//! Messages of a session.

use std::time::Duration;

use contract::id::{Attempt, RunId, Ticket};
use contract::identity::{BuildInfo, HostFacts, Sha256};
use contract::message::{
    BuildChunk, Exit, Failure, FailureKind, FromPeer, Hello, LoadReport, PartChunk, Progress, Role,
    Spawn, ToPeer, Welcome,
};
use contract::spec::{
    Assignment, Demand, EngineSpec, NativeSpec, Objectives, PromptSet, PromptSpec, Scenario, Shape,
    Share, SimSpec, Stall, StopSpec, Warmup,
};
use contract::wire::{FromPeerItem, ToPeerItem};
use prost::Message;

use super::{KEY, host};

fn assignment() -> Assignment {
    Assignment {
        run: RunId::new(5, [1; 10]),
        key: KEY,
        variant: "baseline".into(),
        slot: 2,
        scenario: Scenario {
            name: "loop".into(),
            shape: Shape::ClosedLoop {
                concurrency: 4,
                requests: Some(40),
            },
            prompt: PromptSpec::of(PromptSet::Training, 16),
            output_tokens: 8.into(),
            mix: Vec::new(),
            stop: StopSpec::default(),
            max_in_flight: None,
            objectives: Objectives::default(),
            warmup: Warmup {
                requests: Some(3),
                output_tokens: 2,
                run_in: None,
            },
            timeout: Duration::from_secs(3),
        },
        share: Share { index: 1, of: 4 },
        seed: 77,
    }
}

fn ups() -> Vec<FromPeer> {
    let build = BuildInfo {
        version: "1".into(),
        target: "t".into(),
        exe_sha256: Sha256([1; 32]),
        instrumented: true,
    };
    let hello = |role| {
        FromPeer::Hello(Box::new(Hello {
            protocol: 1,
            token: "t".into(),
            pid: 9,
            build: build.clone(),
            host: host(),
            role,
        }))
    };
    let attempt = Attempt(3);
    let ticket = Ticket(8);
    let progress = Progress {
        attempt,
        issued: 1,
        completed: 2,
        failed: 3,
        output_tokens: 4,
        late_ns: 5,
    };
    let report = LoadReport {
        model_digest: "d".into(),
        model_sha256: Some(Sha256([5; 32])),
        parameters: 1,
        weight_bytes: 2,
        max_context: 3,
        threads: 4,
        memory_needed: 5,
    };
    let failure = |kind| FromPeer::Failed {
        attempt,
        failure: Failure {
            kind,
            message: "m".into(),
        },
    };
    vec![
        hello(Role::Agent {
            name: "a".into(),
            slots: 4,
        }),
        hello(Role::Worker { ticket }),
        FromPeer::Pong {
            seq: 1,
            mono: Duration::from_nanos(2),
        },
        FromPeer::Beat(None),
        FromPeer::Beat(Some(progress)),
        FromPeer::FetchBuild {
            sha256: Sha256([3; 32]),
            offset: 1 << 40,
        },
        FromPeer::FetchedBuild {
            sha256: Sha256([3; 32]),
            size: 9,
            replaced: true,
        },
        FromPeer::SpawnFailed {
            ticket,
            message: "m".into(),
        },
        FromPeer::Exited {
            ticket,
            exit: Exit {
                code: Some(1),
                signal: None,
                tail: "t".into(),
            },
        },
        FromPeer::Exited {
            ticket,
            exit: Exit {
                code: None,
                signal: Some(9),
                tail: String::new(),
            },
        },
        FromPeer::Loaded { attempt, report },
        FromPeer::Armed(attempt),
        FromPeer::Part(PartChunk {
            attempt,
            seq: 1,
            last: true,
            bytes: vec![1, 2],
        }),
        FromPeer::Flushed(true),
        failure(FailureKind::ModelNotFound),
        failure(FailureKind::ModelInvalid),
        failure(FailureKind::NotEnoughMemory),
        failure(FailureKind::BadAssignment),
        failure(FailureKind::Engine),
        failure(FailureKind::Protocol),
    ]
}

fn downs() -> Vec<ToPeer> {
    let attempt = Attempt(3);
    let ticket = Ticket(8);
    let second = Duration::from_secs(1);
    let native = NativeSpec {
        model: "m".into(),
        threads: 1,
        kv_bytes: 2,
        max_batch: 3,
        prefill_chunk: 4,
        kv_f32: true,
        weights: contract::spec::WeightForm::Int8,
        handicap: 0.03,
        prefix_reuse: true,
        pin: true,
    };
    let sim = SimSpec {
        stalls: vec![Stall {
            at_ns: 1,
            for_ns: 2,
        }],
        error_rate: 0.5,
        ..SimSpec::default()
    };
    let demand = Demand {
        concurrency: 1,
        tokens_per_request: 2,
    };
    let spawn = Spawn {
        ticket,
        slot: 1,
        binary: "/b".into(),
        sha256: Sha256([3; 32]),
        env: vec![("A".into(), "1".into())],
        model: Some("m".into()),
    };
    vec![
        ToPeer::Welcome(Welcome {
            session: 1,
            lease: second,
            beat: second,
        }),
        ToPeer::Refused {
            message: "m".into(),
            last: true,
        },
        ToPeer::BuildChunk(BuildChunk {
            sha256: Sha256([3; 32]),
            offset: 7,
            bytes: Ok(vec![1, 2]),
            last: true,
        }),
        ToPeer::BuildChunk(BuildChunk {
            sha256: Sha256([3; 32]),
            offset: 7,
            bytes: Err("no".into()),
            last: true,
        }),
        ToPeer::Ping { seq: 1 },
        ToPeer::Spawn(spawn),
        ToPeer::Stop {
            ticket,
            grace: second,
        },
        ToPeer::Load {
            attempt,
            engine: EngineSpec::Native(native),
            demand,
        },
        ToPeer::Load {
            attempt,
            engine: EngineSpec::Sim(sim),
            demand,
        },
        ToPeer::Arm {
            attempt,
            assignment: Box::new(assignment()),
        },
        ToPeer::Start {
            attempt,
            at: second,
            uncertainty: Duration::from_nanos(5),
        },
        ToPeer::PartStored(attempt),
        ToPeer::Flush,
        ToPeer::Drain,
    ]
}

#[test]
fn every_message_survives_the_wire() {
    for up in ups() {
        assert_eq!(
            FromPeer::try_from(FromPeerItem::from(up.clone())).as_ref(),
            Ok(&up)
        );
    }
    for down in downs() {
        assert_eq!(
            ToPeer::try_from(ToPeerItem::from(down.clone())).as_ref(),
            Ok(&down)
        );
    }
}

#[test]
fn an_empty_item_and_an_impossible_share_are_refused() {
    assert!(FromPeer::try_from(FromPeerItem::default()).is_err());
    let mut wrong = assignment();
    wrong.share = Share { index: 4, of: 4 };
    let item = ToPeerItem::from(ToPeer::Arm {
        attempt: Attempt(1),
        assignment: Box::new(wrong),
    });
    assert!(ToPeer::try_from(item).is_err());
}

/// A message field shorter than 128 bytes, in protobuf encoding.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("short");
    [&[number << 3 | 2, length], bytes].concat()
}

#[test]
fn a_hello_of_protocol_2_is_understood_so_that_it_can_be_refused_for_its_number() {
    let build = [field(1, b"0.1"), field(2, b"t"), field(3, &[7; 32])].concat();
    let host = field(1, b"h");
    let hello = [
        vec![1 << 3, 2],
        field(2, b"t"),
        field(4, &build),
        field(5, &host),
        field(7, &[1 << 3, 8]),
    ];
    let item = FromPeerItem::decode(&field(1, &hello.concat())[..]).expect("it decodes");
    let Ok(FromPeer::Hello(hello)) = FromPeer::try_from(item) else {
        panic!("not understood")
    };
    assert_eq!(hello.protocol, 2);
    assert_eq!(hello.role, Role::Worker { ticket: Ticket(8) });
    assert_eq!(hello.host, HostFacts::default());
}
