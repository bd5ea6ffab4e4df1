//! Which loads are valid: the ranges of their keys, and contradictions between shape, stop rule and
//! requests. Must not know the rest of a plan, or the resulting number of requests
//! ([`super::window`]).

use contract::spec::{Distribution, Length, Planned, Scenario, Shape, ShapeKind};

/// Tokens of a prompt or an answer.
const TOKENS: (f64, f64) = (1.0, 1e6);

/// Requests per second.
const RATE: (f64, f64) = (0.001, 1e6);

/// Number of consecutive rates or levels.
const MOST_STAGES: f64 = 10_000.0;

/// Number of request kinds in a mix: each request is drawn from all of them.
const MOST_KINDS: f64 = 1_000.0;

/// Seconds.
pub(super) const LENGTH: (f64, f64) = (0.01, 604_800.0);

/// A contradiction within a load. Messages complete "the scenario `…` …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadProblem {
    /// A loop without an end.
    #[error(
        "never ends; give it `stop = {{ duration = … }}` in seconds, or `stop = {{ requests = … }}`"
    )]
    NoEnd,
    /// A closed loop cannot over-saturate.
    #[error("is a closed loop, which cannot be over-saturated; leave `stop.over_saturation` out")]
    Saturated,
    /// `max_in_flight` for a shape that sets the number in flight itself.
    #[error(
        "has `max_in_flight`, which is for open loops: this shape sets the number in flight itself"
    )]
    Bounded,
    /// A stop rule for a burst.
    #[error("is a burst, which ends when all requests are answered; leave `stop` out")]
    StoppedBurst,
    /// Two stop rules that exclude each other.
    #[error("has both `stop.requests` and `stop.duration`; give one of them")]
    TwoEnds,
    /// A run-in for a shape that has none.
    #[error("is a burst, which has no run-in; leave `warmup.run_in` out")]
    RunIn,
    /// A trace sets its own duration.
    #[error(
        "replays a trace, which sets its own duration; give it `stop.requests` or no stop rule"
    )]
    TimedTrace,
    /// Turns without a conversation.
    #[error(
        "asks for several turns of the built-in texts; give it a `prompt.file` of conversations"
    )]
    Turns,
    /// A ladder without levels.
    #[error("has no number in flight above zero; raise one")]
    NoLevel,
    /// A distribution with its minimum above its maximum.
    #[error("draws lengths with `min` above `max`; swap them")]
    Bounds,
    /// A ramp or steps without a single request.
    #[error("has no rate above zero; raise one")]
    NoRate,
}

/// Every number of a load that has a range: key, value, least, greatest.
pub(super) fn ranges(scenario: &Scenario) -> Vec<(String, f64, f64, f64)> {
    let mut all = Vec::new();
    let mut add = |key: &str, value: f64, (low, high): (f64, f64)| {
        all.push((key.to_owned(), value, low, high));
    };
    let (stages, key) = match &scenario.shape {
        Shape::Steps { rates, .. } => (rates.len(), "the number of shape.rates"),
        Shape::Ladder { concurrency, .. } => (
            concurrency.len(),
            "the number of levels in shape.concurrency",
        ),
        _ => (1, ""),
    };
    add(key, stages as f64, (1.0, MOST_STAGES));
    add(
        "the number of kinds in mix",
        scenario.mix.len() as f64,
        (0.0, MOST_KINDS),
    );
    for (weight, prompt, output) in scenario.asks() {
        add("mix.weight", weight, (1e-6, 1e6));
        for (key, length) in [("prompt.tokens", prompt.tokens), ("output_tokens", output)] {
            add(key, length.min().into(), TOKENS);
            if let Length::Drawn(_) = length {
                add(key, length.max().into(), TOKENS);
            }
            spread(length)
                .into_iter()
                .for_each(|(name, value, range)| add(&format!("{key}.{name}"), value, range));
        }
        add("prompt.turns", prompt.turns.into(), (1.0, 1e4));
        if let Some(prefix) = prompt.prefix {
            add("prompt.prefix.groups", prefix.groups.into(), (1.0, 1e6));
            add("prompt.prefix.tokens", prefix.tokens.into(), TOKENS);
        }
    }
    rates(&scenario.shape)
        .into_iter()
        .for_each(|(key, value, range)| add(key, value, range));
    let stop = &scenario.stop;
    for (key, length) in [
        ("stop.duration", stop.duration),
        ("stop.min_duration", stop.min_duration),
    ] {
        length
            .into_iter()
            .for_each(|length| add(key, length.as_secs_f64(), LENGTH));
    }
    let run_in = scenario.warmup.run_in;
    run_in
        .into_iter()
        .for_each(|length| add("warmup.run_in", length.as_secs_f64(), (0.0, LENGTH.1)));
    stop.max_error_rate
        .into_iter()
        .for_each(|rate| add("stop.max_error_rate", rate, (0.0, 1.0)));
    scenario
        .max_in_flight
        .into_iter()
        .for_each(|most| add("max_in_flight", most.into(), (1.0, 1e6)));
    all
}

fn spread(length: Length) -> Vec<(&'static str, f64, (f64, f64))> {
    match length {
        Length::Drawn(
            Distribution::Normal { mean, sd, .. } | Distribution::Lognormal { mean, sd, .. },
        ) => {
            vec![("mean", mean, TOKENS), ("sd", sd, (0.0, TOKENS.1))]
        }
        Length::Drawn(Distribution::Uniform { .. }) | Length::Fixed(_) => Vec::new(),
    }
}

fn rates(shape: &Shape) -> Vec<(&'static str, f64, (f64, f64))> {
    let zero = (0.0, RATE.1);
    match shape {
        Shape::Burst { .. } | Shape::ClosedLoop { .. } => Vec::new(),
        &Shape::Constant { rate } | &Shape::Poisson { rate } => vec![("shape.rate", rate, RATE)],
        &Shape::Gamma { rate, cv } => {
            vec![("shape.rate", rate, RATE), ("shape.cv", cv, (0.05, 10.0))]
        }
        &Shape::Ramp { from, to, over, .. } => vec![
            ("shape.from", from, zero),
            ("shape.to", to, zero),
            ("shape.over", over.as_secs_f64(), LENGTH),
        ],
        Shape::Steps { rates, each, .. } => {
            let rates = rates.iter().map(|rate| ("shape.rates", *rate, zero));
            rates
                .chain([("shape.each", each.as_secs_f64(), LENGTH)])
                .collect()
        }
        &Shape::Trace { speed, .. } => vec![("shape.speed", speed, (0.001, 1000.0))],
        Shape::Ladder { each, .. } => vec![("shape.each", each.as_secs_f64(), LENGTH)],
    }
}

/// All contradictions.
pub(super) fn problems(scenario: &Scenario) -> Vec<LoadProblem> {
    let stop = &scenario.stop;
    let (kind, window) = (
        scenario.shape.kind(),
        scenario.window().or(stop.min_duration),
    );
    let crossed = |length: Length| length.min() > length.max();
    let still = match &scenario.shape {
        Shape::Ramp { from, to, .. } => from + to == 0.0,
        Shape::Steps { rates, .. } => rates.iter().sum::<f64>() == 0.0,
        _ => false,
    };
    let level = match &scenario.shape {
        Shape::Ladder { concurrency, .. } => concurrency.iter().any(|level| *level > 0),
        Shape::ClosedLoop { concurrency, .. } => *concurrency > 0,
        _ => true,
    };
    let traced = matches!(scenario.shape, Shape::Trace { .. });
    let (closed, open) = (kind == ShapeKind::Closed, kind == ShapeKind::Open);
    let timed = matches!(scenario.planned(), Planned::AtMost(_));
    let ended = !open || stop.requests.is_some() || window.is_some();
    let found = [
        (
            !ended || (closed && !timed && scenario.requests() == 0),
            LoadProblem::NoEnd,
        ),
        (closed && stop.over_saturation, LoadProblem::Saturated),
        (
            !open && scenario.max_in_flight.is_some(),
            LoadProblem::Bounded,
        ),
        (
            kind == ShapeKind::Burst && !stop.is_default(),
            LoadProblem::StoppedBurst,
        ),
        (
            open && stop.requests.is_some() && stop.duration.is_some(),
            LoadProblem::TwoEnds,
        ),
        (
            kind == ShapeKind::Burst && scenario.warmup.run_in.is_some(),
            LoadProblem::RunIn,
        ),
        (!level, LoadProblem::NoLevel),
        (
            traced && (stop.duration.is_some() || stop.min_duration.is_some()),
            LoadProblem::TimedTrace,
        ),
        (
            scenario
                .asks()
                .any(|(_, prompt, _)| prompt.turns != 1 && prompt.file.is_none()),
            LoadProblem::Turns,
        ),
        (
            scenario
                .asks()
                .any(|(_, prompt, output)| crossed(prompt.tokens) || crossed(output)),
            LoadProblem::Bounds,
        ),
        (still, LoadProblem::NoRate),
    ];
    found
        .into_iter()
        .filter(|(found, _)| *found)
        .map(|(_, problem)| problem)
        .collect()
}
