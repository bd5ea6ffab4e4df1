//! The input and output of the engine: requests, the reasons to refuse one, and the events of a
//! step. Plain values; nothing here computes.

use crate::config::KvFormat;
use crate::sampling::Sampling;

/// A request to generate tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The caller's id; unique among unfinished requests.
    pub id: u64,
    /// Token ids of the prompt; at least one.
    pub prompt: Vec<u32>,
    /// Greatest number of tokens to generate; at least one.
    pub max_new_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Whether an end-of-sequence token of the model ends the output.
    pub stop_on_eos: bool,
}

/// Why a request was refused. Nothing of it remains in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No prompt.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// No output requested.
    #[error("no new tokens were asked for")]
    NothingAsked,
    /// Prompt and output exceed the model's context.
    #[error("{asked} tokens of prompt and output exceed the context of {limit}")]
    ContextOverflow {
        /// Prompt and new tokens.
        asked: usize,
        /// The model's context.
        limit: usize,
    },
    /// The queue is full.
    #[error("{limit} requests are waiting already")]
    QueueFull {
        /// The limit.
        limit: usize,
    },
    /// A prompt token that the model does not have.
    #[error("token {token} is not in the vocabulary of {vocabulary}")]
    TokenOutOfRange {
        /// The token.
        token: u32,
        /// Number of token ids.
        vocabulary: usize,
    },
    /// It needs more cache than the engine has, even alone.
    #[error("{asked} pages of cache are needed, the engine has {total}")]
    CannotEverFit {
        /// Pages needed.
        asked: usize,
        /// Pages of the cache.
        total: usize,
    },
    /// An unfinished request has the same id.
    #[error("request {id} is already in the engine")]
    DuplicateId {
        /// The id.
        id: u64,
    },
    /// Temperature or top-p is out of range.
    #[error("the sampling parameters are out of range")]
    BadSampling,
}

/// Event of a request in a step, in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The engine begins to work on it: its first prompt tokens enter a pass.
    Started {
        /// The request.
        id: u64,
    },
    /// One output token. An end-of-sequence token that ends the output is not counted.
    Token {
        /// The request.
        id: u64,
        /// The token.
        token: u32,
    },
    /// Done; nothing more follows.
    Finished {
        /// The request.
        id: u64,
        /// Why it ended.
        reason: FinishReason,
    },
    /// The request failed; nothing more follows.
    Failed {
        /// The request.
        id: u64,
        /// The fault.
        fault: Fault,
    },
}

/// Why an output is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// All requested tokens were generated.
    Length,
    /// The model ended the sequence.
    Eos,
}

/// Why a request could not be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The model computed a logit that is NaN or infinite.
    #[error("the model computed a logit that is not finite")]
    NonFiniteLogits,
}

/// Limits of a batcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// Memory for keys and values, in bytes.
    pub kv_bytes: usize,
    /// How keys and values are stored.
    pub kv_format: KvFormat,
    /// Greatest number of requests worked on at once; 0 counts as 1.
    pub max_batch: usize,
    /// Greatest number of waiting requests.
    pub max_queue: usize,
    /// Greatest number of prompt tokens in one step, so that a long prompt does not stall others; 0
    /// counts as 1.
    pub prefill_chunk: usize,
    /// Whether a prompt with the same prefix as an earlier one uses the earlier pages.
    pub prefix_reuse: bool,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            kv_bytes: 1 << 30,
            kv_format: KvFormat::default(),
            max_batch: 256,
            max_queue: 4096,
            prefill_chunk: 256,
            prefix_reuse: false,
        }
    }
}

/// Report of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepReport {
    /// Prompt tokens computed.
    pub prefill_tokens: usize,
    /// Prompt tokens not computed because their pages were known.
    pub prefix_hit_tokens: usize,
    /// Sequences advanced by one token.
    pub decode_tokens: usize,
    /// Requests being worked on after the step.
    pub running: usize,
    /// Requests without any work after the step, admitted or not.
    pub waiting: usize,
    /// Requests worked on in the step, including those that ended with it.
    pub held: usize,
    /// Cache pages in use in the step, including those freed with it.
    pub kv_pages_held: usize,
    /// Pages of cache in use after the step.
    pub kv_pages_used: usize,
    /// Pages of cache.
    pub kv_pages_total: usize,
}
