//! Sentences about runs of different times: one headline for each measure, and what would settle
//! it. Must not decide anything: the words follow the decision's path.

use stats::compare::{LEAST_RUNS, RunsRow, Verdict};

use super::changes::{change, interval, share_of};
use super::words::{count, percent, tolerance};
use crate::history::{Across, AcrossLine};

/// Groups the measures by scenario and variant.
pub(crate) fn groups(across: &Across) -> impl Iterator<Item = &[AcrossLine]> {
    across
        .lines
        .chunk_by(|a, b| (&a.scenario, &a.variant) == (&b.scenario, &b.variant))
}

/// Title of such a group.
pub(crate) fn group_title(lines: &[AcrossLine]) -> String {
    let first = lines.first();
    first.map_or_else(String::new, |line| {
        format!("{} · {}", line.scenario, line.variant)
    })
}

/// Other differences between the runs.
pub(crate) fn unlike(across: &Across) -> Vec<String> {
    across
        .unlike
        .iter()
        .map(|why| format!("UNLIKE: {why}"))
        .collect()
}

/// "burst: pgo is SLOWER than it was: …"
pub(crate) fn headline(line: &AcrossLine) -> String {
    let found = &line.estimate;
    let (label, who) = (
        line.measure.label(),
        format!("{}: {}", line.scenario, line.variant),
    );
    let shares =
        share_of(line.measure, line.scale).map_or_else(String::new, |of| format!("; {of}"));
    let figure = format!(
        "{label} {} (95\u{a0}% interval {}), {} against {}{shares}",
        change(line, found.delta),
        interval(line, &found.ci),
        count(found.runs.1 as u64, "run"),
        found.runs.0
    );
    let within = tolerance(line.tolerance);
    match line.decision.verdict {
        Verdict::Faster => format!("{who} is FASTER than it was: {figure}"),
        Verdict::Slower => format!("{who} is SLOWER than it was: {figure}"),
        Verdict::Same => format!("{who} is the SAME as it was (within ±{within}): {figure}"),
        Verdict::Undecided => format!("{who}: UNDECIDED: {figure}; {}", why_open(line)),
        Verdict::Invalid => format!("{who}: INVALID: a measurement cannot be trusted; {figure}"),
    }
}

fn why_open(line: &AcrossLine) -> String {
    let seen = percent(line.share(line.estimate.mde));
    match line.decision.path.last().map(|step| step.row) {
        Some(RunsRow::OneEach) => format!(
            "with one run a side the variation between runs is unknown, and the interval does not include \
             it: give {LEAST_RUNS} runs of each, separated by commas"
        ),
        Some(RunsRow::ZeroEverywhere) => "zero everywhere: no difference can be found".to_owned(),
        Some(RunsRow::TooFew { .. }) => {
            format!(
                "minimum detectable effect {seen}; FASTER and SLOWER need {LEAST_RUNS} runs a side"
            )
        }
        _ => format!("minimum detectable effect {seen}; {}", outlook(line)),
    }
}

/// What would decide an UNDECIDED line, or what prevents it, in a few words.
pub(crate) fn outlook(line: &AcrossLine) -> String {
    let runs = line.estimate.runs.0.min(line.estimate.runs.1) as u64;
    match (
        line.decision.path.last().map(|step| step.row),
        line.decision.runs_needed,
    ) {
        (Some(RunsRow::ZeroEverywhere), _) => "zero everywhere".to_owned(),
        (Some(RunsRow::OneEach), _) => format!("at least {LEAST_RUNS} runs a side are needed"),
        (Some(RunsRow::Inconclusive { .. }), _) => "a measurement is INCONCLUSIVE".to_owned(),
        (Some(RunsRow::TooFew { .. }), _) => format!("{LEAST_RUNS} runs a side would be enough"),
        (Some(RunsRow::HolmDisagrees { adjusted, .. }), _) => {
            format!("not significant after Holm (p = {adjusted:.3})")
        }
        (_, None) => "no number of runs would be enough".to_owned(),
        (_, Some(needed)) if needed > runs => {
            format!("{} a side would be enough", count(needed, "run"))
        }
        _ => "too close to its tolerance: more runs".to_owned(),
    }
}
