//! Input and output types of a recorder.

use std::time::Duration;

use contract::identity::Sha256;
use contract::part::{
    Histograms, Itl, Outcome, Outcomes, RequestRecord, STEPS_KEPT, Series, StepLog,
};
use contract::spec::{Objectives, Share};

/// What will be recorded.
#[derive(Clone, Copy, Debug)]
pub struct RecordingPlan {
    /// The share whose requests are recorded.
    pub share: Share,
    /// Maximum number of requests of the window.
    pub requests: u32,
    /// Maximum number of requests before it: those with indices from [`RUN_IN`] on. They are
    /// tracked but not recorded.
    pub run_in: u32,
    /// Number of requests of the window that are certain to be sent: their tokens go into the
    /// digest.
    pub compared: u32,
    /// Maximum number of requests in flight.
    pub in_flight: u32,
    /// Tokens of the longest answer.
    pub output_tokens: u32,
    /// A full answer that comes later than this after its intended time is a timeout.
    pub timeout: Duration,
    /// What a good request must meet.
    pub objectives: Objectives,
    /// The instant at which the window opens, from which all offsets count.
    pub start: Duration,
    /// Offset at which the last request is due, if known.
    pub ends: Option<Duration>,
}

/// Requests before the window have indices from here on.
pub const RUN_IN: u32 = 1 << 31;

/// When a request was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// By the load's shape.
    pub intended: Duration,
    /// When it could be sent: later if it waited because of `max_in_flight`.
    pub possible: Duration,
}

/// The requested lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Tokens of its prompt.
    pub prompt_tokens: u32,
    /// Tokens of a full answer, at most the plan's.
    pub output_tokens: u32,
}

/// The end of a request, reported for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The request.
    pub index: u32,
    /// Its outcome.
    pub outcome: Outcome,
    /// The time of its end.
    pub at: Duration,
    /// Time to first token, of answered requests of the window.
    pub ttft: Option<Duration>,
}

/// The times from which ITL is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moments {
    /// Number of times.
    pub count: u64,
    /// Whether they are those of tokens or of chunks.
    pub itl: Itl,
}

/// The figures of a phase.
#[derive(Clone, Debug)]
pub struct Measured {
    /// One histogram for each metric.
    pub histograms: Histograms,
    /// Outcomes of the requests.
    pub outcomes: Outcomes,
    /// The first [`REQUESTS_KEPT`].
    pub requests: Vec<RequestRecord>,
    /// Number of further requests.
    pub requests_not_kept: u64,
    /// The first [`STEPS_KEPT`] times at which tokens came.
    pub steps: StepLog,
    /// Digest over successful requests in order of index: index, then tokens, each as four bytes,
    /// least significant first.
    pub token_digest: Sha256,
    /// Of successful requests.
    pub prompt_tokens: u64,
    /// Of successful requests.
    pub output_tokens: u64,
    /// Times of successful requests at which content arrived, and whether each is that of a token.
    pub moments: Moments,
    /// Requests sent by the end of the window, if it is known.
    pub in_time: Option<u64>,
    /// Requests sent before the window.
    pub run_in: u64,
    /// Successful requests that met every objective; unset without objectives.
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
