//! Output of `submit`, `queue`, `cancel`, `watch` and `schedule`: jobs and schedules. Must not know
//! where they come from.

use std::io;

use crate::report::Answer;
use crate::report::phrases::jobs;
use crate::report::phrases::words::count;
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables;
use crate::serve::{JobView, ScheduleView};

/// One job.
pub struct Submitted<'a>(pub &'a JobView);

/// Jobs, oldest first.
pub struct Queue<'a>(pub &'a [JobView]);

/// Schedules.
pub struct Schedules<'a>(pub &'a [ScheduleView]);

impl Answer for Submitted<'_> {
    fn text(&self, page: &mut Page) {
        page.say(&jobs::job(self.0));
        if !self.0.run.is_empty() && self.0.is_done() {
            page.say(&format!("`coordinator report {}` shows it.", self.0.run));
        }
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("job", self.0)
    }

    fn quiet(&self) -> Vec<String> {
        vec![self.0.id.to_string()]
    }
}

impl Answer for Queue<'_> {
    fn text(&self, page: &mut Page) {
        if self.0.is_empty() {
            page.say("No job waits.");
            return;
        }
        page.table(&tables::queue::jobs(self.0));
        let reasons = self.0.iter().filter(|job| !job.reason.is_empty());
        page.items(reasons.map(|job| format!("job {}: {}", job.id, job.reason)));
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("jobs", self.0)
    }

    fn quiet(&self) -> Vec<String> {
        self.0.iter().map(|job| job.id.to_string()).collect()
    }
}

impl Answer for Schedules<'_> {
    fn text(&self, page: &mut Page) {
        if self.0.is_empty() {
            page.say("There is no schedule.");
            return;
        }
        page.table(&tables::queue::schedules(self.0));
        for schedule in self.0.iter().filter(|schedule| schedule.missed_in_all > 0) {
            let (name, missed) = (&schedule.name, count(schedule.missed_in_all, "run"));
            page.heading(&format!("{name}: {missed} missed; the last of them:"));
            page.items(schedule.missed.iter().rev().take(10).map(jobs::missed));
        }
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("schedules", self.0)
    }

    fn quiet(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|schedule| schedule.name.clone())
            .collect()
    }
}
