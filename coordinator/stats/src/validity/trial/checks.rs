//! Each check of one trial: its figure and limit, and the reason if it fails.

use std::time::Duration;

use super::super::{Pressure, Reason, Thresholds, TrialFacts};
use super::{FAR, GROWN, PIECES_OF_A_STRETCH, PILED_UP};
use crate::series::{Movement, movement};

pub(super) fn counts(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    let TrialFacts {
        planned, issued, ..
    } = *facts;
    (issued != planned).then_some(Reason::CountMismatch { planned, issued })
}

pub(super) fn outcomes(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    let TrialFacts {
        issued,
        succeeded,
        failed,
        ..
    } = *facts;
    (succeeded + failed != issued).then_some(Reason::OutcomeMismatch {
        issued,
        succeeded,
        failed,
    })
}

pub(super) fn stopped(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    let (parts, of) = facts.stopped;
    (parts > 0).then_some(Reason::StoppedEarly { parts, of })
}

pub(super) fn overflow(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    (facts.overflowed > 0).then_some(Reason::Overflow {
        values: facts.overflowed,
    })
}

pub(super) fn failures(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let TrialFacts {
        issued,
        succeeded,
        failed,
        ..
    } = *facts;
    let limit = thresholds.failed_share;
    if succeeded == 0 {
        Some(Reason::NothingSucceeded { issued })
    } else if failed as f64 > limit * issued as f64 {
        Some(Reason::FailedShare {
            failed,
            issued,
            limit,
        })
    } else {
        (failed > 0).then_some(Reason::SomeFailed { failed, issued })
    }
}

pub(super) fn lateness(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.lateness_limit(facts.median_e2e);
    facts
        .lateness_p99
        .filter(|&p99| p99 > limit)
        .map(|p99| Reason::Lateness { p99, limit })
}

pub(super) fn start_skew(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.skew_limit(facts.median_e2e);
    facts
        .start_skew
        .filter(|&skew| skew > limit)
        .map(|skew| Reason::StartSkew { skew, limit })
}

pub(super) fn clock_uncertainty(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.skew_limit(facts.median_e2e);
    let uncertainty = facts.clock_uncertainty.filter(|&u| u > limit)?;
    Some(Reason::ClockUncertainty { uncertainty, limit })
}

pub(super) fn generator(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.generator_share;
    facts
        .generator_share
        .filter(|&s| s > limit)
        .map(|share| Reason::GeneratorBusy { share, limit })
}

pub(super) fn floor(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.floor_share;
    facts
        .floor_share
        .filter(|&s| s > limit)
        .map(|share| Reason::NearGeneratorLimit { share, limit })
}

pub(super) fn steal(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let share = facts.steal_share.filter(|&s| s > thresholds.steal_warn)?;
    Some(match thresholds.steal_share {
        limit if share > limit => Reason::Steal { share, limit },
        _ => Reason::SomeSteal {
            share,
            limit: thresholds.steal_warn,
        },
    })
}

pub(super) fn others(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.others_warn;
    facts
        .others_share
        .filter(|&s| s > limit)
        .map(|share| Reason::OthersBusy { share, limit })
}

pub(super) fn frequency(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.frequency_range;
    facts
        .frequency_range
        .filter(|&r| r > limit)
        .map(|range| Reason::FrequencyDrift { range, limit })
}

pub(super) fn duration(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let (duration, limit) = (facts.duration, thresholds.least_duration);
    (duration < limit).then_some(Reason::TooShort { duration, limit })
}

pub(super) fn achieved(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let ((offered, issued), limit) = (facts.offered?, thresholds.achieved_share);
    ((issued as f64) < limit * offered as f64).then_some(Reason::NotAchieved {
        offered,
        issued,
        limit,
    })
}

pub(super) fn littles_law(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let (in_flight, throughput, residence) = facts.little?;
    let (expected, limit) = (throughput * residence, thresholds.little_error);
    let fits = (in_flight / expected - 1.0).abs() <= limit;
    (!fits).then_some(Reason::LittlesLaw {
        in_flight,
        expected,
        limit,
    })
}

pub(super) fn latency_movement(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Movement> {
    movement(&facts.latency_windows, thresholds.movement_alpha)
}

pub(super) fn stationarity(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let moved = latency_movement(facts, thresholds)?;
    let (change, limit) = (moved.change.exp_m1(), thresholds.movement);
    if moved.is_detected() && change.abs() > limit {
        return Some(Reason::NotStationary {
            change,
            p: moved.p,
            limit,
        });
    }
    let refuted = moved.is_refuted(limit.ln_1p());
    (!refuted && change.abs() > FAR * limit).then_some(Reason::MovementUnknown { change, limit })
}

/// Both must rise: a queue that grows while answers stay fast comes from a longer mix, not from an
/// engine that falls behind.
pub(super) fn saturation(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let rise = |windows: &[Vec<f64>]| {
        let found = movement(windows, thresholds.movement_alpha)?;
        let rises = found.is_detected() && found.change.exp_m1() > thresholds.movement;
        rises.then(|| (found.change.exp_m1(), found.p))
    };
    match (rise(&facts.in_flight_windows), rise(&facts.ttft_windows)) {
        (Some((in_flight, p)), Some((ttft, q))) => Some(Reason::OverSaturated {
            in_flight,
            ttft,
            p: p.max(q),
        }),
        _ if movement(&facts.in_flight_windows, thresholds.movement_alpha).is_some() => None,
        _ => facts.pressure.and_then(|pressure| pressure.reason()),
    }
}

/// Used if the load changes, or a piece of the window has too few requests to test a trend.
impl Pressure {
    /// Greatest acceptable wait for the first token, given the duration of constant load; beyond
    /// it, a request spans more than one load.
    pub(super) fn limit(&self) -> Duration {
        self.stretch.div_f64(PIECES_OF_A_STRETCH)
    }

    fn reason(&self) -> Option<Reason> {
        let Self {
            least,
            most,
            backlog,
            ..
        } = *self;
        if most <= self.limit() || most <= least.mul_f64(GROWN) {
            return None;
        }
        Some(match backlog {
            Some((backlog, arrived)) if backlog > PILED_UP * arrived as f64 => Reason::FellBehind {
                backlog,
                arrived,
                ttft: most,
            },
            _ => Reason::SaturationUnknown {
                least,
                most,
                limit: self.limit(),
            },
        })
    }
}
