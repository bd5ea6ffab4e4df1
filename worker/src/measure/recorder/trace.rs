//! The recorder's state of one request, and what is kept of it. It must not know the others.

use std::time::Duration;

use contract::part::{Outcome, RequestRecord};
use contract::spec::Objectives;

use super::nanos;

/// One request; offsets from the start instant, nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trace {
    pub(super) state: State,
    pub(super) prompt_tokens: u32,
    pub(super) asked: u32,
    pub(super) intended: u64,
    pub(super) sent: u64,
    pub(super) started: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    /// Number of times at which content arrived: tokens, or chunks that do not report their tokens.
    pub(super) made: u32,
    /// For an answer in chunks.
    pub(super) chunks: Chunks,
}

/// Facts about an answer in chunks; all zero for an answer in tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chunks {
    /// Number of tokens of the first chunk; zero if unknown, or without chunks.
    pub(super) first: u32,
    /// Number of tokens of the whole answer, reported at its end.
    pub(super) tokens: Option<u32>,
    /// Digest of its text.
    pub(super) text: [u32; 2],
}

/// Progress of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Unsent,
    /// Its token times are in this lane of `times`.
    InFlight(u32),
    Ended(Outcome, u64),
}

impl Trace {
    /// Whether it was answered and met every objective.
    pub(super) fn meets(&self, objectives: &Objectives) -> bool {
        let within = |limit: Option<Duration>, from: u64, to: u64| {
            limit.is_none_or(|limit| to.saturating_sub(from) <= nanos(limit))
        };
        let gaps = u64::from(self.tokens().saturating_sub(1)).max(1);
        matches!(self.state, State::Ended(Outcome::Ok, _))
            && within(objectives.ttft, self.intended, self.first)
            && within(objectives.e2e, self.intended, self.last)
            && within(
                objectives.tpot,
                0,
                self.last.saturating_sub(self.first) / gaps,
            )
    }

    /// Number of tokens of its answer, so far or as reported.
    pub(super) fn tokens(&self) -> u32 {
        self.chunks.tokens.unwrap_or(self.made)
    }

    /// Whether the time of every token is known: if there are as many chunks with text as tokens,
    /// each chunk is one token.
    pub(super) fn is_exact(&self) -> bool {
        self.tokens() == self.made
    }

    /// Time of its last known event.
    pub(super) fn latest(&self) -> u64 {
        self.sent.max(self.started).max(self.last)
    }

    /// `None` for a request that was never sent.
    pub(super) fn record(&self, index: u32) -> Option<RequestRecord> {
        let State::Ended(outcome, done_ns) = self.state else {
            return None;
        };
        Some(RequestRecord {
            index,
            outcome,
            intended_ns: self.intended,
            sent_ns: self.sent,
            started_ns: self.started,
            first_token_ns: self.first,
            done_ns,
            prompt_tokens: self.prompt_tokens,
            output_tokens: self.tokens(),
        })
    }
}
