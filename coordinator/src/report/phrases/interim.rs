//! Sentences about the analyses of a run, before and after it.

use std::time::Duration;

use stats::compare::{Analyses, Analysis};

use super::words::{count, tolerance, wait};
use crate::compare::{Findings, Planned};
use crate::plan::{Plan, Stop};

/// What the planned analyses mean for the answer below; `None` if there is only the one at the end.
pub(crate) fn interim(findings: &Findings) -> Option<String> {
    let planned = &findings.planned;
    match findings.plan.stop {
        Stop::AtEnd => None,
        Stop::Once { .. } => Some(one(planned)),
        Stop::Decided { .. } => Some(several(planned)),
    }
}

fn one(planned: &Planned) -> String {
    let list = planned.analyses.list();
    let [early, last] = [list[0], planned.analyses.last()].map(|one| tolerance(one.alpha));
    let whose = match planned.is_interim() {
        true => "this answer is from the interim analysis",
        false => "this answer is from the final analysis",
    };
    format!(
        "an interim analysis was planned after {} of {} with α = {early}; the final analysis has α = {last}: \
         {whose}",
        list[0].rounds,
        count(planned.rounds().into(), "round")
    )
}

fn several(planned: &Planned) -> String {
    let (list, now) = (planned.analyses.list(), planned.current());
    let room = planned.budget.map_or_else(String::new, |budget| {
        format!(", which fit into {}", wait(budget.as_secs_f64()))
    });
    format!(
        "{} were planned, after {} rounds{room}; this answer is from number {}, with α = {} ({} for SAME): \
         together they keep 5 %",
        count(list.len() as u64, "analysis").replace("analysiss", "analyses"),
        and(list),
        planned.index + 1,
        tolerance(now.alpha),
        tolerance(now.alpha_same)
    )
}

/// What the analyses of a plan mean; `None` if there is only the one at the end.
pub(crate) fn planned_interim(plan: &Plan) -> Option<String> {
    match plan.stop {
        Stop::AtEnd => None,
        Stop::Once { at } => Some(before_one(at, plan.rounds)),
        Stop::Decided { budget } => Some(before_several(plan.rounds, budget)),
    }
}

fn before_one(at: u32, rounds: u32) -> String {
    let analyses = Analyses::one_interim(at, rounds);
    let [early, last] = [analyses.list()[0], analyses.last()].map(|one| tolerance(one.alpha));
    format!(
        "interim analysis after {at} of {}: the run ends there if every primary answer is clear at α = \
         {early}; otherwise it continues to its last round, with α = {last}",
        count(rounds.into(), "round")
    )
}

fn before_several(rounds: u32, budget: Option<Duration>) -> String {
    let end = match budget {
        None => format!("after {}", count(rounds.into(), "round")),
        Some(budget) => format!(
            "after the rounds that fit into {} at the pace of the first three, {rounds} at most",
            wait(budget.as_secs_f64())
        ),
    };
    format!(
        "analyses after {} rounds: the run ends at the first at which every primary answer is clear, or {end}; \
         together they keep 5 %",
        and(Analyses::until_decided(rounds).list())
    )
}

/// "6, 8 and 10".
fn and(list: &[Analysis]) -> String {
    let rounds: Vec<String> = list.iter().map(|one| one.rounds.to_string()).collect();
    match rounds.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => rounds.concat(),
    }
}
