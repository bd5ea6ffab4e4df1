//! The window that follows from a shape and a stop rule together: windows without a request or
//! without a length, and stops that the shape never reaches. Only new plans are checked, so that
//! old runs stay readable. Must not know the ranges of single keys ([`super::load`]).

use std::time::Duration;

use contract::spec::{Scenario, Shape, ShapeKind, StopSpec};

use super::load::LENGTH;

/// Maximum number of requests in a window.
pub(super) const MOST_REQUESTS: u32 = 10_000_000;

/// A contradiction between a window and its plan. Messages complete "the scenario `…` …".
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum WindowProblem {
    /// The rate is too low for its window.
    #[error(
        "has no request: its rate gives {comes_to:.3} requests in {seconds} s, which rounds to none; raise \
         the rate, or give it a longer window"
    )]
    NoRequest {
        /// Integral of the rate.
        comes_to: f64,
        /// Over this many seconds.
        seconds: f64,
    },
    /// The rate is too high for its window.
    #[error(
        "has {requests:.0} requests, and at most {MOST_REQUESTS} are allowed; lower the rate, or give it a \
         shorter window"
    )]
    TooMany {
        /// Integral of the rate.
        requests: f64,
    },
    /// The shape does not have this number of requests.
    #[error(
        "is to stop at {wanted} requests (`stop.{key}`), but its {what} has only {there}; {way}"
    )]
    BeyondCount {
        /// Key of the stop rule.
        key: &'static str,
        /// Number of requests that the stop rule requires.
        wanted: u32,
        /// Number of requests that there are.
        there: u32,
        /// The part of the shape that ends first.
        what: &'static str,
        /// What to do.
        way: &'static str,
    },
    /// The shape does not last this long.
    #[error("is to last {wanted} s (`stop.{key}`), but its {what} is over after {there} s; {way}")]
    BeyondTime {
        /// Key of the stop rule.
        key: &'static str,
        /// Seconds that the stop rule requires.
        wanted: f64,
        /// Seconds that the shape lasts.
        there: f64,
        /// The part of the shape that ends first.
        what: &'static str,
        /// What to do.
        way: &'static str,
    },
    /// Two stop rules, either of which could end the window before the other is met.
    #[error(
        "has `stop.{one}` beside `stop.{other}`, and either could end it before the other holds; leave one out"
    )]
    TwoRules {
        /// One key.
        one: &'static str,
        /// The other key.
        other: &'static str,
    },
    /// All requests of the trace are due at one instant.
    #[error(
        "replays {requests} request(s) that are all due at the same instant, so its window has no length; \
         use `shape = {{ kind = \"burst\", requests = {requests} }}`"
    )]
    OneInstant {
        /// Number of requests in the replayed part of the trace.
        requests: u32,
    },
    /// A trace that is too short or too long.
    #[error(
        "replays a trace of {seconds} s, a window lasts from {} s to {} s; change `shape.speed`, and see that times are in the unit \
         of their key: `timestamp` counts milliseconds, `at` seconds", LENGTH.0, LENGTH.1
    )]
    TraceLength {
        /// Its length at the plan's speed.
        seconds: f64,
    },
}

/// All problems of a window.
pub(super) fn problems(scenario: &Scenario) -> Vec<WindowProblem> {
    match &scenario.shape {
        Shape::Trace { speed, .. } => trace(scenario, *speed),
        shape => match shape.kind() {
            ShapeKind::Burst => Vec::new(),
            ShapeKind::Open => rules(&scenario.stop)
                .into_iter()
                .chain(open(scenario))
                .collect(),
            ShapeKind::Closed => rules(&scenario.stop)
                .into_iter()
                .chain(ladder(scenario))
                .collect(),
        },
    }
}

fn trace(scenario: &Scenario, speed: f64) -> Vec<WindowProblem> {
    let Shape::Trace {
        facts: Some(facts), ..
    } = &scenario.shape
    else {
        return Vec::new();
    };
    let stop = &scenario.stop;
    let beyond = [
        ("requests", stop.requests),
        ("min_requests", stop.min_requests),
    ];
    let beyond = beyond
        .into_iter()
        .filter_map(|(key, wanted)| Some((key, wanted?)))
        .find_map(|(key, wanted)| {
            let (there, what) = (facts.requests, "trace");
            let way = match key {
                "requests" => "leave it out, or lower it",
                _ => "leave it out: a trace sets the number itself",
            };
            (wanted > there || key == "min_requests").then_some(WindowProblem::BeyondCount {
                key,
                wanted,
                there,
                what,
                way,
            })
        });
    let seconds = facts.over.as_secs_f64() / speed.max(1e-9);
    let length = match facts.over {
        Duration::ZERO => Some(WindowProblem::OneInstant {
            requests: scenario.requests(),
        }),
        _ if !(LENGTH.0..=LENGTH.1).contains(&seconds) => {
            Some(WindowProblem::TraceLength { seconds })
        }
        _ => None,
    };
    beyond.into_iter().chain(length).collect()
}

/// Two stop rules, either of which could end the window.
fn rules(stop: &StopSpec) -> Option<WindowProblem> {
    let ends = [
        ("requests", stop.requests.is_some()),
        ("duration", stop.duration.is_some()),
    ];
    let least = [
        ("min_requests", stop.min_requests.is_some()),
        ("min_duration", stop.min_duration.is_some()),
    ];
    let given = |keys: [(&'static str, bool); 2]| {
        keys.into_iter()
            .find(|(_, given)| *given)
            .map(|(key, _)| key)
    };
    given(least)
        .zip(given(ends))
        .map(|(one, other)| WindowProblem::TwoRules { one, other })
}

fn open(scenario: &Scenario) -> Option<WindowProblem> {
    let (stop, length) = (&scenario.stop, scenario.shape.length());
    if let Some(problem) = length.and_then(|length| beyond(scenario, length)) {
        return Some(problem);
    }
    let window = scenario.closes().unwrap_or_default();
    let comes_to = scenario
        .arrivals_within(window)
        .max(stop.requests.unwrap_or(0).into());
    let seconds = window.as_secs_f64();
    // Without a window or a rate, another problem is reported already.
    let told = window.is_zero() || comes_to == 0.0;
    if scenario.requests() == 0 {
        return (!told).then_some(WindowProblem::NoRequest { comes_to, seconds });
    }
    (comes_to > f64::from(MOST_REQUESTS)).then_some(WindowProblem::TooMany { requests: comes_to })
}

/// A stop that a ramp or steps never reach.
fn beyond(scenario: &Scenario, length: Duration) -> Option<WindowProblem> {
    let stop = &scenario.stop;
    let (what, way) = match &scenario.shape {
        Shape::Ramp { .. } => (
            "ramp",
            "leave it out, lower it, or make `shape.over` or the rates greater",
        ),
        _ => (
            "sequence of steps",
            "leave it out, lower it, or make `shape.each` or the rates greater",
        ),
    };
    let there = scenario.arrivals_within(length).round() as u32;
    let count = [
        ("requests", stop.requests),
        ("min_requests", stop.min_requests),
    ];
    let count = count.into_iter().find_map(|(key, wanted)| {
        let wanted = wanted.filter(|wanted| *wanted > there)?;
        Some(WindowProblem::BeyondCount {
            key,
            wanted,
            there,
            what,
            way,
        })
    });
    count.or_else(|| time(stop, length, what, way))
}

fn time(
    stop: &StopSpec,
    length: Duration,
    what: &'static str,
    way: &'static str,
) -> Option<WindowProblem> {
    let there = length.as_secs_f64();
    [
        ("duration", stop.duration),
        ("min_duration", stop.min_duration),
    ]
    .into_iter()
    .find_map(|(key, wanted)| {
        let wanted = wanted.filter(|wanted| *wanted > length)?.as_secs_f64();
        Some(WindowProblem::BeyondTime {
            key,
            wanted,
            there,
            what,
            way,
        })
    })
}

fn ladder(scenario: &Scenario) -> Option<WindowProblem> {
    let length = scenario.shape.length()?;
    let way = "leave it out, lower it, or make `shape.each` greater";
    time(&scenario.stop, length, "ladder", way)
}
