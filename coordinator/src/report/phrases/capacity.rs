//! Sentences about a capacity: the outcome, what to do, what the candidate gained. Must not judge.

use stats::capacity::{Confirmation, Gain, Interval, Limit, Model, NoLaw, Outcome, Purpose};
use stats::compare::Verdict;

use crate::capacity::CapacityAnswer;
use crate::plan::Varied;

/// The outcome in one sentence.
pub(crate) fn headline(answer: &CapacityAnswer) -> String {
    let load = |value: f64| amount(answer, value);
    let rate = |rung: u32| load(answer.rate(rung));
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
                load(estimate.baseline.centre.exp()),
                range(estimate.baseline)
            )
        }
        Outcome::AtLeast {
            rung: Some(rung),
            limit: Limit::Range,
        } => {
            format!("{name}: even the highest, {}, passes.", rate(*rung))
        }
        Outcome::AtLeast {
            rung,
            limit: Limit::Generator,
        } => format!(
            "{name}: {} passes, and above it the load generator was late, so the server's limit is not known.",
            rung.map_or_else(|| "nothing".to_owned(), rate)
        ),
        Outcome::AtLeast {
            rung: None,
            limit: Limit::Range,
        } => format!("{name}: no rate was probed."),
        Outcome::AtMost { rung } => {
            format!("{name}: even the lowest, {}, fails.", rate(*rung))
        }
        Outcome::Cliff { pass, fail } => {
            let between = match answer.exact() {
                Some(_) => "no whole number lies between, so the first is the capacity",
                None => "no curve lies between",
            };
            format!(
                "{name}: {} passes, and at {} a quarter or more of the requests violate an objective; {between}.",
                rate(*pass),
                rate(*fail)
            )
        }
        Outcome::NotMonotone { pass, fail } => format!(
            "{name}: {} fails, although a higher one passes; all that were probed up to {} pass.",
            rate(*fail),
            pass.map_or_else(|| "nothing".to_owned(), rate)
        ),
        Outcome::Unsteady { early, late } => format!(
            "{name}: the capacity moved during the search, from {} ({}) to {} ({}).",
            load(early.centre.exp()),
            range(*early),
            load(late.centre.exp()),
            range(*late)
        ),
        Outcome::Budget { estimate, .. } => match estimate {
            Some(e) => format!(
                "{name}: the time is used up; so far {}, 95 % interval {}.",
                load(e.baseline.centre.exp()),
                range(e.baseline)
            ),
            None => format!("{name}: the time is used up before the first rounds."),
        },
    }
}

/// What to do.
pub(crate) fn advice(answer: &CapacityAnswer) -> String {
    let resume = format!("`coordinator capacity --resume {}` goes on.", answer.run);
    match &answer.outcome {
        None => resume,
        Some(Outcome::Found { confirmation, .. }) => confirmed(answer, *confirmation),
        Some(Outcome::AtLeast { limit: Limit::Range, .. }) => {
            format!("Search again with a higher end of {}.", flag(answer))
        }
        Some(Outcome::AtLeast { limit: Limit::Generator, .. }) => {
            "Give the load to more or other hosts (--slots, --launcher ssh), or leave the generator's host more \
             processors."
                .to_owned()
        }
        Some(Outcome::AtMost { .. }) => {
            format!(
                "Search again with a lower start of {}, or check that the objective can be met by a single \
                 request.",
                flag(answer)
            )
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
        amount(answer, answer.rate(held.rung))
    );
    let used = format!(
        "used {:.0} % of the violations that the objective allows (p = {:.3})",
        100.0 * held.used,
        held.p
    );
    match held.holds() {
        true => format!("Confirmed: {windows}, the lower end, {used}."),
        false => format!(
            "Not confirmed: {windows}, the lower end, {used}. Plan below it, and search again with a smaller \
             --precision."
        ),
    }
}

/// What the candidate gained, in one sentence.
pub(crate) fn gained(answer: &CapacityAnswer, gain: &Gain) -> String {
    let name = answer.candidate.as_deref().unwrap_or_default();
    let figure = format!(
        "capacity {} (95 % interval {} to {})",
        change(gain.ratio.centre),
        change(gain.ratio.low()),
        change(gain.ratio.high())
    );
    let within = share(gain.limit);
    match gain.verdict {
        Verdict::Faster => format!("{name} is FASTER: {figure}."),
        Verdict::Slower => format!("{name} is SLOWER: {figure}."),
        Verdict::Same => format!("{name} is the SAME (within ±{within}): {figure}."),
        Verdict::Undecided => format!(
            "{name}: UNDECIDED: {figure}; {}.",
            match answer.confirmed() {
                None => "there is no confirmed capacity".to_owned(),
                Some(_) => format!(
                    "minimum detectable effect {} with a tolerance of {within}",
                    share(gain.mde)
                ),
            }
        ),
        Verdict::Invalid => format!(
            "{name}: INVALID: the baseline differs from itself by more than half the tolerance; {figure}."
        ),
    }
}

/// The law of a step's time; `None` with fewer than three levels.
pub(crate) fn step_law(answer: &CapacityAnswer) -> Option<String> {
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

/// The scaling law and what it predicts for twice the greatest level; `None` where the levels carry
/// no law because they are too few.
pub(crate) fn scaling(answer: &CapacityAnswer) -> Option<String> {
    let law = match &answer.scaling {
        Ok(law) => law,
        Err(NoLaw::TooFew) => return None,
        Err(NoLaw::Misfit) => {
            return Some(
                "Scaling law: none; throughput over the number in flight has another form."
                    .to_owned(),
            );
        }
    };
    let (sigma, kappa) = law.sigma_kappa();
    let form = match law.model {
        Model::Linear => "linear".to_owned(),
        Model::Amdahl => format!("Amdahl's, contention σ = {sigma:.4}"),
        Model::Universal => {
            format!("universal, contention σ = {sigma:.4}, coherence κ = {kappa:.2e}")
        }
    };
    let peak = law.peak().map_or_else(
        || "no peak seen".to_owned(),
        |peak| format!("peak at {peak:.0} in flight"),
    );
    let twice = 2.0 * law.greatest;
    let ahead = law.at(twice).map_or_else(String::new, |at| {
        format!(
            "; with {twice:.0} in flight it predicts {} tokens/s, 95 % band {} to {} (extrapolated)",
            figure(at.centre),
            figure(at.band.0),
            figure(at.band.1)
        )
    });
    Some(format!("Scaling law: {form}; {peak}{ahead}."))
}

/// The hosts that differ from the others; `None` if none does.
pub(crate) fn odd_hosts(answer: &CapacityAnswer) -> Option<String> {
    let odd = answer.hosts.iter().filter(|host| host.odd);
    let names: Vec<&str> = odd.map(|host| host.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "ODD: {} differs from the other hosts, by more than the tolerance. The fleet's              capacity is that of all hosts together.",
            names.join(", ")
        )
    })
}

/// A log ratio as a signed percentage.
pub(crate) fn change(ln: f64) -> String {
    format!("{:+.1} %", 100.0 * ln.exp_m1())
}

/// A log ratio as a percentage without a sign.
pub(crate) fn share(ln: f64) -> String {
    format!("{:.1} %", 100.0 * ln.exp_m1().abs())
}

/// Why a probe was made.
pub(crate) fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Level => "level",
        Purpose::Navigate => "navigate",
        Purpose::Check => "check",
        Purpose::Round => "round",
        Purpose::Bracket => "bracket",
        Purpose::Confirm => "confirm",
    }
}

/// Three significant digits.
pub(crate) fn figure(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// A value that was probed: numbers in flight are whole.
pub(crate) fn probed(answer: &CapacityAnswer, value: f64) -> String {
    match answer.capacity.varied {
        Varied::Rate => figure(value),
        Varied::Concurrency => format!("{value:.0}"),
    }
}

/// The unit of what was varied.
pub(crate) fn unit(answer: &CapacityAnswer) -> &'static str {
    match answer.capacity.varied {
        Varied::Rate => "requests/s",
        Varied::Concurrency => "in flight",
    }
}

fn flag(answer: &CapacityAnswer) -> &'static str {
    match answer.capacity.varied {
        Varied::Rate => "--rates",
        Varied::Concurrency => "--concurrency",
    }
}

fn amount(answer: &CapacityAnswer, value: f64) -> String {
    let whole = answer.rungs.are_whole() && value.fract() == 0.0;
    let text = if whole {
        format!("{value:.0}")
    } else {
        figure(value)
    };
    format!("{text} {}", unit(answer))
}

/// The ends of an interval.
pub(crate) fn range(interval: Interval) -> String {
    match interval.half.is_finite() {
        true => format!(
            "{} to {}",
            figure(interval.low().exp()),
            figure(interval.high().exp())
        ),
        false => "unknown".to_owned(),
    }
}
