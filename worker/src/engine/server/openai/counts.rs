//! Counters over a window: connections, usage, failures. Must not know their sources.

use std::time::Duration;

use contract::part::ServerFacts;

use super::chunk::Usage;
use super::fault::Tally;
use crate::engine::Counters;

/// Counts since the window began.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) counters: Counters,
    pub(super) failures: Tally,
    facts: ServerFacts,
}

impl Counts {
    /// A request is sent, either on a new connection, which took this long to open, or on an
    /// existing one.
    pub(super) fn begins(&mut self, opened: Option<Duration>) {
        match opened {
            Some(took) => {
                self.facts.connections += 1;
                self.facts.connecting += took;
            }
            None => self.facts.reused += 1,
        }
    }

    /// This number of requests is in flight.
    pub(super) fn running(&mut self, requests: usize) {
        let running = u32::try_from(requests).unwrap_or(u32::MAX);
        self.counters.peak_running = self.counters.peak_running.max(running);
    }

    /// An answer is complete.
    pub(super) fn answered(&mut self, usage: Option<Usage>) {
        let Some(usage) = usage else { return };
        let facts = &mut self.facts;
        facts.with_usage += 1;
        facts.prompt_tokens += u64::from(usage.prompt_tokens.unwrap_or(0));
        facts.output_tokens += u64::from(usage.completion_tokens.unwrap_or(0));
        for (sum, more) in [
            (&mut facts.cached_tokens, usage.cached()),
            (&mut facts.reasoning_tokens, usage.reasoning()),
            (&mut facts.accepted_tokens, usage.accepted()),
        ] {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0) + u64::from(more));
            }
        }
    }

    /// The facts for a part, without those that the recorder measures better.
    pub(super) fn facts(&self, prompts: &str) -> ServerFacts {
        ServerFacts {
            prompts: prompts.to_owned(),
            failures: self.failures.counts(),
            ..self.facts.clone()
        }
    }
}
