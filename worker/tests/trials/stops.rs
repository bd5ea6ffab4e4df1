//! How a window ends and what precedes it, in virtual time: loops ended by time, ladders, run-ins,
//! rules that fail a window, and a limit on requests in flight.

use std::time::Duration;

use contract::metric::Metric;
use contract::part::{Part, StopCause};
use contract::spec::{Scenario, Shape, ShapeKind, SimSpec, Stall, StopSpec, Warmup};

use super::rig::{MS, check, scenario, simulated, whole};

const SECOND: Duration = Duration::from_secs(1);

fn stopping(shape: Shape, stop: StopSpec) -> Scenario {
    Scenario {
        stop,
        ..scenario(shape)
    }
}

fn lasting(shape: Shape, seconds: u32) -> Scenario {
    stopping(
        shape,
        StopSpec {
            duration: Some(SECOND * seconds),
            ..StopSpec::default()
        },
    )
}

fn with_run_in(load: Scenario, run_in: Duration) -> Scenario {
    let warmup = Warmup {
        run_in: Some(run_in),
        ..load.warmup
    };
    Scenario { warmup, ..load }
}

fn closed(concurrency: u32) -> Shape {
    Shape::ClosedLoop {
        concurrency,
        requests: None,
    }
}

fn ran(load: &Scenario) -> Part {
    simulated(SimSpec::default(), &whole(load.clone()))
}

fn p99(part: &Part, metric: Metric) -> Duration {
    Duration::from_nanos(
        part.histograms
            .get(metric)
            .buckets()
            .value_at_quantile(0.99),
    )
}

/// Mean number in flight from `from` to `to` seconds.
fn in_flight(part: &Part, from: u32, to: u32) -> f64 {
    let slice = |seconds: u32| {
        (SECOND * seconds)
            .as_nanos()
            .div_ceil(part.series.width.as_nanos()) as usize
    };
    let slices = &part.series.buckets[slice(from)..slice(to)];
    let flight: u64 = slices.iter().map(|bucket| bucket.in_flight_ns).sum();
    flight as f64 / (slices.len() as f64 * part.series.width.as_nanos() as f64)
}

#[test]
fn time_ends_a_closed_loop_and_arms_are_held_to_what_both_sent() {
    let load = with_run_in(lasting(closed(4), 2), Duration::ZERO);
    let part = ran(&load);
    check(&part, part.offered);
    assert!(part.outcomes.ok > 500 && part.requests.iter().all(|r| r.intended_ns < 2_000_000_000));
    assert_eq!((part.stopped, part.run_in), (StopCause::AsPlanned, 0));
    let slow = simulated(
        SimSpec {
            scale: 1.5,
            ..SimSpec::default()
        },
        &whole(load),
    );
    assert!(slow.outcomes.ok < part.outcomes.ok);
    assert_eq!(
        slow.token_digest, part.token_digest,
        "the first requests are the same"
    );
}

#[test]
fn both_minimums_hold_a_closed_loop() {
    let least = |requests, seconds: u32| {
        let (min_requests, min_duration) = (Some(requests), Some(SECOND * seconds));
        ran(&stopping(
            closed(4),
            StopSpec {
                min_requests,
                min_duration,
                ..StopSpec::default()
            },
        ))
    };
    let (many, long) = (least(3000, 1), least(10, 3));
    assert!(
        many.outcomes.ok >= 3000 && many.usage.wall > SECOND,
        "{:?}",
        many.usage.wall
    );
    assert!(long.usage.wall >= 3 * SECOND && long.outcomes.ok > 1000);
}

#[test]
fn a_ladder_keeps_each_level_for_its_time() {
    let part = ran(&scenario(Shape::Ladder {
        concurrency: vec![2, 16, 4],
        each: 2 * SECOND,
    }));
    check(&part, part.offered);
    for (second, level) in [(1, 2.0), (3, 16.0), (5, 4.0)] {
        let found = in_flight(&part, second, second + 1);
        assert!((found - level).abs() < 0.1, "{level}: {found}");
    }
}

#[test]
fn a_run_in_hands_over_without_draining_and_counts_nowhere() {
    for shape in [closed(8), Shape::Poisson { rate: 400.0 }] {
        let (name, load_is_open) = (format!("{shape:?}"), shape.kind() == ShapeKind::Open);
        let cold = ran(&with_run_in(lasting(shape.clone(), 4), Duration::ZERO));
        let warm = ran(&with_run_in(lasting(shape, 4), SECOND));
        check(&warm, warm.offered);
        assert!(
            warm.run_in > 300 && cold.run_in == 0,
            "{name}: {}",
            warm.run_in
        );
        let intended = |part: &Part| {
            part.requests
                .iter()
                .map(|r| r.intended_ns)
                .collect::<Vec<_>>()
        };
        if load_is_open {
            assert_eq!(
                intended(&warm),
                intended(&cold),
                "the window's own arrivals are the same"
            );
        } else {
            assert_eq!(
                (intended(&cold)[7], intended(&warm)[0] > 0),
                (0, true),
                "eight were under way"
            );
        }
        assert!(
            warm.outcomes.ok.abs_diff(cold.outcomes.ok) * 10 < cold.outcomes.ok,
            "{name}"
        );
        assert!(
            warm.requests.iter().all(|r| r.intended_ns < 4_000_000_000),
            "{name}"
        );
        assert!(
            warm.usage.wall < 5 * SECOND,
            "{name}: the window's own length"
        );
    }
}

#[test]
fn a_stall_counts_from_the_window_and_not_from_the_run_in() {
    let stall = Stall {
        at_ns: 1_000_000_000,
        for_ns: 500_000_000,
    };
    let spec = SimSpec {
        stalls: vec![stall],
        ..SimSpec::default()
    };
    let load = with_run_in(lasting(Shape::Constant { rate: 100.0 }, 3), SECOND);
    let part = simulated(spec, &whole(load));
    let slow: Vec<u64> = part
        .requests
        .iter()
        .filter(|r| r.done_ns - r.intended_ns > 100_000_000)
        .map(|r| r.intended_ns)
        .collect();
    assert!(
        slow.iter()
            .all(|at| (950_000_000..1_450_000_000).contains(at))
            && slow.len() > 30,
        "{slow:?}"
    );
}

#[test]
fn too_many_errors_fail_a_window_and_leave_a_part() {
    let stop = StopSpec {
        duration: Some(10 * SECOND),
        max_error_rate: Some(0.1),
        ..StopSpec::default()
    };
    let load = stopping(Shape::Poisson { rate: 200.0 }, stop);
    let failing = |error_rate| {
        simulated(
            SimSpec {
                error_rate,
                ..SimSpec::default()
            },
            &whole(load.clone()),
        )
    };
    let (bad, good) = (failing(0.5), failing(0.02));
    assert_eq!(
        (bad.stopped, good.stopped),
        (StopCause::ErrorRate, StopCause::AsPlanned)
    );
    assert!(
        bad.offered == 2000 && bad.outcomes.planned < 100,
        "{:?}",
        bad.outcomes
    );
    assert_eq!(bad.outcomes.ended(), bad.outcomes.planned);
    assert_eq!((good.outcomes.planned, good.in_time), (2000, Some(2000)));
}

#[test]
fn an_engine_that_falls_behind_fails_its_window() {
    let spec = SimSpec {
        max_batch: 8,
        step_base_ns: 2_000_000,
        ..SimSpec::default()
    };
    let at = |rate| {
        let stop = StopSpec {
            duration: Some(30 * SECOND),
            over_saturation: true,
            ..StopSpec::default()
        };
        simulated(
            spec.clone(),
            &whole(stopping(Shape::Poisson { rate }, stop)),
        )
    };
    let (over, under) = (at(800.0), at(200.0));
    assert_eq!(
        (over.stopped, under.stopped),
        (StopCause::OverSaturated, StopCause::AsPlanned)
    );
    assert!(over.usage.wall < 20 * SECOND && over.outcomes.cancelled > 0);
    assert!(over.in_time.expect("an open loop") < over.offered);
}

/// wrk2's demonstration: a server stalls for 1.4 s, and clients that wait for their answers hardly
/// notice.
#[test]
fn a_stall_shows_from_the_intended_time_and_not_in_the_service_time() {
    let mut load = with_run_in(lasting(Shape::Poisson { rate: 500.0 }, 20), SECOND);
    load.max_in_flight = Some(16);
    let stall = Stall {
        at_ns: 5_000_000_000,
        for_ns: 1_400_000_000,
    };
    let still = simulated(
        SimSpec {
            stalls: vec![stall],
            ..SimSpec::default()
        },
        &whole(load.clone()),
    );
    let even = ran(&load);
    assert_eq!((still.outcomes.ok, even.outcomes.ok), (10_000, 10_000));
    assert!(p99(&still, Metric::E2e) > SECOND && p99(&even, Metric::E2e) < 50 * MS);
    let (stalled, plain) = (p99(&still, Metric::Service), p99(&even, Metric::Service));
    assert!(stalled < 2 * plain, "{stalled:?} {plain:?}");
    assert!(
        p99(&still, Metric::Lateness) < MS,
        "waiting for a place is not the generator's fault"
    );
    assert!(still.engine.peak_running <= 16);
}
