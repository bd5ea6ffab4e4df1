//! Checks whether the interim analysis of a stored run is decisive. Must not know whether the run
//! is new or resumed.

use contract::addendum::NoiseFloors;
use contract::id::RunId;

use crate::compare::FindingsBuilder;
use crate::error::AppError;
use crate::history;
use crate::plan::Plan;
use crate::store::{RunRecord, Store};

/// Why the run may end here; `None` if no interim analysis is due or it is not decisive.
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

/// Fixes the noise floors of the run before any conclusion is drawn from it.
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
