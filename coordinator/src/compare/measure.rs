//! The closed list of measures that are compared (quantiles of times, and rates) with names,
//! directions and tolerances.

use std::time::Duration;

use contract::histogram::LatencyHistogram;
use contract::id::Arm;
use contract::metric::{Direction, Metric};
use stats::compare::{ArmCost, RoundCosts, Scale};

use super::part_summary::PartSummary;
use super::trials::{Round, Trial, rate};
use crate::plan::{Primary, Tolerances};

/// A figure of a trial by which builds are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// A quantile of a time, nanoseconds.
    Quantile(Metric, f64),
    /// Output tokens of successful requests ÷ window.
    TokensPerSecond,
    /// Successful requests ÷ window.
    RequestsPerSecond,
    /// Requests that met every objective ÷ window.
    GoodputPerSecond,
    /// Processor time of the engine's threads or processes ÷ output tokens, nanoseconds.
    CpuPerToken,
    /// What a search for a capacity found, requests a second. No trial has it.
    Capacity,
    /// The same as a number of requests in flight.
    Concurrency,
}

impl Measure {
    /// Measures of whole searches, which no trial has.
    pub const OF_SEARCHES: [Self; 2] = [Self::Capacity, Self::Concurrency];

    /// The measure of this name, of trials or of searches.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let all = Self::ALL.into_iter().chain(Self::OF_SEARCHES);
        all.into_iter().find(|measure| measure.name() == name)
    }

    /// Every measure of trials, in the order of reports.
    pub const ALL: [Self; 15] = [
        Self::Quantile(Metric::E2e, 0.5),
        Self::Quantile(Metric::E2e, 0.9),
        Self::Quantile(Metric::E2e, 0.99),
        Self::Quantile(Metric::Ttft, 0.5),
        Self::Quantile(Metric::Ttft, 0.9),
        Self::Quantile(Metric::Itl, 0.5),
        Self::Quantile(Metric::Itl, 0.99),
        Self::Quantile(Metric::Tpot, 0.5),
        Self::Quantile(Metric::Queue, 0.5),
        Self::Quantile(Metric::Prefill, 0.5),
        Self::Quantile(Metric::Decode, 0.5),
        Self::TokensPerSecond,
        Self::RequestsPerSecond,
        Self::GoodputPerSecond,
        Self::CpuPerToken,
    ];

    /// Stable name.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Quantile(metric, q) => format!("{}-p{}", metric.name(), percent(q)),
            Self::TokensPerSecond => "tokens-per-second".to_owned(),
            Self::RequestsPerSecond => "requests-per-second".to_owned(),
            Self::GoodputPerSecond => "goodput-per-second".to_owned(),
            Self::CpuPerToken => "cpu-per-token".to_owned(),
            Self::Capacity => "capacity".to_owned(),
            Self::Concurrency => "concurrency".to_owned(),
        }
    }

    /// Name for people.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::Quantile(metric, q) => format!("{} p{}", metric.label(), percent(q)),
            Self::TokensPerSecond => "tokens/s".to_owned(),
            Self::RequestsPerSecond => "requests/s".to_owned(),
            Self::GoodputPerSecond => "goodput/s".to_owned(),
            Self::CpuPerToken => "CPU/token".to_owned(),
            Self::Capacity => "capacity, requests/s".to_owned(),
            Self::Concurrency => "capacity in flight".to_owned(),
        }
    }

    /// Whether more is better.
    #[must_use]
    pub const fn direction(self) -> Direction {
        match self {
            Self::Quantile(metric, _) => metric.direction(),
            Self::TokensPerSecond
            | Self::RequestsPerSecond
            | Self::GoodputPerSecond
            | Self::Capacity
            | Self::Concurrency => Direction::HigherIsBetter,
            Self::CpuPerToken => Direction::LowerIsBetter,
        }
    }

    /// Whether this is the plan's primary measure.
    #[must_use]
    pub fn is(self, primary: Primary) -> bool {
        self.name() == primary.name()
    }

    /// Relative difference that does not matter.
    #[must_use]
    pub fn tolerance(self, tolerances: &Tolerances) -> f64 {
        match self {
            Self::Quantile(_, q) => tolerances.of_quantile(q),
            Self::TokensPerSecond
            | Self::RequestsPerSecond
            | Self::GoodputPerSecond
            | Self::Capacity
            | Self::Concurrency => tolerances.throughput,
            Self::CpuPerToken => tolerances.latency,
        }
    }

    /// Its value in one trial, if it has one.
    #[must_use]
    pub fn value(self, trial: &Trial) -> Option<f64> {
        match self {
            Self::Quantile(metric, q) => trial.quantile(metric, q),
            Self::TokensPerSecond => trial.tokens_per_second(),
            Self::RequestsPerSecond => trial.requests_per_second(),
            Self::GoodputPerSecond => trial.goodput_per_second(),
            Self::CpuPerToken => cpu_per_token(&trial.parts.iter().collect::<Vec<_>>()),
            Self::Capacity | Self::Concurrency => None,
        }
    }

    /// Fewest values of any arm of any round; `None` for rates.
    pub(super) fn least_count(self, rounds: &[&Round]) -> Option<u64> {
        let Self::Quantile(metric, _) = self else {
            return None;
        };
        let counts = rounds.iter().flat_map(|round| round.arms.values());
        counts
            .map(|trial| trial.histograms.get(metric).exact().count)
            .min()
    }

    /// Its value over several parts of a trial, if it has one.
    pub(super) fn of_parts(self, parts: &[&PartSummary]) -> Option<f64> {
        let wall = || {
            parts
                .iter()
                .map(|part| part.usage.wall)
                .max()
                .unwrap_or_default()
        };
        match self {
            Self::Quantile(metric, q) => {
                let mut merged = LatencyHistogram::default();
                parts
                    .iter()
                    .for_each(|part| merged.add_folded(part.folded(metric)));
                stats::summary::quantile(merged.buckets(), q)
            }
            Self::TokensPerSecond => {
                rate(parts.iter().map(|part| part.output_tokens).sum(), wall())
            }
            Self::RequestsPerSecond => {
                rate(parts.iter().map(|part| part.outcomes.ok).sum(), wall())
            }
            Self::GoodputPerSecond => rate(
                parts.iter().map(|part| part.good).sum::<Option<u64>>()?,
                wall(),
            ),
            Self::CpuPerToken => cpu_per_token(parts),
            Self::Capacity | Self::Concurrency => None,
        }
    }

    /// The scale for these rounds: logarithmic, unless a value is zero.
    pub(super) fn scale(self, rounds: &[&Round]) -> Scale {
        let (baseline, candidate) = split(rounds, |trial| self.value(trial));
        Scale::of(&baseline, &candidate)
    }

    /// One stored round as input of `stats`, by a value that the caller chooses: each arm as a cost
    /// (more is worse); `None` if an arm has no value.
    pub(super) fn block_of(
        self,
        scale: Scale,
        round: &Round,
        value: impl Fn(&Trial) -> Option<f64>,
    ) -> Option<RoundCosts> {
        let seat = |arm| {
            let cost = self.cost(scale, value(round.arms.get(&arm)?)?)?;
            Some(ArmCost {
                cost,
                position: round.position(arm)? as f64,
            })
        };
        let a2 = if round.arms.contains_key(&Arm::A2) {
            Some(seat(Arm::A2)?)
        } else {
            None
        };
        Some(RoundCosts {
            a: seat(Arm::A)?,
            b: seat(Arm::B)?,
            a2,
        })
    }

    /// A value as a cost (more is worse).
    pub(crate) fn cost(self, scale: Scale, value: f64) -> Option<f64> {
        scale.cost(value, direction(self.direction()))
    }

    /// Whether it can be zero. Times cannot, and a missing time is absent.
    pub(crate) const fn is_rate(self) -> bool {
        !matches!(self, Self::Quantile(..) | Self::CpuPerToken)
    }
}

/// Processor time of an engine that computes, nanoseconds per output token of successful requests.
/// An engine in the worker's process shares it with the load's thread, whose time is left out; of a
/// server, the time of its processes was recorded.
fn cpu_per_token(parts: &[&PartSummary]) -> Option<f64> {
    let mut spent = Duration::ZERO;
    let mut tokens = 0;
    for part in parts {
        let of_load = match &part.engine.server {
            Some(_) => Duration::ZERO,
            None => part.engine.stepping.map(|_| part.usage.driver_cpu)?,
        };
        spent += (part.usage.cpu_user + part.usage.cpu_system).saturating_sub(of_load);
        tokens += part.output_tokens;
    }
    let measured = tokens > 0 && !spent.is_zero();
    measured.then(|| spent.as_secs_f64() * 1e9 / tokens as f64)
}

/// The values of the baseline's arms and of the candidate's, over all rounds.
pub(super) fn split(
    rounds: &[&Round],
    value: impl Fn(&Trial) -> Option<f64>,
) -> (Vec<f64>, Vec<f64>) {
    let (mut baseline, mut candidate) = (Vec::new(), Vec::new());
    for (arm, trial) in rounds.iter().flat_map(|round| &round.arms) {
        let side = if arm.is_baseline() {
            &mut baseline
        } else {
            &mut candidate
        };
        side.extend(value(trial));
    }
    (baseline, candidate)
}

impl Measure {
    /// Converts a cost back to a value.
    #[must_use]
    pub fn value_of(self, scale: Scale, cost: f64) -> f64 {
        scale.value_of(cost, direction(self.direction()))
    }

    /// Converts a difference of costs to a change of the measure: 0.05 is "5 % more".
    #[must_use]
    pub fn change(self, scale: Scale, delta: f64) -> f64 {
        scale.change(delta, direction(self.direction()))
    }
}

/// Converts the contract's direction to that of `stats`.
#[must_use]
const fn direction(direction: Direction) -> stats::compare::Direction {
    match direction {
        Direction::LowerIsBetter => stats::compare::Direction::LowerIsBetter,
        Direction::HigherIsBetter => stats::compare::Direction::HigherIsBetter,
    }
}

/// 0.5 → "50", 0.999 → "99.9".
fn percent(q: f64) -> String {
    let text = format!("{:.3}", 100.0 * q);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_primary_is_a_measure() {
        for primary in Primary::ALL {
            assert_eq!(
                Measure::ALL.iter().filter(|m| m.is(primary)).count(),
                1,
                "{}",
                primary.name()
            );
        }
    }

    #[test]
    fn quantiles_read_as_people_write_them() {
        assert_eq!([0.5, 0.99, 0.999].map(percent), ["50", "99", "99.9"]);
    }
}
