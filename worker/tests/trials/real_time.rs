//! Whole trials on the monotonic clock: the native engine on a small synthetic model, and the
//! simulated one. No durations are asserted here.

use std::time::Duration;

use super::rig::{self, burst, check, native, open, origin, scenario, trial, whole};
use contract::id::Attempt;
use contract::message::FailureKind;
use contract::spec::{Demand, EngineSpec, NativeSpec, Shape, SimSpec, Stall};
use worker::measure::{Clock, ColdStart};
use worker::trial::{Control, OpenEngine, StartAt, TrialEnd};

#[test]
fn the_native_engine_answers_a_burst_and_a_closed_loop_with_the_same_tokens() {
    let dir = tempfile::tempdir().unwrap();
    let (spec, clock) = (native(&dir.path().join("m")), Clock::monotonic());
    let part = trial(&spec, &whole(burst(30)), &clock);
    check(&part, 30);
    assert_eq!(
        (part.outcomes.ok, part.prompt_tokens, part.output_tokens),
        (30, 480, 240)
    );
    let names: Vec<_> = part.cold.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(
        names,
        ["map", "weights", "tokenizer", "engine", "first_token"]
    );
    assert!(part.usage.cpu_user > Duration::ZERO && part.usage.peak_rss_bytes > 0);
    assert!(
        part.engine.steps >= 8 && part.engine.peak_kv_bytes > 0 && !part.engine.kernels.is_empty()
    );
    let closed = trial(
        &spec,
        &whole(scenario(Shape::ClosedLoop {
            concurrency: 3,
            requests: Some(30),
        })),
        &clock,
    );
    check(&closed, 30);
    assert_eq!(closed.token_digest, part.token_digest);
    assert!(closed.engine.peak_running <= 3);
}

#[test]
fn the_simulated_engine_gives_the_tokens_it_gives_in_virtual_time() {
    let (spec, work) = (
        SimSpec {
            error_rate: 0.1,
            ..SimSpec::default()
        },
        whole(burst(50)),
    );
    let real = trial(&EngineSpec::Sim(spec.clone()), &work, &Clock::monotonic());
    check(&real, 50);
    let simulated = rig::simulated(spec, &work);
    assert_eq!(
        (real.token_digest, real.outcomes),
        (simulated.token_digest, simulated.outcomes)
    );
}

#[test]
fn a_stalled_engine_is_cancelled_from_another_thread() {
    let stall = Stall {
        at_ns: 0,
        for_ns: 50_000_000,
    };
    let (spec, clock) = (
        EngineSpec::Sim(SimSpec {
            stalls: vec![stall],
            ..SimSpec::default()
        }),
        Clock::monotonic(),
    );
    let work = whole(burst(10));
    let mut engine = open(&spec, &work, &clock);
    let control = Control::new();
    assert!(engine.warm_up(&work, &control).unwrap());
    let start = StartAt {
        at: clock.now(),
        uncertainty: Duration::ZERO,
    };
    let (tell, told) = std::sync::mpsc::channel();
    let other = control.clone();
    let canceller = std::thread::spawn(move || {
        told.recv().unwrap();
        other.cancel();
    });
    let end = engine.run(&work, start, origin(), Attempt(1), &control, &mut || {
        tell.send(()).unwrap();
    });
    canceller.join().unwrap();
    assert!(matches!(end, TrialEnd::Cancelled));
    let progress = control.progress(Attempt(1));
    assert_eq!(
        (progress.issued, progress.completed, progress.attempt),
        (10, 0, Attempt(1))
    );
}

#[test]
fn a_missing_model_and_too_much_demand_are_refused_before_anything_runs() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::monotonic();
    let demand = Demand {
        concurrency: 1,
        tokens_per_request: 32,
    };
    let refused = |spec: &EngineSpec, demand| {
        OpenEngine::open(spec, demand, 1, &clock, ColdStart::begin(&clock))
            .err()
            .map(|failure| failure.kind)
    };
    let EngineSpec::Native(present) = native(&dir.path().join("m")) else {
        unreachable!()
    };
    let missing = NativeSpec {
        model: dir.path().join("none").to_str().unwrap().to_owned(),
        ..present
    };
    assert_eq!(
        refused(&EngineSpec::Native(missing), demand),
        Some(FailureKind::ModelNotFound)
    );
    let huge = NativeSpec {
        kv_bytes: 1 << 50,
        ..present.clone()
    };
    assert_eq!(
        refused(&EngineSpec::Native(huge), demand),
        Some(FailureKind::NotEnoughMemory)
    );
    assert_eq!(refused(&EngineSpec::Native(present), demand), None);
}

#[test]
fn a_request_longer_than_the_context_is_a_bad_assignment() {
    let dir = tempfile::tempdir().unwrap();
    let (spec, clock) = (native(&dir.path().join("m")), Clock::monotonic());
    let mut engine = open(&spec, &whole(burst(1)), &clock);
    let mut long = burst(1);
    long.prompt.tokens = engine.report().max_context.into();
    let failure = engine.warm_up(&whole(long), &Control::new()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadAssignment);
    assert!(failure.message.contains("shorten"), "{failure}");
}
