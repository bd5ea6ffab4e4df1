//! Lists of jobs and schedules. Must not know where they come from.

use super::table::{Cell, Table};
use crate::report::phrases::words::{cut, date};
use crate::serve::{JobView, ScheduleView};

/// Jobs, oldest first.
pub(crate) fn jobs(jobs: &[JobView]) -> Table {
    let row = |job: &JobView| {
        let state = match job.validity.as_str() {
            "" => job.state.clone(),
            validity => validity.to_owned(),
        };
        let by = match (job.schedule.as_str(), job.made_up) {
            (name, true) => format!("{name} (made up)"),
            (name, false) => name.to_owned(),
        };
        [
            job.id.to_string().into(),
            date(job.submitted_ms).into(),
            job.kind.as_str().into(),
            Cell::both(&job.plan, cut(&job.plan, 12)),
            state.as_str().into(),
            Cell::both(&by, cut(&by, 14)),
        ]
    };
    let headings = [
        "job",
        "submitted (UTC)",
        "kind",
        "plan",
        "state",
        "schedule",
    ];
    Table::new("Jobs", headings)
        .words(&[1, 2, 3, 4, 5])
        .with(jobs.iter().map(row))
}

/// Schedules.
pub(crate) fn schedules(schedules: &[ScheduleView]) -> Table {
    let row = |schedule: &ScheduleView| {
        let next = match schedule.next.as_str() {
            "" => "never",
            next => next,
        };
        [
            Cell::both(&schedule.name, cut(&schedule.name, 14)),
            Cell::both(&schedule.plan, cut(&schedule.plan, 12)),
            Cell::both(&schedule.cron, cut(&schedule.cron, 16)),
            next.into(),
            schedule.missed_in_all.to_string().into(),
        ]
    };
    let headings = ["schedule", "plan", "when", "next", "missed"];
    Table::new("Schedules", headings)
        .words(&[0, 1, 2, 3])
        .with(schedules.iter().map(row))
}
