//! Runs the checks of one trial (docs/validity.md): what a check is, and what its result is. The
//! checks themselves are in `trial/checks.rs`.

mod checks;

use std::time::Duration;

use checks::{checks, latency_movement};

use super::{Finding, LoadKind, Location, Reason, Severity, Thresholds, TrialFacts};
use crate::series::Movement;

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

type Find = fn(&TrialFacts, &Thresholds) -> Option<Reason>;
type Figure = fn(&TrialFacts, &Thresholds) -> Option<(Quantity, Quantity)>;
type Check = (&'static str, Option<&'static str>, Find, Figure);

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

/// Whether a check has an answer. Stationarity passes only if movement beyond the limit is refuted;
/// all other checks pass by their figure.
fn told(check: &str, facts: &TrialFacts, thresholds: &Thresholds) -> bool {
    let refuted = |m: Movement| m.is_refuted(thresholds.movement.ln_1p());
    check != "not-stationary" || latency_movement(facts, thresholds).is_some_and(refuted)
}
