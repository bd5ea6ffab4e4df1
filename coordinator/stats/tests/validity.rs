//! Every reason, caused by a fact just beyond its limit, with a counter-check: the same fact just
//! within.
//!
//! One case for each reason: longer than other files.

use std::collections::BTreeSet;
use std::time::Duration;

use stats::order::Arm;
use stats::rng::Seed;
use stats::validity::{
    Assessment, CheckResult, CodeIdentity, LoadKind, PairingFacts, Pressure, Reason, Severity,
    Thresholds, TrialFacts, Validity, check_pairing, check_trial, checked_trial,
};

fn sound() -> TrialFacts {
    TrialFacts {
        arm: Arm::B,
        round: Some(3),
        planned: 1000,
        issued: 1000,
        succeeded: 1000,
        failed: 0,
        overflowed: 0,
        lateness_p99: Some(Duration::from_micros(200)),
        median_e2e: Duration::from_millis(50),
        start_skew: Some(Duration::from_millis(1)),
        clock_uncertainty: Some(Duration::from_micros(80)),
        generator_share: Some(0.3),
        floor_share: Some(0.01),
        steal_share: Some(0.0),
        others_share: Some(0.01),
        frequency_range: Some(0.01),
        duration: Duration::from_secs(30),
        offered: Some((1000, 1000)),
        stopped: (0, 30),
        little: Some((5.0, 100.0, 0.05)),
        latency_windows: vec![ramp(0.0)],
        ttft_windows: vec![ramp(0.0)],
        in_flight_windows: vec![ramp(0.0)],
        pressure: None,
    }
}

/// A window of forty pieces that rises by `change`, with noise of one per cent.
fn ramp(change: f64) -> Vec<f64> {
    let mut rng = Seed(11).rng();
    let piece = |t| (1.0 + change).ln() * f64::from(t) / 39.0 + 0.02 * (rng.unit() - 0.5);
    (0..40).map(piece).collect()
}

/// Valid facts of a pair.
fn pair() -> PairingFacts {
    PairingFacts {
        code: CodeIdentity::Different,
        token_mismatches: vec![],
        tokens_unchecked: (0, 10),
        losses: (0, 0),
        shrunk: 0,
        failures: vec![(Arm::A, 1000, 2), (Arm::B, 1000, 4), (Arm::A2, 1000, 3)],
    }
}

fn codes(facts: &TrialFacts, shape: LoadKind) -> Vec<&'static str> {
    let findings = check_trial(facts, shape, &Thresholds::default());
    findings.iter().map(|f| f.reason.code()).collect()
}

fn with(change: impl Fn(&mut TrialFacts)) -> TrialFacts {
    let mut facts = sound();
    change(&mut facts);
    facts
}

type Change = fn(&mut TrialFacts);

/// Reason, facts beyond the limit, facts within it.
const EVERY_SHAPE: &[(&str, Change, Change)] = &[
    ("count-mismatch", |f| f.planned = 1001, |f| f.planned = 1000),
    (
        "outcome-mismatch",
        |f| f.succeeded = 999,
        |f| f.succeeded = 1000,
    ),
    (
        "stopped-early",
        |f| f.stopped = (1, 30),
        |f| f.stopped = (0, 30),
    ),
    (
        "histogram-overflow",
        |f| f.overflowed = 1,
        |f| f.overflowed = 0,
    ),
    ("nothing-succeeded", |f| fail(f, 1000), |_| ()),
    ("failed-share", |f| fail(f, 11), |_| ()),
    ("some-failed", |f| fail(f, 10), |_| ()),
    (
        "lateness",
        |f| f.lateness_p99 = micros(501),
        |f| f.lateness_p99 = micros(500),
    ),
    (
        "start-skew",
        |f| f.start_skew = micros(5001),
        |f| f.start_skew = micros(5000),
    ),
    (
        "clock-uncertainty",
        |f| f.clock_uncertainty = micros(5001),
        |f| f.clock_uncertainty = None,
    ),
    (
        "generator-busy",
        |f| f.generator_share = Some(0.81),
        |f| f.generator_share = Some(0.79),
    ),
    (
        "near-generator-limit",
        |f| f.floor_share = Some(0.51),
        |f| f.floor_share = Some(0.5),
    ),
    (
        "steal",
        |f| f.steal_share = Some(0.26),
        |f| f.steal_share = Some(0.02),
    ),
    (
        "some-steal",
        |f| f.steal_share = Some(0.25),
        |f| f.steal_share = None,
    ),
    (
        "others-busy",
        |f| f.others_share = Some(0.06),
        |f| f.others_share = Some(0.05),
    ),
    (
        "frequency-drift",
        |f| f.frequency_range = Some(0.06),
        |f| f.frequency_range = Some(0.05),
    ),
];

/// Those that do not apply to bursts.
const NOT_BURSTS: &[(&str, Change, Change)] = &[
    (
        "too-short",
        |f| f.duration = Duration::from_secs(4),
        |f| f.duration = Duration::from_secs(5),
    ),
    (
        "littles-law",
        |f| f.little = Some((5.3, 100.0, 0.05)),
        |f| f.little = Some((5.2, 100.0, 0.05)),
    ),
    (
        "littles-law",
        |f| f.little = Some((5.0, 0.0, 0.0)),
        |f| f.little = None,
    ),
    (
        "not-stationary",
        |f| f.latency_windows = vec![ramp(0.10)],
        |f| f.latency_windows = vec![ramp(0.03)],
    ),
    (
        "not-stationary",
        |f| f.latency_windows = vec![ramp(-0.10)],
        |f| f.latency_windows.clear(),
    ),
    (
        "movement-unknown",
        |f| f.latency_windows = vec![loud(1.5)],
        |f| f.latency_windows = vec![loud(0.3)],
    ),
];

const OPEN_ONLY: &[(&str, Change, Change)] = &[
    (
        "not-achieved",
        |f| f.offered = Some((1000, 989)),
        |f| f.offered = Some((1000, 990)),
    ),
    (
        "over-saturated",
        |f| fall_behind(f, 1.0, 0.5),
        |f| fall_behind(f, 1.0, 0.0),
    ),
    (
        "over-saturated",
        |f| fall_behind(f, 0.2, 2.0),
        |f| fall_behind(f, 0.0, 2.0),
    ),
    // Under a changing load no trend is tested, only the growth of the wait.
    (
        "fell-behind",
        |f| waits(f, 25_000, Some((121.0, 1200))),
        |f| waits(f, 500, Some((121.0, 1200))),
    ),
    (
        "saturation-unknown",
        |f| waits(f, 25_000, Some((119.0, 1200))),
        |f| waits(f, 499, None),
    ),
    (
        "saturation-unknown",
        |f| waits(f, 25_000, None),
        |f| f.pressure = None,
    ),
];

/// A wait for the first token that grew from a fifth of a second, under a load that is constant for
/// ten seconds.
fn waits(facts: &mut TrialFacts, most_ms: u64, backlog: Option<(f64, u64)>) {
    facts.in_flight_windows.clear();
    facts.ttft_windows.clear();
    facts.pressure = Some(Pressure {
        least: Duration::from_millis(200),
        most: Duration::from_millis(most_ms),
        backlog,
        stretch: Duration::from_secs(10),
    });
}

/// So much noise that a rise by three quarters is not distinguished from it.
fn loud(change: f64) -> Vec<f64> {
    let wave = |t: f64| 1.5 * (t / 4.0).sin();
    (0..40)
        .map(f64::from)
        .map(|t| (1.0 + change).ln() * t / 39.0 + wave(t))
        .collect()
}

fn micros(n: u64) -> Option<Duration> {
    Some(Duration::from_micros(n))
}

fn fail(facts: &mut TrialFacts, failed: u64) {
    facts.failed = failed;
    facts.succeeded = facts.issued - failed;
}

fn fall_behind(facts: &mut TrialFacts, in_flight: f64, ttft: f64) {
    (facts.in_flight_windows, facts.ttft_windows) = (vec![ramp(in_flight)], vec![ramp(ttft)]);
}

#[test]
fn sound_facts_raise_nothing() {
    for shape in [LoadKind::Burst, LoadKind::Closed, LoadKind::Open] {
        assert!(codes(&sound(), shape).is_empty());
    }
    let assessment = Assessment::of(vec![]);
    assert_eq!(
        (assessment.validity, assessment.warnings.len()),
        (Validity::Valid, 0)
    );
}

#[test]
fn each_reason_is_raised_beyond_its_limit_and_not_within() {
    let all = [EVERY_SHAPE, NOT_BURSTS, OPEN_ONLY];
    for (code, beyond, within) in all.into_iter().flatten() {
        assert_eq!(codes(&with(beyond), LoadKind::Open), [*code]);
        assert!(
            codes(&with(within), LoadKind::Open).is_empty(),
            "within the limit of {code}"
        );
    }
}

#[test]
fn checks_keep_to_their_shapes() {
    for (code, beyond, _) in NOT_BURSTS {
        assert!(
            codes(&with(beyond), LoadKind::Burst).is_empty(),
            "{code} asked of a burst"
        );
        assert_eq!(codes(&with(beyond), LoadKind::Closed), [*code]);
    }
    for (code, beyond, _) in OPEN_ONLY {
        assert!(
            codes(&with(beyond), LoadKind::Closed).is_empty(),
            "{code} asked of a closed loop"
        );
    }
    for (code, beyond, _) in EVERY_SHAPE {
        assert_eq!(codes(&with(beyond), LoadKind::Burst), [*code]);
    }
}

#[test]
fn every_check_that_applies_is_told_with_its_figure() {
    let told = |facts: &TrialFacts, shape| checked_trial(facts, shape, &Thresholds::default());
    let counts = [LoadKind::Burst, LoadKind::Closed, LoadKind::Open]
        .map(|shape| told(&sound(), shape).len());
    assert_eq!(counts, [13, 16, 18]);
    let sound = told(&sound(), LoadKind::Open);
    assert!(
        sound
            .iter()
            .all(|c| c.result == CheckResult::Passed && c.figure.is_some()),
        "{sound:#?}"
    );
    let blind = told(
        &with(|f| (f.frequency_range, f.lateness_p99) = (None, None)),
        LoadKind::Burst,
    );
    let unknown = blind
        .iter()
        .filter(|c| c.result == CheckResult::Unknown)
        .count();
    assert_eq!(unknown, 2, "what was not seen has not passed");
}

/// Noise that hides movement does not prove stationarity.
#[test]
fn stationarity_passes_only_where_movement_is_refuted() {
    let result = |scale: f64| {
        let loud = |v: &f64| scale * v;
        let facts = with(|f| f.latency_windows = vec![ramp(0.0).iter().map(loud).collect()]);
        let checks = checked_trial(&facts, LoadKind::Closed, &Thresholds::default());
        checks
            .into_iter()
            .find(|c| c.check == "not-stationary")
            .map(|c| c.result)
    };
    assert_eq!(result(1.0), Some(CheckResult::Passed));
    assert_eq!(result(30.0), Some(CheckResult::Unknown));
}

#[test]
fn long_requests_forgive_late_sends() {
    let late = with(|f| f.lateness_p99 = micros(30_000));
    assert_eq!(codes(&late, LoadKind::Burst), ["lateness"]);
    let slow = with(|f| (f.lateness_p99, f.median_e2e) = (micros(30_000), Duration::from_secs(3)));
    assert!(codes(&slow, LoadKind::Burst).is_empty());
}

#[test]
fn the_pair_is_checked() {
    let codes = |change: fn(&mut PairingFacts)| {
        let mut facts = pair();
        change(&mut facts);
        let findings = check_pairing(&facts, &Thresholds::default());
        findings.iter().map(|f| f.reason.code()).collect::<Vec<_>>()
    };
    assert!(codes(|_| ()).is_empty());
    assert_eq!(codes(|f| f.code = CodeIdentity::Same), ["same-code"]);
    assert!(codes(|f| f.code = CodeIdentity::SameOnPurpose).is_empty());
    assert_eq!(codes(|f| f.code = CodeIdentity::Simulated), ["simulated"]);
    assert_eq!(
        codes(|f| f.token_mismatches = vec![4, 2]),
        ["tokens-differ"]
    );
    assert_eq!(codes(|f| f.tokens_unchecked.0 = 1), ["tokens-unchecked"]);
    let weight = |rounds| Reason::TokensUnchecked { rounds, of: 10 }.severity();
    assert_eq!(
        [9, 10].map(weight),
        [Severity::Warning, Severity::Inconclusive]
    );
    assert_eq!(codes(|f| f.losses = (2, 0)), ["blocks-repeated"]);
    assert_eq!(codes(|f| f.losses = (0, 1)), ["workers-lost"]);
    assert_eq!(codes(|f| f.shrunk = 7), ["load-shrunk"]);
    assert_eq!(codes(|f| f.failures[1].2 = 8), ["failures-differ"]);
    assert!(codes(|f| f.failures.clear()).is_empty());
}

#[test]
fn the_worst_reason_decides_and_the_rest_is_kept() {
    let grade = |facts: &TrialFacts| {
        Assessment::of(check_trial(facts, LoadKind::Burst, &Thresholds::default()))
    };
    let warned = grade(&with(|f| fail(f, 1)));
    assert_eq!(
        (warned.validity, warned.warnings.len()),
        (Validity::Valid, 1)
    );
    let open = grade(&with(|f| {
        (f.generator_share, f.frequency_range) = (Some(0.9), Some(0.2));
    }));
    assert_eq!(
        (open.validity.name(), open.warnings.len()),
        ("INCONCLUSIVE", 1)
    );
    let wrong = grade(&with(|f| {
        (f.generator_share, f.overflowed) = (Some(0.9), 1);
    }));
    assert!(
        matches!(&wrong.validity, Validity::Invalid(r) if r.len() == 1 && wrong.warnings.len() == 1)
    );
}

#[test]
fn every_reason_says_where_what_and_what_to_do() {
    let all = [EVERY_SHAPE, NOT_BURSTS, OPEN_ONLY];
    let mut sentences = BTreeSet::new();
    for (code, beyond, _) in all.into_iter().flatten() {
        let finding = check_trial(&with(beyond), LoadKind::Open, &Thresholds::default()).remove(0);
        assert!(
            finding.to_string().ends_with("(arm B, round 3)"),
            "{finding}"
        );
        assert!(
            finding.reason.advice().len() > 20 && finding.to_string().len() > 30,
            "{code}: {finding}"
        );
        sentences.insert(finding.reason.to_string());
    }
    assert_eq!(sentences.len(), 27, "{sentences:#?}");
}

/// A long wait that did not grow is caused by the engine, and growth within bounds by the load.
#[test]
fn a_long_wait_that_did_not_grow_passes() {
    let facts = with(|f| waits(f, 600, Some((500.0, 1200))));
    assert!(
        codes(&facts, LoadKind::Open).is_empty(),
        "three times over is the limit"
    );
    let checks = checked_trial(&facts, LoadKind::Open, &Thresholds::default());
    let saturated = checks.iter().find(|c| c.check == "over-saturated").unwrap();
    assert_eq!(
        (saturated.result, saturated.figure.is_some()),
        (CheckResult::Passed, true)
    );
}
