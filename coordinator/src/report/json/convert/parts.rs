//! Converts stored parts for the document, with histograms in the encoding that other
//! implementations read.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::histogram::{HistogramError, LatencyHistogram};
use contract::metric::Metric;

use crate::compare::PartSummary;
use crate::plan::Plan;
use crate::report::document as doc;
use crate::schedule;

pub(super) fn part(part: &PartSummary, plan: &Plan) -> Result<doc::Part, HistogramError> {
    let key = part.place.key;
    let (scenario, _) = schedule::of_cell(plan, key.cell);
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
        outcomes: part.outcomes,
        prompt_tokens: part.prompt_tokens,
        output_tokens: part.output_tokens,
        offered: Some(part.offered),
        in_time: part.in_time,
        good: part.good,
        sent: part.sent,
        token_digest: part.token_digest.to_string(),
        window: part.window,
        cold: part.cold.clone(),
        usage: part.usage,
        engine: part.engine.clone(),
        histograms: histograms(part)?,
    })
}

fn histograms(part: &PartSummary) -> Result<BTreeMap<String, doc::Histogram>, HistogramError> {
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
