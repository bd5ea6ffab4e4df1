//! Converts [`ServerFacts`] to its stored message and back.

use super::pb;
use crate::mirror::{Field, Mirror, mirror};
use crate::part::{FailureCount, Itl, ServerFacts};

mirror!(FailureCount {
    kind,
    count,
    example,
    way_out,
});

mirror!(ServerFacts {
    itl,
    moments,
    with_usage,
    prompt_tokens,
    output_tokens,
    cached_tokens,
    reasoning_tokens,
    accepted_tokens,
    prompts,
    connections,
    reused,
    failures;
    connecting: connecting_ns,
});

impl Field<u32> for Itl {
    fn stored(self) -> u32 {
        self as u32
    }

    fn read(stored: u32) -> Option<Self> {
        Self::ALL.get(stored as usize).copied()
    }
}

impl Field<Vec<pb::FailureCount>> for Vec<FailureCount> {
    fn stored(self) -> Vec<pb::FailureCount> {
        self.into_iter().map(Mirror::to_message).collect()
    }

    fn read(stored: Vec<pb::FailureCount>) -> Option<Self> {
        let read = stored.into_iter().map(Mirror::from_message);
        read.collect::<Result<_, _>>().ok()
    }
}

impl Field<Option<pb::ServerFacts>> for Option<ServerFacts> {
    fn stored(self) -> Option<pb::ServerFacts> {
        self.map(Mirror::to_message)
    }

    fn read(stored: Option<pb::ServerFacts>) -> Option<Self> {
        match stored {
            None => Some(None),
            Some(message) => ServerFacts::from_message(message).ok().map(Some),
        }
    }
}
