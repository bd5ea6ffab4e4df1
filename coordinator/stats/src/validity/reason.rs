//! The closed list of reasons to doubt a measurement, with figures, severity, and advice.

use std::time::Duration;

use crate::order::Arm;

/// Weight of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Shown, without effect on the verdict.
    Warning,
    /// The facts do not show that the measurement is right.
    Inconclusive,
    /// The measurement is wrong.
    Invalid,
}

/// Where a reason was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Location {
    /// The arm.
    pub arm: Arm,
    /// 0-based round; `None` for all rounds.
    pub round: Option<usize>,
}

/// A reason, and where it was found, unless it concerns the whole scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The trial; `None` for the whole run.
    pub place: Option<Location>,
    /// The reason.
    pub reason: Reason,
}

/// Why a measurement is doubted. Shares are of 1.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "the fields are the figures of the sentence that Display writes"
)]
pub enum Reason {
    /// Σ issued ≠ planned.
    CountMismatch { planned: u64, issued: u64 },
    /// Succeeded + failed ≠ issued.
    OutcomeMismatch {
        issued: u64,
        succeeded: u64,
        failed: u64,
    },
    /// Windows ended by their own stop rule: too many errors, or over-saturation.
    StoppedEarly { parts: u64, of: u64 },
    /// Values did not fit a histogram.
    Overflow { values: u64 },
    /// Workers were lost and their blocks were never completed.
    WorkersLost { workers: u64 },
    /// Workers were lost and their blocks were repeated as a whole.
    BlocksRepeated { workers: u64 },
    /// Blocks continued without lost workers, whose requests were not sent.
    LoadShrunk { requests: u64 },
    /// Nothing succeeded.
    NothingSucceeded { issued: u64 },
    /// Too many requests failed.
    FailedShare {
        failed: u64,
        issued: u64,
        limit: f64,
    },
    /// Some requests failed, within the limit.
    SomeFailed { failed: u64, issued: u64 },
    /// The arms fail at different rates.
    FailuresDiffer {
        first: (Arm, f64),
        second: (Arm, f64),
        limit: f64,
    },
    /// The generator sent late.
    Lateness { p99: Duration, limit: Duration },
    /// The workers did not start together.
    StartSkew { skew: Duration, limit: Duration },
    /// The workers' clocks are not known well enough to tell whether they started together.
    ClockUncertainty {
        uncertainty: Duration,
        limit: Duration,
    },
    /// The generator was nearly out of CPU.
    GeneratorBusy { share: f64, limit: f64 },
    /// The load came close to the generator limit.
    NearGeneratorLimit { share: f64, limit: f64 },
    /// The hypervisor took much CPU time.
    Steal { share: f64, limit: f64 },
    /// The hypervisor took some CPU time.
    SomeSteal { share: f64, limit: f64 },
    /// Other programs took CPU time.
    OthersBusy { share: f64, limit: f64 },
    /// The CPU frequency moved.
    FrequencyDrift { range: f64, limit: f64 },
    /// The window was too short.
    TooShort { duration: Duration, limit: Duration },
    /// The offered load was not sent in time.
    NotAchieved {
        offered: u64,
        issued: u64,
        limit: f64,
    },
    /// Number in flight, throughput and residence contradict Little's law.
    LittlesLaw {
        in_flight: f64,
        expected: f64,
        limit: f64,
    },
    /// Latency moved inside the window.
    NotStationary { change: f64, p: f64, limit: f64 },
    /// The engine fell further and further behind the offered load.
    OverSaturated { in_flight: f64, ttft: f64, p: f64 },
    /// Under a changing load, requests piled up while the wait for the first token grew.
    FellBehind {
        backlog: f64,
        arrived: u64,
        ttft: Duration,
    },
    /// The wait for the first token grew, and it is unknown whether the engine kept up.
    SaturationUnknown {
        least: Duration,
        most: Duration,
        limit: Duration,
    },
    /// Latency may have moved far inside the window, but noise hides it.
    MovementUnknown { change: f64, limit: f64 },
    /// Greedy tokens differ between the arms.
    TokensDiffer { rounds: usize, first_round: usize },
    /// Failed requests left no tokens to compare.
    TokensUnchecked { rounds: usize, of: usize },
    /// The server of an arm says of itself that it is another than in the first round.
    ServerChanged {
        first_round: usize,
        before: String,
        now: String,
    },
    /// A and B are the same code.
    SameCode,
    /// Labels on one binary of the simulator.
    Simulated,
    /// Few values lie beyond a quantile in at least one arm and round.
    FewExceedances {
        quantile: f64,
        exceedances: u64,
        warn_below: u64,
    },
}

impl Reason {
    /// Severity of the reason.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::CountMismatch { .. }
            | Self::OutcomeMismatch { .. }
            | Self::StoppedEarly { .. }
            | Self::Overflow { .. }
            | Self::WorkersLost { .. }
            | Self::NothingSucceeded { .. }
            | Self::FailedShare { .. }
            | Self::FailuresDiffer { .. }
            | Self::Lateness { .. }
            | Self::StartSkew { .. }
            | Self::NotAchieved { .. }
            | Self::LittlesLaw { .. }
            | Self::TokensDiffer { .. }
            | Self::ServerChanged { .. }
            | Self::SameCode => Severity::Invalid,
            // It is unknown whether the builds compute the same tokens.
            Self::TokensUnchecked { rounds, of } if rounds == of => Severity::Inconclusive,
            Self::ClockUncertainty { .. }
            | Self::GeneratorBusy { .. }
            | Self::NearGeneratorLimit { .. }
            | Self::Steal { .. }
            | Self::TooShort { .. }
            | Self::NotStationary { .. }
            | Self::MovementUnknown { .. }
            | Self::OverSaturated { .. }
            | Self::FellBehind { .. }
            | Self::SaturationUnknown { .. } => Severity::Inconclusive,
            Self::BlocksRepeated { .. }
            | Self::LoadShrunk { .. }
            | Self::SomeFailed { .. }
            | Self::SomeSteal { .. }
            | Self::OthersBusy { .. }
            | Self::FrequencyDrift { .. }
            | Self::TokensUnchecked { .. }
            | Self::Simulated
            | Self::FewExceedances { .. } => Severity::Warning,
        }
    }

    /// A stable name for records and scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::CountMismatch { .. } => "count-mismatch",
            Self::OutcomeMismatch { .. } => "outcome-mismatch",
            Self::StoppedEarly { .. } => "stopped-early",
            Self::Overflow { .. } => "histogram-overflow",
            Self::WorkersLost { .. } => "workers-lost",
            Self::BlocksRepeated { .. } => "blocks-repeated",
            Self::LoadShrunk { .. } => "load-shrunk",
            Self::NothingSucceeded { .. } => "nothing-succeeded",
            Self::FailedShare { .. } => "failed-share",
            Self::SomeFailed { .. } => "some-failed",
            Self::FailuresDiffer { .. } => "failures-differ",
            Self::Lateness { .. } => "lateness",
            Self::StartSkew { .. } => "start-skew",
            Self::ClockUncertainty { .. } => "clock-uncertainty",
            Self::GeneratorBusy { .. } => "generator-busy",
            Self::NearGeneratorLimit { .. } => "near-generator-limit",
            Self::Steal { .. } => "steal",
            Self::SomeSteal { .. } => "some-steal",
            Self::OthersBusy { .. } => "others-busy",
            Self::FrequencyDrift { .. } => "frequency-drift",
            Self::TooShort { .. } => "too-short",
            Self::NotAchieved { .. } => "not-achieved",
            Self::LittlesLaw { .. } => "littles-law",
            Self::NotStationary { .. } => "not-stationary",
            Self::MovementUnknown { .. } => "movement-unknown",
            Self::OverSaturated { .. } => "over-saturated",
            Self::FellBehind { .. } => "fell-behind",
            Self::SaturationUnknown { .. } => "saturation-unknown",
            Self::TokensDiffer { .. } => "tokens-differ",
            Self::TokensUnchecked { .. } => "tokens-unchecked",
            Self::ServerChanged { .. } => "server-changed",
            Self::SameCode => "same-code",
            Self::Simulated => "simulated",
            Self::FewExceedances { .. } => "few-exceedances",
        }
    }

    /// How far a figure exceeds its limit; comparable within one kind of reason.
    #[must_use]
    pub(super) fn size(&self) -> f64 {
        let share = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        match *self {
            Self::CountMismatch { planned, issued } => planned.abs_diff(issued) as f64,
            Self::OutcomeMismatch {
                issued,
                succeeded,
                failed,
            } => issued.abs_diff(succeeded + failed) as f64,
            Self::StoppedEarly { parts, of } => share(parts, of),
            Self::Overflow { values: n }
            | Self::WorkersLost { workers: n }
            | Self::BlocksRepeated { workers: n }
            | Self::LoadShrunk { requests: n }
            | Self::NothingSucceeded { issued: n } => n as f64,
            Self::FailedShare { failed, issued, .. } | Self::SomeFailed { failed, issued } => {
                share(failed, issued)
            }
            Self::Lateness { p99: time, .. }
            | Self::StartSkew { skew: time, .. }
            | Self::ClockUncertainty {
                uncertainty: time, ..
            } => time.as_secs_f64(),
            Self::GeneratorBusy { share, .. }
            | Self::NearGeneratorLimit { share, .. }
            | Self::Steal { share, .. }
            | Self::SomeSteal { share, .. }
            | Self::OthersBusy { share, .. }
            | Self::FrequencyDrift { range: share, .. } => share,
            Self::TooShort { duration, .. } => -duration.as_secs_f64(),
            Self::NotAchieved {
                offered, issued, ..
            } => -share(issued, offered),
            Self::LittlesLaw {
                in_flight,
                expected,
                ..
            } => (in_flight / expected - 1.0).abs(),
            Self::NotStationary { change, .. } => change.abs(),
            Self::MovementUnknown { change, .. } => change.abs(),
            Self::OverSaturated { in_flight, .. } => in_flight,
            Self::FellBehind {
                backlog, arrived, ..
            } => backlog / arrived.max(1) as f64,
            Self::SaturationUnknown { most, .. } => most.as_secs_f64(),
            Self::FewExceedances { exceedances, .. } => -(exceedances as f64),
            Self::TokensDiffer { rounds, .. } | Self::TokensUnchecked { rounds, .. } => {
                rounds as f64
            }
            Self::FailuresDiffer { .. }
            | Self::ServerChanged { .. }
            | Self::SameCode
            | Self::Simulated => 0.0,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::CountMismatch { .. } | Self::OutcomeMismatch { .. } => {
                "requests were lost or counted twice: report a bug with the run's export"
            }
            Self::StoppedEarly { .. } => {
                "the engine cannot sustain this load: offer less, or fix the failures by kind"
            }
            Self::Overflow { .. } => "shorten the requests, or set a timeout below one hour",
            Self::WorkersLost { .. } => "check the logs of the lost workers, then resume the run",
            Self::BlocksRepeated { .. } => {
                "check the logs of the lost workers; only the repeated blocks \
                                            count"
            }
            Self::LoadShrunk { .. } => {
                "only the other slots of these blocks are compared; --on-loss repeat repeats the whole block"
            }
            Self::NothingSucceeded { .. } => "check the failures by kind; nothing was measured",
            Self::FailedShare { .. } => "lower the load, or fix the cause of the failures by kind",
            Self::SomeFailed { .. } => "check the failures by kind; they are not in the latencies",
            Self::FailuresDiffer { .. } => {
                "fix the arm that fails more before you compare latencies"
            }
            Self::Lateness { .. } => {
                "give the load generator its own core: stop other programs, or use fewer slots"
            }
            Self::StartSkew { .. } => "find the overloaded host and use fewer slots on it",
            Self::ClockUncertainty { .. } => "use a quieter network, or longer requests",
            Self::GeneratorBusy { .. } | Self::NearGeneratorLimit { .. } => {
                "spread the load over more workers or hosts"
            }
            Self::Steal { .. } | Self::SomeSteal { .. } => {
                "use a dedicated host, or more rounds at another time of day"
            }
            Self::OthersBusy { .. } => "stop other programs: they widen the intervals",
            Self::FrequencyDrift { .. } => "fix the CPU frequency (performance governor, no turbo)",
            Self::TooShort { .. } => "make the measured window longer",
            Self::NotAchieved { .. } => "offer less, or add workers to generate the load",
            Self::LittlesLaw { .. } => {
                "the counts of requests disagree: report a bug with the export"
            }
            Self::NotStationary { .. } => {
                "warm up longer, or measure a load that the engine can sustain"
            }
            Self::MovementUnknown { .. } => {
                "use more rounds or a longer window, so that a trend stands out from noise"
            }
            Self::SaturationUnknown { .. } => {
                "offer less, or hold each load longer, to show whether the engine keeps up"
            }
            Self::OverSaturated { .. } | Self::FellBehind { .. } => {
                "offer less: the engine falls further and further behind, and every figure depends on when \
                 the window ended"
            }
            Self::TokensDiffer { .. } => {
                "the builds compute different tokens: compare their outputs first"
            }
            Self::TokensUnchecked { .. } => {
                "fix the failures by kind, so that the tokens of the builds can be compared"
            }
            Self::ServerChanged { .. } => {
                "let nobody restart or replace a server during a run, and run again"
            }
            Self::SameCode => "build the variants again, or ask for an A/A comparison (--a-a)",
            Self::Simulated => {
                "simulated service times; build real variants to learn about an engine"
            }
            Self::FewExceedances { .. } => {
                "send more requests per round: a stable quantile needs 100/(1−q)"
            }
        }
    }
}
