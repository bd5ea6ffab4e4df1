//! A stored search with its results. Must not know how it goes on.

use contract::id::RunId;
use contract::run::{Role, RunHeader};

use crate::capacity::{CapacityAnswer, CapacitySearch};
use crate::error::AppError;
use crate::plan::Plan;
use crate::schedule::Lineup;
use crate::store::Store;

/// Shown above every figure of a simulated run.
const SIMULATED: &str = "SIMULATED";

/// The search of a stored run, with the results of all its blocks.
pub(super) fn restored(store: &Store, run: RunId) -> Result<CapacitySearch, AppError> {
    let resume = store.progress(run)?;
    let plan = Plan::from_json(&resume.header.plan_json)?;
    let lineup = lineup(&resume.header)?;
    let mut search = CapacitySearch::new(&plan, &lineup)?;
    store.visit_parts(run, |part| search.note(&part))?;
    search.replay(&resume.blocks)?;
    Ok(search)
}

/// What a stored search found so far.
pub(super) fn found(store: &Store, run: RunId) -> Result<CapacityAnswer, AppError> {
    let labels = labels(&store.header(run)?);
    Ok(restored(store, run)?.answer(run.to_string(), labels))
}

/// The labels of every figure of a run.
pub(super) fn labels(header: &RunHeader) -> Vec<String> {
    let simulated = header.simulated.then(|| SIMULATED.to_owned());
    simulated.into_iter().chain(header.labels.clone()).collect()
}

/// What a run compares.
pub(super) fn lineup(header: &RunHeader) -> Result<Lineup, AppError> {
    let names: Vec<String> = header
        .variants
        .iter()
        .map(|variant| variant.name.clone())
        .collect();
    Ok(Lineup::new(&names, header.is(Role::SameBuild))?)
}
