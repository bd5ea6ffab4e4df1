//! [`Part`] to its stored message and back.

use std::time::Duration;

use super::{RecordError, field, messages, mirrored, mirrored_one, pb, sent};
use crate::histogram::{Exact, LatencyHistogram};
use crate::id::{Arm, Attempt, TrialKey};
use crate::metric::Metric;
use crate::mirror::{Field, Mirror, mirror};
use crate::part::{
    Bucket, ColdPhase, EngineFacts, Histograms, Origin, Outcomes, Part, PartKey, RequestRecord,
    Series, Step, StepLog, StopCause, Usage, Window,
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
        outcomes: Some(part.outcomes.to_message()),
        requests: messages(&part.requests),
        requests_not_kept: part.requests_not_kept,
        token_digest: part.token_digest.0.to_vec(),
        prompt_tokens: part.prompt_tokens,
        output_tokens: part.output_tokens,
        first_completion_ns: window.first_completion.stored(),
        last_completion_ns: window.last_completion.stored(),
        start_late_ns: window.start_late.stored(),
        clock_uncertainty_ns: window.clock_uncertainty.stored(),
        cold: messages(&part.cold),
        usage: Some(part.usage.to_message()),
        engine: Some(part.engine.clone().to_message()),
        offered: Some(part.offered),
        stopped: part.stopped as u32,
        good: part.good,
        run_in: part.run_in,
        series_width_ns: part.series.width.stored(),
        series: messages(&part.series.buckets),
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
            exe_sha256: field(part.exe_sha256, "exe_sha256")?,
            instrumented: part.instrumented,
            hostname: part.hostname,
        },
        histograms: decode_histograms(part.histograms)?,
        // Older parts without this field offered what they issued.
        offered: part
            .offered
            .unwrap_or(part.outcomes.map_or(0, |outcomes| outcomes.planned)),
        stopped: *StopCause::ALL
            .get(part.stopped as usize)
            .ok_or(RecordError::Field("stopped"))?,
        in_time: part.in_time,
        good: part.good,
        run_in: part.run_in,
        sent: part.sent.map(sent::decode).transpose()?,
        series: Series {
            width: Duration::from_nanos(part.series_width_ns),
            buckets: mirrored(part.series)?,
        },
        outcomes: mirrored_one(part.outcomes.unwrap_or_default())?,
        requests: mirrored(part.requests)?,
        requests_not_kept: part.requests_not_kept,
        steps: decode_steps(&part.step_gaps_ns, &part.step_tokens, part.steps_not_kept)?,
        token_digest: field(part.token_digest, "token_digest")?,
        prompt_tokens: part.prompt_tokens,
        output_tokens: part.output_tokens,
        window: Window {
            first_completion: Duration::from_nanos(part.first_completion_ns),
            last_completion: Duration::from_nanos(part.last_completion_ns),
            start_late: Duration::from_nanos(part.start_late_ns),
            clock_uncertainty: Duration::from_nanos(part.clock_uncertainty_ns),
        },
        cold: mirrored(part.cold)?,
        usage: mirrored_one(part.usage.unwrap_or_default())?,
        engine: mirrored_one(part.engine.unwrap_or_default())?,
    })
}

/// The key of a part, without decoding the rest.
pub(super) fn place(part: &pb::Part) -> Result<PartKey, RecordError> {
    Ok(PartKey {
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

pub(super) fn arm(number: u32) -> Result<Arm, RecordError> {
    Arm::from_number(number).ok_or(RecordError::Field("arm"))
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
    // Each is large, so empty ones are made only if they are missing.
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

mirror!(Outcomes {
    planned,
    ok,
    refused,
    failed,
    cancelled,
    timed_out,
    disconnected,
});

mirror!(Bucket {
    offered,
    issued,
    ended,
    ok,
    tokens,
    intended_ok,
    e2e_sum_ns,
    ttft_sum_ns,
    in_flight_ns,
});

mirror!(RequestRecord {
    index,
    outcome,
    intended_ns,
    sent_ns,
    started_ns,
    first_token_ns,
    done_ns,
    prompt_tokens,
    output_tokens,
});

mirror!(ColdPhase { name; took: ns });

mirror!(Usage {
    peak_rss_bytes,
    involuntary_switches,
    major_faults,
    host_ticks,
    host_steal_ticks,
    host_busy_ticks,
    cpu_khz_low,
    cpu_khz_high;
    wall: wall_ns,
    cpu_user: cpu_user_ns,
    cpu_system: cpu_system_ns,
    driver_cpu: driver_cpu_ns,
    floor: floor_requests_per_second,
});

mirror!(EngineFacts {
    model_digest,
    model_sha256,
    threads,
    steps,
    peak_running,
    peak_waiting,
    peak_kv_bytes,
    kernels,
    kv_bytes_total,
    prefix_hit_tokens,
    engine_processors,
    load_processors,
    server;
    stepping: step_ns,
    scheduling: scheduling_ns,
});
