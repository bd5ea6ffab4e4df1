//! Facts about an engine that the worker reaches over a connection: the meaning of the time between
//! tokens, the server's counts, and its failures. Must not know protocols.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::nanos;

/// Maximum number of kinds of failure that a part lists.
pub const FAILURES: usize = 64;

/// Facts about an engine that is a separate program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServerFacts {
    /// The meaning of the time between tokens.
    pub itl: Itl,
    /// Number of times at which content of answered requests arrived: chunks with text, or tokens
    /// if their times are known. The histogram of ITL has one value for each except the first of a
    /// request.
    pub moments: u64,
    /// Answers that ended after the window had opened and whose usage the server reported. They
    /// include answers that ended too late, and answers of a run-in that ended in the window.
    pub with_usage: u64,
    /// According to the server's usage; the part has our own count.
    pub prompt_tokens: u64,
    /// According to the server's usage.
    pub output_tokens: u64,
    /// According to the server's usage: prompt tokens reused from earlier requests; null if not
    /// reported.
    pub cached_tokens: Option<u64>,
    /// According to the server's usage; null if not reported.
    pub reasoning_tokens: Option<u64>,
    /// According to the server's usage: speculated tokens that were accepted; null if not reported.
    pub accepted_tokens: Option<u64>,
    /// The form in which prompts were sent, and the tokenizer that counted them.
    pub prompts: String,
    /// Connections opened in the window.
    pub connections: u64,
    /// Requests sent on an existing connection.
    pub reused: u64,
    /// Total time spent opening connections.
    #[serde(rename = "connecting_ns", with = "nanos")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub connecting: Duration,
    /// Failures by kind, most frequent first.
    pub failures: Vec<FailureCount>,
}

/// The meaning of the time between tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Itl {
    /// Between tokens.
    #[default]
    Exact,
    /// Between chunks of text, each of which may contain several tokens.
    PerChunk,
}

/// Failures of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailureCount {
    /// The kind.
    pub kind: String,
    /// Number of failures.
    pub count: u64,
    /// The text of the first one; may be empty.
    pub example: String,
    /// The remedy.
    pub way_out: String,
}

impl Itl {
    /// All kinds, in the order of their stored numbers.
    pub const ALL: [Self; 2] = [Self::Exact, Self::PerChunk];

    /// The label beside a figure.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::PerChunk => "per-chunk",
        }
    }
}

impl ServerFacts {
    /// Adds the facts of another part. Texts that differ stay those of the first part.
    pub fn add(&mut self, other: &Self) {
        // If one part's ITL is per chunk, so is the whole.
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
