//! Suggestions after a run. Must not decide anything: they follow what the decisions still need.

use contract::run::RunState;
use stats::compare::{Decision, Verdict};
use stats::validity::Validity;

use crate::compare::{Cell, Findings};
use crate::report::phrases::verdicts::{PATIENCE, in_all, settling};
use crate::report::render::text::Page;

/// A host is noisy if alternating arms need more than this many times the rounds that were run.
const NOISY: u64 = 3;

/// Next steps, most useful first.
pub(crate) fn next(page: &mut Page, findings: &Findings, full: bool) {
    let run = findings.record.header.run;
    page.heading("Next");
    let mut step = |command: &str, what: &str| page.entry(command, what, 2, 38);
    if findings.state != Some(RunState::Complete) {
        step(&format!("coordinator run --resume {run}"), "");
    }
    if let Some(rounds) = wanted(&findings.cells, findings.plan.rounds) {
        let time = findings.cells.first().and_then(|cell| in_all(cell, rounds));
        let time = time.map_or_else(String::new, |time| format!(" in about {time}"));
        step(
            &format!("run it again with --rounds {rounds}"),
            &format!("settles what is UNDECIDED{time}"),
        );
    }
    if let Some(slots) = duet(findings) {
        let how = format!("run it with --duet --slots {slots} --no-aa");
        step(&how, "both at once: noise affects both equally");
    }
    if !full {
        step("coordinator report latest", "every measure, arm and phase");
    }
    step(
        "coordinator compare latest --gate",
        "exit code 1 when slower, 3 undecided",
    );
    if full {
        step(
            "coordinator report latest -o json",
            "the same for programs, with all parts",
        );
        step("coordinator runs export latest", "the run as one file");
    }
}

/// Slots for a duet, suggested if alternating arms would need far more rounds than were run and the
/// host has the cores.
fn duet(findings: &Findings) -> Option<u32> {
    let plan = &findings.plan;
    let slots = if plan.slots.is_multiple_of(2) {
        plan.slots
    } else {
        2 * plan.slots
    };
    let [host] = &findings.record.header.hosts[..] else {
        return None;
    };
    let cores = host.1.cores / host.1.threads_per_core.max(1);
    let far =
        |rounds: Option<u64>| rounds.is_none_or(|rounds| rounds > NOISY * u64::from(plan.rounds));
    let noisy = open(&findings.cells).any(|decision| far(settling(decision)));
    (noisy && !plan.duet && slots <= cores).then_some(slots)
}

/// The most rounds that any scenario needs, if that is more than were run.
fn wanted(cells: &[Cell], planned: u32) -> Option<u64> {
    let most = open(cells).filter_map(settling).max();
    most.filter(|rounds| *rounds > planned.into() && *rounds <= PATIENCE)
}

/// The primary decisions of VALID measurements that are still open.
fn open(cells: &[Cell]) -> impl Iterator<Item = &Decision> {
    let valid = |cell: &&Cell| matches!(cell.assessment.validity, Validity::Valid);
    cells.iter().filter(valid).filter_map(|cell| {
        let (_, decision) = cell.primary()?.compared()?;
        (decision.verdict == Verdict::Undecided).then_some(decision)
    })
}
