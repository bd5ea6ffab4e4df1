//! Every message and every record goes to bytes and back unchanged.
#![cfg(feature = "wire")]

use std::time::Duration;

use contract::addendum::{Annotation, AnnotationKind, NoiseFloor, NoiseFloors};
use contract::id::{Arm, Attempt, RunId, Ticket, TrialKey};
use contract::identity::{BuildInfo, HostFacts, Sha256};
use contract::message::{
    BuildChunk, Exit, Failure, FailureKind, FromPeer, Hello, LoadReport, PartChunk, Progress, Role,
    Spawn, ToPeer, Welcome,
};
use contract::metric::Metric;
use contract::part::{
    Bucket, ColdPhase, EngineFacts, Histograms, Length, Origin, Outcome, Outcomes, Part, Place,
    RequestRecord, Sent, Series, Step, StepLog, StopCause, Usage, Window,
};
use contract::record::Record;
use contract::run::{BlockDone, Notice, NoticeKind, RunEnd, RunHeader, RunState, VariantRecord};
use contract::spec::{
    Assignment, Demand, EngineSpec, NativeSpec, Objectives, PromptSet, PromptSpec, Scenario, Shape,
    Share, SimSpec, Stall, StopSpec, Warmup,
};
use contract::wire::{FromPeerItem, ToPeerItem};
use prost::Message;

const KEY: TrialKey = TrialKey {
    cell: 1,
    round: 4,
    arm: Arm::A2,
};

fn host() -> HostFacts {
    HostFacts {
        hostname: "h1".into(),
        cpu_model: "cpu".into(),
        cores: 2,
        memory_bytes: 3,
        kernel: "k".into(),
        cpu_flags: vec!["avx2".into()],
        microcode: "m".into(),
        governor: "g".into(),
        cgroup_memory_bytes: 4,
        cgroup_cpus: 1.5,
        numa_nodes: 5,
        threads_per_core: 6,
        boost: "on".into(),
        load_average: 0.5,
        stolen: 0.25,
        processors: 7,
    }
}

const BUCKET: Bucket = Bucket {
    offered: 1,
    issued: 2,
    ended: 3,
    ok: 4,
    tokens: 5,
    intended_ok: 6,
    e2e_sum_ns: 7,
    ttft_sum_ns: 8,
    in_flight_ns: 9,
};

fn part() -> Part {
    let mut histograms = Histograms::default();
    for (i, metric) in Metric::ALL.into_iter().enumerate() {
        (0..=i as u64).for_each(|v| histograms.get_mut(metric).record_ns(1000 * v + 7));
    }
    let request = RequestRecord {
        index: 9,
        outcome: Outcome::TimedOut,
        intended_ns: 1,
        sent_ns: 2,
        started_ns: 3,
        first_token_ns: 4,
        done_ns: 5,
        prompt_tokens: 6,
        output_tokens: 7,
    };
    Part {
        place: Place {
            run: RunId::new(1, [2; 10]),
            key: KEY,
            slot: 3,
            attempt: Attempt(2),
        },
        origin: Origin {
            variant: "pgo".into(),
            exe_sha256: Sha256([7; 32]),
            instrumented: true,
            hostname: "h1".into(),
        },
        histograms,
        outcomes: Outcomes {
            planned: 6,
            ok: 1,
            refused: 1,
            failed: 1,
            cancelled: 1,
            timed_out: 1,
            disconnected: 1,
        },
        requests: vec![request],
        requests_not_kept: 5,
        steps: StepLog {
            kept: vec![
                Step {
                    at_ns: 7,
                    tokens: 3,
                },
                Step {
                    at_ns: 9_000_000_000,
                    tokens: 1,
                },
            ],
            not_kept: 4,
        },
        token_digest: Sha256([8; 32]),
        prompt_tokens: 10,
        output_tokens: 11,
        offered: 7,
        in_time: None,
        stopped: StopCause::ErrorRate,
        good: Some(1),
        run_in: 12,
        sent: Some(sent()),
        series: Series {
            width: Duration::from_nanos(5),
            buckets: vec![BUCKET],
        },
        window: Window {
            first_completion: Duration::from_nanos(1),
            last_completion: Duration::from_nanos(2),
            start_late: Duration::from_nanos(3),
            clock_uncertainty: Duration::from_nanos(4),
        },
        cold: vec![ColdPhase {
            name: "weights".into(),
            took: Duration::from_nanos(9),
        }],
        usage: Usage {
            wall: Duration::from_nanos(1),
            cpu_user: Duration::from_nanos(2),
            cpu_system: Duration::from_nanos(3),
            driver_cpu: Duration::from_nanos(4),
            peak_rss_bytes: 5,
            involuntary_switches: 6,
            major_faults: 7,
            host_ticks: 8,
            host_steal_ticks: 9,
            host_busy_ticks: 10,
            cpu_khz_low: Some(11),
            cpu_khz_high: Some(12),
            floor: Some(13.5),
        },
        engine: EngineFacts {
            model_digest: "d".into(),
            model_sha256: Some(Sha256([5; 32])),
            threads: 1,
            steps: 2,
            peak_running: 3,
            peak_waiting: 4,
            peak_kv_bytes: 5,
            kernels: "avx2".into(),
            kv_bytes_total: Some(6),
            stepping: Some(Duration::from_nanos(7)),
            scheduling: Some(Duration::from_nanos(8)),
            prefix_hit_tokens: Some(9),
            engine_processors: vec![0, 2],
            load_processors: vec![3],
        },
    }
}

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

/// A field of a message whose length is below 128 bytes, as protobuf has it.
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

#[test]
fn every_record_survives_its_envelope() {
    fn check<T: Record + PartialEq + std::fmt::Debug>(record: &T) {
        assert_eq!(
            &T::open(&record.seal().expect("it seals")).expect("it opens"),
            record
        );
    }
    check(&part());
    check(&RunHeader {
        run: RunId::new(1_700_000_000_000, [3; 10]),
        tool_version: "0.1".into(),
        tool_git_sha: "abc".into(),
        plan_json: "{}".into(),
        plan_digest: Sha256([4; 32]),
        seed: 5,
        variants: vec![VariantRecord {
            name: "baseline".into(),
            sha256: Sha256([5; 32]),
            text_sha256: Sha256([6; 32]),
            git_sha: "abc".into(),
            flags: "-Copt".into(),
            profile_sha256: Sha256::default(),
        }],
        hosts: vec![("agent".into(), host())],
        slots: 4,
        simulated: true,
        model_digest: "m".into(),
        model_sha256: Some(Sha256([5; 32])),
        labels: vec!["resident".into()],
        sequence: Some(7),
    });
    check(&BlockDone {
        cell: 1,
        round: 2,
        attempt: Attempt(3),
        order: vec![Arm::B, Arm::A],
        finished_unix_ms: 4,
        planned_requests: 5,
        lost_requests: 0,
    });
    check(&Notice {
        unix_ms: 1,
        key: KEY,
        attempt: Attempt(2),
        kind: NoticeKind::WorkerLost,
        message: "m".into(),
        workers: Some(3),
        host: Some((
            "a".into(),
            HostFacts {
                hostname: "h".into(),
                cores: 2,
                ..HostFacts::default()
            },
        )),
    });
    check(&RunEnd {
        unix_ms: 1,
        state: RunState::Stopped,
        validity: "VALID".into(),
        summary_json: "{}".into(),
        reason: "r".into(),
    });
    check(&Annotation {
        unix_ms: 1,
        kind: AnnotationKind::Expected,
        text: "t".into(),
    });
    check(&NoiseFloors {
        unix_ms: 1,
        series: "s".into(),
        host_class: "c".into(),
        baseline: Sha256([6; 32]),
        runs: 20,
        floors: vec![NoiseFloor {
            scenario: "n".into(),
            measure: "e2e-p50".into(),
            share: 0.01,
        }],
    });
}

fn sent() -> Sent {
    let mut sent = Sent::default();
    sent.count(
        Length {
            asked: 6955,
            sent: 256,
        },
        Length { asked: 1, sent: 4 },
    );
    sent.count(32.into(), 8.into());
    sent
}
