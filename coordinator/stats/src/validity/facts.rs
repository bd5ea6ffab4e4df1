//! The input of the checks: facts of one trial, and facts of the pair of variants. A fact that was
//! not observed is `None` and is not checked; a fact that must exist is not an `Option`.

use std::time::Duration;

use crate::order::Arm;

/// The kind of load, as far as the checks need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoadKind {
    /// N requests released together, until all are done.
    Burst,
    /// N in flight; each answer releases the next request.
    Closed,
    /// Requests at intended times, independent of the answers.
    Open,
}

/// One arm of one block over all workers; or one arm over all its rounds (counts added, histograms
/// merged, the worst of the rest), which tolerates a single disturbed round.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialFacts {
    /// The arm.
    pub arm: Arm,
    /// 0-based round; `None` for all rounds.
    pub round: Option<usize>,
    /// Requests planned.
    pub planned: u64,
    /// Requests issued, over all accepted parts.
    pub issued: u64,
    /// Requests that succeeded; together with `failed` they equal `issued`.
    pub succeeded: u64,
    /// Requests that failed, were refused, cancelled or timed out.
    pub failed: u64,
    /// Values that did not fit a histogram, over all metrics.
    pub overflowed: u64,
    /// p99 of lateness; `None` if nothing was sent.
    pub lateness_p99: Option<Duration>,
    /// The scenario's median E2E over all its trials; the limits scale with it.
    pub median_e2e: Duration,
    /// Latest minus earliest start over the workers.
    pub start_skew: Option<Duration>,
    /// Uncertainty of the workers' clocks relative to each other.
    pub clock_uncertainty: Option<Duration>,
    /// Busy share of the busiest generator thread.
    pub generator_share: Option<f64>,
    /// Requests per second ÷ generator limit, of the worker that is nearest to its limit.
    pub floor_share: Option<f64>,
    /// Share of CPU time stolen by the hypervisor.
    pub steal_share: Option<f64>,
    /// Share of the host's CPU time used by other programs.
    pub others_share: Option<f64>,
    /// (highest − lowest) ÷ lowest CPU frequency seen.
    pub frequency_range: Option<f64>,
    /// Length of the measured window.
    pub duration: Duration,
    /// Open shapes only: requests the shape offered in the window, and those sent in it.
    pub offered: Option<(u64, u64)>,
    /// Parts whose window was ended by its own stop rule, of all parts.
    pub stopped: (u64, u64),
    /// Mean number in flight N, throughput X (1/s), mean residence R̄ (s).
    pub little: Option<(f64, f64, f64)>,
    /// ln of the mean E2E in consecutive pieces of the measured window, one list for each round.
    pub latency_windows: Vec<Vec<f64>>,
    /// The same for ln of the mean TTFT; open shapes only.
    pub ttft_windows: Vec<Vec<f64>>,
    /// The same for ln of the mean number in flight; open shapes only.
    pub in_flight_windows: Vec<Vec<f64>>,
    /// Growth of the wait for the first token; open shapes only, `None` if nothing was answered.
    pub pressure: Option<Pressure>,
}

/// Growth of the wait for the first token within a window, for constant and changing loads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pressure {
    /// Mean TTFT of the piece of the window with the least.
    pub least: Duration,
    /// Mean TTFT of the later piece with the greatest.
    pub most: Duration,
    /// Increase of the number in flight between the two pieces, and number of requests that arrived
    /// between them; `None` if parts kept no slices of their windows and the figures are quantiles.
    pub backlog: Option<(f64, u64)>,
    /// Duration for which the load is constant, or nearly so.
    pub stretch: Duration,
}

/// Whether the variants are different code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodeIdentity {
    /// Different `.text`.
    Different,
    /// Equal `.text` by mistake.
    Same,
    /// Equal `.text`, requested explicitly (A/A).
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
    /// Rounds in which failed requests left no tokens to compare; number of all rounds.
    pub tokens_unchecked: (usize, usize),
    /// Workers lost in blocks that were repeated as a whole, and in blocks that were never
    /// completed.
    pub losses: (u64, u64),
    /// Requests not sent because the run continued without their workers.
    pub shrunk: u64,
    /// Requests issued and failed for each arm, over all rounds.
    pub failures: Vec<(Arm, u64, u64)>,
}
