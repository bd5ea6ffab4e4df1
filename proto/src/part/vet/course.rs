//! Checks the course of a window: its length, first and last completion, slices and steps, against
//! each other and against the latencies. Must not know single requests.

use super::PartFault;
use super::figures::{TIME, at_least, at_most, equal, ns, within};
use crate::metric::Metric;
use crate::part::{Bucket, Part, STEPS_KEPT, Series};

pub(super) fn check(part: &Part) -> Result<(), PartFault> {
    let (window, wall) = (part.window, ns(part.usage.wall));
    let (first, last) = (ns(window.first_completion), ns(window.last_completion));
    at_most("usage.wall", wall, "its bound", TIME)?;
    at_most("window.last_completion", last, "usage.wall", wall)?;
    at_most(
        "window.first_completion",
        first,
        "window.last_completion",
        last,
    )?;
    at_most(
        "window.clock_uncertainty",
        ns(window.clock_uncertainty),
        "its bound",
        TIME,
    )?;
    at_most(
        "window.start_late",
        ns(window.start_late),
        "its bound",
        TIME,
    )?;
    if part.outcomes.ok == 0 {
        equal(
            "window.last_completion",
            last,
            "the count of answered requests",
            0_u64,
        )?;
    } else {
        let e2e = part.histograms.get(Metric::E2e).exact();
        at_least("window.last_completion", last, "the longest E2E", e2e.max)?;
        if e2e.overflow == 0 {
            at_least(
                "window.first_completion",
                first,
                "the shortest E2E",
                e2e.min,
            )?;
        }
    }
    if part.outcomes.planned == 0 {
        equal("usage.wall", wall, "the count of requests", 0_u64)?;
    }
    steps(part)?;
    if is_blank(&part.series) {
        Ok(())
    } else {
        slices(part)
    }
}

/// Fields that parts of current workers must have.
pub(super) fn complete(part: &Part) -> Result<(), PartFault> {
    let missing = |field| {
        Err(PartFault::Presence {
            field,
            there: false,
        })
    };
    if is_blank(&part.series) {
        return missing("series");
    }
    // The steps of a server are not visible.
    let steps = part.engine.server.is_none();
    if steps && part.output_tokens > 0 && part.steps.kept.is_empty() {
        return missing("steps");
    }
    Ok(())
}

fn is_blank(series: &Series) -> bool {
    series.width.is_zero() && series.buckets.is_empty()
}

fn steps(part: &Part) -> Result<(), PartFault> {
    let steps = &part.steps;
    at_most(
        "steps",
        steps.kept.len() as u64,
        "its bound",
        STEPS_KEPT as u64,
    )?;
    let tokens: u128 = steps.kept.iter().map(|step| u128::from(step.tokens)).sum();
    let each = steps.kept.iter().map(|step| step.tokens).min().unwrap_or(1);
    at_least("steps.tokens", each, "the least of a step", 1_u32)?;
    at_most(
        "steps.not_kept",
        steps.not_kept,
        "its bound",
        super::figures::COUNT,
    )?;
    if steps.not_kept == 0 && !steps.kept.is_empty() {
        // Tokens of requests that were not answered are included.
        at_least("steps.tokens", tokens, "output_tokens", part.output_tokens)?;
    }
    if steps.not_kept > 0 {
        at_least(
            "steps",
            steps.kept.len() as u64,
            "steps that were not kept",
            1_u64,
        )?;
    }
    Ok(())
}

fn slices(part: &Part) -> Result<(), PartFault> {
    let (series, wall, outcomes) = (&part.series, part.usage.wall, part.outcomes);
    equal(
        "series.width",
        ns(series.width),
        "usage.wall",
        ns(Series::width_of(wall)),
    )?;
    let count = ns(wall) / ns(series.width) + 1;
    equal("series", series.buckets.len() as u64, "usage.wall", count)?;
    let sum = |pick: fn(&Bucket) -> u64| {
        series
            .buckets
            .iter()
            .map(|b| u128::from(pick(b)))
            .sum::<u128>()
    };
    let ended = outcomes.planned;
    equal(
        "series.offered",
        sum(|b| b.offered),
        "outcomes.planned",
        ended,
    )?;
    equal(
        "series.issued",
        sum(|b| b.issued),
        "outcomes.planned",
        ended,
    )?;
    equal("series.ended", sum(|b| b.ended), "outcomes.planned", ended)?;
    equal("series.ok", sum(|b| b.ok), "outcomes.ok", outcomes.ok)?;
    equal(
        "series.intended_ok",
        sum(|b| b.intended_ok),
        "outcomes.ok",
        outcomes.ok,
    )?;
    equal(
        "series.tokens",
        sum(|b| b.tokens),
        "output_tokens",
        part.output_tokens,
    )?;
    let rounded = |metric: Metric| {
        let exact = part.histograms.get(metric).exact();
        (exact.overflow == 0).then_some((exact.sum.saturating_sub(exact.count.into()), exact.sum))
    };
    for (field, found, metric) in [
        ("series.e2e_sum", sum(|b| b.e2e_sum_ns), Metric::E2e),
        ("series.ttft_sum", sum(|b| b.ttft_sum_ns), Metric::Ttft),
    ] {
        if let Some((least, most)) = rounded(metric) {
            within(field, found, "its histogram", least, most)?;
        }
    }
    let in_flight = sum(|b| b.in_flight_ns);
    let least = rounded(Metric::Service).map_or(0, |(least, _)| least);
    let most = ns(wall).saturating_mul(ended.into());
    within(
        "series.in_flight",
        in_flight,
        "service and usage.wall",
        least,
        most,
    )?;
    series
        .buckets
        .iter()
        .try_for_each(|bucket| slice(bucket, part))
}

fn slice(bucket: &Bucket, part: &Part) -> Result<(), PartFault> {
    at_most(
        "series.ok",
        bucket.ok,
        "those that ended in the same slice",
        bucket.ended,
    )?;
    at_most(
        "series.intended_ok",
        bucket.intended_ok,
        "those due in the same slice",
        bucket.offered,
    )?;
    at_least(
        "series.tokens",
        bucket.tokens,
        "the answers of the same slice",
        bucket.ok,
    )?;
    at_most(
        "series.ttft_sum",
        bucket.ttft_sum_ns,
        "E2E of the same slice",
        bucket.e2e_sum_ns,
    )?;
    let most = ns(part.series.width) * u128::from(part.outcomes.planned);
    at_most(
        "series.in_flight",
        bucket.in_flight_ns,
        "all requests of a slice",
        most,
    )
}
