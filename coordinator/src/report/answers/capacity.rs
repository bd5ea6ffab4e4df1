//! Output of `capacity`: the outcome in one paragraph, what to do, and the probes in order. Must not
//! judge.

use std::io;

use serde_json::{Value, json};
use stats::capacity::{Confirmation, Estimate, Interval, Limit, Outcome, Purpose};

use crate::capacity::{CapacityAnswer, ProbeSeen};
use crate::report::Answer;
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::table::Table;

impl Answer for CapacityAnswer {
    fn text(&self, page: &mut Page) {
        let what = match &self.candidate {
            Some(candidate) => format!("{} and {candidate}", self.baseline),
            None => self.baseline.clone(),
        };
        let objectives: Vec<String> = self
            .capacity
            .objectives
            .iter()
            .map(ToString::to_string)
            .collect();
        page.say(&format!(
            "Capacity of {what}, {}: {}",
            self.plan,
            objectives.join(", ")
        ));
        if !self.labels.is_empty() {
            page.say(&self.labels.join(", "));
        }
        page.gap();
        page.sentence(&headline(self), 2, 4);
        page.sentence(&advice(self), 2, 4);
        if let Some(estimate) = estimate(self) {
            page.gap();
            page.table(&capacities(self, estimate));
        }
        if !self.levels.is_empty() {
            page.gap();
            page.table(&levels(self));
            if let Some(line) = step_law(self) {
                page.gap();
                page.sentence(&line, 2, 4);
            }
        }
        page.gap();
        page.table(&probes(self));
        page.gap();
        page.say(&format!(
            "run {}; {} of at most {} windows; `coordinator capacity --show {}` prints this again",
            self.run, self.windows, self.capacity.windows, self.run
        ));
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("capacity", document(self))
    }

    /// The outcome, then capacity, lower and upper end of its interval in requests a second.
    fn quiet(&self) -> Vec<String> {
        let name = self.outcome.as_ref().map_or("UNFINISHED", Outcome::name);
        let rates = estimate(self).map_or_else(String::new, |e| {
            let i = e.baseline;
            format!(
                " {:.4} {:.4} {:.4}",
                i.centre.exp(),
                i.low().exp(),
                i.high().exp()
            )
        });
        vec![format!("{} {name}{rates}", self.run)]
    }
}

fn estimate(answer: &CapacityAnswer) -> Option<&Estimate> {
    match answer.outcome.as_ref()? {
        Outcome::Found { estimate, .. } => Some(estimate),
        Outcome::Budget { estimate, .. } => estimate.as_ref(),
        _ => None,
    }
}

/// The outcome in one sentence.
fn headline(answer: &CapacityAnswer) -> String {
    let rate = |rung: u32| rps(answer.rate(rung));
    let Some(outcome) = &answer.outcome else {
        return "UNFINISHED: the search is not over.".to_owned();
    };
    let name = outcome.name();
    match outcome {
        Outcome::Found { estimate, .. } => {
            let objective = answer.capacity.objectives.get(estimate.binding);
            let binding = objective.map_or_else(String::new, ToString::to_string);
            format!(
                "{name}: {} carries {}, 95 % interval {}; {binding} binds.",
                answer.baseline,
                rps(estimate.baseline.centre.exp()),
                range(estimate.baseline)
            )
        }
        Outcome::AtLeast {
            rung: Some(rung),
            limit: Limit::Range,
        } => {
            format!("{name}: even the highest rate, {}, passes.", rate(*rung))
        }
        Outcome::AtLeast {
            rung,
            limit: Limit::Generator,
        } => format!(
            "{name}: {} passes, and above it the load generator was late, so the server's limit is not known.",
            rung.map_or_else(|| "no rate".to_owned(), rate)
        ),
        Outcome::AtLeast {
            rung: None,
            limit: Limit::Range,
        } => format!("{name}: no rate was probed."),
        Outcome::AtMost { rung } => {
            format!("{name}: even the lowest rate, {}, fails.", rate(*rung))
        }
        Outcome::Cliff { pass, fail } => format!(
            "{name}: {} passes, and at {} a quarter or more of the requests violate an objective; no curve lies \
             between.",
            rate(*pass),
            rate(*fail)
        ),
        Outcome::NotMonotone { pass, fail } => format!(
            "{name}: {} fails, although a higher rate passes; every rate that was probed up to {} passes.",
            rate(*fail),
            pass.map_or_else(|| "nothing".to_owned(), rate)
        ),
        Outcome::Unsteady { early, late } => format!(
            "{name}: the capacity moved during the search, from {} ({}) to {} ({}).",
            rps(early.centre.exp()),
            range(*early),
            rps(late.centre.exp()),
            range(*late)
        ),
        Outcome::Budget { estimate, .. } => match estimate {
            Some(e) => format!(
                "{name}: the time is used up; so far {}, 95 % interval {}.",
                rps(e.baseline.centre.exp()),
                range(e.baseline)
            ),
            None => format!("{name}: the time is used up before the first rounds."),
        },
    }
}

/// What to do.
fn advice(answer: &CapacityAnswer) -> String {
    let resume = format!("`coordinator capacity --resume {}` goes on.", answer.run);
    match &answer.outcome {
        None => resume,
        Some(Outcome::Found { confirmation, .. }) => confirmed(answer, *confirmation),
        Some(Outcome::AtLeast { limit: Limit::Range, .. }) => {
            "Search again with a higher end of --rates.".to_owned()
        }
        Some(Outcome::AtLeast { limit: Limit::Generator, .. }) => {
            "Give the load to more or other hosts (--slots, --launcher ssh), or leave the generator's host more \
             processors."
                .to_owned()
        }
        Some(Outcome::AtMost { .. }) => {
            "Search again with a lower start of --rates, or check that the objective can be met by a single \
             request."
                .to_owned()
        }
        Some(Outcome::Cliff { .. }) => {
            "Look for a limit that is reached at this rate: a queue's length, a timeout, memory. Plan with the \
             rate that passes."
                .to_owned()
        }
        Some(Outcome::NotMonotone { .. }) => {
            "Plan with the rate up to which all pass, and look for what happens at the rate that fails: a batch \
             size, a scaling step, a neighbour on the host."
                .to_owned()
        }
        Some(Outcome::Unsteady { .. }) => {
            "Look for what changed: heat, a neighbour, memory that grows. Then search again.".to_owned()
        }
        Some(Outcome::Budget { needed, .. }) => needed.map_or_else(
            || "Search again with a longer --budget.".to_owned(),
            |needed| {
                let hours = f64::from(needed) / f64::from(answer.capacity.windows.max(1));
                format!(
                    "The precision would take about {needed} windows: search again with {hours:.1} times the \
                     --budget, or with a larger --precision."
                )
            },
        ),
    }
}

fn confirmed(answer: &CapacityAnswer, held: Confirmation) -> String {
    let windows = format!(
        "{} more windows at {}",
        held.windows,
        rps(answer.rate(held.rung))
    );
    let used = format!(
        "used {:.0} % of the violations that the objective allows",
        100.0 * held.used
    );
    match held.holds() {
        true => format!("Confirmed: {windows}, the lower end, {used}."),
        false => format!(
            "Not confirmed: {windows}, the lower end, {used}. Plan below it, and search again with a smaller \
             --precision."
        ),
    }
}

fn capacities(answer: &CapacityAnswer, estimate: &Estimate) -> Table {
    let table = Table::new("Capacities", ["", "requests/s", "95 % interval"]);
    let row = |name: &str, interval: Interval| {
        [
            name.to_owned(),
            figure(interval.centre.exp()),
            range(interval),
        ]
    };
    let change = |name: &str, interval: Interval| {
        let percent = |x: f64| format!("{:+.1} %", 100.0 * x.exp_m1());
        let range = format!(
            "{} to {}",
            percent(interval.low()),
            percent(interval.high())
        );
        [name.to_owned(), percent(interval.centre), range]
    };
    let mut rows = vec![row(&answer.baseline, estimate.baseline)];
    if let Some((candidate, interval)) = answer.candidate.as_ref().zip(estimate.candidate) {
        rows.push(row(candidate, interval));
    }
    rows.extend(estimate.ratio.map(|ratio| change("capacity gained", ratio)));
    rows.extend(
        estimate
            .control
            .map(|control| change("control (baseline again)", control)),
    );
    table.words(&[0]).with(rows)
}

fn levels(answer: &CapacityAnswer) -> Table {
    let table = Table::new("Closed loops", ["in flight", "requests/s", "tokens/s"]);
    let row = |level: &crate::capacity::LevelSeen| {
        [
            level.in_flight.to_string(),
            figure(level.requests_per_second),
            figure(level.tokens_per_second),
        ]
    };
    table.with(answer.levels.iter().map(row))
}

fn step_law(answer: &CapacityAnswer) -> Option<String> {
    let law = answer.step_law.filter(|law| law.errors.0.is_finite())?;
    let ms = |seconds: f64| format!("{:.3}", 1e3 * seconds);
    Some(format!(
        "Step time with N in flight: a + bN with a = {} ± {} ms, b = {} ± {} ms (standard errors).",
        ms(law.base),
        ms(law.errors.0),
        ms(law.each),
        ms(law.errors.1)
    ))
}

fn probes(answer: &CapacityAnswer) -> Table {
    let table = Table::new("Probes in order", ["rate", "why", "violations"]);
    let row = |probe: &ProbeSeen| {
        let shares = probe.shares.iter().map(|(arm, shares)| {
            let each: Vec<String> = shares
                .iter()
                .map(|s| format!("{:.2} %", 100.0 * s))
                .collect();
            format!("{arm} {}", each.join(", "))
        });
        let shares: Vec<String> = shares.collect();
        let late = if probe.limited {
            "; generator late"
        } else {
            ""
        };
        [
            figure(probe.rate),
            purpose(probe.purpose).to_owned(),
            format!("{}{late}", shares.join("; ")),
        ]
    };
    table.words(&[1, 2]).with(answer.probes.iter().map(row))
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Level => "level",
        Purpose::Navigate => "navigate",
        Purpose::Check => "check",
        Purpose::Round => "round",
        Purpose::Bracket => "bracket",
        Purpose::Confirm => "confirm",
    }
}

fn figure(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn rps(rate: f64) -> String {
    format!("{} requests/s", figure(rate))
}

fn range(interval: Interval) -> String {
    match interval.half.is_finite() {
        true => format!(
            "{} to {}",
            figure(interval.low().exp()),
            figure(interval.high().exp())
        ),
        false => "unknown".to_owned(),
    }
}

/// Rates are requests a second, shares are of 1, logarithms are natural.
fn document(answer: &CapacityAnswer) -> Value {
    let interval = |i: Interval| json!({ "ln": i.centre, "ln_half_width": i.half.is_finite().then_some(i.half) });
    let estimate = estimate(answer).map(|e| {
        json!({
            "baseline_rate": e.baseline.centre.exp(),
            "baseline_rate_interval": [e.baseline.low().exp(), e.baseline.high().exp()],
            "baseline": interval(e.baseline),
            "candidate": e.candidate.map(interval),
            "ratio": e.ratio.map(interval),
            "control": e.control.map(interval),
            "binding": answer.capacity.objectives.get(e.binding).map(ToString::to_string),
            "slope": e.slope,
            "groups": e.groups,
        })
    });
    let probe = |probe: &ProbeSeen| {
        let shares: serde_json::Map<String, Value> = probe
            .shares
            .iter()
            .map(|(arm, s)| ((*arm).to_owned(), json!(s)))
            .collect();
        json!({
            "rate": probe.rate,
            "purpose": purpose(probe.purpose),
            "violations": shares,
            "generator_late": probe.limited,
        })
    };
    let rate = |rung: &u32| answer.rate(*rung);
    let (pass, fail) = match &answer.outcome {
        Some(Outcome::AtLeast { rung, .. }) => (rung.as_ref().map(rate), None),
        Some(Outcome::AtMost { rung }) => (None, Some(rate(rung))),
        Some(Outcome::Cliff { pass, fail }) => (Some(rate(pass)), Some(rate(fail))),
        Some(Outcome::NotMonotone { pass, fail }) => (pass.as_ref().map(rate), Some(rate(fail))),
        _ => (None, None),
    };
    json!({
        "run": answer.run,
        "plan": answer.plan,
        "labels": answer.labels,
        "baseline": answer.baseline,
        "candidate": answer.candidate,
        "outcome": answer.outcome.as_ref().map(Outcome::name),
        "says": headline(answer),
        "advice": advice(answer),
        "objectives": answer.capacity.objectives,
        "precision": answer.capacity.precision,
        "windows": answer.windows,
        "windows_at_most": answer.capacity.windows,
        "passing_rate": pass,
        "failing_rate": fail,
        "estimate": estimate,
        "levels": answer.levels.iter().map(|level| json!({
            "in_flight": level.in_flight,
            "requests_per_second": level.requests_per_second,
            "tokens_per_second": level.tokens_per_second,
        })).collect::<Vec<_>>(),
        "step_law": answer.step_law.map(|law| json!({
            "base_ms": 1e3 * law.base,
            "each_ms": 1e3 * law.each,
            "standard_errors_ms": law.errors.0.is_finite().then_some([1e3 * law.errors.0, 1e3 * law.errors.1]),
        })),
        "probes": answer.probes.iter().map(probe).collect::<Vec<_>>(),
    })
}
