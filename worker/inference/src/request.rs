//! What goes into the engine and what comes out: requests, the reasons to refuse one, and the
//! events of a step. Plain values; nothing here computes.

use crate::config::KvFormat;
use crate::sampling::Sampling;

/// One generation to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The caller's name for it; unique among unfinished requests.
    pub id: u64,
    /// Token ids of the prompt; at least one.
    pub prompt: Vec<u32>,
    /// Tokens to generate at most; at least one.
    pub max_new_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Whether an end-of-sequence token of the model ends the output.
    pub stop_on_eos: bool,
}

/// Why a request was not accepted. Nothing of it remains in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No prompt.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// No output asked for.
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
    /// As many requests wait as may.
    #[error("{limit} requests are waiting already")]
    QueueFull {
        /// The limit.
        limit: usize,
    },
    /// A prompt token the model does not have.
    #[error("token {token} is not in the vocabulary of {vocabulary}")]
    TokenOutOfRange {
        /// The token.
        token: u32,
        /// Number of token ids.
        vocabulary: usize,
    },
    /// More cache than the engine has, even alone.
    #[error("{asked} pages of cache are needed, the engine has {total}")]
    CannotEverFit {
        /// Pages needed.
        asked: usize,
        /// Pages there are.
        total: usize,
    },
    /// An unfinished request has the same id.
    #[error("request {id} is already in the engine")]
    DuplicateId {
        /// The id.
        id: u64,
    },
    /// Temperature or top-p out of their ranges.
    #[error("the sampling parameters are out of range")]
    BadSampling,
}

/// What happened to a request in a step, in order of happening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The engine begins to work on it: its first prompt tokens enter a pass.
    Started {
        /// The request.
        id: u64,
    },
    /// One token of output. An end-of-sequence token that ends the output is not one.
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
    /// Given up; nothing more follows.
    Failed {
        /// The request.
        id: u64,
        /// What the engine found.
        fault: Fault,
    },
}

/// Why an output is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// All tokens asked for were generated.
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
    /// Requests worked on at once; 0 counts as 1.
    pub max_batch: usize,
    /// Requests waiting at once.
    pub max_queue: usize,
    /// Prompt tokens in one step at most, so that a long prompt does not stall others; 0 counts as
    /// 1.
    pub prefill_chunk: usize,
    /// Whether a prompt that begins like an earlier one takes over the pages of that beginning.
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

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StepReport {
    /// Prompt tokens computed.
    pub prefill_tokens: usize,
    /// Prompt tokens that were not computed because their pages were known.
    pub prefix_hit_tokens: usize,
    /// Sequences that were advanced by one token.
    pub decode_tokens: usize,
    /// Requests being worked on after the step.
    pub running: usize,
    /// Requests on which no work has begun after the step, admitted or not.
    pub waiting: usize,
    /// Requests being worked on in the step, those that ended with it included.
    pub held: usize,
    /// Pages of cache in use in the step, those freed with it included.
    pub kv_pages_held: usize,
    /// Pages of cache in use after the step.
    pub kv_pages_used: usize,
    /// Pages of cache.
    pub kv_pages_total: usize,
}
