//! Which loads make sense: the ranges of their keys, and what contradicts what between shape, stop rule and requests.
//! Must not know the rest of a plan.

use contract::spec::{Distribution, Length, Planned, Scenario, Shape, ShapeKind};

/// Tokens of a prompt or an answer.
const TOKENS: (f64, f64) = (1.0, 1e6);

/// Requests per second.
const RATE: (f64, f64) = (0.001, 1e6);

/// Seconds.
const LENGTH: (f64, f64) = (0.01, 604_800.0);

/// How a load contradicts itself. Messages complete "the scenario `…` …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadProblem {
    /// An open loop, or a closed one, without an end.
    #[error("never ends; give it `stop = {{ duration = … }}` in seconds, or `stop = {{ requests = … }}`")]
    NoEnd,
    /// Closed loops end by count.
    #[error("is a closed loop that time is to end, which workers do not do; give it `requests` instead")]
    TimedLoop,
    /// A stop rule that looks at what happens.
    #[error(
        "has a stop rule that looks at errors or saturation, which workers do not do; leave `{key}` out and read the run's validity"
    )]
    WatchedStop {
        /// The key.
        key: &'static str,
    },
    /// A stop rule for a burst.
    #[error("is a burst, which ends when all is answered; leave `stop` out")]
    StoppedBurst,
    /// Both rules at once.
    #[error("has both `stop.requests` and `stop.duration`; give one of them")]
    TwoEnds,
    /// Load before the window.
    #[error("asks for a run-in, which workers do not do; leave `warmup.run_in` out")]
    RunIn,
    /// A distribution whose bounds are the wrong way round.
    #[error("draws lengths with `min` above `max`; swap them")]
    Bounds,
    /// A ramp or steps without a single request.
    #[error("has no rate above zero; raise one")]
    NoRate,
}

/// Every number of a load that has a range: key, value, least, greatest.
pub(super) fn ranges(scenario: &Scenario) -> Vec<(String, f64, f64, f64)> {
    let mut all = Vec::new();
    let mut add =
        |key: &str, value: f64, (low, high): (f64, f64)| all.push((key.to_owned(), value, low, high));
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
        if let Some(prefix) = prompt.prefix {
            add("prompt.prefix.groups", prefix.groups.into(), (1.0, 1e6));
            add("prompt.prefix.tokens", prefix.tokens.into(), TOKENS);
        }
    }
    rates(&scenario.shape).into_iter().for_each(|(key, value, range)| add(key, value, range));
    let stop = &scenario.stop;
    for (key, length) in [("stop.duration", stop.duration), ("stop.min_duration", stop.min_duration)] {
        length.into_iter().for_each(|length| add(key, length.as_secs_f64(), LENGTH));
    }
    all
}

fn spread(length: Length) -> Vec<(&'static str, f64, (f64, f64))> {
    match length {
        Length::Drawn(Distribution::Normal { mean, sd, .. } | Distribution::Lognormal { mean, sd, .. }) => {
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
        &Shape::Gamma { rate, cv } => vec![("shape.rate", rate, RATE), ("shape.cv", cv, (0.05, 10.0))],
        &Shape::Ramp { from, to, over, .. } => vec![
            ("shape.from", from, zero),
            ("shape.to", to, zero),
            ("shape.over", over.as_secs_f64(), LENGTH),
        ],
        Shape::Steps { rates, each, .. } => {
            let rates = rates.iter().map(|rate| ("shape.rates", *rate, zero));
            rates.chain([("shape.each", each.as_secs_f64(), LENGTH)]).collect()
        }
        Shape::Ladder { each, .. } => vec![("shape.each", each.as_secs_f64(), LENGTH)],
    }
}

/// Everything that contradicts itself.
pub(super) fn problems(scenario: &Scenario) -> Vec<LoadProblem> {
    let stop = &scenario.stop;
    let (kind, window) = (scenario.shape.kind(), scenario.window().or(stop.min_duration));
    let crossed = |length: Length| length.min() > length.max();
    let still = match &scenario.shape {
        Shape::Ramp { from, to, .. } => from + to == 0.0,
        Shape::Steps { rates, .. } => rates.iter().sum::<f64>() == 0.0,
        _ => false,
    };
    let timed = matches!(scenario.planned(), Planned::AtMost(_));
    let ended = kind != ShapeKind::Open || stop.requests.is_some() || window.is_some();
    let found = [
        (!ended || (kind == ShapeKind::Closed && !timed && scenario.requests() == 0), LoadProblem::NoEnd),
        (timed, LoadProblem::TimedLoop),
        (stop.max_error_rate.is_some(), LoadProblem::WatchedStop { key: "stop.max_error_rate" }),
        (stop.over_saturation, LoadProblem::WatchedStop { key: "stop.over_saturation" }),
        (kind == ShapeKind::Burst && !stop.is_default(), LoadProblem::StoppedBurst),
        (stop.requests.is_some() && stop.duration.is_some(), LoadProblem::TwoEnds),
        (scenario.warmup.run_in.is_some(), LoadProblem::RunIn),
        (
            scenario.asks().any(|(_, prompt, output)| crossed(prompt.tokens) || crossed(output)),
            LoadProblem::Bounds,
        ),
        (still, LoadProblem::NoRate),
    ];
    found.into_iter().filter(|(found, _)| *found).map(|(_, problem)| problem).collect()
}
