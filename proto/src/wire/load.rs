//! The specs of a worker's engine and load to messages and back.

use super::{WireError, from_json, pb, required, to_json};
use crate::id::{Arm, TrialKey};
use crate::mirror::mirror;
use crate::spec::{Assignment, Demand, Share};

mirror!(Demand {
    concurrency,
    tokens_per_request,
});

pub(super) fn assignment_to(assignment: &Assignment) -> pb::Assignment {
    pb::Assignment {
        run: assignment.run.to_string(),
        scenario_index: assignment.key.cell,
        round: assignment.key.round,
        arm: assignment.key.arm.number(),
        variant: assignment.variant.clone(),
        slot: assignment.slot,
        scenario_json: to_json(&assignment.scenario),
        share: assignment.share.index,
        shares: assignment.share.of,
        seed: assignment.seed,
    }
}

pub(super) fn assignment_from(assignment: Option<pb::Assignment>) -> Result<Assignment, WireError> {
    let a = required(assignment, "assignment")?;
    let share = Share {
        index: a.share,
        of: a.shares,
    };
    if share.index >= share.of {
        return Err(WireError("share"));
    }
    Ok(Assignment {
        run: a.run.parse().map_err(|_| WireError("run"))?,
        key: TrialKey {
            cell: a.scenario_index,
            round: a.round,
            arm: Arm::from_number(a.arm).ok_or(WireError("arm"))?,
        },
        variant: a.variant,
        slot: a.slot,
        scenario: from_json(&a.scenario_json, "scenario")?,
        share,
        seed: a.seed,
    })
}
