//! Summarises one arm over all its rounds: cold start, queue against inference, first and last
//! completion, rates, parallel efficiency. These are the views of the original crate.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::histogram::LatencyHistogram;
use contract::id::Arm;
use contract::metric::Metric;
use contract::part::{ColdPhase, EngineFacts, Histograms, Outcomes, ServerFacts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use stats::validity::{Claim, Thresholds, claim};

use super::part_summary::PartSummary;
use super::quantiles;
use super::trials::{Round, Trial};
use super::window::{self, FirstRequest};
use crate::schedule::Block;

/// One arm over all rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Arm")]
pub struct ArmSummary {
    /// A (baseline), B (candidate) or A2 (baseline again, the control).
    #[schemars(with = "String")]
    pub arm: Arm,
    /// Its variant.
    pub variant: String,
    /// Outcomes of its requests.
    pub outcomes: Outcomes,
    /// One entry for each time metric that has values. Only successful requests count, except for
    /// lateness.
    pub latencies: Vec<Latency>,
    /// Medians over the trials.
    pub views: Views,
    /// Cold start, phase by phase: the median over all worker processes.
    #[schemars(with = "Vec<ColdPhase>")]
    pub cold: Vec<Cold>,
    /// The first requests of the measured window in order of intended time; empty if not every
    /// request was kept.
    pub first_requests: Vec<FirstRequest>,
    /// Effective number of independent latencies among the answered requests, by batch means: a
    /// diagnostic. Null if not every request was kept.
    pub effective_requests: Option<f64>,
    /// For an engine that is a separate program: connections, usage and failures by kind, over all
    /// trials; absent for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerFacts>,
}

impl ArmSummary {
    /// Latencies of a metric.
    #[must_use]
    pub fn latency(&self, metric: Metric) -> Option<&Latency> {
        self.latencies
            .iter()
            .find(|latency| latency.metric == metric)
    }

    /// Duration of a phase of the cold start.
    #[must_use]
    pub fn cold(&self, phase: &str) -> Option<Duration> {
        self.cold
            .iter()
            .find(|cold| cold.phase == phase)
            .map(|cold| cold.median)
    }
}

/// One metric's pooled histogram in figures, nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// `e2e`, `ttft`, `itl`, `tpot`, `queue`, `prefill`, `decode`, `service` or `lateness`.
    #[schemars(with = "String")]
    pub metric: Metric,
    /// Number of values.
    pub count: u64,
    /// Exact mean.
    #[serde(rename = "mean_ns")]
    pub mean: f64,
    /// Exact smallest.
    #[serde(rename = "min_ns")]
    pub min: u64,
    /// Exact largest.
    #[serde(rename = "max_ns")]
    pub max: u64,
    /// Quantiles with their values, interpolated within their bucket; null if too few values lie
    /// beyond.
    #[serde(with = "quantiles")]
    #[schemars(with = "Vec<quantiles::Quantile>")]
    pub quantiles: Vec<(f64, Option<f64>)>,
}

/// Medians over an arm's trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Views {
    /// Output tokens per second.
    pub tokens_per_second: f64,
    /// Successful requests per second.
    pub requests_per_second: f64,
    /// Requests per second that met every objective; null without objectives.
    pub goodput_per_second: Option<f64>,
    /// Requests of an open loop sent within its window ÷ requests offered.
    pub achieved: Option<f64>,
    /// Time from the start until the first request was done, seconds; null if none was.
    #[serde(rename = "first_completion_seconds")]
    pub first_completion: Option<f64>,
    /// Time from the start until the last request was done, seconds; null if none was.
    #[serde(rename = "last_completion_seconds")]
    pub last_completion: Option<f64>,
    /// Share of queueing in the mean service time; the rest is inference. Null if no request was
    /// answered.
    pub queue_share: Option<f64>,
    /// Processor time of the workers, seconds.
    pub cpu_seconds: f64,
    /// Processor time ÷ (window × engine threads): 1 means that every engine thread was busy all
    /// the time.
    pub parallel_efficiency: f64,
    /// Largest resident set of a worker, bytes.
    pub peak_rss_bytes: f64,
    /// Greatest use of a worker's key/value cache, bytes.
    pub peak_kv_bytes: f64,
    /// Limit of a worker's key/value cache, bytes; null if there is none.
    pub kv_bytes_total: Option<f64>,
    /// Share of the steps' time spent outside the model's passes; null if the engine does not
    /// compute.
    pub scheduling_share: Option<f64>,
    /// Greatest number of requests waiting in an engine.
    pub peak_waiting: f64,
    /// Greatest number of sequences in one step.
    pub peak_running: f64,
}

/// One phase of the cold start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "ColdPhase", into = "ColdPhase")]
pub struct Cold {
    /// Name of the phase.
    pub phase: String,
    /// Median over all worker processes.
    pub median: Duration,
}

impl From<ColdPhase> for Cold {
    fn from(phase: ColdPhase) -> Self {
        Self {
            phase: phase.name,
            median: phase.took,
        }
    }
}

impl From<Cold> for ColdPhase {
    fn from(cold: Cold) -> Self {
        Self {
            name: cold.phase,
            took: cold.median,
        }
    }
}

const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];

pub(super) fn arms(block: &Block, rounds: &[&Round], thresholds: &Thresholds) -> Vec<ArmSummary> {
    let mut arms: Vec<Arm> = rounds
        .iter()
        .flat_map(|round| round.arms.keys().copied())
        .collect();
    arms.sort_unstable();
    arms.dedup();
    arms.into_iter()
        .map(|arm| summarise(arm, block.variant(arm), rounds, thresholds))
        .collect()
}

fn summarise(arm: Arm, variant: &str, rounds: &[&Round], thresholds: &Thresholds) -> ArmSummary {
    let trials: Vec<&Trial> = rounds
        .iter()
        .filter_map(|round| round.arms.get(&arm))
        .collect();
    let mut pooled = Histograms::default();
    let mut outcomes = Outcomes::default();
    for trial in &trials {
        pooled.add(&trial.histograms);
        outcomes.add(&trial.outcomes);
    }
    let latencies = Metric::ALL
        .into_iter()
        .filter_map(|metric| latency(metric, &pooled, thresholds))
        .collect();
    ArmSummary {
        arm,
        variant: variant.to_owned(),
        outcomes,
        latencies,
        views: views(&trials),
        cold: cold(&trials),
        first_requests: window::first_requests(&trials),
        effective_requests: window::effective_requests(&trials),
        server: server(&trials),
    }
}

fn server(trials: &[&Trial]) -> Option<ServerFacts> {
    let parts = trials.iter().flat_map(|trial| &trial.parts);
    let facts = parts.filter_map(|part| part.engine.server.as_ref());
    facts.cloned().reduce(|mut sum, one| {
        sum.add(&one);
        sum
    })
}

fn latency(metric: Metric, pooled: &Histograms, thresholds: &Thresholds) -> Option<Latency> {
    let histogram = pooled.get(metric);
    let exact = histogram.exact();
    if exact.count == 0 {
        return None;
    }
    let quantile = |q: f64| (q, shown_quantile(histogram, q, thresholds));
    Some(Latency {
        metric,
        count: exact.count,
        mean: exact.sum as f64 / exact.count as f64,
        min: exact.min,
        max: exact.max,
        quantiles: QUANTILES.into_iter().map(quantile).collect(),
    })
}

/// A quantile in nanoseconds; null if too few values lie beyond it to show it.
#[must_use]
pub fn shown_quantile(
    histogram: &LatencyHistogram,
    q: f64,
    thresholds: &Thresholds,
) -> Option<f64> {
    let exact = histogram.exact();
    if matches!(claim(exact.count, q, thresholds), Claim::Hidden { .. }) {
        return None;
    }
    // Interpolation extends to the edges of a bucket; the exact extremes lie inside.
    let value = stats::summary::quantile(histogram.buckets(), q)?;
    Some(value.clamp(exact.min as f64, exact.max as f64))
}

fn views(trials: &[&Trial]) -> Views {
    let over =
        |pick: &dyn Fn(&Trial) -> f64| median(trials.iter().map(|trial| pick(trial)).collect());
    let some = |pick: &dyn Fn(&Trial) -> Option<f64>| {
        let known: Option<Vec<f64>> = trials.iter().map(|trial| pick(trial)).collect();
        known.filter(|values| !values.is_empty()).map(median)
    };
    Views {
        tokens_per_second: over(&|t| t.tokens_per_second().unwrap_or(0.0)),
        requests_per_second: over(&|t| t.requests_per_second().unwrap_or(0.0)),
        goodput_per_second: some(&|t| t.goodput_per_second()),
        achieved: some(&|t| t.achieved()),
        first_completion: known(trials, &|t| {
            Some(
                answered(t)
                    .map(|p| p.window.first_completion)
                    .min()?
                    .as_secs_f64(),
            )
        }),
        last_completion: known(trials, &|t| {
            Some(
                answered(t)
                    .map(|p| p.window.last_completion)
                    .max()?
                    .as_secs_f64(),
            )
        }),
        queue_share: known(trials, &queue_share),
        cpu_seconds: over(&cpu_seconds),
        parallel_efficiency: over(&|t| {
            let threads: u32 = t.parts.iter().map(|part| part.engine.threads.max(1)).sum();
            let longest = t
                .parts
                .iter()
                .map(|part| part.usage.wall)
                .max()
                .unwrap_or_default();
            cpu_seconds(t) / (longest.as_secs_f64() * f64::from(threads)).max(1e-9)
        }),
        peak_rss_bytes: over(&|t| most(t, |p| p.usage.peak_rss_bytes)),
        peak_kv_bytes: over(&|t| most(t, |p| p.engine.peak_kv_bytes)),
        kv_bytes_total: known(trials, &|t| {
            t.parts
                .iter()
                .filter_map(|p| p.engine.kv_bytes_total)
                .max()
                .map(|b| b as f64)
        }),
        scheduling_share: known(trials, &scheduling_share),
        peak_waiting: over(&|t| most(t, |p| p.engine.peak_waiting.into())),
        peak_running: over(&|t| most(t, |p| p.engine.peak_running.into())),
    }
}

/// The median over the trials that have a value.
fn known(trials: &[&Trial], pick: &dyn Fn(&Trial) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = trials.iter().filter_map(|trial| pick(trial)).collect();
    (!values.is_empty()).then(|| median(values))
}

fn scheduling_share(trial: &Trial) -> Option<f64> {
    let sum = |pick: fn(&EngineFacts) -> Option<Duration>| {
        trial
            .parts
            .iter()
            .filter_map(|part| pick(&part.engine))
            .sum::<Duration>()
            .as_secs_f64()
    };
    let steps = sum(|engine| engine.stepping);
    (steps > 0.0).then(|| sum(|engine| engine.scheduling) / steps)
}

fn most(trial: &Trial, pick: fn(&PartSummary) -> u64) -> f64 {
    trial.parts.iter().map(pick).max().unwrap_or(0) as f64
}

fn cpu_seconds(trial: &Trial) -> f64 {
    trial
        .parts
        .iter()
        .map(|part| (part.usage.cpu_user + part.usage.cpu_system).as_secs_f64())
        .sum()
}

/// Parts with answers; in the others no request was completed.
fn answered(trial: &Trial) -> impl Iterator<Item = &PartSummary> {
    trial.parts.iter().filter(|part| part.outcomes.ok > 0)
}

/// Mean queue time ÷ mean service time.
fn queue_share(trial: &Trial) -> Option<f64> {
    let sum = |metric| trial.histograms.get(metric).exact().sum as f64;
    let service = sum(Metric::Service);
    (service > 0.0).then(|| sum(Metric::Queue) / service)
}

fn cold(trials: &[&Trial]) -> Vec<Cold> {
    let mut phases: BTreeMap<(usize, String), Vec<f64>> = BTreeMap::new();
    for part in trials.iter().flat_map(|trial| &trial.parts) {
        for (place, phase) in part.cold.iter().enumerate() {
            phases
                .entry((place, phase.name.clone()))
                .or_default()
                .push(phase.took.as_secs_f64());
        }
    }
    let cold = |((_, phase), took): (_, Vec<f64>)| Cold {
        phase,
        median: Duration::from_secs_f64(median(took)),
    };
    phases.into_iter().map(cold).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}
