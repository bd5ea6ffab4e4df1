//! How long a run will take, from the pace of an earlier run of the same plan and variants. An
//! estimate for people; nothing else uses it.

use std::time::Duration;

use contract::run::{RunHeader, RunState};

use crate::store::{RunSummary, Store};

/// Most recent runs that are looked at.
const RECENT: usize = 3;

/// An earlier run, and the time that so many of its blocks would take.
pub(super) struct Forecast {
    /// The earlier run's id.
    pub run: String,
    /// The estimate.
    pub takes: Duration,
}

/// The estimate for `blocks` blocks; `None` if no comparable run is complete.
pub(super) fn of(store: &Store, header: &RunHeader, plan: &str, blocks: usize) -> Option<Forecast> {
    // A store that cannot list its runs says so when the run is written.
    let runs = store.runs().ok()?;
    let names: Vec<&str> = header
        .variants
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    let like = |run: &&RunSummary| {
        run.plan == plan
            && run.variants == names
            && run.slots == header.slots
            && run.simulated == header.simulated
            && run.state() == Some(RunState::Complete)
            && run.blocks > 0
    };
    let mut like: Vec<&RunSummary> = runs.iter().filter(like).collect();
    like.sort_by_key(|run| std::cmp::Reverse(run.run.unix_ms()));
    // A run that was interrupted and resumed seems to have taken longer.
    let paced = like.into_iter().take(RECENT).filter_map(|run| {
        Some(Forecast {
            run: run.run.to_string(),
            takes: at_pace(run, blocks)?,
        })
    });
    paced.min_by_key(|forecast| forecast.takes)
}

fn at_pace(run: &RunSummary, blocks: usize) -> Option<Duration> {
    let ended = run.end.as_ref()?.unix_ms;
    let took = Duration::from_millis(ended.checked_sub(run.run.unix_ms())?);
    Some(took.mul_f64(blocks as f64 / run.blocks as f64))
}
