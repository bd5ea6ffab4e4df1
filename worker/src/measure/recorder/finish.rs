//! Turns the tracked requests into the figures of a phase: sums, records, slices, digest. Must not
//! know how requests are tracked.

use sha2::Digest;
use std::time::Duration;

use contract::identity::Sha256;
use contract::part::{Itl, ON_THE_DOT_NS, Outcome, REQUESTS_KEPT, RequestRecord, Series};

use super::trace::{State, Trace};
use super::{Measured, Moments, Recorder, nanos};

impl Recorder {
    /// The figures.
    #[must_use]
    pub fn finish(mut self) -> Measured {
        // Requests are sent in order: what is behind belongs to the run-in, or was never sent.
        self.traces
            .truncate(usize::try_from(self.outcomes.planned).expect("it was counted in memory"));
        let ok = || {
            self.traces
                .iter()
                .filter(|trace| matches!(trace.state, State::Ended(Outcome::Ok, _)))
        };
        let completions = || ok().map(|trace| Duration::from_nanos(trace.last));
        let ends = self.traces.iter().filter_map(|trace| match trace.state {
            State::Ended(_, at) => Some(Duration::from_nanos(at)),
            _ => None,
        });
        let wall = ends.max().unwrap_or_default();
        Measured {
            good: self.good(),
            in_time: self.sent_in_time(),
            run_in: self.run_in,
            series: self.series(wall),
            requests: self.records(),
            requests_not_kept: self.traces.len().saturating_sub(REQUESTS_KEPT) as u64,
            token_digest: self.digest(),
            prompt_tokens: ok().map(|trace| u64::from(trace.prompt_tokens)).sum(),
            output_tokens: ok().map(|trace| u64::from(trace.tokens())).sum(),
            moments: Moments {
                count: ok().map(|trace| u64::from(trace.made)).sum(),
                itl: match ok().all(Trace::is_exact) {
                    true => Itl::Exact,
                    false => Itl::PerChunk,
                },
            },
            first_completion: completions().min().unwrap_or_default(),
            last_completion: completions().max().unwrap_or_default(),
            wall,
            outcomes: self.outcomes,
            histograms: *self.histograms,
            steps: self.steps,
        }
    }

    fn good(&self) -> Option<u64> {
        let objectives = self.plan.objectives;
        let good = || {
            self.traces
                .iter()
                .filter(|trace| trace.meets(&objectives))
                .count() as u64
        };
        (!objectives.is_none()).then(good)
    }

    fn records(&self) -> Vec<RequestRecord> {
        let kept = self.traces.iter().take(REQUESTS_KEPT).enumerate();
        kept.filter_map(|(at, trace)| trace.record(self.index(at)))
            .collect()
    }

    fn series(&self, wall: Duration) -> Series {
        let ended = self
            .traces
            .iter()
            .enumerate()
            .filter_map(|(at, trace)| trace.record(self.index(at)));
        Series::of(ended, wall)
    }

    fn digest(&self) -> Sha256 {
        let (answer, compared) = (
            self.plan.output_tokens as usize,
            self.plan.compared as usize,
        );
        let mut hasher = sha2::Sha256::new();
        for (at, trace) in self.traces.iter().enumerate().take(compared) {
            if matches!(trace.state, State::Ended(Outcome::Ok, _)) {
                hasher.update(self.index(at).to_le_bytes());
                if trace.chunks.tokens.is_some() {
                    let text = trace.chunks.text;
                    text.iter()
                        .for_each(|word| hasher.update(word.to_le_bytes()));
                    continue;
                }
                self.tokens[at * answer..][..trace.made as usize]
                    .iter()
                    .for_each(|token| hasher.update(token.to_le_bytes()));
            }
        }
        Sha256(hasher.finalize().into())
    }

    fn sent_in_time(&self) -> Option<u64> {
        let ends = nanos(self.plan.ends?);
        // What is due just before the end may be sent just after it: that is lateness, which has a
        // limit of its own.
        let in_time = |trace: &&Trace| {
            trace.state != State::Unsent
                && trace.sent <= ends.max(trace.intended.saturating_add(ON_THE_DOT_NS))
        };
        Some(self.traces.iter().filter(in_time).count() as u64)
    }
}
