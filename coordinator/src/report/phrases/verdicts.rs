//! One headline for each scenario: faster or not, by how much, with which confidence, and if
//! undecided, what would settle it. Must not decide anything: the words follow the decision's path.

use std::time::Duration;

use stats::compare::{Comparison, Decision, Estimate, Interval, Row, Verdict};
use stats::validity::{Validity, alike};

use super::changes::{change, interval, level, share_of};
use super::doubts::doubts;
use super::layouts::layout;
use super::words::{count, listed, percent, tolerance, value};
use crate::compare::{Cell, ComparisonResult, MetricComparison};

/// Above this number of rounds, the advice is a quieter host.
pub(crate) const PATIENCE: u64 = 200;

/// "burst-100: pgo is FASTER than baseline: …"
pub(crate) fn headline(cell: &Cell) -> String {
    let (scenario, title) = (&cell.scenario, &cell.title);
    let Some(primary) = cell.primary().filter(|_| cell.candidate.is_some()) else {
        return alone(cell);
    };
    match &primary.outcome {
        ComparisonResult::Compared {
            comparison,
            decision,
            ..
        } => answered(cell, primary, comparison, decision),
        _ if cell.verdict() == Some(Verdict::Invalid) => {
            format!("{title}: INVALID: {}", unbelieved(cell))
        }
        ComparisonResult::Hidden { exceedances, .. } => format!(
            "{scenario}: UNDECIDED whether {}: {} rests on too few requests ({} beyond it)",
            names(cell, "is faster than"),
            primary.measure.label(),
            exceedances
        ),
        ComparisonResult::Missing { reason } => {
            format!("{title}: UNDECIDED: nothing to compare: {reason}")
        }
    }
}

fn answered(
    cell: &Cell,
    metric: &MetricComparison,
    found: &Comparison,
    decision: &Decision,
) -> String {
    let said = compared(cell, metric, found, decision);
    let beside = metric.layout.as_ref().and_then(layout);
    let beside = beside.map_or_else(String::new, |label| format!("; {label}"));
    // The candidate is named in all other sentences.
    match decision.verdict {
        Verdict::Invalid => format!("{}: {said}{beside}", cell.title),
        _ => format!("{}: {said}{beside}", cell.scenario),
    }
}

fn compared(
    cell: &Cell,
    metric: &MetricComparison,
    found: &Comparison,
    decision: &Decision,
) -> String {
    let figure = figure(metric, found, decision.verdict);
    let within = tolerance(metric.within());
    match decision.verdict {
        Verdict::Faster => format!("{}: {figure}", names(cell, "is FASTER than")),
        Verdict::Slower => format!("{}: {figure}", names(cell, "is SLOWER than")),
        Verdict::Same => {
            let real = match decision.small_but_real {
                true => "; the difference is small but real",
                false => "",
            };
            let names = names(cell, "is the SAME as");
            format!("{names} (within ±{within}): {figure}{real}")
        }
        Verdict::Undecided => {
            let why = why_open(cell, metric, found, decision);
            let lean = match found.effect.delta > 0.0 {
                true => "is slower than",
                false => "is faster than",
            };
            format!("UNDECIDED whether {}: {figure}; {why}", names(cell, lean))
        }
        Verdict::Invalid => format!("INVALID: {}", why_invalid(cell, metric, found, decision)),
    }
}

/// "E2E p50 4.1 % lower (95 % interval −5.0 … −3.2 %), 10 rounds"
fn figure(metric: &MetricComparison, found: &Comparison, verdict: Verdict) -> String {
    let (alpha, shown) = metric.telling(found, verdict);
    let (effect, level) = (&found.effect, level(alpha));
    let shares =
        share_of(metric.measure, metric.scale).map_or_else(String::new, |of| format!("; {of}"));
    format!(
        "{} {} ({level} interval {}), {}{shares}",
        metric.measure.label().replace(' ', "\u{a0}"),
        change(metric, effect.delta),
        interval(metric, &shown),
        count(effect.rounds as u64, "round")
    )
}

fn names(cell: &Cell, relation: &str) -> String {
    let candidate = cell.candidate.as_deref().unwrap_or_default();
    if candidate == cell.baseline {
        format!("{candidate} as B {relation} itself as A")
    } else {
        format!("{candidate} {relation} {}", cell.baseline)
    }
}

/// The row that decided.
fn deciding(decision: &Decision) -> Option<&Row> {
    let mut steps = decision.path.iter().rev();
    steps.find(|step| step.applies).map(|step| &step.row)
}

fn why_open(
    cell: &Cell,
    metric: &MetricComparison,
    found: &Comparison,
    decision: &Decision,
) -> String {
    let detectable = detectable(cell, metric, found, decision);
    let why = match deciding(decision) {
        Some(Row::TooFewRounds { rounds, least }) => {
            let rounds = count(*rounds as u64, "round");
            format!("{rounds} can never give FASTER or SLOWER; at least {least} are needed")
        }
        Some(Row::MeasurementInconclusive { .. }) => {
            format!("the measurement is INCONCLUSIVE: {}", first(cell))
        }
        Some(Row::Unfinished { rounds, planned }) => format!(
            "{rounds} of {planned} rounds are done, and an answer now would be an unplanned interim analysis"
        ),
        Some(Row::ZeroEverywhere) => return "no difference can be found".to_owned(),
        Some(Row::ExactDisagrees { t, exact, .. }) => {
            let (t, exact) = (chance(*t), chance(*exact));
            format!("the interval ({t}) and the exact check ({exact}) disagree: run more rounds")
        }
        Some(Row::HolmDisagrees { adjusted, .. }) => {
            let family = match metric.primary {
                true => "scenarios and candidates",
                false => "measures",
            };
            format!("not significant among all {family} ({})", chance(*adjusted))
        }
        _ => return detectable,
    };
    format!("{why}; {detectable}")
}

/// The minimum detectable effect, what the rounds already show, and how many rounds would be enough
/// if more would help.
fn detectable(
    cell: &Cell,
    metric: &MetricComparison,
    found: &Comparison,
    decision: &Decision,
) -> String {
    let seen = percent(metric.share(found.effect.mde));
    let open = matches!(deciding(decision), Some(Row::Open { .. }));
    let done = found.effect.rounds as u64;
    let then = match settling(decision) {
        None => "; no number of rounds would settle it on a host this noisy".to_owned(),
        Some(rounds) if rounds <= done && open => format!(
            ", but the difference is too close to the tolerance of {}: run more rounds",
            tolerance(metric.within())
        ),
        Some(rounds) if rounds <= done => String::new(),
        Some(rounds) => {
            let noisy = match rounds > PATIENCE {
                true => " on a host this noisy: make it quieter first",
                false => "",
            };
            let time = in_all(cell, rounds).map_or_else(String::new, |time| format!(" ({time})"));
            let rounds = count(rounds, "round");
            format!("; about {rounds}{time} would settle it{noisy}")
        }
    };
    // What is shown at the level of SAME: with this tolerance it would be the answer.
    let shown = match open {
        true => format!(
            "; SAME within ±{}",
            percent(widest(metric, &found.effect.tost))
        ),
        false => String::new(),
    };
    format!("minimum detectable effect {seen}{shown}{then}")
}

/// The end of an interval farthest from zero, as a share, rounded up to a tenth of a percent: the
/// claim must hold.
fn widest(metric: &MetricComparison, interval: &Interval) -> f64 {
    let ends = [interval.low, interval.high].map(|end| metric.share(end).abs());
    (ends[0].max(ends[1]) * 1000.0).ceil() / 1000.0
}

/// Time of this number of rounds of the whole run, in words.
pub(crate) fn in_all(cell: &Cell, rounds: u64) -> Option<String> {
    let rounds = u32::try_from(rounds).ok()?;
    Some(rough(cell.round_time?.checked_mul(rounds)?))
}

/// An estimated duration in words.
fn rough(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds @ 100..6000 => format!("{} min", (seconds + 30) / 60),
        seconds @ 6000..172_800 => format!("{} h", (seconds + 1800) / 3600),
        seconds => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

/// Rounds that would settle an UNDECIDED measure. If it is already beyond the tolerance, only the
/// least number of rounds is missing.
pub(crate) fn settling(decision: &Decision) -> Option<u64> {
    match deciding(decision) {
        Some(Row::TooFewRounds { least, .. }) => Some(*least as u64),
        _ => decision.rounds_needed,
    }
}

/// What would decide an UNDECIDED measure, or what prevents it, in a few words.
pub(crate) fn outlook(found: &Comparison, decision: &Decision) -> String {
    match (settling(decision), deciding(decision)) {
        (_, Some(Row::ZeroEverywhere)) => "zero everywhere".to_owned(),
        (None, _) => "no number of rounds would be enough".to_owned(),
        (Some(rounds), _) if rounds > found.effect.rounds as u64 => {
            format!("{} would be enough", count(rounds, "round"))
        }
        (_, Some(Row::ExactDisagrees { .. })) => "the exact check disagrees".to_owned(),
        (_, Some(Row::HolmDisagrees { .. })) => "not significant after Holm".to_owned(),
        (_, Some(Row::Unfinished { .. })) => "the run is not finished".to_owned(),
        (_, Some(Row::MeasurementInconclusive { .. })) => {
            "the measurement is INCONCLUSIVE".to_owned()
        }
        _ => "too close to its tolerance".to_owned(),
    }
}

/// Whether the run found a difference between two trials of one build.
pub(crate) fn control_word(control: &Estimate, tau: f64) -> &'static str {
    let limit = tau / 2.0;
    if control.ci.low > limit || control.ci.high < -limit {
        "DIFFERS"
    } else if control.tost.within(tau) {
        "same"
    } else {
        "unclear"
    }
}

fn chance(p: f64) -> String {
    match p < 0.0005 {
        true => "p < 0.001".to_owned(),
        false => format!("p = {p:.3}"),
    }
}

fn why_invalid(
    cell: &Cell,
    metric: &MetricComparison,
    found: &Comparison,
    decision: &Decision,
) -> String {
    let differs = matches!(deciding(decision), Some(Row::ControlDiffers { .. }));
    let control = found.control.as_ref().filter(|_| differs);
    let level = level(metric.alpha);
    match control {
        Some(control) => format!(
            "the baseline differs from itself: {} of the control is {} ({level} interval {}), more than \
             half the tolerance of {}. This run cannot show a difference between builds: use a quieter host \
             or more rounds",
            metric.measure.label(),
            change(metric, control.delta),
            interval(metric, &control.ci),
            tolerance(metric.within())
        ),
        None => unbelieved(cell),
    }
}

fn unbelieved(cell: &Cell) -> String {
    format!("the measurement cannot be trusted: {}", first(cell))
}

/// The first reason to doubt, and the number of others.
fn first(cell: &Cell) -> String {
    let doubts = alike(doubts(cell));
    let first = doubts.first().map_or_else(String::new, ToString::to_string);
    match doubts.len() {
        0 | 1 => first,
        n => format!("{first}, and {} below", count(n as u64 - 1, "more reason")),
    }
}

/// A scenario without a candidate.
fn alone(cell: &Cell) -> String {
    let shown = |metric: &MetricComparison| {
        let typical = metric.typical(|arm| arm.is_baseline())?;
        let typical = value(metric.measure, typical);
        Some(format!("{} {typical}", metric.measure.label()))
    };
    let figures = listed(cell.metrics.iter().take(2).filter_map(shown));
    let done = count(cell.rounds.0.into(), "round");
    let doubt = match &cell.assessment.validity {
        Validity::Valid => "",
        Validity::Inconclusive(_) => "INCONCLUSIVE: ",
        Validity::Invalid(_) => "INVALID: ",
    };
    format!(
        "{}: {doubt}{} alone, nothing compared: {figures}; {done}",
        cell.scenario, cell.baseline
    )
}
