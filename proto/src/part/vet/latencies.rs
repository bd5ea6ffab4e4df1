//! Checks a part's histograms against its counts and each other: as many values as there were
//! requests and tokens, and consistent sums. Each histogram was checked against its own buckets
//! when it was read. Must not know single requests.

use super::figures::{at_least, within};
use super::{ONE_EACH, PartFault};
use crate::histogram::Exact;
use crate::metric::Metric;
use crate::part::Part;

pub(super) fn check(part: &Part) -> Result<(), PartFault> {
    let ok = part.outcomes.ok;
    for metric in ONE_EACH {
        values(part, metric, ok)?;
    }
    at_least(
        "output_tokens",
        part.output_tokens,
        "one of each answered request",
        ok,
    )?;
    // For a server, the known times need not be those of tokens.
    let server = part.engine.server.as_ref();
    let moments = server.map_or(part.output_tokens, |server| server.moments);
    at_least(
        "engine.server.moments",
        moments,
        "one of each answered request",
        ok,
    )?;
    values(part, Metric::Itl, moments - ok)?;
    values(part, Metric::Lateness, part.outcomes.planned)?;
    let tpot = part.histograms.get(Metric::Tpot).exact();
    let most = ok.min(part.output_tokens - ok);
    // All tokens of a server's answer may arrive with its first chunk.
    let none = most > 0 && total(tpot) == 0 && server.is_none();
    if total(tpot) > most || none {
        return Err(PartFault::Values {
            metric: Metric::Tpot.name(),
            found: total(tpot),
            expected: most,
        });
    }
    let beyond = Metric::ALL
        .iter()
        .any(|metric| part.histograms.get(*metric).exact().overflow > 0);
    // Values beyond the buckets are in no sum.
    if ok == 0 || beyond {
        Ok(())
    } else {
        sums(part, ok.into())
    }
}

/// A value of zero is recorded as one nanosecond, so a sum of `n` values is exact within `n`.
fn sums(part: &Part, ok: u128) -> Result<(), PartFault> {
    let of = |metric| part.histograms.get(metric).exact();
    let sum = |metric| of(metric).sum;
    let whole = |field, metric, by, pieces: u128, rounded: u128| {
        within(
            field,
            sum(metric),
            by,
            pieces.saturating_sub(rounded),
            pieces.saturating_add(ok),
        )
    };
    let decode = sum(Metric::Decode);
    whole(
        "e2e.sum",
        Metric::E2e,
        "ttft and decode",
        sum(Metric::Ttft) + decode,
        2 * ok,
    )?;
    let service = sum(Metric::Queue) + sum(Metric::Prefill) + decode;
    whole(
        "service.sum",
        Metric::Service,
        "queue, prefill and decode",
        service,
        3 * ok,
    )?;
    let gaps = of(Metric::Itl);
    let most = decode.saturating_add(gaps.count.into());
    within(
        "itl.sum",
        gaps.sum,
        "decode",
        decode.saturating_sub(ok),
        most,
    )?;
    for (longer, shorter) in [
        (Metric::E2e, Metric::Ttft),
        (Metric::E2e, Metric::Service),
        (Metric::E2e, Metric::Decode),
        (Metric::Service, Metric::Queue),
        (Metric::Service, Metric::Prefill),
        (Metric::Service, Metric::Decode),
    ] {
        let (long, short) = (of(longer), of(shorter));
        at_least(name(longer), long.sum, "what it contains", short.sum)?;
        at_least(name(longer), long.min, "what it contains", short.min)?;
        at_least(name(longer), long.max, "what it contains", short.max)?;
    }
    at_least(
        "decode.max",
        of(Metric::Decode).max,
        "its longest gap",
        gaps.max,
    )
}

fn values(part: &Part, metric: Metric, expected: u64) -> Result<(), PartFault> {
    let found = total(part.histograms.get(metric).exact());
    let holds = found == expected;
    if holds {
        Ok(())
    } else {
        Err(PartFault::Values {
            metric: metric.name(),
            found,
            expected,
        })
    }
}

fn total(exact: Exact) -> u64 {
    exact.count.saturating_add(exact.overflow)
}

fn name(metric: Metric) -> &'static str {
    metric.name()
}
