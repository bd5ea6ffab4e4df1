//! The requests that a phase sends, in order, in bounded memory: a limited number of different
//! requests, prepared beforehand and shared, then repeated. Must not know when they are sent.

use contract::part::{Length, Sent};
use contract::spec::Share;

use crate::engine::EngineRequest;

/// Number of different requests of a load over all slots: request `n` equals request `n mod
/// DIFFERENT`.
pub const DIFFERENT: u32 = 4096;

/// One request, prepared to the last token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// What is sent.
    pub request: EngineRequest,
    /// Length of its prompt.
    pub prompt: Length,
    /// Length of its answer.
    pub answer: Length,
}

/// The requests of one share, prepared beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    /// The first ones, in order.
    pool: Vec<Prepared>,
    share: Share,
    /// Index of the first request over all shares.
    base: u32,
    most: u32,
    taken: u32,
}

impl Requests {
    /// No requests.
    #[must_use]
    pub fn none() -> Self {
        Self {
            pool: Vec::new(),
            share: Share { index: 0, of: 1 },
            base: 0,
            most: 0,
            taken: 0,
        }
    }

    /// A share of `total` requests with indices from `base` on, `different` of which differ over
    /// all slots. `make` gets the index and must not depend on anything else.
    ///
    /// # Errors
    /// The first error of `make`.
    pub fn prepare<E>(
        total: u32,
        base: u32,
        share: Share,
        different: u32,
        make: impl FnMut(u32) -> Result<Prepared, E>,
    ) -> Result<Self, E> {
        let most = share.count(total);
        let kinds = (0..most.min(different)).map(|at| (share.index + at * share.of) % different);
        Ok(Self {
            pool: kinds.map(make).collect::<Result<_, _>>()?,
            share,
            base,
            most,
            taken: 0,
        })
    }

    /// Number of requests left.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.most - self.taken
    }

    /// Lengths of the requests taken.
    #[must_use]
    pub fn sent(&self) -> Sent {
        let mut sent = Sent::default();
        let taken = self.pool.iter().cycle().take(self.taken as usize);
        taken.for_each(|one| sent.count(one.prompt, one.answer));
        sent
    }
}

impl From<EngineRequest> for Prepared {
    /// Sent as asked.
    fn from(request: EngineRequest) -> Self {
        let prompt = u32::try_from(request.prompt.len())
            .unwrap_or(u32::MAX)
            .into();
        Self {
            prompt,
            answer: request.max_new_tokens.into(),
            request,
        }
    }
}

impl Iterator for Requests {
    type Item = EngineRequest;

    fn next(&mut self) -> Option<EngineRequest> {
        let at = (self.taken < self.most).then_some(self.taken)?;
        self.taken += 1;
        // Requests that repeat over all shares repeat in each share after the same number.
        let kind = &self.pool[at as usize % self.pool.len()].request;
        Some(EngineRequest {
            index: self.base + self.share.index + at * self.share.of,
            ..kind.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(total: u32, share: Share) -> Requests {
        let make = |kind: u32| {
            let request = EngineRequest {
                index: 0,
                prompt: [kind].into(),
                max_new_tokens: kind % 7,
            };
            Ok::<_, ()>(Prepared::from(request))
        };
        Requests::prepare(total, 0, share, DIFFERENT, make).expect("it is made")
    }

    #[test]
    fn requests_repeat_after_the_different_ones_under_any_number_of_slots() {
        for of in [1, 3, 16] {
            for index in 0..of {
                let all: Vec<_> = requests(10_000, Share { index, of }).collect();
                assert!(
                    all.iter().all(|r| *r.prompt == [r.index % DIFFERENT]),
                    "{index} of {of}"
                );
                assert!(
                    all.iter()
                        .map(|r| r.index)
                        .eq(Share { index, of }.indices(10_000))
                );
            }
        }
    }

    #[test]
    fn what_was_sent_is_what_was_taken() {
        let mut requests = requests(2 * DIFFERENT, Share { index: 1, of: 2 });
        let answers: u64 = requests
            .by_ref()
            .take(3000)
            .map(|one| u64::from(one.max_new_tokens))
            .sum();
        let sent = requests.sent();
        assert_eq!(
            (sent.requests, sent.prompts.sent.sum, sent.answers.sent.sum),
            (3000, 3000, answers)
        );
        assert!(sent.is_possible(3000));
    }

    #[test]
    fn prompts_are_shared_and_not_copied() {
        let mut requests = requests(2 * DIFFERENT, Share { index: 0, of: 1 });
        let first = requests.next().expect("the first");
        let again = requests
            .nth(DIFFERENT as usize - 1)
            .expect("the first again");
        assert_eq!((again.index, requests.left()), (DIFFERENT, DIFFERENT - 1));
        assert!(std::sync::Arc::ptr_eq(&first.prompt, &again.prompt));
    }
}
