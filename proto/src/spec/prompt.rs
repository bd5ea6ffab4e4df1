//! What requests ask: how long prompts are and what they share. Must not know when they are sent.

use serde::{Deserialize, Serialize};

use super::{FileSpec, Length};

/// Which prompts: built-in texts, cut to a length in the model's own tokens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromptSpec {
    /// Training and evaluation never share a text.
    #[serde(default)]
    pub set: PromptSet,
    /// Length in tokens; beside a shared prefix, of what follows it.
    pub tokens: Length,
    /// A file of prompts in place of the built-in texts; what is longer than `tokens` is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileSpec>,
    /// Of a conversation in the file: how many of its questions are asked, each with all that was
    /// said before it.
    #[serde(
        default = "PromptSpec::one_turn",
        skip_serializing_if = "PromptSpec::is_one_turn"
    )]
    pub turns: u32,
    /// Groups of requests that begin alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<PrefixSpec>,
}

/// Which pool of texts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum PromptSet {
    /// For every measurement.
    #[default]
    Evaluation,
    /// For collecting profiles, and for warming up.
    Training,
}

/// Groups of requests that begin with the same tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixSpec {
    /// How many different beginnings.
    pub groups: u32,
    /// Length of each, tokens.
    pub tokens: u32,
}

/// One kind of request of a mixture. What it leaves out it takes from its scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixPart {
    /// Its share of requests is this over the sum of all weights.
    pub weight: f64,
    /// What it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptSpec>,
    /// How long its answers are.
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
