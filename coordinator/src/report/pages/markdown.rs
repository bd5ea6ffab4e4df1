//! A comparison as a comment for a pull request, in GitHub's Markdown: the answer first, one table
//! for each scenario, the origin of the numbers folded. Must not decide anything.

use contract::identity::Sha256;
use stats::validity::{Alike, alike};

use crate::compare::{Cell, ComparisonResult, Findings, LayoutControl, MetricComparison};
use crate::history::{Across, AcrossLine};
use crate::report::phrases::across::{self as runs, groups, unlike};
use crate::report::phrases::changes::{Of, SIGNS, share_of};
use crate::report::phrases::doubts::{doubts, worth_a_line};
use crate::report::phrases::interim::interim;
use crate::report::phrases::layouts;
use crate::report::phrases::load::changes;
use crate::report::phrases::notes::notes;
use crate::report::phrases::provenance::{ORIGIN, build, described, ended, facts, labels, moves};
use crate::report::phrases::verdicts::headline;
use crate::report::phrases::words::{NBSP, count, listed};
use crate::report::render::markdown::{folded, list, plain, table};
use crate::report::tables;
use crate::report::tables::comparison::{control, effects};
use crate::report::tables::table::Table;

/// The comment on a run.
pub(crate) fn comment(findings: &Findings) -> String {
    let labels = labels(&findings.record.header);
    let labels: String = labels
        .iter()
        .map(|label| format!(" · {}", plain(label)))
        .collect();
    let mut text = answers(findings.cells.iter().map(headline));
    text += &format!("Measurement: **{}**{labels}\n", findings.validity.name());
    text += &list(&reasons(findings));
    if findings.compared().next().is_some() {
        text += &signs();
    }
    findings.compared().for_each(|cell| text += &scenario(cell));
    text += &findings
        .layout
        .as_ref()
        .map_or_else(String::new, layout_control);
    text += &folded(ORIGIN, &list(&origin(findings)));
    text.replace(NBSP, " ")
}

/// Runs of different times: the answer of each scenario and variant, then a table for each.
pub(crate) fn across(across: &Across) -> String {
    let primaries = across.lines.iter().filter(|line| line.primary);
    let mut text = answers(primaries.map(runs::headline));
    text += &format!("Measurements: **{}**\n", across.validity.name());
    text += &list(
        &unlike(across)
            .iter()
            .map(|why| plain(why))
            .collect::<Vec<_>>(),
    );
    text += &signs();
    groups(across).for_each(|group| text += &side_by_side(across, group));
    let ids = [("new", &across.new), ("old", &across.old)];
    let ids = ids.map(|(side, runs)| format!("{side}: {}", listed(runs)));
    text += &folded("Which runs", &list(&ids));
    text.replace(NBSP, " ")
}

fn answers(headlines: impl Iterator<Item = String>) -> String {
    headlines
        .map(|headline| format!("**{}**\n\n", plain(&headline)))
        .collect()
}

fn signs() -> String {
    format!("\nSigns: {}\n", plain(SIGNS))
}

fn side_by_side(across: &Across, group: &[AcrossLine]) -> String {
    let (new, old) = (across.new.len() as u64, across.old.len() as u64);
    format!(
        "\n#### {}: {}, {} against {}\n\n{}",
        plain(&group[0].scenario),
        plain(&group[0].variant),
        count(new, "new run"),
        count(old, "old run"),
        with_shares(&tables::across::across(group), group.iter().map(Of::from))
    )
}

/// A table, with a note on what changes are relative to if a value is zero.
fn with_shares(shown: &Table, measures: impl Iterator<Item = Of>) -> String {
    let note = |Of(measure, scale)| {
        let shares = share_of(measure, scale)?;
        Some(plain(&format!("{}: {shares}", measure.label())))
    };
    let notes: Vec<String> = measures.filter_map(note).collect();
    format!("{}{}", table(shown), list(&notes))
}

/// Why it is not VALID, what to do about it, and the losses.
fn reasons(findings: &Findings) -> Vec<String> {
    let mut lines: Vec<String> = interim(findings).into_iter().collect();
    lines.extend(findings.reasons.iter().cloned());
    for cell in findings.judged_cells() {
        let title = &cell.title;
        let doubt = |found: &Alike<'_>, word: &str| {
            format!("{title}: {word}{found}; {}", found.worst.reason.advice())
        };
        lines.extend(alike(doubts(cell)).iter().map(|found| doubt(found, "")));
        lines.extend(
            alike(&worth_a_line(cell))
                .iter()
                .map(|found| doubt(found, "note: ")),
        );
        lines.extend(
            notes(cell)
                .iter()
                .map(|note| format!("{title}: note: {note}")),
        );
    }
    lines.extend(
        findings
            .losses()
            .map(|notice| format!("lost: {}", notice.message)),
    );
    lines.iter().map(|line| plain(line)).collect()
}

fn scenario(cell: &Cell) -> String {
    let candidate = cell.candidate.as_deref().unwrap_or_default();
    let (done, planned) = cell.rounds;
    let (one, other) = (plain(&cell.baseline), plain(candidate));
    let mut sent: String = changes(cell.sent.as_ref())
        .iter()
        .map(|change| format!("{change}  \n"))
        .collect();
    if !sent.is_empty() {
        sent.push('\n');
    }
    // A measure without a value was not measured.
    let measured = |metric: &&MetricComparison| {
        !matches!(metric.outcome, ComparisonResult::Missing { .. }) || metric.is_measured()
    };
    let shown: Vec<&MetricComparison> = cell.metrics.iter().filter(measured).collect();
    let control = control(cell, &shown);
    let beside = match control.is_empty() {
        true => String::new(),
        false => folded(&control.caption.full, &table(&control)),
    };
    format!(
        "\n#### {}: {other} against {one}, {done} of {planned} rounds\n\n{sent}{}{beside}",
        plain(&cell.scenario),
        with_shares(
            &effects(cell, &shown),
            shown.iter().map(|metric| Of::from(*metric))
        )
    )
}

/// The effect of code placement alone. It is not a candidate, so it is folded like the control.
fn layout_control(control: &LayoutControl) -> String {
    let lines = layouts::each(control)
        .into_iter()
        .chain(layouts::left_out(control));
    let lines: Vec<String> = lines.map(|line| plain(&line)).collect();
    folded(&layouts::title(control), &list(&lines))
}

/// The origin of the numbers.
fn origin(findings: &Findings) -> Vec<String> {
    let (record, plan) = (&findings.record, &findings.plan);
    let header = &record.header;
    let facts = facts(header, plan, Sha256::short);
    let mut lines: Vec<String> = facts
        .iter()
        .map(|(name, fact)| format!("{name} {fact}"))
        .collect();
    lines.insert(1, format!("ended {}", ended(record)));
    lines.extend(
        header
            .variants
            .iter()
            .map(|variant| format!("variant {}", build(variant))),
    );
    lines.extend(
        header
            .hosts
            .iter()
            .map(|(agent, host)| format!("host {}", described(agent, host))),
    );
    lines.extend(moves(record, plan));
    lines.iter().map(|line| plain(line)).collect()
}
