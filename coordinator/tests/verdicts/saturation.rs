//! A run whose latency keeps growing under a changing load is not VALID: the wait for the first
//! token and the backlog are judged step by step, and what cannot be judged is reported as unknown.

use coordinator::compare::Findings;
use stats::validity::{CheckResult, Validity};

use crate::lab::{QUIET, Truth, each};

/// Every prompt takes 8 ms, so the engine's capacity is somewhat over a hundred per second.
const ENGINE: Truth = Truth {
    prefill_ns: 2_000_000,
    scatter: 0.005,
    ..QUIET
};

const RUNS_AWAY: [&str; 2] = [
    r#""shape":{"kind":"steps","rates":[20,200,20],"each":2.0,"arrivals":"constant"}"#,
    r#""shape":{"kind":"ramp","from":20,"to":200,"over":6.0,"arrivals":"constant"}"#,
];

const IS_CARRIED: [&str; 3] = [
    r#""shape":{"kind":"steps","rates":[20,60,20],"each":2.0,"arrivals":"constant"}"#,
    r#""shape":{"kind":"ramp","from":20,"to":60,"over":6.0,"arrivals":"constant"}"#,
    r#""shape":{"kind":"steps","rates":[20,60,20],"each":2.0,"arrivals":"poisson"}"#,
];

fn found(load: &'static str) -> Findings {
    Truth { load, ..ENGINE }.findings(3)
}

fn codes(findings: &Findings) -> Vec<&'static str> {
    match &findings.cells[0].assessment.validity {
        Validity::Valid => Vec::new(),
        Validity::Inconclusive(reasons) | Validity::Invalid(reasons) => reasons
            .iter()
            .map(|finding| finding.reason.code())
            .collect(),
    }
}

#[test]
fn latency_that_runs_away_under_a_changing_load_is_not_valid() {
    for load in RUNS_AWAY {
        let findings = found(load);
        assert_eq!(
            findings.validity.name(),
            "INCONCLUSIVE",
            "{load}: {:?}",
            findings.validity
        );
        let codes = codes(&findings);
        assert!(
            codes
                .iter()
                .all(|code| matches!(*code, "fell-behind" | "saturation-unknown")),
            "{codes:?}"
        );
    }
    assert!(codes(&found(RUNS_AWAY[0])).contains(&"fell-behind"));
}

/// Counter-check: a load within the capacity passes, and no check of it is unknown.
#[test]
fn a_changing_load_that_is_carried_is_valid_and_nothing_of_it_is_unknown() {
    for load in IS_CARRIED {
        let findings = found(load);
        assert!(
            matches!(findings.validity, Validity::Valid),
            "{load}: {:?}",
            findings.validity
        );
        let checks = &findings.cells[0].checks;
        let saturated = checks
            .iter()
            .filter(|(_, checked)| checked.check == "over-saturated");
        assert!(saturated.clone().count() == 3, "one an arm");
        assert!(
            saturated
                .clone()
                .all(|(_, c)| c.result == CheckResult::Passed && c.figure.is_some()),
            "{load}"
        );
    }
}

/// Loads within the engine's capacity with bursty arrivals, at most six tenths of the capacity at
/// their peak; two rounds each, so that little is averaged.
const CARRIED_IN_BUNCHES: [&str; 2] = [
    r#""shape":{"kind":"steps","rates":[20,60,20],"each":2.0,"arrivals":"poisson"}"#,
    r#""shape":{"kind":"ramp","from":20,"to":60,"over":6.0,"arrivals":"poisson"}"#,
];

/// The same shapes beyond its capacity.
const TOO_MUCH_IN_BUNCHES: [&str; 2] = [
    r#""shape":{"kind":"steps","rates":[20,200,20],"each":2.0,"arrivals":"poisson"}"#,
    r#""shape":{"kind":"ramp","from":20,"to":200,"over":6.0,"arrivals":"poisson"}"#,
];

/// Number of the runs in which the check for growing latency gave a reason.
fn alarms(load: &'static str, seeds: u64) -> usize {
    let alarm = |seed| {
        let truth = Truth {
            load,
            rounds: 2,
            ..ENGINE
        };
        let codes = codes(&truth.findings(seed));
        let about = ["fell-behind", "saturation-unknown", "over-saturated"];
        codes.iter().any(|code| about.contains(code))
    };
    let found = each(seeds, alarm);
    found.into_iter().filter(|alarm| *alarm).count()
}

/// A hundred runs each. A check with 1 % false alarms would give six or more in two hundred with
/// probability 0.016; one with 6 % would give fewer than six with probability 0.02.
#[test]
fn a_load_that_is_carried_is_seldom_taken_for_one_that_runs_away() {
    let found = CARRIED_IN_BUNCHES.map(|load| alarms(load, 100));
    let all: usize = found.iter().sum();
    assert!(all < 6, "steps and ramp, of 100 runs each: {found:?}");
}

/// The negative control: the same arrivals, rounds and engine beyond its capacity.
#[test]
fn a_load_that_is_too_much_is_noticed_every_time() {
    let found = TOO_MUCH_IN_BUNCHES.map(|load| alarms(load, 20));
    assert_eq!(found, [20, 20]);
}
