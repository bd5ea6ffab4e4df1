//! Prompts of an exact length in the model's own tokens, drawn from built-in texts. Owns drawing
//! and cutting; the texts are in [`super::texts`]. Must not know when a prompt is sent.

use contract::spec::PromptSet;

use super::texts::{EVALUATION, TRAINING};
use crate::engine::{Engine, EngineError};
use crate::stream::Stream;

/// Estimated bytes of text for each token; too low an estimate only costs another round.
const BYTES_PER_TOKEN: usize = 3;

/// Why a prompt cannot be made. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The tokenizer failed.
    #[error("{0}")]
    Engine(#[from] EngineError),
    /// The tokenizer turns ordinary text into too few tokens.
    #[error("make a prompt: the tokenizer turns {bytes} bytes of text into {tokens} tokens")]
    NoTokens {
        /// Bytes of text tried.
        bytes: usize,
        /// Tokens obtained.
        tokens: usize,
    },
}

/// The sentences of a set.
#[must_use]
pub fn sentences(set: PromptSet) -> &'static [&'static str] {
    match set {
        PromptSet::Evaluation => EVALUATION,
        PromptSet::Training => TRAINING,
    }
}

/// A prompt of exactly `tokens` tokens: sentences drawn one after another, cut at the end.
///
/// # Errors
/// When the tokenizer gives too few tokens.
pub fn compose(
    set: PromptSet,
    tokens: u32,
    stream: &mut Stream,
    engine: &dyn Engine,
) -> Result<Vec<u32>, PromptError> {
    let wanted = tokens as usize;
    let mut text = String::new();
    let mut goal = wanted * BYTES_PER_TOKEN;
    loop {
        extend(&mut text, goal, sentences(set), stream);
        let mut prompt = engine.encode(&text)?;
        if prompt.len() >= wanted {
            prompt.truncate(wanted);
            return Ok(prompt);
        }
        // A tokenizer that needs this much text for a token does not work.
        if text.len() > 1000 * wanted + 10_000 {
            return Err(PromptError::NoTokens {
                bytes: text.len(),
                tokens: prompt.len(),
            });
        }
        goal = text.len() * 2;
    }
}

/// The first `tokens` tokens of a text, at least one, and the number of tokens of the whole text.
///
/// # Errors
/// When the tokenizer fails or gives no tokens.
pub fn encode(
    text: &str,
    tokens: u32,
    engine: &dyn Engine,
) -> Result<(Vec<u32>, u32), PromptError> {
    let mut prompt = engine.encode(text)?;
    let all = u32::try_from(prompt.len()).unwrap_or(u32::MAX);
    prompt.truncate(tokens as usize);
    match prompt.is_empty() {
        true => Err(PromptError::NoTokens {
            bytes: text.len(),
            tokens: 0,
        }),
        false => Ok((prompt, all)),
    }
}

fn extend(text: &mut String, goal: usize, sentences: &[&str], stream: &mut Stream) {
    while text.len() < goal {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(sentences[stream.below(sentences.len())]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pools_are_large_varied_and_disjoint() {
        let pools = [PromptSet::Evaluation, PromptSet::Training].map(sentences);
        let mut all = BTreeSet::new();
        for pool in pools {
            assert!(pool.len() >= 40);
            assert!(
                pool.iter().all(|sentence| all.insert(*sentence)),
                "a sentence is there twice"
            );
            for (kind, found) in [
                ("unicode", pool.iter().any(|s| !s.is_ascii())),
                (
                    "digits",
                    pool.iter()
                        .any(|s| s.contains(|c: char| c.is_ascii_digit())),
                ),
                (
                    "code",
                    pool.iter()
                        .any(|s| s.contains("();") || s.contains("return")),
                ),
            ] {
                assert!(found, "{kind}");
            }
        }
    }

    /// The protocol page lists them for workers in other languages.
    #[test]
    fn the_sentences_that_the_docs_list_are_these() {
        for (set, listed) in [
            (
                PromptSet::Evaluation,
                include_str!("../../../docs/prompts/evaluation.txt"),
            ),
            (
                PromptSet::Training,
                include_str!("../../../docs/prompts/training.txt"),
            ),
        ] {
            assert!(listed.lines().eq(sentences(set).iter().copied()), "{set:?}");
        }
    }

    #[test]
    fn sets_share_no_run_of_five_words() {
        let runs = |set| -> BTreeSet<Vec<&str>> {
            let words = |s: &&'static str| s.split_whitespace().collect::<Vec<_>>();
            sentences(set)
                .iter()
                .map(words)
                .flat_map(|w| w.windows(5).map(<[_]>::to_vec).collect::<Vec<_>>())
                .collect()
        };
        let shared: Vec<_> = runs(PromptSet::Training)
            .intersection(&runs(PromptSet::Evaluation))
            .cloned()
            .collect();
        assert!(shared.is_empty(), "{shared:?}");
    }
}
