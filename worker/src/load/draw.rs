//! The content of one request of a scenario: its kind, its lengths, its group. Depends only on seed
//! and index, so that it is the same for every arm and number of slots. Must not know prompts'
//! texts or when requests are sent.

use contract::part;
use contract::spec::{Distribution, Length, PromptSpec, Scenario};

use crate::stream::{Purpose, Stream};

/// A request without its text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Drawn<'a> {
    /// Index of its kind in the mix.
    pub kind: u32,
    /// Its prompts.
    pub prompt: &'a PromptSpec,
    /// Tokens of its prompt after the shared prefix.
    pub prompt_tokens: part::Length,
    /// Its group within the kind, if there are groups.
    pub group: u32,
    /// Tokens of its answer.
    pub output_tokens: part::Length,
    /// Tokens of the longest answer that its kind allows.
    pub longest_answer: u32,
}

/// The content of request `index`.
#[must_use]
pub(super) fn request(scenario: &Scenario, seed: u64, index: u32) -> Drawn<'_> {
    let mut stream = Stream::new(seed, Purpose::Kind, index.into());
    let (kind, prompt, output) = kind(scenario, &mut stream);
    let group = prompt
        .prefix
        .map_or(0, |prefix| below(&mut stream, prefix.groups));
    let prompt_tokens = length(prompt.tokens, &mut stream);
    let output_tokens = length(output, &mut stream);
    Drawn {
        kind,
        prompt,
        prompt_tokens,
        group,
        output_tokens,
        longest_answer: output.max(),
    }
}

/// One kind of the mix, chosen by weight.
fn kind<'a>(scenario: &'a Scenario, stream: &mut Stream) -> (u32, &'a PromptSpec, Length) {
    let total: f64 = scenario.asks().map(|(weight, ..)| weight).sum();
    let mut left = stream.uniform() * total;
    let mut chosen = (0, &scenario.prompt, scenario.output_tokens);
    for (kind, (weight, prompt, output)) in (0..).zip(scenario.asks()) {
        chosen = (kind, prompt, output);
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    chosen
}

fn length(length: Length, stream: &mut Stream) -> part::Length {
    let Length::Drawn(distribution) = length else {
        return length.max().into();
    };
    let (least, most) = distribution.bounds();
    let value = match distribution {
        Distribution::Uniform { .. } => return (least + below(stream, most - least + 1)).into(),
        Distribution::Normal { mean, sd, .. } => mean + sd * stream.normal(),
        Distribution::Lognormal { mean, sd, .. } => {
            let variance = (sd / mean).powi(2).ln_1p();
            (mean.ln() - variance / 2.0 + variance.sqrt() * stream.normal()).exp()
        }
    };
    // Saturates at zero and at the greatest `u32`; the bounds are inside that range.
    let asked = value.round() as u32;
    part::Length {
        asked,
        sent: asked.clamp(least, most),
    }
}

fn below(stream: &mut Stream, n: u32) -> u32 {
    u32::try_from(stream.below(n as usize)).expect("below a u32")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::spec::{MixPart, Objectives, PrefixSpec, PromptSet, Shape, StopSpec, Warmup};

    use super::*;

    fn scenario(output_tokens: Length) -> Scenario {
        Scenario {
            name: "s".into(),
            shape: Shape::Burst { requests: 1 },
            prompt: PromptSpec::of(PromptSet::Evaluation, 8),
            output_tokens,
            mix: Vec::new(),
            stop: StopSpec::default(),
            max_in_flight: None,
            objectives: Objectives::default(),
            warmup: Warmup::default(),
            timeout: Duration::from_secs(1),
        }
    }

    fn outputs(scenario: &Scenario) -> Vec<f64> {
        (0..20_000)
            .map(|index| f64::from(request(scenario, 3, index).output_tokens.sent))
            .collect()
    }

    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn distributions_have_their_moments_and_keep_their_bounds() {
        let (mean, sd, min, max) = (100.0, 30.0, 1, 10_000);
        let cases = [
            (Distribution::Uniform { min: 50, max: 150 }, 100.0, 29.15),
            (Distribution::Normal { mean, sd, min, max }, mean, sd),
            (Distribution::Lognormal { mean, sd, min, max }, mean, sd),
        ];
        for (distribution, mean, sd) in cases {
            let found = moments(&outputs(&scenario(Length::Drawn(distribution))));
            assert!(
                (found.0 - mean).abs() < 1.0 && (found.1 - sd).abs() < 1.0,
                "{distribution:?} {found:?}"
            );
        }
        let narrow = Length::Drawn(Distribution::Lognormal {
            mean,
            sd,
            min: 90,
            max: 110,
        });
        assert!(
            outputs(&scenario(narrow))
                .iter()
                .all(|n| (90.0..=110.0).contains(n))
        );
    }

    #[test]
    fn kinds_come_by_weight_and_groups_alike() {
        let mut mixed = scenario(1.into());
        let part = |weight, tokens: u32| MixPart {
            weight,
            prompt: None,
            output_tokens: Some(tokens.into()),
        };
        mixed.mix = vec![part(3.0, 10), part(1.0, 20)];
        let long = outputs(&mixed).iter().filter(|n| **n == 20.0).count();
        assert!((4_800..5_200).contains(&long), "{long}");

        let mut grouped = scenario(1.into());
        grouped.prompt.prefix = Some(PrefixSpec {
            groups: 4,
            tokens: 5,
        });
        let mut counts = [0; 4];
        (0..4000).for_each(|index| counts[request(&grouped, 1, index).group as usize] += 1);
        assert!(counts.iter().all(|n| (900..1100).contains(n)), "{counts:?}");
    }
}
