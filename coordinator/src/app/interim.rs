//! Checks whether a planned analysis of a stored run ends it. Must not know whether the run is new
//! or resumed.

use contract::addendum::NoiseFloors;
use contract::id::RunId;

use crate::compare::FindingsBuilder;
use crate::error::AppError;
use crate::history;
use crate::plan::Plan;
use crate::store::{RunRecord, Store};

/// Why the run may end here; `None` if no analysis is due or it does not end the run.
pub(super) fn settled(store: &Store, run: RunId) -> Result<Option<String>, AppError> {
    let mut outline = store.read_outline(run)?;
    if !FindingsBuilder::of(outline.clone())?.analysis_due() {
        return Ok(None);
    }
    // Neither the level of an analysis nor the noise floors may change afterwards.
    if outline.addenda.floors.is_none() {
        outline.addenda.floors = fix_floors(store, &outline)?;
    }
    let findings = super::stored::derived(store, outline)?;
    let planned = &findings.planned;
    Ok(if findings.settles() {
        Some(format!(
            "every answer was clear at the interim analysis after {} of {} rounds",
            planned.current().rounds,
            planned.rounds()
        ))
    } else {
        findings
            .budget_spent()
            .then(|| format!("the budget is spent: {} rounds fit in it", planned.rounds()))
    })
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
