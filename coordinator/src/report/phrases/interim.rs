//! Sentences about the interim analysis of a plan, before and after the run.

use stats::compare::Stage;

use super::words::{count, tolerance};
use crate::compare::Planned;

/// What the planned interim analysis means for the answer below.
pub(crate) fn interim(planned: &Planned) -> String {
    let [early, last] = [Stage::Interim, Stage::Final].map(|stage| tolerance(stage.alpha()));
    let whose = match planned.stage {
        Stage::Interim => "this answer is from the interim analysis",
        Stage::Final | Stage::Only => "this answer is from the final analysis",
    };
    format!(
        "an interim analysis was planned after {} of {} with α = {early}; the final analysis has α = {last}: \
         {whose}",
        planned.at,
        count(planned.rounds.into(), "round")
    )
}

/// What the interim analysis of a plan means.
pub(crate) fn planned_interim(at: u32, rounds: u32) -> String {
    let [early, last] = [Stage::Interim, Stage::Final].map(|stage| tolerance(stage.alpha()));
    format!(
        "interim analysis after {at} of {}: the run ends there if every primary answer is clear at α = \
         {early}; otherwise it continues to its last round, with α = {last}",
        count(rounds.into(), "round")
    )
}
