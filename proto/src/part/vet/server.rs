//! Facts of a part about an engine that is a separate program: checks their bounds, and their
//! consistency with tokens and ITL. Must not know protocols.

use super::PartFault;
use super::figures::{COUNT, REQUESTS, TIME, at_least, at_most, ns};
use super::text::text;
use crate::part::{FAILURES, Part};

/// Maximum length of a kind, an example or a remedy.
const LINE: usize = 1024;

pub(super) fn check(part: &Part) -> Result<(), PartFault> {
    let Some(server) = &part.engine.server else {
        return Ok(());
    };
    let ok = part.outcomes.ok;
    at_least(
        "engine.server.moments",
        server.moments,
        "answered requests",
        ok,
    )?;
    at_most(
        "engine.server.moments",
        server.moments,
        "output_tokens",
        part.output_tokens,
    )?;
    at_most(
        "engine.server.with_usage",
        server.with_usage,
        "its bound",
        REQUESTS,
    )?;
    for (field, count) in [
        ("engine.server.prompt_tokens", server.prompt_tokens),
        ("engine.server.output_tokens", server.output_tokens),
        (
            "engine.server.cached_tokens",
            server.cached_tokens.unwrap_or(0),
        ),
        (
            "engine.server.reasoning_tokens",
            server.reasoning_tokens.unwrap_or(0),
        ),
        (
            "engine.server.accepted_tokens",
            server.accepted_tokens.unwrap_or(0),
        ),
    ] {
        at_most(field, count, "its bound", COUNT)?;
    }
    at_most(
        "engine.server.connections",
        server.connections,
        "its bound",
        REQUESTS,
    )?;
    at_most("engine.server.reused", server.reused, "its bound", REQUESTS)?;
    // Many connections are opened at the same time.
    at_most(
        "engine.server.connecting",
        ns(server.connecting),
        "its bound",
        TIME * u128::from(server.connections.max(1)),
    )?;
    text("engine.server.prompts", &server.prompts, LINE)?;
    let kinds = server.failures.len() as u64;
    at_most(
        "engine.server.failures",
        kinds,
        "its bound",
        FAILURES as u64,
    )?;
    for failure in &server.failures {
        at_most(
            "engine.server.failures",
            failure.count,
            "its bound",
            REQUESTS,
        )?;
        text("engine.server.failures", &failure.kind, LINE)?;
        text("engine.server.failures", &failure.example, LINE)?;
        text("engine.server.failures", &failure.way_out, LINE)?;
    }
    Ok(())
}
