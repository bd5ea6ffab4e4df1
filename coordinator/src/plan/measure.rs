//! What decides about a run: the declared primary metric and the tolerances. Owns their names and
//! defaults; must not know how metrics are computed from histograms.

use std::time::Duration;

use contract::metric::Metric;
use serde::{Deserialize, Serialize};

/// The metric declared before the run; all other metrics are corrected for multiple comparisons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Primary {
    /// Median end-to-end latency.
    #[default]
    E2eP50,
    /// Its 90th percentile.
    E2eP90,
    /// Its 99th percentile.
    E2eP99,
    /// Median time to first token.
    TtftP50,
    /// Its 90th percentile.
    TtftP90,
    /// Median gap between tokens.
    ItlP50,
    /// Median time per output token.
    TpotP50,
    /// Output tokens ÷ wall time.
    TokensPerSecond,
    /// Successful requests ÷ wall time.
    RequestsPerSecond,
}

/// When a run ends.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Stop {
    /// After its last round.
    #[default]
    AtEnd,
    /// At one interim analysis after this many rounds, if every primary answer is clear there at a
    /// stricter level; otherwise after its last round.
    Once {
        /// Number of rounds before the analysis.
        at: u32,
    },
    /// At the first of several planned analyses at which every primary answer is clear; otherwise
    /// after its last round, or after the last that fits into the budget.
    Decided {
        /// Time for all rounds.
        budget: Option<Duration>,
    },
}

/// The only value of the plan key `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// Every primary answer is clear.
    Decided,
}

/// The plan key `look`: one interim analysis planned before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterimAnalysis {
    /// Number of rounds before the analysis.
    pub at: u32,
}

/// Relative differences that do not matter, as shares: 0.02 is 2 % (docs/method.md).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tolerances {
    /// For quantiles below p99.
    pub latency: f64,
    /// For p99 and above.
    pub tail: f64,
    /// For rates.
    pub throughput: f64,
}

impl Stop {
    /// The time for all rounds, if the plan limits it.
    #[must_use]
    pub fn budget(self) -> Option<Duration> {
        match self {
            Self::Decided { budget } => budget,
            Self::AtEnd | Self::Once { .. } => None,
        }
    }
}

impl Primary {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::E2eP50,
        Self::E2eP90,
        Self::E2eP99,
        Self::TtftP50,
        Self::TtftP90,
        Self::ItlP50,
        Self::TpotP50,
        Self::TokensPerSecond,
        Self::RequestsPerSecond,
    ];

    /// The name in plans and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::E2eP50 => "e2e-p50",
            Self::E2eP90 => "e2e-p90",
            Self::E2eP99 => "e2e-p99",
            Self::TtftP50 => "ttft-p50",
            Self::TtftP90 => "ttft-p90",
            Self::ItlP50 => "itl-p50",
            Self::TpotP50 => "tpot-p50",
            Self::TokensPerSecond => "tokens-per-second",
            Self::RequestsPerSecond => "requests-per-second",
        }
    }

    /// Its histogram and quantile, or `None` for a rate.
    #[must_use]
    pub const fn quantile(self) -> Option<(Metric, f64)> {
        match self {
            Self::E2eP50 => Some((Metric::E2e, 0.5)),
            Self::E2eP90 => Some((Metric::E2e, 0.9)),
            Self::E2eP99 => Some((Metric::E2e, 0.99)),
            Self::TtftP50 => Some((Metric::Ttft, 0.5)),
            Self::TtftP90 => Some((Metric::Ttft, 0.9)),
            Self::ItlP50 => Some((Metric::Itl, 0.5)),
            Self::TpotP50 => Some((Metric::Tpot, 0.5)),
            Self::TokensPerSecond | Self::RequestsPerSecond => None,
        }
    }
}

impl Tolerances {
    /// The tolerance of a quantile: `tail` from p99 on.
    #[must_use]
    pub fn of_quantile(&self, q: f64) -> f64 {
        if q >= 0.99 { self.tail } else { self.latency }
    }

    /// The tolerance of the primary metric.
    #[must_use]
    pub fn of(&self, primary: Primary) -> f64 {
        primary
            .quantile()
            .map_or(self.throughput, |(_, q)| self.of_quantile(q))
    }
}

impl Default for Tolerances {
    fn default() -> Self {
        Self {
            latency: 0.02,
            tail: 0.05,
            throughput: 0.02,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_plans() {
        for primary in Primary::ALL {
            let json = serde_json::to_value(primary).expect("serialises");
            assert_eq!(json, primary.name());
        }
    }

    #[test]
    fn each_kind_of_metric_has_its_tolerance() {
        let t = Tolerances {
            latency: 0.01,
            tail: 0.02,
            throughput: 0.03,
        };
        assert_eq!(
            [Primary::E2eP50, Primary::E2eP99, Primary::TokensPerSecond].map(|p| t.of(p)),
            [0.01, 0.02, 0.03]
        );
    }
}
