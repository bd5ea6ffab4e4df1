//! Figures of a burst, computed once for both people and programs. Serialised, this is the
//! program's JSON line, with times in nanoseconds. Must not know how figures are worded.

use std::collections::BTreeMap;
use std::time::Duration;

use inference::model::Model;
use serde::Serialize;

use super::burst::{Answer, Burst, Fate};
use super::identity::Identity;
use super::setup::ColdStart;

/// Version of the JSON line.
const FORMAT: u32 = 1;

/// Everything the program reports.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    format: u32,
    /// SHA-256 of the program's own file; absent if it cannot be read.
    pub(crate) sha256: Option<String>,
    /// Whether this build is instrumented for profiling, so that its times mean nothing.
    pub(crate) instrumented: bool,
    pub(crate) model_digest: String,
    pub(crate) parameters: u64,
    pub(crate) kernels: &'static str,
    pub(crate) threads: usize,
    pub(crate) prompt_tokens: usize,
    pub(crate) max_tokens: usize,
    pub(crate) cold_start: Cold,
    pub(crate) requests: Requests,
    /// Time from the release of all requests to the end of the last.
    pub(crate) wall_ns: u64,
    /// Processor time in that window.
    pub(crate) cpu_ns: Option<u64>,
    /// Processor time ÷ (wall × threads).
    pub(crate) parallel_efficiency: Option<f64>,
    pub(crate) tokens: usize,
    pub(crate) tokens_per_second: f64,
    pub(crate) requests_per_second: f64,
    /// Times of the answered requests; absent without any.
    pub(crate) times: Option<Times>,
    /// One entry for each answered request, in order of release.
    runs: Vec<Run>,
}

/// Phases before the first request.
#[derive(Debug, Serialize)]
pub(crate) struct Cold {
    pub(crate) runtime_ns: u64,
    pub(crate) engine_ns: u64,
    pub(crate) model_ns: u64,
    pub(crate) total_ns: u64,
}

/// Number of requests by outcome.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Requests {
    pub(crate) asked: usize,
    pub(crate) ok: usize,
    /// Failed requests by the engine's reason.
    pub(crate) failed: BTreeMap<String, usize>,
}

/// Times of the answered requests.
#[derive(Debug, Serialize)]
pub(crate) struct Times {
    /// Wait + inference.
    pub(crate) total: Spread,
    pub(crate) wait: Spread,
    pub(crate) inference: Spread,
    pub(crate) first_completion_ns: u64,
    pub(crate) last_completion_ns: u64,
    /// Sum of the inference times of all requests: greater than the wall time if requests share
    /// steps.
    pub(crate) inference_sum_ns: u64,
}

/// A distribution in four figures, nanoseconds.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Spread {
    pub(crate) mean_ns: u64,
    pub(crate) median_ns: u64,
    pub(crate) min_ns: u64,
    pub(crate) max_ns: u64,
}

#[derive(Debug, Serialize)]
struct Run {
    wait_ns: u64,
    inference_ns: u64,
    tokens: usize,
}

impl Figures {
    /// The figures of a burst on `model`.
    pub(crate) fn of(
        burst: &Burst,
        cold: ColdStart,
        model: &Model,
        prompt_tokens: usize,
        max_tokens: usize,
    ) -> Self {
        let identity = Identity::own();
        let requests = Requests::of(&burst.requests);
        let tokens = burst.answers().map(|answer| answer.tokens.len()).sum();
        let seconds = burst.wall.as_secs_f64().max(1e-9);
        let capacity = seconds * model.threads() as f64;
        Self {
            format: FORMAT,
            instrumented: identity
                .as_ref()
                .is_some_and(|identity| identity.instrumented),
            sha256: identity.map(|identity| identity.sha256),
            model_digest: model.facts().digest.clone(),
            parameters: model.facts().parameters,
            kernels: model.isa().name(),
            threads: model.threads(),
            prompt_tokens,
            max_tokens,
            cold_start: Cold::of(&cold),
            wall_ns: nanos(burst.wall),
            cpu_ns: burst.cpu.map(nanos),
            parallel_efficiency: burst.cpu.map(|cpu| cpu.as_secs_f64() / capacity),
            tokens,
            tokens_per_second: tokens as f64 / seconds,
            requests_per_second: requests.ok as f64 / seconds,
            requests,
            times: Times::of(&burst.answers().collect::<Vec<_>>()),
            runs: burst.answers().map(Run::of).collect(),
        }
    }

    /// One line.
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("plain values serialise")
    }
}

impl Cold {
    fn of(cold: &ColdStart) -> Self {
        let [runtime_ns, engine_ns, model_ns, total_ns] =
            [cold.runtime, cold.engine, cold.model, cold.total()].map(nanos);
        Self {
            runtime_ns,
            engine_ns,
            model_ns,
            total_ns,
        }
    }
}

impl Requests {
    fn of(fates: &[Fate]) -> Self {
        let mut failed = BTreeMap::new();
        for fate in fates {
            if let Fate::Failed(reason) = fate {
                *failed.entry(reason.clone()).or_default() += 1;
            }
        }
        let lost: usize = failed.values().sum();
        Self {
            asked: fates.len(),
            ok: fates.len() - lost,
            failed,
        }
    }
}

impl Times {
    fn of(answers: &[&Answer]) -> Option<Self> {
        let spread =
            |time: fn(&Answer) -> Duration| Spread::of(answers.iter().map(|answer| time(answer)));
        let total = spread(Answer::total)?;
        Some(Self {
            first_completion_ns: total.min_ns,
            last_completion_ns: total.max_ns,
            total,
            wait: spread(|answer| answer.wait)?,
            inference: spread(|answer| answer.inference)?,
            inference_sum_ns: nanos(answers.iter().map(|answer| answer.inference).sum()),
        })
    }

    /// Mean wait ÷ mean total.
    pub(crate) fn wait_share(&self) -> f64 {
        self.wait.mean_ns as f64 / (self.total.mean_ns as f64).max(1.0)
    }
}

impl Spread {
    /// `None` without times. The median of an even number is the mean of the middle two.
    fn of(times: impl Iterator<Item = Duration>) -> Option<Self> {
        let mut times: Vec<u64> = times.map(nanos).collect();
        times.sort_unstable();
        let (first, last) = (*times.first()?, *times.last()?);
        let middle = times.len() / 2;
        let median = if times.len() % 2 == 1 {
            times[middle]
        } else {
            times[middle - 1].midpoint(times[middle])
        };
        let mean = times.iter().sum::<u64>() / times.len() as u64;
        Some(Self {
            mean_ns: mean,
            median_ns: median,
            min_ns: first,
            max_ns: last,
        })
    }
}

impl Run {
    fn of(answer: &Answer) -> Self {
        Self {
            wait_ns: nanos(answer.wait),
            inference_ns: nanos(answer.inference),
            tokens: answer.tokens.len(),
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(millis: &[u64]) -> Option<Spread> {
        Spread::of(millis.iter().copied().map(Duration::from_millis))
    }

    #[test]
    fn a_spread_needs_no_order() {
        let odd = Spread {
            mean_ns: 4_000_000,
            median_ns: 3_000_000,
            min_ns: 1_000_000,
            max_ns: 8_000_000,
        };
        assert_eq!(spread(&[8, 1, 3]), Some(odd));
        assert_eq!(
            spread(&[8, 1, 3, 4]).map(|spread| spread.median_ns),
            Some(3_500_000)
        );
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn failures_are_counted_by_reason_and_never_timed() {
        let answer = Answer {
            wait: Duration::from_millis(1),
            inference: Duration::from_millis(3),
            tokens: vec![1],
        };
        let failed = || Fate::Failed("full".to_owned());
        let burst = Burst {
            requests: vec![failed(), Fate::Answered(answer), failed()],
            wall: Duration::from_millis(4),
            cpu: None,
        };
        let expected = Requests {
            asked: 3,
            ok: 1,
            failed: BTreeMap::from([("full".to_owned(), 2)]),
        };
        assert_eq!(Requests::of(&burst.requests), expected);
        let times = Times::of(&burst.answers().collect::<Vec<_>>()).expect("one answer");
        assert_eq!(times.total.max_ns, 4_000_000);
        assert!((times.wait_share() - 0.25).abs() < 1e-9);
        assert!(Times::of(&[]).is_none());
    }
}
