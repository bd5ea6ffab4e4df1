//! Checks what process, host and engine report as used. Only they know it, so it is checked against
//! physical bounds and the window. Must not know requests.

use std::time::Duration;

use super::figures::{COUNT, PROCESSORS, TIME, at_most, equal, ns, within};
use super::{Assigned, PartFault};
use crate::part::{Part, Usage};

/// Counters are read shortly before and after the window, and processor time is counted in ticks of
/// 10 ms.
const AROUND: Duration = Duration::from_millis(500);
/// kHz: a hundred GHz.
const FASTEST: u128 = 100_000_000;
/// Greatest plausible rate through an engine that does no work, requests per second.
const MOST_DRIVEN: f64 = 1e12;

pub(super) fn check(part: &Part) -> Result<(), PartFault> {
    let (usage, engine) = (part.usage, &part.engine);
    for (field, count) in [
        ("usage.peak_rss_bytes", usage.peak_rss_bytes),
        ("usage.involuntary_switches", usage.involuntary_switches),
        ("usage.major_faults", usage.major_faults),
        ("usage.host_ticks", usage.host_ticks),
        ("engine.steps", engine.steps),
        ("engine.peak_kv_bytes", engine.peak_kv_bytes),
        ("engine.kv_bytes_total", engine.kv_bytes_total.unwrap_or(0)),
        (
            "engine.prefix_hit_tokens",
            engine.prefix_hit_tokens.unwrap_or(0),
        ),
    ] {
        at_most(field, count, "its bound", COUNT)?;
    }
    // In some kernels the time waiting for a disk goes backwards, and with it the total.
    let spread = u128::from(usage.host_ticks) / 10 + 100;
    let busy = u128::from(usage.host_busy_ticks) + u128::from(usage.host_steal_ticks);
    at_most(
        "usage.host_busy_ticks",
        busy,
        "usage.host_ticks",
        u128::from(usage.host_ticks) + spread,
    )?;
    at_most("engine.threads", engine.threads, "its bound", PROCESSORS)?;
    if let Some(total) = engine.kv_bytes_total {
        at_most(
            "engine.peak_kv_bytes",
            engine.peak_kv_bytes,
            "engine.kv_bytes_total",
            total,
        )?;
    }
    at_most(
        "engine.stepping",
        ns(engine.stepping.unwrap_or_default()),
        "its bound",
        TIME,
    )?;
    let stepping = ns(engine.stepping.unwrap_or_default());
    at_most(
        "engine.scheduling",
        ns(engine.scheduling.unwrap_or_default()),
        "engine.stepping",
        stepping,
    )?;
    times(&usage, PROCESSORS)?;
    clocks(&usage)
}

/// Checks against what the coordinator knows of the host and of the loaded engine.
pub(super) fn known(part: &Part, to: &Assigned<'_>) -> Result<(), PartFault> {
    if let Some(processors) = to.processors.filter(|count| *count > 0) {
        times(&part.usage, processors.into())?;
    }
    if let Some(digest) = to
        .model_digest
        .filter(|digest| *digest != part.engine.model_digest)
    {
        let name = |digest: &str| format!("a process with the model `{}`", digest.escape_debug());
        let (found, expected) = (name(&part.engine.model_digest), name(digest));
        return Err(PartFault::Origin { found, expected });
    }
    if let Some(threads) = to.threads {
        equal(
            "engine.threads",
            part.engine.threads,
            "the worker when it had loaded",
            threads,
        )?;
    }
    Ok(())
}

fn times(usage: &Usage, processors: u128) -> Result<(), PartFault> {
    let most = ns(usage.wall + usage.wall / 10 + AROUND);
    let cpu = usage.cpu_user.saturating_add(usage.cpu_system);
    at_most(
        "usage.cpu_user + usage.cpu_system",
        ns(cpu),
        "usage.wall × processors",
        most * processors,
    )?;
    at_most("usage.driver_cpu", ns(usage.driver_cpu), "usage.wall", most)
}

fn clocks(usage: &Usage) -> Result<(), PartFault> {
    let high = usage.cpu_khz_high.unwrap_or(0);
    at_most("usage.frequency", high, "its bound", FASTEST)?;
    if let Some(low) = usage.cpu_khz_low {
        within("usage.frequency", low, "the highest", 1_u64, high)?;
    }
    let finite = usage
        .floor
        .is_none_or(|floor| floor.is_finite() && floor > 0.0 && floor <= MOST_DRIVEN);
    if finite {
        Ok(())
    } else {
        Err(PartFault::Finite {
            field: "usage.floor",
        })
    }
}
