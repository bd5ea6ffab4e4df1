//! Output of `capacity`: the outcome in one paragraph, what to do, and the probes in order. Must not
//! judge.

use std::io;

use stats::capacity::Outcome;

use crate::capacity::CapacityAnswer;
use crate::report::phrases::capacity::{advice, gained, headline, odd_hosts, scaling, step_law};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::capacity as tables;
use crate::report::{Answer, json};

impl Answer for CapacityAnswer {
    fn text(&self, page: &mut Page) {
        title(page, self);
        page.gap();
        page.sentence(&headline(self), 2, 4);
        page.sentence(&advice(self), 2, 4);
        if let Some(gain) = &self.gain {
            page.gap();
            page.sentence(&gained(self, gain), 2, 4);
        }
        if let Some(estimate) = self.estimate() {
            page.gap();
            page.table(&tables::capacities(self, estimate));
        }
        page.captioned(&tables::objectives(self));
        page.captioned(&tables::hosts(self));
        page.notes(&odd_hosts(self).into_iter().collect::<Vec<_>>());
        if !self.levels.is_empty() {
            page.gap();
            page.table(&tables::levels(self));
            page.notes(
                &step_law(self)
                    .into_iter()
                    .chain(scaling(self))
                    .collect::<Vec<_>>(),
            );
        }
        page.gap();
        page.table(&tables::probes(self));
        page.gap();
        page.say(&format!(
            "run {}; {} of at most {} windows; `coordinator capacity --show {}` prints this again",
            self.run, self.windows, self.capacity.windows, self.run
        ));
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.document(&json::capacity::document(self))
    }

    /// The outcome, then capacity, lower and upper end of its interval; with a candidate the verdict
    /// on a second line.
    fn quiet(&self) -> Vec<String> {
        let name = self.outcome.as_ref().map_or("UNFINISHED", Outcome::name);
        let values = self.estimate().map_or_else(String::new, |e| {
            let i = e.baseline;
            let [centre, low, high] = [i.centre, i.low(), i.high()].map(f64::exp);
            format!(" {centre:.4} {low:.4} {high:.4}")
        });
        let verdict = self.gain.as_ref().zip(self.candidate.as_ref());
        let verdict = verdict.map(|(gain, name)| format!("{} {name}", gain.verdict.name()));
        std::iter::once(format!("{} {name}{values}", self.run))
            .chain(verdict)
            .collect()
    }
}

/// What was searched for, and the labels that belong to every figure.
pub(super) fn title(page: &mut Page, answer: &CapacityAnswer) {
    let what = match &answer.candidate {
        Some(candidate) => format!("{} and {candidate}", answer.baseline),
        None => answer.baseline.clone(),
    };
    let objectives = answer.capacity.objectives.iter();
    let objectives: Vec<String> = objectives.map(ToString::to_string).collect();
    page.say(&format!(
        "Capacity of {what}, {}: {}",
        answer.plan,
        objectives.join(", ")
    ));
    if !answer.labels.is_empty() {
        page.say(&answer.labels.join(", "));
    }
}
