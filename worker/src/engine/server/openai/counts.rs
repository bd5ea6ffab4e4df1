//! What is counted over a window: connections, usage, failures. Must not know where it comes from.

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
    /// A request goes out; on a new connection that took so long to open, or on an old one.
    pub(super) fn begins(&mut self, opened: Option<Duration>) {
        match opened {
            Some(took) => {
                self.facts.connections += 1;
                self.facts.connecting += took;
            }
            None => self.facts.reused += 1,
        }
    }

    /// So many are in flight.
    pub(super) fn running(&mut self, requests: usize) {
        let running = u32::try_from(requests).unwrap_or(u32::MAX);
        self.counters.peak_running = self.counters.peak_running.max(running);
    }

    /// An answer is whole.
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

    /// For the part; what the recorder knows better is left out.
    pub(super) fn facts(&self, prompts: &str) -> ServerFacts {
        ServerFacts {
            prompts: prompts.to_owned(),
            failures: self.failures.counts(),
            ..self.facts.clone()
        }
    }
}
