//! The checks of one trial. Each is one line of the lists below: its name, its finding, its figure
//! and limit. A check that does not apply to a shape is not in that shape's lists
//! (docs/validity.md).

mod checks;

use std::time::Duration;

use checks::{
    achieved, clock_uncertainty, counts, duration, failures, floor, frequency, generator,
    latency_movement, lateness, littles_law, others, outcomes, overflow, saturation, start_skew,
    stationarity, steal, stopped,
};

use super::{Finding, LoadKind, Location, Reason, Severity, Thresholds, TrialFacts};
use crate::series::{Movement, movement};

/// A figure of a check, and its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A number of things.
    Count(u64),
    /// A share of 1.
    Share(f64),
    /// A time.
    Time(Duration),
}

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckResult {
    /// Within the limit.
    Passed,
    /// No data, or noise hides the answer.
    Unknown,
    /// A reason of this severity.
    Found(Severity),
}

impl CheckResult {
    /// The name in documents and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Unknown => "unknown",
            Self::Found(Severity::Warning) => "warning",
            Self::Found(Severity::Inconclusive) => "inconclusive",
            Self::Found(Severity::Invalid) => "invalid",
        }
    }
}

/// One check that applied, with any result.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Name of the check: that of its reason.
    pub check: &'static str,
    /// The key of the plan's `[validity]` table that holds the limit; none if the limit is fixed.
    pub key: Option<&'static str>,
    /// The figure and its limit.
    pub figure: Option<(Quantity, Quantity)>,
    /// Its result.
    pub result: CheckResult,
    /// The finding, if there is one.
    pub finding: Option<Finding>,
}

/// If noise could hide this many times the movement limit, that is a reason.
const FAR: f64 = 10.0;

/// Part of the constant stretch of load that the wait for the first token may reach before it is
/// doubted, as 1/x.
const PIECES_OF_A_STRETCH: f64 = 20.0;

/// Factor by which that wait must also have grown.
const GROWN: f64 = 3.0;

/// Greatest growth of the number in flight, as a share of the requests that arrived meanwhile.
const PILED_UP: f64 = 0.1;

type Find = fn(&TrialFacts, &Thresholds) -> Option<Reason>;
type Figure = fn(&TrialFacts, &Thresholds) -> Option<(Quantity, Quantity)>;
type Check = (&'static str, Option<&'static str>, Find, Figure);

const EVERY_SHAPE: &[Check] = &[
    ("count-mismatch", None, counts, |f, _| {
        at_most(Quantity::Count(f.issued), Quantity::Count(f.planned))
    }),
    ("outcome-mismatch", None, outcomes, |f, _| {
        at_most(
            Quantity::Count(f.succeeded + f.failed),
            Quantity::Count(f.issued),
        )
    }),
    ("stopped-early", None, stopped, |f, _| {
        at_most(Quantity::Count(f.stopped.0), Quantity::Count(0))
    }),
    ("histogram-overflow", None, overflow, |f, _| {
        at_most(Quantity::Count(f.overflowed), Quantity::Count(0))
    }),
    ("failed-share", Some("max_error_rate"), failures, |f, t| {
        share(
            (f.issued > 0).then(|| f.failed as f64 / f.issued as f64),
            t.failed_share,
        )
    }),
    ("lateness", Some("max_lateness"), lateness, |f, t| {
        time(f.lateness_p99, t.lateness_limit(f.median_e2e))
    }),
    ("start-skew", Some("max_start_skew"), start_skew, |f, t| {
        time(f.start_skew, t.skew_limit(f.median_e2e))
    }),
    (
        "clock-uncertainty",
        Some("max_start_skew"),
        clock_uncertainty,
        |f, t| time(f.clock_uncertainty, t.skew_limit(f.median_e2e)),
    ),
    (
        "generator-busy",
        Some("max_generator_share"),
        generator,
        |f, t| share(f.generator_share, t.generator_share),
    ),
    (
        "near-generator-limit",
        Some("max_floor_share"),
        floor,
        |f, t| share(f.floor_share, t.floor_share),
    ),
    ("steal", Some("max_steal"), steal, |f, t| {
        share(f.steal_share, t.steal_share)
    }),
    ("others-busy", Some("warn_others"), others, |f, t| {
        share(f.others_share, t.others_warn)
    }),
    (
        "frequency-drift",
        Some("warn_frequency_drift"),
        frequency,
        |f, t| share(f.frequency_range, t.frequency_range),
    ),
];

const WINDOWED: &[Check] = &[
    ("too-short", Some("min_duration"), duration, |f, t| {
        time(Some(f.duration), t.least_duration)
    }),
    (
        "littles-law",
        Some("max_little_error"),
        littles_law,
        |f, t| {
            share(
                f.little.map(|(n, x, r)| (n / (x * r) - 1.0).abs()),
                t.little_error,
            )
        },
    ),
    (
        "not-stationary",
        Some("max_movement"),
        stationarity,
        |f, t| {
            share(
                latency_movement(f, t).map(|m| m.change.exp_m1()),
                t.movement,
            )
        },
    ),
];

const OFFERED: &[Check] = &[
    ("not-achieved", Some("min_achieved"), achieved, |f, t| {
        share(
            f.offered
                .map(|(offered, sent)| sent as f64 / offered.max(1) as f64),
            t.achieved_share,
        )
    }),
    ("over-saturated", None, saturation, |f, t| {
        match movement(&f.in_flight_windows, t.movement_alpha) {
            Some(rose) => share(Some(rose.change.exp_m1()), t.movement),
            None => f
                .pressure
                .and_then(|pressure| time(Some(pressure.most), pressure.limit())),
        }
    }),
];

/// All reasons to doubt one trial.
#[must_use]
pub fn check_trial(facts: &TrialFacts, shape: LoadKind, thresholds: &Thresholds) -> Vec<Finding> {
    checked_trial(facts, shape, thresholds)
        .into_iter()
        .filter_map(|checked| checked.finding)
        .collect()
}

/// Every check that applies to the shape, with its figure and result.
#[must_use]
pub fn checked_trial(facts: &TrialFacts, shape: LoadKind, thresholds: &Thresholds) -> Vec<Checked> {
    let place = Some(Location {
        arm: facts.arm,
        round: facts.round,
    });
    let run = |(check, key, find, look): &Check| {
        let finding = find(facts, thresholds).map(|reason| Finding { place, reason });
        let figure = look(facts, thresholds);
        let result = match &finding {
            Some(finding) => CheckResult::Found(finding.reason.severity()),
            None if figure.is_some() && told(check, facts, thresholds) => CheckResult::Passed,
            None => CheckResult::Unknown,
        };
        Checked {
            check,
            key: *key,
            figure,
            result,
            finding,
        }
    };
    checks(shape).map(run).collect()
}

fn checks(shape: LoadKind) -> impl Iterator<Item = &'static Check> {
    let groups: &[&[Check]] = match shape {
        LoadKind::Burst => &[EVERY_SHAPE],
        LoadKind::Closed => &[EVERY_SHAPE, WINDOWED],
        LoadKind::Open => &[EVERY_SHAPE, WINDOWED, OFFERED],
    };
    groups.iter().copied().flatten()
}

/// Whether a check has an answer. Stationarity passes only if movement beyond the limit is refuted;
/// all other checks pass by their figure.
fn told(check: &str, facts: &TrialFacts, thresholds: &Thresholds) -> bool {
    let refuted = |m: Movement| m.is_refuted(thresholds.movement.ln_1p());
    check != "not-stationary" || latency_movement(facts, thresholds).is_some_and(refuted)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one shape for every line of the lists"
)]
fn at_most(figure: Quantity, limit: Quantity) -> Option<(Quantity, Quantity)> {
    Some((figure, limit))
}

fn share(figure: Option<f64>, limit: f64) -> Option<(Quantity, Quantity)> {
    figure.map(|figure| (Quantity::Share(figure), Quantity::Share(limit)))
}

fn time(figure: Option<Duration>, limit: Duration) -> Option<(Quantity, Quantity)> {
    figure.map(|figure| (Quantity::Time(figure), Quantity::Time(limit)))
}
