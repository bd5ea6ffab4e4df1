//! The checks of one trial. Each is one line of the list below; a check that does not apply to the shape is
//! not in that shape's list (DESIGN 8.6).

use super::{Finding, Place, Reason, Shape, Thresholds, TrialFacts};
use crate::drift::mann_kendall;

type Check = fn(&TrialFacts, &Thresholds) -> Option<Reason>;

const EVERY_SHAPE: &[Check] = &[
    counts,
    outcomes,
    overflow,
    workers,
    failures,
    lateness,
    start_skew,
    clock_uncertainty,
    generator,
    steal,
    others,
    frequency,
];
const WINDOWED: &[Check] = &[duration, littles_law, stationarity];
const OFFERED: &[Check] = &[achieved];

/// All reasons to doubt one trial.
#[must_use]
pub fn check_trial(facts: &TrialFacts, shape: Shape, thresholds: &Thresholds) -> Vec<Finding> {
    let place = Some(Place { arm: facts.arm, round: facts.round });
    checks(shape)
        .filter_map(|check| check(facts, thresholds))
        .map(|reason| Finding { place, reason })
        .collect()
}

fn checks(shape: Shape) -> impl Iterator<Item = &'static Check> {
    let groups: &[&[Check]] = match shape {
        Shape::Burst => &[EVERY_SHAPE],
        Shape::Closed => &[EVERY_SHAPE, WINDOWED],
        Shape::Open => &[EVERY_SHAPE, WINDOWED, OFFERED],
    };
    groups.iter().copied().flatten()
}

fn counts(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    let TrialFacts { planned, issued, labelled_lost, .. } = *facts;
    (issued + labelled_lost != planned).then_some(Reason::CountMismatch { planned, issued, labelled_lost })
}

fn outcomes(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    let TrialFacts { issued, succeeded, failed, .. } = *facts;
    (succeeded + failed != issued).then_some(Reason::OutcomeMismatch { issued, succeeded, failed })
}

fn overflow(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    (facts.overflowed > 0).then_some(Reason::Overflow { values: facts.overflowed })
}

fn workers(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    let (workers, requests) = (facts.workers_lost, facts.labelled_lost);
    match (workers, requests) {
        (0, 0) => None,
        (_, 0) => Some(Reason::WorkersLost { workers }),
        _ => Some(Reason::LoadShrunk { workers, requests }),
    }
}

fn failures(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let TrialFacts { issued, succeeded, failed, .. } = *facts;
    let limit = thresholds.failed_share;
    if succeeded == 0 {
        Some(Reason::NothingSucceeded { issued })
    } else if failed as f64 > limit * issued as f64 {
        Some(Reason::FailedShare { failed, issued, limit })
    } else {
        (failed > 0).then_some(Reason::SomeFailed { failed, issued })
    }
}

fn lateness(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.lateness_limit(facts.median_e2e);
    facts.lateness_p99.filter(|&p99| p99 > limit).map(|p99| Reason::Lateness { p99, limit })
}

fn start_skew(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.skew_limit(facts.median_e2e);
    facts.start_skew.filter(|&skew| skew > limit).map(|skew| Reason::StartSkew { skew, limit })
}

fn clock_uncertainty(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.skew_limit(facts.median_e2e);
    let uncertainty = facts.clock_uncertainty.filter(|&u| u > limit)?;
    Some(Reason::ClockUncertainty { uncertainty, limit })
}

fn generator(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.generator_share;
    facts.generator_share.filter(|&s| s > limit).map(|share| Reason::GeneratorBusy { share, limit })
}

fn steal(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let share = facts.steal_share.filter(|&s| s > thresholds.steal_warn)?;
    Some(match thresholds.steal_share {
        limit if share > limit => Reason::Steal { share, limit },
        _ => Reason::SomeSteal { share, limit: thresholds.steal_warn },
    })
}

fn others(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.others_warn;
    facts.others_share.filter(|&s| s > limit).map(|share| Reason::OthersBusy { share, limit })
}

fn frequency(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.frequency_range;
    facts.frequency_range.filter(|&r| r > limit).map(|range| Reason::FrequencyDrift { range, limit })
}

fn duration(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let (duration, limit) = (facts.duration, thresholds.least_duration);
    (duration < limit).then_some(Reason::TooShort { duration, limit })
}

fn achieved(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let (offered, issued, limit) = (facts.offered?, facts.issued, thresholds.achieved_share);
    ((issued as f64) < limit * offered as f64).then_some(Reason::NotAchieved { offered, issued, limit })
}

fn littles_law(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let (in_flight, throughput, residence) = facts.little?;
    let (expected, limit) = (throughput * residence, thresholds.little_error);
    let fits = (in_flight / expected - 1.0).abs() <= limit;
    (!fits).then_some(Reason::LittlesLaw { in_flight, expected, limit })
}

fn stationarity(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let windows = &facts.window_ln_means;
    let trend = mann_kendall(windows)?;
    let change = (trend.slope * (windows.len() - 1) as f64).exp_m1();
    let moved = trend.p < thresholds.stationarity_p && change.abs() > thresholds.stationarity_change;
    moved.then_some(Reason::NotStationary { change, p: trend.p })
}
