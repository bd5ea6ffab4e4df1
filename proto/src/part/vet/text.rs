//! Checks that a part's texts and lists are short and printable. Must not know their meaning.

use super::PartFault;
use super::figures::{PROCESSORS, TIME, at_most, ns};
use crate::part::{ColdPhase, Part};

/// Host names have at most 253 bytes; variants are far shorter.
const NAME: usize = 255;
/// Digests and lists of kernels.
const LINE: usize = 1024;
/// Names of phases.
const WORD: usize = 64;
/// Phases of a cold start.
const PHASES: u128 = 32;

pub(super) fn check(part: &Part) -> Result<(), PartFault> {
    text("origin.variant", &part.origin.variant, NAME)?;
    text("origin.hostname", &part.origin.hostname, NAME)?;
    text("engine.model_digest", &part.engine.model_digest, LINE)?;
    text("engine.kernels", &part.engine.kernels, LINE)?;
    at_most("cold", part.cold.len() as u64, "its bound", PHASES)?;
    part.cold.iter().try_for_each(phase)?;
    for (field, list) in [
        ("engine.engine_processors", &part.engine.engine_processors),
        ("engine.load_processors", &part.engine.load_processors),
    ] {
        at_most(field, list.len() as u64, "its bound", PROCESSORS)?;
    }
    Ok(())
}

fn phase(phase: &ColdPhase) -> Result<(), PartFault> {
    text("cold.name", &phase.name, WORD)?;
    at_most("cold.took", ns(phase.took), "its bound", TIME)
}

pub(super) fn text(field: &'static str, text: &str, most: usize) -> Result<(), PartFault> {
    let shown = text.len() <= most && !text.chars().any(hidden);
    if shown {
        Ok(())
    } else {
        Err(PartFault::Text { field, most })
    }
}

/// Control characters, and characters that change the direction of text or break a line.
fn hidden(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
