//! How long requests were.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lengths of the requests that were sent in the window, whatever became of them, tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// How many.
    pub requests: u64,
    /// Of their prompts, shared beginnings included.
    pub prompts: Lengths,
    /// Of the answers that were asked of the engine.
    pub answers: Lengths,
}

/// Lengths asked for and sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    /// By the trace, the file or the distribution, before the plan's bounds.
    pub asked: Span,
    /// Within the plan's bounds.
    pub sent: Span,
    /// Requests that were sent shorter than asked.
    pub cut: u64,
    /// What they lost together.
    pub cut_tokens: u64,
    /// Requests that were sent longer than asked: draws below the least length.
    pub raised: u64,
}

/// Least, greatest and sum of lengths; zeros where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Shortest.
    pub least: u32,
    /// Longest.
    pub most: u32,
    /// All together.
    pub sum: u64,
}
