//! What a worker knows of an engine that it reaches over a connection: what time between tokens
//! means there, what the server counts, and which failures there were. Must not know protocols.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::nanos;

/// Kinds of failure that a part lists at most.
pub const FAILURES: usize = 64;

/// Of an engine that is a program of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerFacts {
    /// What the time between tokens is.
    pub itl: Itl,
    /// Moments at which something of answered requests came: chunks with text, or tokens where
    /// their moments are known. The histogram of ITL has one value for each but the first of a
    /// request.
    pub moments: u64,
    /// Answers that ended after the window had opened and whose usage the server told; those that
    /// ended too late, and those of a run-in that reached into the window, are among them.
    pub with_usage: u64,
    /// By their usage; our own count is the part's.
    pub prompt_tokens: u64,
    /// By their usage.
    pub output_tokens: u64,
    /// By their usage: prompt tokens taken over from earlier requests; null where it tells none.
    pub cached_tokens: Option<u64>,
    /// By their usage; null where it tells none.
    pub reasoning_tokens: Option<u64>,
    /// By their usage: speculated tokens that were accepted; null where it tells none.
    pub accepted_tokens: Option<u64>,
    /// In which form prompts were sent and whose tokenizer counted them.
    pub prompts: String,
    /// Connections opened in the window.
    pub connections: u64,
    /// Requests sent on a connection that was there already.
    pub reused: u64,
    /// Time spent opening connections, all together.
    #[serde(rename = "connecting_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub connecting: Duration,
    /// Failures by kind, most frequent first.
    pub failures: Vec<FailureCount>,
}

/// What the time between tokens is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Itl {
    /// Between tokens.
    #[default]
    Exact,
    /// Between chunks of text, each of which may hold several tokens.
    PerChunk,
}

/// Failures of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureCount {
    /// What went wrong.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// What was said the first time; may be empty.
    pub example: String,
    /// What can be done about it.
    pub way_out: String,
}

impl Itl {
    /// Every kind, in the order of their stored numbers.
    pub const ALL: [Self; 2] = [Self::Exact, Self::PerChunk];

    /// As it reads beside a figure.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::PerChunk => "per-chunk",
        }
    }
}

impl ServerFacts {
    /// Adds what another part says. What differs in words stays as it was said first.
    pub fn add(&mut self, other: &Self) {
        // One that is not between tokens makes the whole not so.
        if other.itl == Itl::PerChunk {
            self.itl = Itl::PerChunk;
        }
        self.moments += other.moments;
        self.with_usage += other.with_usage;
        self.prompt_tokens += other.prompt_tokens;
        self.output_tokens += other.output_tokens;
        self.connections += other.connections;
        self.reused += other.reused;
        self.connecting = self.connecting.saturating_add(other.connecting);
        for (sum, more) in [
            (&mut self.cached_tokens, other.cached_tokens),
            (&mut self.reasoning_tokens, other.reasoning_tokens),
            (&mut self.accepted_tokens, other.accepted_tokens),
        ] {
            *sum = sum.map_or(more, |sum| Some(sum + more.unwrap_or(0)));
        }
        for failure in &other.failures {
            match self
                .failures
                .iter_mut()
                .find(|own| own.kind == failure.kind)
            {
                Some(own) => own.count += failure.count,
                None => self.failures.push(failure.clone()),
            }
        }
        self.failures
            .sort_by_key(|one| std::cmp::Reverse(one.count));
    }
}

impl std::fmt::Display for FailureCount {
    /// "12 × not as many tokens as asked for (usage says 3); make it ignore …".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {}", self.count, self.kind)?;
        if !self.example.is_empty() {
            write!(f, " ({})", self.example)?;
        }
        write!(f, "; {}", self.way_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kinds: &[(&str, u64)], itl: Itl, cached: Option<u64>) -> ServerFacts {
        let failure = |(kind, count): &(&str, u64)| FailureCount {
            kind: (*kind).to_owned(),
            count: *count,
            ..FailureCount::default()
        };
        ServerFacts {
            itl,
            moments: 3,
            cached_tokens: cached,
            failures: kinds.iter().map(failure).collect(),
            ..ServerFacts::default()
        }
    }

    #[test]
    fn parts_add_up_and_what_nobody_tells_stays_untold() {
        let mut sum = facts(&[("cut", 2), ("busy", 1)], Itl::Exact, None);
        sum.add(&facts(&[("busy", 4), ("key", 1)], Itl::PerChunk, None));
        assert_eq!(
            (sum.moments, sum.itl, sum.cached_tokens),
            (6, Itl::PerChunk, None)
        );
        sum.add(&facts(&[], Itl::Exact, Some(0)));
        sum.add(&facts(&[], Itl::Exact, None));
        assert_eq!(
            (sum.moments, sum.itl, sum.cached_tokens),
            (12, Itl::PerChunk, Some(0))
        );
        let kinds: Vec<_> = sum
            .failures
            .iter()
            .map(|f| (f.kind.as_str(), f.count))
            .collect();
        assert_eq!(kinds, [("busy", 5), ("cut", 2), ("key", 1)]);
    }
}
