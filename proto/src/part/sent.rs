//! Lengths of requests, as asked for and as sent. Must not know why they differ.

use serde::{Deserialize, Serialize};

/// Lengths of the requests sent in a window, with any outcome, tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sent {
    /// Number of requests sent.
    pub requests: u64,
    /// Lengths of their prompts, including shared prefixes.
    pub prompts: Lengths,
    /// Lengths of the answers requested from the engine.
    pub answers: Lengths,
}

/// Lengths asked for and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lengths {
    /// Lengths from the trace, the file or the distribution, before the plan's bounds.
    pub asked: Span,
    /// Lengths within the plan's bounds.
    pub sent: Span,
    /// Number of requests sent shorter than asked.
    pub cut: u64,
    /// Total tokens cut from them.
    pub cut_tokens: u64,
    /// Number of requests sent longer than asked: draws below the least length.
    pub raised: u64,
}

/// Least, greatest and sum of lengths; zeros if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Span {
    /// Shortest.
    pub least: u32,
    /// Longest.
    pub most: u32,
    /// Sum.
    pub sum: u64,
}

/// One length, as it was asked for and as it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Length {
    /// Length that the load's source asks for.
    pub asked: u32,
    /// Length within the plan's bounds.
    pub sent: u32,
}

impl From<u32> for Length {
    /// Sent as asked.
    fn from(tokens: u32) -> Self {
        Self {
            asked: tokens,
            sent: tokens,
        }
    }
}

impl Length {
    /// The length with a prefix of this many tokens.
    #[must_use]
    pub fn behind(self, tokens: u32) -> Self {
        Self {
            asked: self.asked.saturating_add(tokens),
            sent: self.sent.saturating_add(tokens),
        }
    }
}

impl Sent {
    /// Counts one request.
    pub fn count(&mut self, prompt: Length, answer: Length) {
        let one = |length: Length| {
            let span = |tokens| Span {
                least: tokens,
                most: tokens,
                sum: u64::from(tokens),
            };
            let lost = length.asked.saturating_sub(length.sent);
            Lengths {
                asked: span(length.asked),
                sent: span(length.sent),
                cut: u64::from(lost > 0),
                cut_tokens: lost.into(),
                raised: u64::from(length.sent > length.asked),
            }
        };
        self.add(&Self {
            requests: 1,
            prompts: one(prompt),
            answers: one(answer),
        });
    }

    /// Adds the requests of another share.
    pub fn add(&mut self, other: &Self) {
        match (self.requests, other.requests) {
            (_, 0) => {}
            (0, _) => *self = *other,
            _ => {
                self.requests = self.requests.saturating_add(other.requests);
                self.prompts.add(&other.prompts);
                self.answers.add(&other.answers);
            }
        }
    }

    /// Whether it is possible for this many requests.
    #[must_use]
    pub fn is_possible(&self, requests: u64) -> bool {
        self.requests == requests
            && [self.prompts, self.answers]
                .iter()
                .all(|l| l.is_possible(requests))
    }
}

impl Lengths {
    fn add(&mut self, other: &Self) {
        self.asked.add(other.asked);
        self.sent.add(other.sent);
        self.cut = self.cut.saturating_add(other.cut);
        self.cut_tokens = self.cut_tokens.saturating_add(other.cut_tokens);
        self.raised = self.raised.saturating_add(other.raised);
    }

    fn is_possible(&self, requests: u64) -> bool {
        let changed = self
            .cut
            .checked_add(self.raised)
            .is_some_and(|changed| changed <= requests);
        let lost = self.cut_tokens >= self.cut && self.cut_tokens <= self.asked.sum;
        let without = self.asked.sum.checked_sub(self.cut_tokens);
        let sums = without
            .and_then(|left| self.sent.sum.checked_sub(left))
            .is_some_and(|more| more >= self.raised && (self.raised > 0 || more == 0));
        changed
            && lost
            && sums
            && self.asked.is_possible(requests)
            && self.sent.is_possible(requests)
    }
}

impl Span {
    fn add(&mut self, other: Self) {
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.sum = self.sum.saturating_add(other.sum);
    }

    fn is_possible(self, requests: u64) -> bool {
        let times = |tokens: u32| u128::from(tokens) * u128::from(requests);
        self.least <= self.most
            && (times(self.least)..=times(self.most)).contains(&u128::from(self.sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lengths: &[(u32, u32)]) -> Sent {
        let mut sent = Sent::default();
        lengths
            .iter()
            .for_each(|&(asked, cut)| sent.count(Length { asked, sent: cut }, 4.into()));
        sent
    }

    #[test]
    fn what_was_cut_and_raised_is_counted_and_parts_add_up() {
        let (one, other) = (
            counted(&[(6955, 256), (32, 32)]),
            counted(&[(1, 4), (10, 10), (300, 256)]),
        );
        let mut both = one;
        both.add(&other);
        both.add(&Sent::default());
        assert_eq!(
            both,
            counted(&[(6955, 256), (32, 32), (1, 4), (10, 10), (300, 256)])
        );
        let prompts = both.prompts;
        assert_eq!((prompts.asked.least, prompts.asked.most), (1, 6955));
        assert_eq!(
            (prompts.sent.least, prompts.sent.most, prompts.sent.sum),
            (4, 256, 558)
        );
        assert_eq!(
            (prompts.cut, prompts.cut_tokens, prompts.raised),
            (2, 6699 + 44, 1)
        );
        assert_eq!((both.answers.cut, both.answers.sent.sum), (0, 20));
    }

    #[test]
    fn counts_that_contradict_each_other_are_seen() {
        let sound = counted(&[(6955, 256), (1, 4), (32, 32)]);
        assert!(sound.is_possible(3) && Sent::default().is_possible(0) && !sound.is_possible(4));
        let with = |change: fn(&mut Lengths)| {
            let mut other = sound;
            change(&mut other.prompts);
            other.is_possible(3)
        };
        assert!(with(|_| ()));
        assert!(
            !with(|l| l.sent.sum += 1000) && !with(|l| l.sent.least = 300) && !with(|l| l.cut = 4)
        );
        assert!(
            !with(|l| l.cut_tokens = u64::MAX)
                && !with(|l| l.raised = 0)
                && !with(|l| l.asked.sum = 0)
        );
    }
}
