//! Stored parts to the document, histograms in the encoding that other implementations read.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::histogram::{HistogramError, LatencyHistogram};
use contract::metric::Metric;
use contract::part::{ColdPhase, EngineFacts, Lengths, Outcomes, Sent, Span, Usage, Window};

use crate::compare::Kept;
use crate::plan::Plan;
use crate::report::document as doc;
use crate::schedule;

pub(super) fn part(part: &Kept, plan: &Plan) -> Result<doc::Part, HistogramError> {
    let key = part.place.key;
    let (scenario, _) = schedule::of_cell(plan, key.cell);
    let cold = |phase: &ColdPhase| doc::Cold {
        phase: phase.name.clone(),
        ns: ns(phase.took),
    };
    Ok(doc::Part {
        cell: key.cell,
        scenario: plan
            .scenarios
            .get(scenario)
            .map_or_else(String::new, |scenario| scenario.name.clone()),
        round: key.round,
        arm: key.arm.to_string(),
        slot: part.place.slot,
        attempt: part.place.attempt.0,
        variant: part.origin.variant.clone(),
        exe_sha256: part.origin.exe_sha256.to_string(),
        hostname: part.origin.hostname.clone(),
        outcomes: outcomes(&part.outcomes),
        prompt_tokens: part.prompt_tokens,
        output_tokens: part.output_tokens,
        offered: Some(part.offered),
        in_time: part.in_time,
        good: part.good,
        sent: part.sent.as_ref().map(sent),
        token_digest: part.token_digest.to_string(),
        window: window(&part.window),
        cold: part.cold.iter().map(cold).collect(),
        usage: usage(&part.usage),
        engine: engine(&part.engine),
        histograms: histograms(part)?,
    })
}

/// Whole nanoseconds; 584 years fit.
pub(super) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn outcomes(outcomes: &Outcomes) -> doc::Outcomes {
    doc::Outcomes {
        planned: outcomes.planned,
        ok: outcomes.ok,
        refused: outcomes.refused,
        failed: outcomes.failed,
        cancelled: outcomes.cancelled,
        timed_out: outcomes.timed_out,
        disconnected: outcomes.disconnected,
    }
}

pub(super) fn sent(sent: &Sent) -> doc::Sent {
    doc::Sent {
        requests: sent.requests,
        prompts: lengths(&sent.prompts),
        answers: lengths(&sent.answers),
    }
}

fn lengths(lengths: &Lengths) -> doc::Lengths {
    let span = |span: Span| doc::Span {
        least: span.least,
        most: span.most,
        sum: span.sum,
    };
    let &Lengths {
        asked,
        sent,
        cut,
        cut_tokens,
        raised,
    } = lengths;
    doc::Lengths {
        asked: span(asked),
        sent: span(sent),
        cut,
        cut_tokens,
        raised,
    }
}

fn histograms(part: &Kept) -> Result<BTreeMap<String, doc::Histogram>, HistogramError> {
    let filled = |metric: &Metric| {
        let exact = part.folded(*metric).exact();
        exact.count + exact.overflow > 0
    };
    let named = |metric: Metric| {
        Ok((
            metric.name().to_owned(),
            histogram(&part.histogram(metric))?,
        ))
    };
    Metric::ALL.into_iter().filter(filled).map(named).collect()
}

fn histogram(histogram: &LatencyHistogram) -> Result<doc::Histogram, HistogramError> {
    let exact = histogram.exact();
    Ok(doc::Histogram {
        count: exact.count,
        min: exact.min,
        max: exact.max,
        sum: u64::try_from(exact.sum).unwrap_or(u64::MAX),
        overflow: exact.overflow,
        hdr_v2_deflate_base64: STANDARD.encode(histogram.to_v2_deflate()?),
    })
}

fn window(window: &Window) -> doc::Window {
    doc::Window {
        first_completion_ns: ns(window.first_completion),
        last_completion_ns: ns(window.last_completion),
        start_late_ns: ns(window.start_late),
        clock_uncertainty_ns: ns(window.clock_uncertainty),
    }
}

fn usage(usage: &Usage) -> doc::Usage {
    doc::Usage {
        wall_ns: ns(usage.wall),
        cpu_user_ns: ns(usage.cpu_user),
        cpu_system_ns: ns(usage.cpu_system),
        driver_cpu_ns: ns(usage.driver_cpu),
        peak_rss_bytes: usage.peak_rss_bytes,
        involuntary_switches: usage.involuntary_switches,
        major_faults: usage.major_faults,
        host_ticks: usage.host_ticks,
        host_steal_ticks: usage.host_steal_ticks,
        host_busy_ticks: usage.host_busy_ticks,
        cpu_khz_low: usage.cpu_khz_low,
        cpu_khz_high: usage.cpu_khz_high,
        floor_requests_per_second: usage.floor,
    }
}

fn engine(engine: &EngineFacts) -> doc::Engine {
    doc::Engine {
        model_digest: engine.model_digest.clone(),
        model_sha256: engine.model_sha256.map(|sha256| sha256.to_string()),
        threads: engine.threads,
        steps: engine.steps,
        peak_running: engine.peak_running,
        peak_waiting: engine.peak_waiting,
        peak_kv_bytes: engine.peak_kv_bytes,
        kernels: engine.kernels.clone(),
        kv_bytes_total: engine.kv_bytes_total,
        step_ns: engine.stepping.map(ns),
        scheduling_ns: engine.scheduling.map(ns),
        prefix_hit_tokens: engine.prefix_hit_tokens,
        engine_processors: engine.engine_processors.clone(),
        load_processors: engine.load_processors.clone(),
    }
}
