//! The interim analysis that a plan may have: whether a stored run has its answer already. Must not
//! know who asks, a running or a resumed run.

use contract::addendum::NoiseFloors;
use contract::id::RunId;

use crate::compare::FindingsBuilder;
use crate::error::AppError;
use crate::history;
use crate::plan::Plan;
use crate::store::{RunRecord, Store};

/// Why the run may end here, in words; `None` where no interim analysis is due or its answer is not
/// clear.
pub(super) fn settled(store: &Store, run: RunId) -> Result<Option<String>, AppError> {
    let mut outline = store.read_outline(run)?;
    if !FindingsBuilder::of(outline.clone())?.is_at_interim() {
        return Ok(None);
    }
    // Neither the level of the interim analysis nor the noise floors may change afterwards.
    if outline.addenda.floors.is_none() {
        outline.addenda.floors = fix_floors(store, &outline)?;
    }
    let findings = super::stored::derived(store, outline)?;
    let look = findings.interim.filter(|_| findings.settles());
    Ok(look.map(|look| {
        format!(
            "every answer was clear at the interim analysis after {} of {} rounds",
            look.at, look.rounds
        )
    }))
}

/// Fixes the noise floors that the run is judged by, before anything is concluded from it.
pub(super) fn fix_floors(
    store: &Store,
    record: &RunRecord,
) -> Result<Option<NoiseFloors>, AppError> {
    let plan = Plan::from_json(&record.header.plan_json)?;
    let calibrations = store.calibrations()?;
    let Some(floors) = history::floors_of(&record.header, &plan, &calibrations) else {
        return Ok(None);
    };
    store.put_floors(record.header.run, floors)?;
    Ok(Some(floors.clone()))
}
