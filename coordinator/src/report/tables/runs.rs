//! Lists of runs. Must not know findings.

use super::table::{Cell, Table};
use crate::report::phrases::words::{cut, date};
use crate::store::RunSummary;

/// Runs with their results.
pub(crate) fn runs(runs: &[RunSummary]) -> Table {
    let row = |run: &RunSummary| {
        let ended = run
            .end
            .as_ref()
            .map_or("unfinished", |end| match end.state.as_str() {
                "complete" => &end.validity,
                other => other,
            });
        let variants = run.variants.join(",");
        [
            run.run.to_string().into(),
            date(run.run.unix_ms()).into(),
            Cell::both(&run.plan, cut(&run.plan, 10)),
            Cell::both(&variants, cut(&variants, 14)),
            ended.into(),
        ]
    };
    let headings = ["run", "begun (UTC)", "plan", "variants", "measurement"];
    Table::new("Runs", headings)
        .words(&[1, 2, 3, 4])
        .with(runs.iter().map(row))
}

/// Runs to be deleted.
pub(crate) fn going(runs: &[&RunSummary]) -> Table {
    let row = |run: &&RunSummary| {
        let plan = Cell::both(&run.plan, cut(&run.plan, 30));
        [
            run.run.to_string().into(),
            date(run.run.unix_ms()).into(),
            plan,
        ]
    };
    let headings = ["run", "begun (UTC)", "plan"];
    Table::new("Runs that go", headings)
        .words(&[1, 2])
        .with(runs.iter().map(row))
}
