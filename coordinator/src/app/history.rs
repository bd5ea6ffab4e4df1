//! Questions about many runs at once.

use contract::run::RunState;

use super::{App, ExitCode};
use crate::cli::TrendArgs;
use crate::compare::FindingsBuilder;
use crate::error::{AppError, exit};
use crate::history::{self, Query, RunHistory};
use crate::plan::Plan;
use crate::store::{RunSummary, Store};

pub(super) fn trend(app: &mut App<'_>, args: &TrendArgs) -> Result<ExitCode, AppError> {
    let query = Query {
        plan: args.plan.clone(),
        variant: args.variant.clone(),
        metric: args.metric.clone(),
        host_class: args.host_class.clone(),
        since: args.since,
    };
    let runs = digests(&*app.reading()?)?;
    let trend = history::trend(&runs, &query)?;
    app.reporter.say(&trend)?;
    Ok(exit::OK)
}

/// Every run with its history record; incomplete runs have none.
pub(super) fn digests(store: &Store) -> Result<Vec<(RunSummary, Option<RunHistory>)>, AppError> {
    let with = |run: RunSummary| {
        let digest = digest(store, &run)?;
        Ok((run, digest))
    };
    store.runs()?.into_iter().map(with).collect()
}

fn digest(store: &Store, run: &RunSummary) -> Result<Option<RunHistory>, AppError> {
    if run.state() != Some(RunState::Complete) {
        return Ok(None);
    }
    if let Some(digest) = store
        .end(run.run)?
        .and_then(|end| RunHistory::read(&end.summary_json))
    {
        if digest.has_current_keys() {
            return Ok(Some(digest));
        }
        // An older program computed the series key in another way, but the input of the key is
        // recorded.
        let header = store.header(run.run)?;
        let Ok(plan) = Plan::from_json(&header.plan_json) else {
            return Ok(Some(digest));
        };
        return Ok(Some(digest.rekeyed(&header, &plan)));
    }
    // An older program wrote the ending; the parts contain the same facts.
    let outline = store.read_outline(run.run)?;
    // A plan that this version cannot read belongs to no series that it knows.
    let Ok(mut reading) = FindingsBuilder::of(outline) else {
        return Ok(None);
    };
    store.visit_parts(run.run, |part| reading.take(part))?;
    Ok(Some(RunHistory::of(&reading.findings())))
}
