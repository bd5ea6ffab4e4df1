//! What the checks look at: facts of one trial, and facts of the pair of variants. Facts that were
//! not observed are `None` and are not checked; facts that must exist have no `Option`.

use std::time::Duration;

use crate::order::Arm;

/// What load is offered, as far as the checks care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadKind {
    /// N requests released together, until all are done.
    Burst,
    /// N in flight, each answer releasing the next request.
    Closed,
    /// Requests at intended times, whatever the answers do.
    Open,
}

/// One arm of one block, all workers together; or one arm over all its rounds (counts added,
/// histograms merged, the worst of the rest), which forgives a single disturbed round.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialFacts {
    /// The arm.
    pub arm: Arm,
    /// 0-based round; `None` over all rounds.
    pub round: Option<usize>,
    /// Requests the plan wants.
    pub planned: u64,
    /// Requests issued, over all accepted parts.
    pub issued: u64,
    /// Requests that ended well; with `failed` they make up `issued`.
    pub succeeded: u64,
    /// Requests that failed, were refused, cancelled or timed out.
    pub failed: u64,
    /// Values that did not fit a histogram, over all metrics.
    pub overflowed: u64,
    /// p99 of lateness; `None` when nothing was sent.
    pub lateness_p99: Option<Duration>,
    /// The scenario's median E2E, over all its trials; scales the limits.
    pub median_e2e: Duration,
    /// Latest minus earliest start over the workers.
    pub start_skew: Option<Duration>,
    /// How well the workers' clocks are known against each other.
    pub clock_uncertainty: Option<Duration>,
    /// Busy share of the busiest generator thread.
    pub generator_share: Option<f64>,
    /// Requests per second of the worker that comes nearest to what its generator can do ÷ that
    /// limit.
    pub floor_share: Option<f64>,
    /// Share of CPU time stolen by the hypervisor.
    pub steal_share: Option<f64>,
    /// Share of the host's CPU time that other programs took.
    pub others_share: Option<f64>,
    /// (highest − lowest) ÷ lowest CPU frequency seen.
    pub frequency_range: Option<f64>,
    /// Length of the measured window.
    pub duration: Duration,
    /// Requests the shape offered in the window, and those sent in it; open shapes only.
    pub offered: Option<(u64, u64)>,
    /// Parts whose window its own stop rule ended, of all parts.
    pub stopped: (u64, u64),
    /// Mean number in flight N, throughput X (1/s), mean residence R̄ (s).
    pub little: Option<(f64, f64, f64)>,
    /// ln of the mean E2E in consecutive pieces of the measured window, one list a round.
    pub latency_windows: Vec<Vec<f64>>,
    /// ln of the mean TTFT likewise; open shapes only.
    pub ttft_windows: Vec<Vec<f64>>,
    /// ln of the mean number in flight likewise; open shapes only.
    pub in_flight_windows: Vec<Vec<f64>>,
    /// How the wait for the first token grew; open shapes only, `None` where nothing was answered.
    pub pressure: Option<Pressure>,
}

/// How the wait for the first token grew within a window, whether its load was the same at any time
/// or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pressure {
    /// Mean TTFT of the piece of the window in which it was least.
    pub least: Duration,
    /// Mean TTFT of the piece after that in which it was most.
    pub most: Duration,
    /// By how many requests more were in flight then, and how many had arrived between the two;
    /// `None` where parts kept no slices of their windows and the figures are quantiles.
    pub backlog: Option<(f64, u64)>,
    /// How long the load is the same, or nearly so.
    pub stretch: Duration,
}

/// Whether the variants are different code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodeIdentity {
    /// Different `.text`.
    Different,
    /// Equal `.text`: a mistake.
    Same,
    /// Equal, and asked for by name (A/A).
    SameOnPurpose,
    /// Labels on one binary of the `sim` engine.
    Simulated,
}

/// Facts across the arms of one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct PairingFacts {
    /// Whether A and B are different code.
    pub code: CodeIdentity,
    /// Rounds in which the arms' token digests differ.
    pub token_mismatches: Vec<usize>,
    /// Rounds in which failed requests left no tokens to compare, of all rounds.
    pub tokens_unchecked: (usize, usize),
    /// Workers lost in blocks that were done again whole, and in blocks that never were.
    pub losses: (u64, u64),
    /// Requests that nobody sent because their workers were lost and the run went on without them.
    pub shrunk: u64,
    /// Requests issued and failed per arm, over all rounds.
    pub failures: Vec<(Arm, u64, u64)>,
}
