//! Prompts of requests: their lengths and what they share. Must not know when they are sent.

use serde::{Deserialize, Serialize};

use super::{FileSpec, Length};

/// The prompts: by default built-in texts, cut to a length in the model's own tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSpec {
    /// Set of texts. Training and evaluation never share a text.
    #[serde(default)]
    pub set: PromptSet,
    /// Length in tokens; with a shared prefix, of the part after it.
    pub tokens: Length,
    /// A file of prompts instead of the built-in texts; longer ones are cut to `tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSpec>,
    /// For conversations in the file: number of questions that are asked, each with everything said
    /// before it.
    #[serde(
        default = "PromptSpec::one_turn",
        skip_serializing_if = "PromptSpec::is_one_turn"
    )]
    pub turns: u32,
    /// Groups of requests with a shared prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<PrefixSpec>,
}

/// Set of texts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum PromptSet {
    /// For measurements.
    #[default]
    Evaluation,
    /// For collecting profiles, and for warming up.
    Training,
}

/// Groups of requests that begin with the same tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixSpec {
    /// Number of different prefixes.
    pub groups: u32,
    /// Length of each prefix, tokens.
    pub tokens: u32,
}

/// One kind of request in a mix. Absent fields are taken from the scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixPart {
    /// Its share of requests is this ÷ the sum of all weights.
    pub weight: f64,
    /// Its prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptSpec>,
    /// Length of its answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<Length>,
}

impl PromptSpec {
    /// Built-in texts of this length.
    #[must_use]
    pub fn of(set: PromptSet, tokens: impl Into<Length>) -> Self {
        Self {
            set,
            tokens: tokens.into(),
            file: None,
            turns: 1,
            prefix: None,
        }
    }

    fn one_turn() -> u32 {
        1
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference to the field"
    )]
    fn is_one_turn(turns: &u32) -> bool {
        *turns == 1
    }

    /// Tokens of the longest prompt.
    #[must_use]
    pub fn longest(&self) -> u32 {
        self.prefix
            .map_or(0, |prefix| prefix.tokens)
            .saturating_add(self.tokens.max())
    }
}
