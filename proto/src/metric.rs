//! The closed set of metrics: name, unit, direction and exact definition, the same for every
//! engine. Must not know values.

use serde::{Deserialize, Serialize};

/// A time that every request, or every token, contributes to one histogram. Nanoseconds.
///
/// `intended` is the instant at which a request is due by its load shape, `sent` the instant it was
/// passed to the engine, `started` the instant the engine began working on it, and `t1..tn` are the
/// instants of its n output tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// End to end: `tn − intended`.
    E2e,
    /// Time to first token: `t1 − intended`.
    Ttft,
    /// Inter-token latency: every gap `t(i+1) − t(i)`, pooled over requests.
    Itl,
    /// Time per output token: `(tn − t1)/(n − 1)`, one value for each request with n ≥ 2.
    Tpot,
    /// Waiting in the engine: `started − sent` (the original crate's "lock wait").
    Queue,
    /// From the start of work to the first token: `t1 − started`.
    Prefill,
    /// From the first token to the last: `tn − t1`.
    Decode,
    /// End to end as the server sees it: `tn − sent`.
    Service,
    /// The generator's own error: `sent − intended`, for every request sent, with any outcome. If
    /// the plan bounds requests in flight and a request waited for that, its lateness counts from
    /// the end of the wait.
    Lateness,
}

/// Whether more is better or worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Times.
    LowerIsBetter,
    /// Rates.
    HigherIsBetter,
}

impl Metric {
    /// Every metric, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::E2e,
        Self::Ttft,
        Self::Itl,
        Self::Tpot,
        Self::Queue,
        Self::Prefill,
        Self::Decode,
        Self::Service,
        Self::Lateness,
    ];

    /// The stable name in records and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::E2e => "e2e",
            Self::Ttft => "ttft",
            Self::Itl => "itl",
            Self::Tpot => "tpot",
            Self::Queue => "queue",
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::Service => "service",
            Self::Lateness => "lateness",
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::E2e => "E2E",
            Self::Ttft => "TTFT",
            Self::Itl => "ITL",
            Self::Tpot => "TPOT",
            Self::Queue => "queue",
            Self::Prefill => "prefill",
            Self::Decode => "decode",
            Self::Service => "service",
            Self::Lateness => "lateness",
        }
    }

    /// The metric with a stable name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }

    /// Position in [`Self::ALL`], for arrays indexed by metric.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// Nanoseconds, for every metric.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        "ns"
    }

    /// Times are better when lower.
    #[must_use]
    pub const fn direction(self) -> Direction {
        Direction::LowerIsBetter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indices_are_unique_and_go_both_ways() {
        for (i, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric.index(), i);
            assert_eq!(Metric::from_name(metric.name()), Some(metric));
        }
        assert_eq!(Metric::from_name("p99"), None);
    }
}
