//! Whole trials in virtual time: the effect of a load shape, a fault or a stall on a part, exact
//! and reproducible.

use super::rig::{self, MS, assignment, burst, check, open, origin, scenario, simulated, whole};
use std::time::Duration;

use contract::id::{Arm, Attempt};
use contract::metric::Metric;
use contract::part::{Outcome, Part};
use contract::spec::{EngineSpec, Shape, Share, SimSpec, Stall};
use worker::measure::Clock;
use worker::trial::{Control, StartAt, TrialEnd};

/// One step in each millisecond, whatever is in it, without noise.
fn even() -> SimSpec {
    SimSpec {
        step_base_ns: 1_000_000,
        decode_ns: 0,
        prefill_ns: 0,
        jitter: 0.0,
        ..SimSpec::default()
    }
}

fn max(part: &Part, metric: Metric) -> u64 {
    part.histograms.get(metric).exact().max
}

#[test]
fn a_burst_of_200_is_bit_identical_twice() {
    let once = || simulated(SimSpec::default(), &whole(burst(200)));
    let part = once();
    check(&part, 200);
    assert_eq!(part, once());
    assert_eq!(
        (part.outcomes.ok, part.output_tokens, part.prompt_tokens),
        (200, 1600, 3200)
    );
    assert!(
        part.requests
            .iter()
            .all(|r| r.intended_ns == 0 && r.sent_ns == 0)
    );
    assert_eq!(part.engine.peak_running, 200);
}

#[test]
fn another_seed_gives_another_part() {
    let other = contract::spec::Assignment {
        seed: 43,
        ..whole(burst(20))
    };
    let (a, b) = (
        simulated(SimSpec::default(), &whole(burst(20))),
        simulated(SimSpec::default(), &other),
    );
    assert_ne!(a.token_digest, b.token_digest);
    assert_ne!(a.histograms, b.histograms);
}

#[test]
fn arms_do_the_same_work_with_noise_of_their_own() {
    let run = |arm, scale| {
        let spec = SimSpec {
            scale,
            error_rate: 0.1,
            ..SimSpec::default()
        };
        simulated(
            spec,
            &assignment(burst(100), arm, Share { index: 0, of: 1 }),
        )
    };
    let (a, b, a2) = (run(Arm::A, 1.0), run(Arm::B, 1.5), run(Arm::A2, 1.0));
    assert_eq!((a.token_digest, a.outcomes), (b.token_digest, b.outcomes));
    assert_eq!((a.token_digest, a.outcomes), (a2.token_digest, a2.outcomes));
    assert_ne!(a.histograms, a2.histograms);
    let ratio = max(&b, Metric::E2e) as f64 / max(&a, Metric::E2e) as f64;
    assert!((1.4..1.6).contains(&ratio), "{ratio}");
}

#[test]
fn shares_of_three_slots_are_the_whole_list() {
    let part = |index| {
        simulated(
            even(),
            &assignment(burst(100), Arm::A, Share { index, of: 3 }),
        )
    };
    let parts: Vec<_> = (0..3).map(part).collect();
    let mut seen: Vec<_> = parts
        .iter()
        .flat_map(|part| part.requests.iter().map(|r| r.index))
        .collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..100));
    assert_eq!(
        parts.iter().map(|part| part.outcomes.planned).sum::<u64>(),
        100
    );
}

#[test]
fn a_slot_without_a_request_has_an_empty_part() {
    let part = simulated(
        even(),
        &assignment(burst(1), Arm::A, Share { index: 1, of: 2 }),
    );
    check(&part, 0);
}

#[test]
fn a_closed_loop_keeps_its_concurrency_and_is_due_when_another_ends() {
    let part = simulated(
        even(),
        &whole(scenario(Shape::ClosedLoop {
            concurrency: 7,
            requests: Some(50),
        })),
    );
    check(&part, 50);
    let ends: Vec<_> = part.requests.iter().map(|r| r.done_ns).collect();
    for request in &part.requests {
        let in_flight = part
            .requests
            .iter()
            .filter(|r| r.sent_ns <= request.sent_ns && request.sent_ns < r.done_ns);
        assert!(in_flight.count() <= 7);
        assert!(request.intended_ns == 0 || ends.contains(&request.intended_ns));
    }
    assert_eq!(part.engine.peak_running, 7);
}

#[test]
fn a_stall_shows_in_every_latency_it_touches() {
    let stall = Stall {
        at_ns: 3_500_000,
        for_ns: 1_400_000_000,
    };
    let calm = simulated(even(), &whole(burst(10)));
    let stalled = simulated(
        SimSpec {
            stalls: vec![stall],
            ..even()
        },
        &whole(burst(10)),
    );
    for metric in [Metric::E2e, Metric::Itl, Metric::Decode] {
        assert_eq!(
            max(&stalled, metric) - max(&calm, metric),
            stall.for_ns,
            "{}",
            metric.name()
        );
    }
    assert_eq!(max(&stalled, Metric::Ttft), max(&calm, Metric::Ttft));
    assert_eq!(stalled.token_digest, calm.token_digest);
}

#[test]
fn faults_are_counted_by_kind_and_stay_out_of_latency() {
    let spec = SimSpec {
        error_rate: 0.2,
        disconnect_rate: 0.3,
        ..even()
    };
    let part = simulated(spec, &whole(burst(200)));
    check(&part, 200);
    let outcomes = part.outcomes;
    assert!(
        (20..60).contains(&outcomes.failed) && (30..90).contains(&outcomes.disconnected),
        "{outcomes:?}"
    );
    let cut = part
        .requests
        .iter()
        .find(|r| r.outcome == Outcome::Disconnected)
        .unwrap();
    assert_eq!(cut.output_tokens, 4);
}

#[test]
fn what_takes_too_long_is_cancelled_counted_and_replaced() {
    let stall = Stall {
        at_ns: 20_500_000,
        for_ns: 1_000_000_000,
    };
    let mut load = scenario(Shape::ClosedLoop {
        concurrency: 2,
        requests: Some(20),
    });
    load.timeout = 50 * MS;
    let part = simulated(
        SimSpec {
            stalls: vec![stall],
            ..even()
        },
        &whole(load),
    );
    check(&part, 20);
    assert!(
        part.outcomes.timed_out >= 2 && part.outcomes.ok >= 2,
        "{:?}",
        part.outcomes
    );
    for late in part
        .requests
        .iter()
        .filter(|r| r.outcome == Outcome::TimedOut)
    {
        assert_eq!(late.done_ns - late.intended_ns, 50_000_000);
    }
    assert!(max(&part, Metric::E2e) <= 50_000_000);
}

#[test]
fn cancelling_before_the_start_and_after_it_leaves_no_part_and_a_usable_engine() {
    let (clock, work) = (Clock::simulated(), whole(burst(10)));
    let mut engine = open(&EngineSpec::Sim(even()), &work, &clock);
    let early = Control::new();
    early.cancel();
    assert!(!engine.warm_up(&work, &early).unwrap());
    let mut run = |control: &Control, cancel: bool| {
        let start = StartAt {
            at: clock.now() + MS,
            uncertainty: MS,
        };
        engine.run(&work, start, origin(), Attempt(1), control, &mut || {
            if cancel {
                control.cancel();
            }
        })
    };
    assert!(matches!(run(&early, false), TrialEnd::Cancelled));
    let control = Control::new();
    assert!(matches!(run(&control, true), TrialEnd::Cancelled));
    assert_eq!(
        (
            control.progress(Attempt(1)).issued,
            control.progress(Attempt(1)).failed
        ),
        (10, 0)
    );
    check(&rig::part(run(&Control::new(), false)), 10);
}

#[test]
fn the_cold_start_goes_with_the_first_part_only_and_warming_up_is_not_in_the_window() {
    let (clock, work) = (Clock::simulated(), whole(burst(10)));
    let mut engine = open(&EngineSpec::Sim(even()), &work, &clock);
    let control = Control::new();
    assert!(engine.warm_up(&work, &control).unwrap());
    assert_eq!(control.progress(Attempt(0)).issued, 0);
    let first = rig::part(rig::run(&mut engine, &work, &clock, &control));
    let cold: Vec<_> = first
        .cold
        .iter()
        .map(|phase| (phase.name.as_str(), phase.took))
        .collect();
    assert_eq!(
        cold,
        [
            ("weights", 2 * MS),
            ("engine", Duration::ZERO),
            ("first_token", MS)
        ]
    );
    assert_eq!(first.engine.steps, 8);
    let second = rig::part(rig::run(&mut engine, &work, &clock, &Control::new()));
    assert!(second.cold.is_empty());
    assert_eq!(second.token_digest, first.token_digest);
}

#[test]
fn starting_late_is_told_and_counts_against_every_request() {
    let (clock, work) = (Clock::simulated(), whole(burst(10)));
    let mut engine = open(&EngineSpec::Sim(even()), &work, &clock);
    assert!(engine.warm_up(&work, &Control::new()).unwrap());
    let start = StartAt {
        at: clock.now() - MS,
        uncertainty: MS,
    };
    let part = rig::part(engine.run(
        &work,
        start,
        origin(),
        Attempt(0),
        &Control::new(),
        &mut || (),
    ));
    assert_eq!(part.window.start_late, MS);
    assert_eq!(
        (max(&part, Metric::Lateness), max(&part, Metric::E2e)),
        (1_000_000, 9_000_000)
    );
    assert_eq!(max(&part, Metric::Service), 8_000_000);
}

#[test]
fn contradictions_are_refused_with_a_way_out() {
    let loop_of_two = scenario(Shape::ClosedLoop {
        concurrency: 2,
        requests: Some(100),
    });
    let mut silent = burst(1);
    silent.output_tokens = 0.into();
    let cases = [
        (
            assignment(loop_of_two, Arm::A, Share { index: 3, of: 4 }),
            "at most 2 slots",
        ),
        (
            assignment(burst(1), Arm::A, Share { index: 1, of: 1 }),
            "counted from zero",
        ),
        (whole(silent), "output tokens"),
    ];
    for (work, sentence) in cases {
        let clock = Clock::simulated();
        let mut engine = open(&EngineSpec::Sim(even()), &work, &clock);
        let failure = engine.warm_up(&work, &Control::new()).unwrap_err();
        assert!(failure.message.contains(sentence), "{failure}");
    }
}

#[test]
fn a_warm_up_in_which_all_timed_out_says_to_raise_the_limit() {
    for (timeout, is_late) in [(MS / 2, true), (600_000 * MS, false)] {
        let mut load = burst(5);
        load.timeout = timeout;
        let (work, clock) = (whole(load), Clock::simulated());
        let mut engine = open(&EngineSpec::Sim(even()), &work, &clock);
        let failure = engine.warm_up(&work, &Control::new()).err();
        let said = failure.map(|failure| failure.message).unwrap_or_default();
        assert_eq!(
            said.contains("raise the scenario's `timeout`"),
            is_late,
            "{said}"
        );
        assert_eq!(said.is_empty(), !is_late, "{said}");
    }
}
