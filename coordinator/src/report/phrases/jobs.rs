//! Jobs and schedules in sentences.

use super::words::date;
use crate::serve::{JobView, MissedView};

/// "job 3 (run high): running, run 01J…".
pub(crate) fn job(job: &JobView) -> String {
    let JobView {
        id,
        kind,
        plan,
        state,
        ..
    } = job;
    let validity = match job.validity.as_str() {
        "" => String::new(),
        validity => format!(", {validity}"),
    };
    let run = match job.run.as_str() {
        "" => String::new(),
        run => format!(", run {run}"),
    };
    let schedule = match (job.schedule.as_str(), job.made_up) {
        ("", _) => String::new(),
        (name, false) => format!(", by schedule {name}"),
        (name, true) => format!(", by schedule {name}, made up for {} UTC", date(job.due_ms)),
    };
    let reason = match job.reason.as_str() {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!("job {id} ({kind} {plan}): {state}{validity}{run}{schedule}{reason}")
}

/// "2026-03-29 03:15 CEST: the server was down; made up for by job 7".
pub(crate) fn missed(missed: &MissedView) -> String {
    let why = match missed.why.as_str() {
        "down" => "the server was down",
        "busy" => "the job before was not over",
        "full" => "the queue was full",
        other => other,
    };
    let made_up = missed
        .made_up
        .map(|job| format!("; made up for by job {job}"));
    format!("{}: {why}{}", missed.due, made_up.unwrap_or_default())
}
