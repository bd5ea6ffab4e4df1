//! What a recorder is told, and what it gives.

use std::time::Duration;

use contract::identity::Sha256;
use contract::part::{
    Histograms, Itl, Outcome, Outcomes, RequestRecord, STEPS_KEPT, Series, StepLog,
};
use contract::spec::{Objectives, Share};

/// What is going to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct RecordingPlan {
    /// Whose requests: those with an index of this share.
    pub share: Share,
    /// How many belong to the window, at most.
    pub requests: u32,
    /// How many come before it, at most: those with indices from [`RUN_IN`] on. They are followed
    /// and not recorded.
    pub run_in: u32,
    /// How many of the window are certain to be sent: their tokens go into the digest.
    pub compared: u32,
    /// How many requests are in flight at most.
    pub in_flight: u32,
    /// Tokens of the longest answer.
    pub output_tokens: u32,
    /// Later than this after its intended time, a full answer is a timeout.
    pub timeout: Duration,
    /// What a good request achieves.
    pub objectives: Objectives,
    /// The instant the window opens, from which all offsets count.
    pub start: Duration,
    /// How long after it the last request is due, where that is known.
    pub ends: Option<Duration>,
}

/// Requests before the window have indices from here on.
pub const RUN_IN: u32 = 1 << 31;

/// When a request was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// By the load's shape.
    pub intended: Duration,
    /// When it could be: later where it waited for a place in flight.
    pub possible: Duration,
}

/// The size of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Tokens of its prompt.
    pub prompt_tokens: u32,
    /// Tokens of a full answer, at most the plan's.
    pub output_tokens: u32,
}

/// The end of a request, seen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub index: u32,
    /// How.
    pub outcome: Outcome,
    /// When.
    pub at: Duration,
    /// Time to first token, of answered requests of the window.
    pub ttft: Option<Duration>,
}

/// What ITL is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// How many.
    pub count: u64,
    /// Of tokens, or of chunks.
    pub itl: Itl,
}

/// The figures of a phase.
#[derive(Clone, Debug)]
pub struct Measured {
    /// One histogram a metric.
    pub histograms: Histograms,
    /// What became of the requests.
    pub outcomes: Outcomes,
    /// The first [`REQUESTS_KEPT`].
    pub requests: Vec<RequestRecord>,
    /// Those beyond.
    pub requests_not_kept: u64,
    /// The first [`STEPS_KEPT`] moments at which tokens came.
    pub steps: StepLog,
    /// Over successful requests in order of index: index, then tokens, each as four bytes, least
    /// significant first.
    pub token_digest: Sha256,
    /// Of successful requests.
    pub prompt_tokens: u64,
    /// Of successful requests.
    pub output_tokens: u64,
    /// Moments of successful requests at which something came, and whether each is a token's.
    pub moments: Moments,
    /// Requests sent by the end of the window, where that is known.
    pub in_time: Option<u64>,
    /// Requests sent before the window.
    pub run_in: u64,
    /// Successful requests that met every objective; unset where there is none.
    pub good: Option<u64>,
    /// The window in slices.
    pub series: Series,
    /// Offset of the first successful completion.
    pub first_completion: Duration,
    /// Offset of the last successful completion.
    pub last_completion: Duration,
    /// Offset of the last end of any kind: the length of the window.
    pub wall: Duration,
}

impl RecordingPlan {
    pub(super) fn steps_kept(&self) -> usize {
        (self.requests as usize * self.output_tokens as usize).min(STEPS_KEPT)
    }
}
