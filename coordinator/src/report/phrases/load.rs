//! The requests of a scenario and their times: what was sent if that is known, otherwise what the
//! plan says, and what was cut. A limit is never shown as a length. Must not know findings.

use contract::part::{Lengths, Sent, Span};
use contract::spec::{Length, Planned, PromptSpec, Scenario, Shape};

use super::words::{count, listed, percent, seconds};

/// The name of a scenario and its requests.
pub(crate) fn offered(scenario: &Scenario, sent: Option<&Sent>) -> String {
    format!("{}: {}", scenario.name, load(scenario, sent))
}

/// The requests of a scenario, and when they are sent.
pub(crate) fn load(scenario: &Scenario, sent: Option<&Sent>) -> String {
    let requests = match scenario.planned() {
        Planned::Exactly(requests) => count(requests.into(), "request"),
        Planned::AtMost(_) => {
            let sending = scenario
                .window()
                .or(scenario.stop.min_duration)
                .unwrap_or_default();
            format!("requests for {}", seconds(sending.as_secs_f64()))
        }
    };
    format!("{requests} {}, {}", shape(scenario), tokens(scenario, sent))
}

fn shape(scenario: &Scenario) -> String {
    let window = || {
        let length = scenario
            .closes()
            .or_else(|| scenario.window())
            .unwrap_or_default();
        format!("over {}", seconds(length.as_secs_f64()))
    };
    match &scenario.shape {
        Shape::Burst { .. } => "released together".to_owned(),
        Shape::ClosedLoop { concurrency, .. } => format!("with {concurrency} in flight"),
        Shape::Ladder { concurrency, .. } => format!("with {} in flight", listed(concurrency)),
        Shape::Constant { rate } => format!("evenly at {rate} a second {}", window()),
        Shape::Poisson { rate } => format!("independently at {rate} a second {}", window()),
        Shape::Gamma { rate, cv } => {
            format!("at {rate} a second {}, gaps varying by {cv}", window())
        }
        Shape::Trace { file, speed, .. } => {
            format!(
                "replayed from {} at {speed} times its speed {}",
                file.path,
                window()
            )
        }
        Shape::Ramp { from, to, .. } => format!("at {from} changing to {to} a second {}", window()),
        Shape::Steps { rates, .. } => format!("at {} a second {}", listed(rates), window()),
    }
}

fn tokens(scenario: &Scenario, sent: Option<&Sent>) -> String {
    let kinds = match scenario.mix.len() {
        0 => String::new(),
        kinds => format!("a mixture of {}, ", count(kinds as u64, "kind")),
    };
    let (prompts, answers) = match sent.filter(|sent| sent.requests > 0) {
        Some(sent) => (span(sent.prompts.sent), span(sent.answers.sent)),
        None => (planned_prompts(scenario), planned_answers(scenario)),
    };
    format!("{kinds}{prompts} prompt and {answers} output tokens each")
}

/// For a file or a trace the plan has only the limit.
fn planned_prompts(scenario: &Scenario) -> String {
    let before = |prompt: &PromptSpec| prompt.prefix.map_or(0, |prefix| prefix.tokens);
    let limited = matches!(scenario.shape, Shape::Trace { .. })
        || scenario.asks().any(|(_, prompt, _)| prompt.file.is_some());
    let most = scenario.asks().map(|(_, prompt, _)| prompt.longest()).max();
    let least = scenario
        .asks()
        .map(|(_, prompt, _)| before(prompt).saturating_add(prompt.tokens.min()))
        .min();
    planned(limited, least, most)
}

fn planned_answers(scenario: &Scenario) -> String {
    let limited = matches!(scenario.shape, Shape::Trace { .. });
    let all = |pick: fn(Length) -> u32| scenario.asks().map(move |(_, _, output)| pick(output));
    planned(limited, all(Length::min).min(), all(Length::max).max())
}

fn planned(limited: bool, least: Option<u32>, most: Option<u32>) -> String {
    let (least, most) = (least.unwrap_or(0), most.unwrap_or(0));
    if limited {
        format!("at most {most}")
    } else {
        range(least, most)
    }
}

fn span(span: Span) -> String {
    range(span.least, span.most)
}

fn range(least: u32, most: u32) -> String {
    if least == most {
        least.to_string()
    } else {
        format!("{least} to {most}")
    }
}

/// How the requests differ from those asked for; empty if they do not.
pub(crate) fn changes(sent: Option<&Sent>) -> Vec<String> {
    let Some(sent) = sent else { return Vec::new() };
    [("prompts", sent.prompts), ("answers", sent.answers)]
        .into_iter()
        .flat_map(|(what, lengths)| {
            [
                cut(what, sent.requests, lengths),
                raised(what, sent.requests, lengths),
            ]
        })
        .flatten()
        .collect()
}

fn cut(what: &str, requests: u64, lengths: Lengths) -> Option<String> {
    (lengths.cut > 0).then(|| {
        let share = lengths.cut_tokens as f64 / lengths.asked.sum.max(1) as f64;
        format!(
            "cut: {} of {requests} {what}; {} tokens were asked for, {} sent, {} of all tokens left out",
            lengths.cut,
            span(lengths.asked),
            span(lengths.sent),
            percent(share)
        )
    })
}

fn raised(what: &str, requests: u64, lengths: Lengths) -> Option<String> {
    (lengths.raised > 0).then(|| {
        format!(
            "raised to the minimum length: {} of {requests} {what}",
            lengths.raised
        )
    })
}
