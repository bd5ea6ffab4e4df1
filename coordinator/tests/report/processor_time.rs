//! Processor time for each output token: whose time counts, and where there is none.

use std::time::Duration;

use contract::part::Part;
use coordinator::compare::{self, Measure};
use stats::compare::Verdict;

use super::sample::Story;

/// The verdict and each round's values in nanoseconds, if the measure exists.
fn measured(change: impl Fn(&mut Part)) -> Option<(Verdict, Vec<f64>)> {
    let mut record = Story::default().record();
    record.parts.iter_mut().for_each(change);
    let findings = compare::findings(record).unwrap();
    let cell = &findings.cells[0];
    let metric = cell
        .metrics
        .iter()
        .find(|m| m.measure == Measure::CpuPerToken);
    let metric = metric?;
    let (_, decision) = metric.compared()?;
    Some((decision.verdict, metric.values(|_| true).collect()))
}

fn spends(part: &mut Part, share: f64) {
    let tokens = part.output_tokens as f64;
    part.usage.cpu_user = Duration::from_secs_f64(share * 1e-3 * tokens);
    part.usage.cpu_system = Duration::from_secs_f64(share * 1e-4 * tokens);
    part.usage.driver_cpu = part.usage.cpu_system;
}

/// User and system time count, and the load's own thread does not: 1 ms a token.
#[test]
fn an_engine_in_the_process_shares_it_with_the_load() {
    let (verdict, values) = measured(|part| spends(part, 1.0)).unwrap();
    assert_eq!(verdict, Verdict::Same);
    assert!(
        values.iter().all(|ns| (ns / 1e6 - 1.0).abs() < 1e-3),
        "{values:?}"
    );
}

/// Times are equal, processor time is not: the measure has a verdict of its own.
#[test]
fn a_build_may_differ_in_processor_time_alone() {
    let slower = |part: &mut Part| {
        let b = part.place.key.arm == contract::id::Arm::B;
        spends(part, if b { 1.1 } else { 1.0 });
    };
    assert_eq!(measured(slower).unwrap().0, Verdict::Slower);
}

/// A simulated engine computes nothing, so its process's time means nothing.
#[test]
fn an_engine_that_does_not_compute_has_none() {
    let idle = |part: &mut Part| {
        spends(part, 1.0);
        part.engine.stepping = None;
    };
    assert_eq!(measured(idle), None);
    let nothing = |part: &mut Part| {
        spends(part, 1.0);
        part.usage.cpu_user = Duration::ZERO;
    };
    assert_eq!(
        measured(nothing),
        None,
        "a time that was not measured is not zero"
    );
}
