//! [`Part`] to its stored message and back.

use std::time::Duration;

use super::{RecordError, pb, sent};
use crate::histogram::{Exact, LatencyHistogram};
use crate::id::{Arm, Attempt, TrialKey};
use crate::identity::Sha256;
use crate::metric::Metric;
use crate::part::{
    Bucket, ColdPhase, EngineFacts, Frequency, Histograms, Origin, Outcome, Outcomes, Part, Place,
    RequestRecord, Series, Step, StepLog, StopCause, Usage, Window,
};

pub(super) fn encode(part: &Part) -> Result<pb::Part, RecordError> {
    let (place, origin, window) = (&part.place, &part.origin, part.window);
    Ok(pb::Part {
        run: place.run.to_string(),
        scenario: place.key.cell,
        round: place.key.round,
        arm: place.key.arm.number(),
        slot: place.slot,
        attempt: place.attempt.0,
        variant: origin.variant.clone(),
        exe_sha256: origin.exe_sha256.0.to_vec(),
        instrumented: origin.instrumented,
        hostname: origin.hostname.clone(),
        histograms: encode_histograms(&part.histograms)?,
        outcomes: Some(encode_outcomes(part.outcomes)),
        requests: part.requests.iter().map(encode_request).collect(),
        requests_not_kept: part.requests_not_kept,
        token_digest: part.token_digest.0.to_vec(),
        prompt_tokens: part.prompt_tokens,
        output_tokens: part.output_tokens,
        first_completion_ns: ns(window.first_completion),
        last_completion_ns: ns(window.last_completion),
        start_late_ns: ns(window.start_late),
        clock_uncertainty_ns: ns(window.clock_uncertainty),
        cold: part
            .cold
            .iter()
            .map(|c| pb::ColdPhase {
                name: c.name.clone(),
                ns: ns(c.took),
            })
            .collect(),
        usage: Some(encode_usage(part.usage)),
        engine: Some(encode_engine(&part.engine)),
        offered: Some(part.offered),
        stopped: part.stopped as u32,
        good: part.good,
        run_in: part.run_in,
        series_width_ns: ns(part.series.width),
        series: part.series.buckets.iter().map(encode_bucket).collect(),
        in_time: part.in_time,
        step_gaps_ns: step_gaps(&part.steps.kept),
        step_tokens: part.steps.kept.iter().map(|step| step.tokens).collect(),
        steps_not_kept: part.steps.not_kept,
        sent: part.sent.as_ref().map(sent::encode),
    })
}

pub(super) fn decode(part: pb::Part) -> Result<Part, RecordError> {
    Ok(Part {
        place: place(&part)?,
        origin: Origin {
            variant: part.variant,
            exe_sha256: hash(&part.exe_sha256, "exe_sha256")?,
            instrumented: part.instrumented,
            hostname: part.hostname,
        },
        histograms: decode_histograms(part.histograms)?,
        // Parts of before there was a field for it offered what was issued.
        offered: part
            .offered
            .unwrap_or(part.outcomes.map_or(0, |outcomes| outcomes.planned)),
        stopped: *StopCause::ALL
            .get(part.stopped as usize)
            .ok_or(RecordError::Field("stopped"))?,
        in_time: part.in_time,
        good: part.good,
        run_in: part.run_in,
        sent: part.sent.as_ref().map(sent::decode).transpose()?,
        series: Series {
            width: Duration::from_nanos(part.series_width_ns),
            buckets: part.series.iter().map(decode_bucket).collect(),
        },
        outcomes: decode_outcomes(part.outcomes.unwrap_or_default()),
        requests: part
            .requests
            .iter()
            .map(decode_request)
            .collect::<Result<_, _>>()?,
        requests_not_kept: part.requests_not_kept,
        steps: decode_steps(&part.step_gaps_ns, &part.step_tokens, part.steps_not_kept)?,
        token_digest: hash(&part.token_digest, "token_digest")?,
        prompt_tokens: part.prompt_tokens,
        output_tokens: part.output_tokens,
        window: Window {
            first_completion: Duration::from_nanos(part.first_completion_ns),
            last_completion: Duration::from_nanos(part.last_completion_ns),
            start_late: Duration::from_nanos(part.start_late_ns),
            clock_uncertainty: Duration::from_nanos(part.clock_uncertainty_ns),
        },
        cold: part
            .cold
            .into_iter()
            .map(|c| ColdPhase {
                name: c.name,
                took: Duration::from_nanos(c.ns),
            })
            .collect(),
        usage: decode_usage(&part.usage.unwrap_or_default()),
        engine: decode_engine(part.engine.unwrap_or_default())?,
    })
}

/// Where a part belongs; nothing else of it is looked at.
pub(super) fn place(part: &pb::Part) -> Result<Place, RecordError> {
    Ok(Place {
        run: part.run.parse().map_err(|_| RecordError::Field("run"))?,
        key: TrialKey {
            cell: part.scenario,
            round: part.round,
            arm: arm(part.arm)?,
        },
        slot: part.slot,
        attempt: Attempt(part.attempt),
    })
}

/// Nanoseconds of a duration; five centuries fit.
pub(super) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn arm(number: u32) -> Result<Arm, RecordError> {
    Arm::from_number(number).ok_or(RecordError::Field("arm"))
}

/// A hash; absent means all zero.
pub(super) fn hash(bytes: &[u8], field: &'static str) -> Result<Sha256, RecordError> {
    if bytes.is_empty() {
        return Ok(Sha256::default());
    }
    Sha256::from_slice(bytes).ok_or(RecordError::Field(field))
}

/// A hash that may be missing.
pub(super) fn perhaps(bytes: &[u8], field: &'static str) -> Result<Option<Sha256>, RecordError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    Sha256::from_slice(bytes)
        .map(Some)
        .ok_or(RecordError::Field(field))
}

/// The same as bytes.
pub(super) fn told(hash: Option<Sha256>) -> Vec<u8> {
    hash.map_or_else(Vec::new, |hash| hash.0.to_vec())
}

fn encode_histograms(histograms: &Histograms) -> Result<Vec<pb::MetricHistogram>, RecordError> {
    Metric::ALL
        .into_iter()
        .map(|metric| {
            let histogram = histograms.get(metric);
            let exact = histogram.exact();
            let v2_deflate =
                histogram
                    .to_v2_deflate()
                    .map_err(|source| RecordError::Histogram {
                        metric: metric.name().to_owned(),
                        source,
                    })?;
            Ok(pb::MetricHistogram {
                metric: metric.name().to_owned(),
                v2_deflate,
                count: exact.count,
                min: exact.min,
                max: exact.max,
                sum_high: (exact.sum >> 64) as u64,
                sum_low: exact.sum as u64,
                overflow: exact.overflow,
            })
        })
        .collect()
}

fn decode_histograms(stored: Vec<pb::MetricHistogram>) -> Result<Histograms, RecordError> {
    // Each is large: the empty ones are made where there is none.
    let mut read = [const { None }; Metric::ALL.len()];
    for one in stored {
        let Some(metric) = Metric::from_name(&one.metric) else {
            continue;
        };
        let exact = Exact {
            count: one.count,
            min: one.min,
            max: one.max,
            sum: u128::from(one.sum_high) << 64 | u128::from(one.sum_low),
            overflow: one.overflow,
        };
        let histogram =
            LatencyHistogram::from_v2_deflate(&one.v2_deflate, exact).map_err(|source| {
                RecordError::Histogram {
                    metric: one.metric,
                    source,
                }
            })?;
        read[metric.index()] = Some(histogram);
    }
    Ok(Histograms::from(read))
}

fn encode_bucket(bucket: &Bucket) -> pb::Bucket {
    let &Bucket {
        offered,
        issued,
        ended,
        ok,
        tokens,
        intended_ok,
        e2e_sum_ns,
        ttft_sum_ns,
        in_flight_ns,
    } = bucket;
    pb::Bucket {
        offered,
        issued,
        ended,
        ok,
        tokens,
        intended_ok,
        e2e_sum_ns,
        ttft_sum_ns,
        in_flight_ns,
    }
}

fn decode_bucket(bucket: &pb::Bucket) -> Bucket {
    let &pb::Bucket {
        offered,
        issued,
        ended,
        ok,
        tokens,
        intended_ok,
        e2e_sum_ns,
        ttft_sum_ns,
        in_flight_ns,
    } = bucket;
    Bucket {
        offered,
        issued,
        ended,
        ok,
        tokens,
        intended_ok,
        e2e_sum_ns,
        ttft_sum_ns,
        in_flight_ns,
    }
}

fn encode_outcomes(outcomes: Outcomes) -> pb::Outcomes {
    let Outcomes {
        planned,
        ok,
        refused,
        failed,
        cancelled,
        timed_out,
        disconnected,
    } = outcomes;
    pb::Outcomes {
        planned,
        ok,
        refused,
        failed,
        cancelled,
        timed_out,
        disconnected,
    }
}

fn decode_outcomes(outcomes: pb::Outcomes) -> Outcomes {
    let pb::Outcomes {
        planned,
        ok,
        refused,
        failed,
        cancelled,
        timed_out,
        disconnected,
    } = outcomes;
    Outcomes {
        planned,
        ok,
        refused,
        failed,
        cancelled,
        timed_out,
        disconnected,
    }
}

fn encode_request(request: &RequestRecord) -> pb::RequestRecord {
    let r = *request;
    pb::RequestRecord {
        index: r.index,
        outcome: r.outcome.number(),
        intended_ns: r.intended_ns,
        sent_ns: r.sent_ns,
        started_ns: r.started_ns,
        first_token_ns: r.first_token_ns,
        done_ns: r.done_ns,
        prompt_tokens: r.prompt_tokens,
        output_tokens: r.output_tokens,
    }
}

fn decode_request(r: &pb::RequestRecord) -> Result<RequestRecord, RecordError> {
    Ok(RequestRecord {
        index: r.index,
        outcome: Outcome::from_number(r.outcome).ok_or(RecordError::Field("outcome"))?,
        intended_ns: r.intended_ns,
        sent_ns: r.sent_ns,
        started_ns: r.started_ns,
        first_token_ns: r.first_token_ns,
        done_ns: r.done_ns,
        prompt_tokens: r.prompt_tokens,
        output_tokens: r.output_tokens,
    })
}

/// Gaps are small numbers, which take few bytes.
fn step_gaps(steps: &[Step]) -> Vec<u64> {
    let before = std::iter::once(0).chain(steps.iter().map(|step| step.at_ns));
    steps
        .iter()
        .zip(before)
        .map(|(step, before)| step.at_ns.saturating_sub(before))
        .collect()
}

fn decode_steps(gaps: &[u64], tokens: &[u32], not_kept: u64) -> Result<StepLog, RecordError> {
    if gaps.len() != tokens.len() {
        return Err(RecordError::Field("step_tokens"));
    }
    let mut at_ns = 0_u64;
    let kept = gaps.iter().zip(tokens).map(|(gap, tokens)| {
        at_ns = at_ns.saturating_add(*gap);
        Step {
            at_ns,
            tokens: *tokens,
        }
    });
    Ok(StepLog {
        kept: kept.collect(),
        not_kept,
    })
}

fn encode_usage(usage: Usage) -> pb::Usage {
    pb::Usage {
        wall_ns: ns(usage.wall),
        cpu_user_ns: ns(usage.cpu_user),
        cpu_system_ns: ns(usage.cpu_system),
        driver_cpu_ns: ns(usage.driver_cpu),
        peak_rss_bytes: usage.peak_rss_bytes,
        involuntary_switches: usage.involuntary_switches,
        host_ticks: usage.host_ticks,
        host_steal_ticks: usage.host_steal_ticks,
        host_busy_ticks: usage.host_busy_ticks,
        major_faults: usage.major_faults,
        cpu_khz_low: usage.frequency.map_or(0, |f| f.low_khz),
        cpu_khz_high: usage.frequency.map_or(0, |f| f.high_khz),
        floor_requests_per_second: usage.floor.unwrap_or(0.0),
    }
}

fn decode_usage(usage: &pb::Usage) -> Usage {
    Usage {
        wall: Duration::from_nanos(usage.wall_ns),
        cpu_user: Duration::from_nanos(usage.cpu_user_ns),
        cpu_system: Duration::from_nanos(usage.cpu_system_ns),
        driver_cpu: Duration::from_nanos(usage.driver_cpu_ns),
        peak_rss_bytes: usage.peak_rss_bytes,
        involuntary_switches: usage.involuntary_switches,
        major_faults: usage.major_faults,
        host_ticks: usage.host_ticks,
        host_steal_ticks: usage.host_steal_ticks,
        host_busy_ticks: usage.host_busy_ticks,
        frequency: (usage.cpu_khz_low > 0).then_some(Frequency {
            low_khz: usage.cpu_khz_low,
            high_khz: usage.cpu_khz_high,
        }),
        floor: (usage.floor_requests_per_second > 0.0).then_some(usage.floor_requests_per_second),
    }
}

fn encode_engine(engine: &EngineFacts) -> pb::EngineFacts {
    let EngineFacts {
        model_digest,
        threads,
        steps,
        peak_running,
        peak_waiting,
        ..
    } = engine.clone();
    pb::EngineFacts {
        model_digest,
        threads,
        steps,
        peak_running,
        peak_waiting,
        peak_kv_bytes: engine.peak_kv_bytes,
        kernels: engine.kernels.clone(),
        kv_bytes_total: engine.kv_bytes_total,
        step_ns: engine.stepping.map(ns),
        scheduling_ns: engine.scheduling.map(ns),
        prefix_hit_tokens: engine.prefix_hit_tokens,
        engine_processors: engine.engine_processors.clone(),
        load_processors: engine.load_processors.clone(),
        model_sha256: told(engine.model_sha256),
    }
}

fn decode_engine(engine: pb::EngineFacts) -> Result<EngineFacts, RecordError> {
    Ok(EngineFacts {
        model_sha256: perhaps(&engine.model_sha256, "model_sha256")?,
        model_digest: engine.model_digest,
        threads: engine.threads,
        steps: engine.steps,
        peak_running: engine.peak_running,
        peak_waiting: engine.peak_waiting,
        peak_kv_bytes: engine.peak_kv_bytes,
        kernels: engine.kernels,
        kv_bytes_total: engine.kv_bytes_total,
        stepping: engine.step_ns.map(Duration::from_nanos),
        scheduling: engine.scheduling_ns.map(Duration::from_nanos),
        prefix_hit_tokens: engine.prefix_hit_tokens,
        engine_processors: engine.engine_processors,
        load_processors: engine.load_processors,
    })
}
