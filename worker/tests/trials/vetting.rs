//! Every field of a part that a worker measured is changed: the part is then rejected, or the field
//! is one that only the worker knows and is listed as such.
//!
//! One list of fields, case by case: longer than other files.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::identity::Sha256;
use contract::metric::Metric;
use contract::part::vet::UNCHECKED;
use contract::part::{
    EngineFacts, FailureCount, Origin, Outcome, Part, RequestRecord, ServerFacts, Step, StopCause,
    Usage, Window,
};
use contract::spec::{
    Assignment, Distribution, EngineSpec, Length, Objectives, Scenario, Shape, SimSpec, StopSpec,
};
use worker::measure::Clock;
use worker::trial::Control;

use super::rig::{MS, burst, open, part, run, scenario, simulated, vetted, whole};

const SECOND: Duration = Duration::from_secs(1);
const LIE: u64 = 1 << 62;

/// A change of one field, with its name.
type Lie = (&'static str, fn(&mut Part));

fn faulty() -> SimSpec {
    SimSpec {
        error_rate: 0.1,
        disconnect_rate: 0.1,
        ..SimSpec::default()
    }
}

fn answered() -> (Part, Assignment) {
    let work = whole(Scenario {
        objectives: Objectives {
            ttft: Some(MS),
            ..Objectives::default()
        },
        ..burst(40)
    });
    (simulated(SimSpec::default(), &work), work)
}

fn open_loop() -> (Part, Assignment) {
    let stop = StopSpec {
        duration: Some(SECOND),
        ..StopSpec::default()
    };
    let work = whole(Scenario {
        stop,
        ..scenario(Shape::Poisson { rate: 60.0 })
    });
    (simulated(faulty(), &work), work)
}

/// The first request that was answered, or that was not.
fn of(part: &mut Part, ok: bool) -> &mut RequestRecord {
    let like = |request: &&mut RequestRecord| (request.outcome == Outcome::Ok) == ok;
    part.requests.iter_mut().skip(5).find(like).unwrap()
}

const LIES: &[Lie] = &[
    ("place.run", |p| {
        p.place.run = contract::id::RunId::new(2, [2; 10]);
    }),
    ("place.key.cell", |p| p.place.key.cell += 1),
    ("place.key.round", |p| p.place.key.round += 1),
    ("place.key.arm", |p| p.place.key.arm = contract::id::Arm::B),
    ("place.slot", |p| p.place.slot += 1),
    ("place.attempt", |p| p.place.attempt.0 += 1),
    ("origin.variant", |p| p.origin.variant = "pgo".into()),
    ("origin.exe_sha256", |p| {
        p.origin.exe_sha256 = Sha256([1; 32]);
    }),
    ("origin.instrumented", |p| p.origin.instrumented = true),
    ("origin.hostname", |p| {
        p.origin.hostname = "a\u{202e}b".into();
    }),
    ("outcomes.planned", |p| p.outcomes.planned += 1),
    ("outcomes.ok", |p| p.outcomes.ok += 1),
    ("outcomes.refused", |p| {
        (p.outcomes.ok, p.outcomes.refused) = (p.outcomes.ok - 1, 1);
    }),
    ("outcomes.failed", |p| {
        (p.outcomes.ok, p.outcomes.failed) = (p.outcomes.ok - 1, p.outcomes.failed + 1);
    }),
    ("outcomes.cancelled", |p| p.outcomes.cancelled = u64::MAX),
    ("outcomes.timed_out", |p| p.outcomes.timed_out = 1),
    ("outcomes.disconnected", |p| p.outcomes.disconnected += 1),
    ("requests", |p| p.requests.truncate(9)),
    ("requests.index", |p| of(p, true).index += 1),
    ("requests.outcome", |p| {
        of(p, true).outcome = Outcome::Failed;
    }),
    ("requests.intended_ns", |p| of(p, true).intended_ns += 1),
    ("requests.sent_ns", |p| of(p, true).sent_ns += 1),
    ("requests.started_ns", |p| of(p, true).started_ns += 1),
    ("requests.first_token_ns", |p| {
        of(p, true).first_token_ns += 1;
    }),
    ("requests.done_ns", |p| of(p, true).done_ns -= 1),
    ("requests.prompt_tokens", |p| of(p, true).prompt_tokens += 1),
    ("requests.output_tokens", |p| of(p, true).output_tokens += 1),
    ("requests_not_kept", |p| p.requests_not_kept = 1),
    ("steps.kept.at_ns", |p| {
        p.steps.kept.iter_mut().for_each(|step| step.at_ns -= 1);
    }),
    ("steps.kept.tokens", |p| p.steps.kept[0].tokens += 1),
    ("steps.kept", |p| {
        p.steps.kept.push(Step {
            at_ns: LIE,
            tokens: 9,
        });
    }),
    ("steps", |p| p.steps = contract::part::StepLog::default()),
    ("prompt_tokens", |p| p.prompt_tokens += 1),
    ("output_tokens", |p| p.output_tokens += 1),
    ("output_tokens, twice", |p| p.output_tokens *= 2),
    ("offered", |p| p.offered += 1),
    ("sent.requests", |p| p.sent.as_mut().unwrap().requests += 1),
    ("sent.prompts.sent", |p| {
        p.sent.as_mut().unwrap().prompts.sent.sum += 1;
    }),
    ("sent.answers.sent", |p| {
        p.sent.as_mut().unwrap().answers.sent.sum -= 1;
    }),
    ("sent.prompts.cut", |p| {
        p.sent.as_mut().unwrap().prompts.cut += 1;
    }),
    ("sent.answers.raised", |p| {
        p.sent.as_mut().unwrap().answers.raised += 1;
    }),
    ("stopped", |p| p.stopped = StopCause::ErrorRate),
    ("run_in", |p| p.run_in += 1),
    ("series.width", |p| p.series.width *= 2),
    ("series.buckets", |p| p.series.buckets.truncate(0)),
    ("series", |p| p.series = contract::part::Series::default()),
    ("series.offered", |p| p.series.buckets[0].offered += 1),
    ("series.issued", |p| p.series.buckets[0].issued += 1),
    ("series.ended", |p| p.series.buckets[0].ended += 1),
    ("series.ok", |p| p.series.buckets[0].ok += 1),
    ("series.tokens", |p| p.series.buckets[0].tokens += 1),
    ("series.intended_ok", |p| {
        p.series.buckets[0].intended_ok += 1;
    }),
    ("series.e2e_sum_ns", |p| p.series.buckets[0].e2e_sum_ns += 1),
    ("series.ttft_sum_ns", |p| {
        p.series.buckets[0].ttft_sum_ns += 1;
    }),
    ("series.in_flight_ns", |p| {
        p.series.buckets[0].in_flight_ns += 1;
    }),
    ("window.first_completion", |p| {
        p.window.first_completion += MS / 1000;
    }),
    ("window.last_completion", |p| {
        p.window.last_completion -= MS / 1000;
    }),
    ("window.start_late", |p| p.window.start_late = SECOND * 600),
    ("window.clock_uncertainty", |p| {
        p.window.clock_uncertainty = Duration::MAX;
    }),
    ("cold", |p| {
        p.cold.resize(
            99,
            contract::part::ColdPhase {
                name: "x".into(),
                took: MS,
            },
        );
    }),
    ("cold.name", |p| p.cold[0].name = "\u{1b}[2J".into()),
    ("cold.took", |p| p.cold[0].took = Duration::MAX),
    ("usage.wall", |p| p.usage.wall /= 10),
    ("usage.wall, none", |p| p.usage.wall = Duration::ZERO),
    ("usage.wall, longer", |p| p.usage.wall += MS / 1000),
    ("usage.cpu_user", |p| p.usage.cpu_user = Duration::MAX),
    ("usage.cpu_system", |p| p.usage.cpu_system = 9000 * SECOND),
    ("usage.driver_cpu", |p| p.usage.driver_cpu = 9 * SECOND),
    ("usage.peak_rss_bytes", |p| p.usage.peak_rss_bytes = LIE),
    ("usage.involuntary_switches", |p| {
        p.usage.involuntary_switches = LIE;
    }),
    ("usage.major_faults", |p| p.usage.major_faults = LIE),
    ("usage.host_ticks", |p| p.usage.host_ticks = LIE),
    ("usage.host_steal_ticks", |p| {
        p.usage.host_steal_ticks = 1000;
    }),
    ("usage.host_busy_ticks", |p| p.usage.host_busy_ticks = LIE),
    ("usage.frequency", |p| {
        (p.usage.cpu_khz_low, p.usage.cpu_khz_high) = (Some(2), Some(1));
    }),
    ("usage.floor", |p| p.usage.floor = Some(f64::INFINITY)),
    ("engine.model_digest", |p| {
        p.engine.model_digest = "\n".into();
    }),
    ("engine.threads", |p| p.engine.threads = u32::MAX),
    ("engine.steps", |p| p.engine.steps = LIE),
    ("engine.peak_kv_bytes", |p| p.engine.peak_kv_bytes = LIE),
    ("engine.kernels", |p| p.engine.kernels = "k".repeat(5000)),
    ("engine.kv_bytes_total", |p| {
        p.engine.kv_bytes_total = Some(LIE);
    }),
    ("engine.stepping", |p| {
        p.engine.stepping = Some(Duration::MAX);
    }),
    ("engine.scheduling", |p| {
        p.engine.scheduling = Some(9 * SECOND);
    }),
    ("engine.prefix_hit_tokens", |p| {
        p.engine.prefix_hit_tokens = Some(LIE);
    }),
    ("engine.engine_processors", |p| {
        p.engine.engine_processors = vec![0; 1 << 17];
    }),
    ("engine.load_processors", |p| {
        p.engine.load_processors = vec![0; 1 << 17];
    }),
    ("engine.server.moments", |p| {
        p.engine.server = Some(ServerFacts::default());
    }),
    ("engine.server.failures", |p| {
        let said = "a line\nand another".to_owned();
        let failure = FailureCount {
            example: said,
            ..FailureCount::default()
        };
        p.engine.server = Some(ServerFacts {
            moments: p.output_tokens,
            failures: vec![failure],
            ..ServerFacts::default()
        });
    }),
];

/// Undetected changes, as listed in [`UNCHECKED`].
const UNSEEN: &[Lie] = &[
    ("sent.asked", |p| {
        let prompts = &mut p.sent.as_mut().unwrap().prompts;
        (prompts.asked.sum, prompts.asked.most) = (prompts.asked.sum + 1, prompts.asked.most + 1);
        (prompts.cut, prompts.cut_tokens) = (prompts.cut + 1, prompts.cut_tokens + 1);
    }),
    ("token_digest", |p| p.token_digest = Sha256([9; 32])),
    ("requests.started_ns", |p| of(p, false).started_ns = 0),
    ("usage.peak_rss_bytes", |p| p.usage.peak_rss_bytes += 1),
    ("engine.peak_running", |p| p.engine.peak_running += 1),
    ("engine.peak_waiting", |p| p.engine.peak_waiting += 1),
    ("engine.model_sha256", |p| {
        p.engine.model_sha256 = Some(Sha256([9; 32]));
    }),
    ("window.clock_uncertainty", |p| {
        p.window.clock_uncertainty += MS;
    }),
    ("engine.server", |p| {
        p.engine.server = Some(ServerFacts {
            moments: p.output_tokens,
            ..ServerFacts::default()
        });
    }),
];

#[test]
fn a_lie_in_any_field_is_seen() {
    for (honest, work) in [answered(), open_loop()] {
        assert_eq!(vetted(&honest, &work), Ok(()));
        for (field, lie) in LIES {
            let mut part = honest.clone();
            lie(&mut part);
            assert!(vetted(&part, &work).is_err(), "{field}");
        }
    }
}

#[test]
fn what_depends_on_the_load_is_seen_too() {
    let (honest, work) = answered();
    let lies: [Lie; 3] = [
        ("good", |p| {
            p.good = p.good.map(|good| if good > 0 { good - 1 } else { 1 });
        }),
        ("good, none", |p| p.good = None),
        ("in_time", |p| p.in_time = Some(1)),
    ];
    for (field, lie) in lies {
        let mut part = honest.clone();
        lie(&mut part);
        assert!(vetted(&part, &work).is_err(), "{field}");
    }
    let (honest, work) = open_loop();
    let late = Part {
        in_time: honest.in_time.map(|sent| sent - 1),
        ..honest.clone()
    };
    assert!(vetted(&late, &work).is_err(), "in_time");
    assert!(
        vetted(
            &Part {
                in_time: None,
                ..honest
            },
            &work
        )
        .is_err(),
        "in_time, none"
    );
}

#[test]
fn every_histogram_is_held_against_the_requests() {
    let (honest, work) = open_loop();
    for metric in Metric::ALL {
        let mut more = honest.clone();
        more.histograms.get_mut(metric).record_ns(5_000_000);
        assert!(
            vetted(&more, &work).is_err(),
            "{}: a value more",
            metric.name()
        );
        let mut none = honest.clone();
        *none.histograms.get_mut(metric) = contract::histogram::LatencyHistogram::default();
        assert!(vetted(&none, &work).is_err(), "{}: none", metric.name());
        let mut other = honest.clone();
        let exact = other.histograms.get(metric).exact();
        *other.histograms.get_mut(metric) = contract::histogram::LatencyHistogram::default();
        (0..exact.count).for_each(|_| other.histograms.get_mut(metric).record_ns(100));
        // In virtual time nothing is late: a lateness of 100 ns is as false as a latency of 100 ns.
        assert!(
            vetted(&other, &work).is_err(),
            "{}: all at 100 ns",
            metric.name()
        );
    }
}

#[test]
fn what_nobody_else_knows_is_listed() {
    let (honest, work) = open_loop();
    let listed: BTreeSet<&str> = UNCHECKED.iter().map(|(field, _)| *field).collect();
    assert_eq!(listed.len(), UNCHECKED.len(), "once each");
    for (field, lie) in UNSEEN {
        let mut part = honest.clone();
        lie(&mut part);
        assert_eq!(
            vetted(&part, &work),
            Ok(()),
            "{field}: it is seen after all"
        );
        assert!(listed.contains(field), "{field}");
    }
    let known: BTreeSet<&str> = LIES.iter().chain(UNSEEN).map(|(field, _)| *field).collect();
    let stray = |field: &&str| {
        !known
            .iter()
            .any(|name| name.starts_with(field) || field.starts_with(name))
    };
    assert_eq!(listed.iter().copied().find(|field| stray(field)), None);
}

/// A new field of a part does not compile here: it needs a change above, or a line in the list.
#[test]
fn no_field_is_forgotten() {
    let Part {
        place: _,
        origin:
            Origin {
                variant: _,
                exe_sha256: _,
                instrumented: _,
                hostname: _,
            },
        histograms: _,
        outcomes: _,
        requests: _,
        requests_not_kept: _,
        steps: _,
        token_digest: _,
        prompt_tokens: _,
        output_tokens: _,
        offered: _,
        in_time: _,
        stopped: _,
        good: _,
        run_in: _,
        sent: _,
        series: _,
        window:
            Window {
                first_completion: _,
                last_completion: _,
                start_late: _,
                clock_uncertainty: _,
            },
        cold: _,
        usage:
            Usage {
                wall: _,
                cpu_user: _,
                cpu_system: _,
                driver_cpu: _,
                peak_rss_bytes: _,
                involuntary_switches: _,
                major_faults: _,
                host_ticks: _,
                host_steal_ticks: _,
                host_busy_ticks: _,
                cpu_khz_low: _,
                cpu_khz_high: _,
                floor: _,
            },
        engine:
            EngineFacts {
                model_digest: _,
                threads: _,
                steps: _,
                peak_running: _,
                peak_waiting: _,
                peak_kv_bytes: _,
                kernels: _,
                kv_bytes_total: _,
                stepping: _,
                scheduling: _,
                prefix_hit_tokens: _,
                engine_processors: _,
                load_processors: _,
                model_sha256: _,
                server: _,
            },
    } = answered().0;
}

/// With any load, engine and fault, a real measurement is accepted. [`super::rig::run`] checks it.
#[test]
fn what_a_worker_measures_is_believed() {
    let mut state = 7_u64;
    let mut draw = |below: u32| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((state >> 33) % u64::from(below)).unwrap()
    };
    for turn in 0..96 {
        let size = 1 + draw(60);
        let shape = match turn % 4 {
            0 => Shape::Burst { requests: size },
            1 => Shape::ClosedLoop {
                concurrency: size.div_ceil(4),
                requests: Some(size),
            },
            2 => Shape::ClosedLoop {
                concurrency: size.div_ceil(4),
                requests: None,
            },
            _ => Shape::Poisson {
                rate: 10.0 * f64::from(size),
            },
        };
        let timed = turn % 4 >= 2;
        let mut load = scenario(shape);
        load.stop.duration = timed.then_some(100 * MS);
        load.max_in_flight = (turn % 4 == 3 && draw(2) == 0).then(|| 1 + draw(8));
        load.warmup.run_in = timed.then(|| draw(50) * MS);
        load.timeout = (1 + draw(200)) * MS;
        load.objectives.ttft = (draw(2) == 0).then_some(MS);
        let min = 1 + draw(8);
        load.output_tokens = Length::Drawn(Distribution::Uniform {
            min,
            max: min + draw(8),
        });
        let (error_rate, disconnect_rate) =
            (f64::from(draw(40)) / 100.0, f64::from(draw(40)) / 100.0);
        let (clock, work) = (Clock::simulated(), whole(load));
        let spec = SimSpec {
            error_rate,
            disconnect_rate,
            ..SimSpec::default()
        };
        let mut engine = open(&EngineSpec::Sim(spec), &work, &clock);
        let part = part(run(&mut engine, &work, &clock, &Control::new()));
        assert_eq!(part.outcomes.ended(), part.outcomes.planned);
    }
}
