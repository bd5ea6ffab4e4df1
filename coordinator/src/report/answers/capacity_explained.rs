//! Output of `capacity --explain`: every probe with its counts, the figures of the estimate, the
//! check, and the path through the decision table. Must not judge.

use std::io;

use stats::capacity::{Confirmation, Estimate, Gain, Interval, Outcome};

use super::capacity::title;
use super::formulas::{fact, path};
use crate::capacity::CapacityAnswer;
use crate::report::phrases::capacity::{change, gained, headline, range, share, unit};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::capacity as tables;
use crate::report::{Answer, json};

/// The explanation of a search.
pub struct CapacityExplained<'a>(pub &'a CapacityAnswer);

impl Answer for CapacityExplained<'_> {
    fn text(&self, page: &mut Page) {
        let answer = self.0;
        title(page, answer);
        page.gap();
        page.sentence(&headline(answer), 2, 4);
        page.heading("Probes");
        let margin = "margin = logit((k + ½)/(n + 1)) − logit(allowed) of the worst objective, mean over the \
                      windows of the baseline: below zero passes";
        page.sentence(margin, 2, 2);
        page.gap();
        page.table(&tables::counts(answer));
        if let Some(estimate) = answer.estimate() {
            page.heading("Estimate");
            figures(page, answer, estimate);
        }
        if let Some(Outcome::Found { confirmation, .. }) = &answer.outcome {
            page.heading("Check at the lower end");
            check(page, answer, *confirmation);
        }
        if let Some(gain) = &answer.gain {
            page.heading("Decision about the candidate");
            decision(page, answer, gain);
        }
    }

    /// The document of the search has all of it.
    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.document(&json::capacity::document(self.0))
    }

    fn quiet(&self) -> Vec<String> {
        self.0.quiet()
    }
}

fn figures(page: &mut Page, answer: &CapacityAnswer, estimate: &Estimate) {
    let objective = answer.capacity.objectives.get(estimate.binding);
    let binding = objective.map_or_else(String::new, ToString::to_string);
    fact(
        page,
        "objective",
        &format!("{binding} gives the least capacity"),
    );
    let slope = format!(
        "{:.1}: change of logit(share of violations) for each unit of ln",
        estimate.slope
    );
    fact(page, "slope", &slope);
    let groups = format!(
        "{}: each round, and each near probe of navigation; left out one at a time",
        estimate.groups
    );
    fact(page, "groups", &groups);
    let t = format!(
        "{:.3}, Student's for {:.0} degrees of freedom (rounds − 1)",
        estimate.t, estimate.freedom
    );
    fact(page, "t", &t);
    let row = |page: &mut Page, name: &str, interval: Interval, ratio: bool| {
        let (centre, ends) = match ratio {
            true => (
                change(interval.centre),
                format!("{} to {}", change(interval.low()), change(interval.high())),
            ),
            false => (
                format!("{:.4} {}", interval.centre.exp(), unit(answer)),
                range(interval),
            ),
        };
        let text = format!(
            "exp({:.4} ± t · {:.4}) = {centre}, {ends}",
            interval.centre,
            estimate.standard_error(interval)
        );
        fact(page, name, &text);
    };
    row(page, "baseline", estimate.baseline, false);
    let others = [
        ("candidate", estimate.candidate, false),
        ("gained", estimate.ratio, true),
        ("control", estimate.control, true),
    ];
    for (name, interval, ratio) in others {
        if let Some(interval) = interval {
            row(page, name, interval, ratio);
        }
    }
    let least = format!(
        "no interval is narrower than the precision, ±{:.1} %",
        100.0 * answer.capacity.precision
    );
    fact(page, "least width", &least);
}

fn check(page: &mut Page, answer: &CapacityAnswer, held: Confirmation) {
    let at = format!(
        "{} windows at {:.4} {}",
        held.windows,
        answer.rate(held.rung),
        unit(answer)
    );
    fact(page, "windows", &at);
    let used = format!(
        "{:.1} % of the allowed share, of the objective with the least p",
        100.0 * held.used
    );
    fact(page, "used", &used);
    let design = format!(
        "{:.1}: variance of the counts ÷ that of independent requests",
        held.design
    );
    fact(page, "design", &design);
    let holds = if held.holds() { "it holds" } else { "it fails" };
    let p = format!(
        "{:.4} for so many violations at the allowed share; {holds} (limit 0.05)",
        held.p
    );
    fact(page, "p", &p);
}

fn decision(page: &mut Page, answer: &CapacityAnswer, gain: &Gain) {
    fact(page, "tolerance", &format!("±{}", share(gain.limit)));
    fact(
        page,
        "p",
        &format!("{:.4}, two-sided, of no difference", gain.p),
    );
    fact(page, "MDE", &format!("{} with 80 % power", share(gain.mde)));
    path(page, gain.path.iter().map(|step| (step.applies, step)));
    page.sentence(&format!("→ {}", gained(answer, gain)), 2, 4);
}
