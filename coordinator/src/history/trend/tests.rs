//! Trends of constructed histories.

use super::*;

fn point(at: u64, ln: f64, expected: &str) -> Point {
    let environment = vec![if at < 10 { "kernel 1" } else { "kernel 2" }.to_owned()];
    Point {
        run: RunId::new(at, [0; 10]),
        value: ln.exp(),
        expected: expected.into(),
        environment,
    }
}

fn stepped(expected_at: Option<u64>) -> Vec<Point> {
    let noise = |at: u64| 0.001 * (at * 7 % 5) as f64;
    let level = |at: u64| if at < 10 { 1.0 } else { 1.05 };
    let said = |at| {
        if Some(at) == expected_at {
            "new kernels"
        } else {
            ""
        }
    };
    (0..20)
        .map(|at| point(at, level(at) + noise(at), said(at)))
        .collect()
}

#[test]
fn a_step_is_found_with_its_size_and_what_else_changed() {
    let [step] = &steps(&stepped(None), false)[..] else {
        panic!("one step")
    };
    assert_eq!((step.at, step.expected.as_str()), (10, ""));
    let share = 0.05_f64.exp_m1();
    assert!(
        step.change
            .is_some_and(|change| (change - share).abs() < 1e-9),
        "{:?}",
        step.change
    );
    assert!(
        step.interval
            .is_some_and(|interval| interval.contains(share) && interval.low > 0.04)
    );
    assert!(step.p.is_some_and(|p| p < 1e-6));
    assert_eq!(step.environment, ["kernel 2"]);
}

#[test]
fn an_expected_step_is_not_found_again_and_a_wrongly_expected_one_shows_none() {
    let [step] = &steps(&stepped(Some(10)), false)[..] else {
        panic!("one step")
    };
    assert_eq!(
        (step.at, step.expected.as_str(), step.p),
        (10, "new kernels", None)
    );
    let both = steps(&stepped(Some(5)), false);
    assert_eq!(both.iter().map(|step| step.at).collect::<Vec<_>>(), [5, 10]);
    assert!(
        both[0]
            .interval
            .is_some_and(|interval| interval.contains(0.0))
    );
}

#[test]
fn a_flat_series_has_no_step() {
    let flat: Vec<Point> = stepped(None).into_iter().take(10).collect();
    assert_eq!(steps(&flat, false), []);
    assert_eq!(steps(&flat[..1], false), []);
}

/// A rate that falls to zero has no logarithm but is a step nevertheless. On the way back there is
/// no relative change.
#[test]
fn a_fall_to_zero_is_a_step() {
    let level = |at: u64| {
        if at < 5 {
            20.0 + 0.1 * (at % 3) as f64
        } else {
            0.0
        }
    };
    let fall: Vec<Point> = (0..10)
        .map(|at| Point {
            value: level(at),
            ..point(at, 0.0, "")
        })
        .collect();
    let [step] = &steps(&fall, true)[..] else {
        panic!("one step")
    };
    assert_eq!((step.at, step.medians.1, step.change), (5, 0.0, Some(-1.0)));
    let rise: Vec<Point> = (0..10)
        .map(|at| Point {
            value: level(9 - at),
            ..point(at, 0.0, "")
        })
        .collect();
    let [step] = &steps(&rise, true)[..] else {
        panic!("one step")
    };
    assert_eq!(
        (step.at, step.medians.0, step.change, step.interval),
        (5, 0.0, None, None)
    );
}
