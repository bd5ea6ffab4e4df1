//! Checks across the arms of one scenario: the variants must be different code that does the same
//! work.

use super::{CodeIdentity, Finding, PairingFacts, Reason, Thresholds};
use crate::order::Arm;

/// All reasons to doubt the pairing. A2/A is checked for each metric in the decision of the
/// comparison.
#[must_use]
pub fn check_pairing(facts: &PairingFacts, thresholds: &Thresholds) -> Vec<Finding> {
    let (repeated, gone) = facts.losses;
    let lost = (gone > 0).then_some(Reason::WorkersLost { workers: gone });
    let again = (repeated > 0).then_some(Reason::BlocksRepeated { workers: repeated });
    let shrunk = (facts.shrunk > 0).then_some(Reason::LoadShrunk {
        requests: facts.shrunk,
    });
    [
        code(facts),
        tokens(facts),
        failures(facts, thresholds),
        lost,
        again,
        shrunk,
    ]
    .into_iter()
    .flatten()
    .map(|reason| Finding {
        place: None,
        reason,
    })
    .collect()
}

fn code(facts: &PairingFacts) -> Option<Reason> {
    match facts.code {
        CodeIdentity::Same => Some(Reason::SameCode),
        CodeIdentity::Simulated => Some(Reason::Simulated),
        CodeIdentity::Different | CodeIdentity::SameOnPurpose => None,
    }
}

fn tokens(facts: &PairingFacts) -> Option<Reason> {
    let (rounds, of) = facts.tokens_unchecked;
    match facts.token_mismatches.iter().min() {
        Some(&first_round) => Some(Reason::TokensDiffer {
            rounds: facts.token_mismatches.len(),
            first_round,
        }),
        None => (rounds > 0).then_some(Reason::TokensUnchecked { rounds, of }),
    }
}

/// The two arms whose failed shares differ most.
fn failures(facts: &PairingFacts, thresholds: &Thresholds) -> Option<Reason> {
    let mut shares: Vec<(Arm, f64)> = facts
        .failures
        .iter()
        .filter(|(_, issued, _)| *issued > 0)
        .map(|&(arm, issued, failed)| (arm, failed as f64 / issued as f64))
        .collect();
    shares.sort_by(|(_, x), (_, y)| x.total_cmp(y));
    let (first, second) = (*shares.last()?, *shares.first()?);
    let limit = thresholds.failed_difference;
    (first.1 - second.1 > limit).then_some(Reason::FailuresDiffer {
        first,
        second,
        limit,
    })
}
