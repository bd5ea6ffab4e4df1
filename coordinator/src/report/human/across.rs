//! Runs of different times side by side. Owns the wording of what lies between runs; must not decide anything.

use stats::compare::{Unpaired, Verdict};

use super::page::Page;
use super::table::Table;
use super::words::{count, percent, tolerance, value};
use crate::compare::Measure;
use crate::history::{Across, AcrossLine};

pub(super) fn print(page: &mut Page, across: &Across) {
    let ids =
        |runs: &[contract::id::RunId]| runs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    page.sentence(&format!("new: {}", ids(&across.new)), 0, 5);
    page.sentence(&format!("old: {}", ids(&across.old)), 0, 5);
    for difference in &across.unlike {
        page.sentence(&format!("UNLIKE: {difference}"), 0, 2);
    }
    page.gap();
    for line in across.lines.iter().filter(|line| line.primary) {
        page.sentence(&headline(line), 0, 2);
    }
    page.heading(&format!("Measurements: {}", across.validity.name()));
    for group in across.lines.chunk_by(|a, b| (&a.scenario, &a.variant) == (&b.scenario, &b.variant)) {
        page.heading(&format!("{} · {}", group[0].scenario, group[0].variant));
        table(group).print(page);
    }
    page.gap();
    page.sentence(
        "Runs are the replicates: what differs from day to day differs between runs. The surest comparison is one run \
         of both builds.",
        0,
        0,
    );
}

fn headline(line: &AcrossLine) -> String {
    let found = &line.estimate;
    let (label, who) = (line.measure.label(), format!("{}: {}", line.scenario, line.variant));
    let figure = format!(
        "{label} {} (95\u{a0}% interval {}), {} against {}",
        change(line.measure, found.delta),
        range(line, found),
        count(found.runs.1 as u64, "run"),
        found.runs.0
    );
    let within = tolerance(line.tolerance);
    match line.verdict {
        Verdict::Faster => format!("{who} is FASTER than it was: {figure}"),
        Verdict::Slower => format!("{who} is SLOWER than it was: {figure}"),
        Verdict::Same => format!("{who} is the SAME as it was (within ±{within}): {figure}"),
        Verdict::Undecided => format!("{who}: UNDECIDED: {figure}; {}", open(found)),
        Verdict::Invalid => format!("{who}: INVALID: a measurement must not be believed; {figure}"),
    }
}

fn open(found: &Unpaired) -> String {
    let seen = percent(found.mde.exp_m1());
    match found.between {
        None => "with one run a side nobody knows how much runs differ without any change, and the interval leaves \
                 that out: give several runs of each, separated by commas"
            .to_owned(),
        Some(_) if found.runs.0.min(found.runs.1) < stats::compare::LEAST_RUNS => {
            format!("could have seen {seen}; FASTER and SLOWER need {} runs a side", stats::compare::LEAST_RUNS)
        }
        Some(_) => format!("could have seen {seen}: more runs would see less"),
    }
}

fn table(lines: &[AcrossLine]) -> Table {
    let headings = ["measure", "old", "new", "change", "between", "within", "verdict"];
    let mut table = Table::new(headings).left(&[6]);
    for line in lines {
        let spread = |sd: f64| percent(sd.exp_m1());
        table.row([
            line.measure.label(),
            value(line.measure, line.values.0),
            value(line.measure, line.values.1),
            change(line.measure, line.estimate.delta),
            line.estimate.between.map_or_else(|| "unknown".to_owned(), spread),
            spread(line.estimate.within),
            line.verdict.name().to_owned(),
        ]);
    }
    table
}

fn change(measure: Measure, delta: f64) -> String {
    let change = measure.change(delta);
    format!("{}\u{a0}{}", percent(change), if change < 0.0 { "lower" } else { "higher" })
}

fn range(line: &AcrossLine, found: &Unpaired) -> String {
    let (one, other) = (found.ci.low, found.ci.high);
    let (low, high) =
        if line.measure.change(one) <= line.measure.change(other) { (one, other) } else { (other, one) };
    format!("{} … {}", change(line.measure, low), change(line.measure, high))
}
