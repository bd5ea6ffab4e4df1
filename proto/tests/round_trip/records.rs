//! Stored records.

use std::time::Duration;

use contract::addendum::{Annotation, AnnotationKind, NoiseFloor, NoiseFloors};
use contract::id::{Arm, Attempt, RunId};
use contract::identity::{HostFacts, Sha256};
use contract::metric::Metric;
use contract::part::{
    Bucket, ColdPhase, EngineFacts, FailureCount, Histograms, Itl, Length, Origin, Outcome,
    Outcomes, Part, PartKey, RequestRecord, Sent, Series, ServerFacts, Step, StepLog, StopCause,
    Usage, Window,
};
use contract::record::Record;
use contract::run::{BlockDone, Notice, NoticeKind, RunEnd, RunHeader, RunState, VariantRecord};

use super::{KEY, host};

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
        place: PartKey {
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
            server: Some(server()),
        },
    }
}

fn server() -> ServerFacts {
    ServerFacts {
        itl: Itl::PerChunk,
        moments: 1,
        with_usage: 2,
        prompt_tokens: 3,
        output_tokens: 4,
        cached_tokens: Some(0),
        reasoning_tokens: None,
        accepted_tokens: Some(5),
        prompts: "ids".into(),
        connections: 6,
        reused: 7,
        connecting: Duration::from_nanos(8),
        failures: vec![FailureCount {
            kind: "busy".into(),
            count: 9,
            example: "full".into(),
            way_out: "less".into(),
        }],
    }
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
            command: "serve --port {port}".into(),
            identity: Sha256([7; 32]),
            program_sha256: Sha256([8; 32]),
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
