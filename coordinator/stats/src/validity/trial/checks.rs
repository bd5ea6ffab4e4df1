//! The checks of one trial, as lists. Each entry has a name, the plan's key of its limit, its
//! finding, its figure and its limit. If a check does not apply to a kind of load, it is not in
//! that kind's lists.

use std::time::Duration;

use super::super::{LoadKind, Pressure, Reason, Thresholds, TrialFacts};
use super::{Check, Quantity};
use crate::series::{Movement, movement};

/// If noise could hide this many times the movement limit, that is a reason.
const FAR: f64 = 10.0;

/// Part of the constant stretch of load that the wait for the first token may reach before it is
/// doubted, as 1/x.
const PIECES_OF_A_STRETCH: f64 = 20.0;

/// Factor by which that wait must also have grown.
const GROWN: f64 = 3.0;

/// Greatest growth of the number in flight, as a share of the requests that arrived meanwhile.
const PILED_UP: f64 = 0.1;

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

/// The checks that apply to a kind of load.
pub(super) fn checks(shape: LoadKind) -> impl Iterator<Item = &'static Check> {
    let groups: &[&[Check]] = match shape {
        LoadKind::Burst => &[EVERY_SHAPE],
        LoadKind::Closed => &[EVERY_SHAPE, WINDOWED],
        LoadKind::Open => &[EVERY_SHAPE, WINDOWED, OFFERED],
    };
    groups.iter().copied().flatten()
}

fn counts(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    let TrialFacts {
        planned, issued, ..
    } = *facts;
    (issued != planned).then_some(Reason::CountMismatch { planned, issued })
}

fn outcomes(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
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

fn stopped(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    let (parts, of) = facts.stopped;
    (parts > 0).then_some(Reason::StoppedEarly { parts, of })
}

fn overflow(facts: &TrialFacts, _: &Thresholds) -> Option<Reason> {
    (facts.overflowed > 0).then_some(Reason::Overflow {
        values: facts.overflowed,
    })
}

fn failures(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
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

fn lateness(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.lateness_limit(facts.median_e2e);
    facts
        .lateness_p99
        .filter(|&p99| p99 > limit)
        .map(|p99| Reason::Lateness { p99, limit })
}

fn start_skew(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.skew_limit(facts.median_e2e);
    facts
        .start_skew
        .filter(|&skew| skew > limit)
        .map(|skew| Reason::StartSkew { skew, limit })
}

fn clock_uncertainty(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.skew_limit(facts.median_e2e);
    let uncertainty = facts.clock_uncertainty.filter(|&u| u > limit)?;
    Some(Reason::ClockUncertainty { uncertainty, limit })
}

fn generator(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.generator_share;
    facts
        .generator_share
        .filter(|&s| s > limit)
        .map(|share| Reason::GeneratorBusy { share, limit })
}

fn floor(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.floor_share;
    facts
        .floor_share
        .filter(|&s| s > limit)
        .map(|share| Reason::NearGeneratorLimit { share, limit })
}

fn steal(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let share = facts.steal_share.filter(|&s| s > thresholds.steal_warn)?;
    Some(match thresholds.steal_share {
        limit if share > limit => Reason::Steal { share, limit },
        _ => Reason::SomeSteal {
            share,
            limit: thresholds.steal_warn,
        },
    })
}

fn others(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.others_warn;
    facts
        .others_share
        .filter(|&s| s > limit)
        .map(|share| Reason::OthersBusy { share, limit })
}

fn frequency(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let limit = thresholds.frequency_range;
    facts
        .frequency_range
        .filter(|&r| r > limit)
        .map(|range| Reason::FrequencyDrift { range, limit })
}

fn duration(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let (duration, limit) = (facts.duration, thresholds.least_duration);
    (duration < limit).then_some(Reason::TooShort { duration, limit })
}

fn achieved(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
    let ((offered, issued), limit) = (facts.offered?, thresholds.achieved_share);
    ((issued as f64) < limit * offered as f64).then_some(Reason::NotAchieved {
        offered,
        issued,
        limit,
    })
}

fn littles_law(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
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

fn stationarity(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
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
fn saturation(facts: &TrialFacts, thresholds: &Thresholds) -> Option<Reason> {
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
    fn limit(&self) -> Duration {
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
