//! A comparison as a comment for a pull request, in GitHub's Markdown: the answer first, one table
//! a scenario, what the numbers come from folded away. Owns the escaping of names; must not decide
//! anything.

use contract::id::RunId;
use contract::identity::HostFacts;
use contract::run::{RunState, VariantRecord};
use contract::text;
use stats::compare::{Estimate, Scale, Verdict};
use stats::validity::{Alike, alike};

use super::Form;
use super::human::provenance::{before, frequency, model, topology};
use super::human::words::{
    NBSP, NONE, Unit, change, change_of, count, date, interval, interval_of, layout_mark, look,
    percent, plain_level, share_of, tolerance, value,
};
use super::human::{
    across_headline, across_outlook, changes, doubts, headline, labels, layouts, notes, outlook,
    worth_a_line,
};
use crate::compare::{Cell, Findings, LayoutControl, Measure, MetricComparison, Outcome};
use crate::history::{Across, AcrossLine};

/// Keeps GitHub from reading a mention or a reference into a name.
const JOINER: char = '\u{2060}';

/// Both comparisons in this form.
pub(super) const FORM: Form = Form {
    run: comment,
    across,
};

/// The comment.
fn comment(findings: &Findings) -> String {
    let mut text = String::new();
    for cell in &findings.cells {
        text.push_str(&format!("**{}**\n\n", plain(&headline(cell))));
    }
    let labels = labels(&findings.record.header);
    let labels: String = labels
        .iter()
        .map(|label| format!(" · {}", plain(label)))
        .collect();
    text.push_str(&format!(
        "Measurement: **{}**{labels}\n",
        findings.validity.name()
    ));
    text.push_str(&reasons(findings));
    for cell in findings
        .cells
        .iter()
        .filter(|cell| cell.candidate.is_some())
    {
        text.push_str(&scenario(cell));
    }
    text.push_str(
        &findings
            .layout
            .as_ref()
            .map_or_else(String::new, layout_control),
    );
    text.push_str(&provenance(findings));
    text.replace(NBSP, " ")
}

/// Runs of different times: the answer of each scenario and variant, then a table of each.
fn across(across: &Across) -> String {
    let primaries = across.lines.iter().filter(|line| line.primary);
    let mut text: String = primaries
        .map(|line| format!("**{}**\n\n", plain(&across_headline(line))))
        .collect();
    text.push_str(&format!("Measurements: **{}**\n", across.validity.name()));
    let unlike: Vec<String> = across
        .unlike
        .iter()
        .map(|why| plain(&format!("UNLIKE: {why}")))
        .collect();
    if !unlike.is_empty() {
        text.push_str(&format!("\n{}", list(&unlike)));
    }
    for group in across
        .lines
        .chunk_by(|a, b| (&a.scenario, &a.variant) == (&b.scenario, &b.variant))
    {
        text.push_str(&format!(
            "\n#### {}: {}, {} against {}\n\n\
             | measure | old | new | change | 95 % interval | between runs | tolerance | MDE | verdict |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|---|\n",
            plain(&group[0].scenario),
            plain(&group[0].variant),
            count(across.new.len() as u64, "new run"),
            count(across.old.len() as u64, "old run"),
        ));
        group
            .iter()
            .map(across_row)
            .for_each(|row| text.push_str(&row));
        text.push_str(&share_notes(
            group.iter().map(|line| (line.measure, line.scale)),
        ));
    }
    let ids = |runs: &[RunId]| {
        runs.iter()
            .map(|run| format!("`{run}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let runs = list(&[
        format!("new: {}", ids(&across.new)),
        format!("old: {}", ids(&across.old)),
    ]);
    text.push_str(&format!(
        "\n{}\n{runs}\n</details>\n",
        summary("Which runs")
    ));
    text.replace(NBSP, " ")
}

/// What changes are shares of, where some value is zero.
fn share_notes(measures: impl Iterator<Item = (Measure, Scale)>) -> String {
    let note = |(measure, scale): (Measure, Scale)| {
        Some(plain(&format!(
            "{}: {}",
            measure.label(),
            share_of(measure, scale)?
        )))
    };
    let notes: Vec<String> = measures.filter_map(note).collect();
    if notes.is_empty() {
        String::new()
    } else {
        format!("\n{}", list(&notes))
    }
}

fn across_row(line: &AcrossLine) -> String {
    let (label, found) = (line.measure.label(), &line.estimate);
    let label = if line.primary {
        format!("**{label}**")
    } else {
        label
    };
    let between = found
        .between
        .map_or_else(|| "unknown".to_owned(), |sd| percent(line.share(sd)));
    let open = match line.decision.verdict {
        Verdict::Undecided => format!(" ({})", across_outlook(line)),
        _ => String::new(),
    };
    format!(
        "| {label} | {} | {} | {} | {} | {between} | ±{} | {} | {}{open} |\n",
        value(line.measure, line.values.0),
        value(line.measure, line.values.1),
        change_of((line.measure, line.scale), found.delta, Unit::Said),
        interval_of((line.measure, line.scale), &found.ci, Unit::Said),
        tolerance(line.tolerance),
        percent(line.share(found.mde)),
        line.decision.verdict.name(),
    )
}

/// Why it is not VALID, what to do about it, and what was lost.
fn reasons(findings: &Findings) -> String {
    let mut lines = Vec::new();
    lines.extend(findings.look.as_ref().map(|planned| plain(&look(planned))));
    lines.extend(findings.reasons.iter().map(|reason| plain(reason)));
    for cell in findings.judged_cells() {
        lines.extend(
            alike(doubts(cell))
                .iter()
                .map(|found| doubt(cell, found, "")),
        );
        lines.extend(
            alike(&worth_a_line(cell))
                .iter()
                .map(|found| doubt(cell, found, "note: ")),
        );
        lines.extend(
            notes(cell)
                .iter()
                .map(|note| plain(&format!("{}: note: {note}", cell.title))),
        );
    }
    let losses = findings
        .losses()
        .map(|notice| format!("lost: {}", plain(&notice.message)));
    lines.extend(losses);
    if lines.is_empty() {
        String::new()
    } else {
        format!("\n{}", list(&lines))
    }
}

fn doubt(cell: &Cell, found: &Alike<'_>, word: &str) -> String {
    let text = format!(
        "{}: {word}{found}; {}",
        cell.title,
        found.worst.reason.advice()
    );
    plain(&text)
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

fn scenario(cell: &Cell) -> String {
    let candidate = cell.candidate.as_deref().unwrap_or_default();
    let ((done, planned), level) = (cell.rounds, plain_level(cell.alpha));
    let (one, other) = (plain(&cell.baseline), plain(candidate));
    let sent: String = changes(cell.sent.as_ref())
        .iter()
        .map(|change| format!("{change}  \n"))
        .collect();
    let sent = if sent.is_empty() {
        sent
    } else {
        format!("{sent}\n")
    };
    let mut text = format!(
        "\n#### {}: {other} against {one}, {done} of {planned} rounds\n\n{sent}\
         | measure | {one} | {other} | change | {level} interval | tolerance | MDE | verdict |\n\
         |---|--:|--:|--:|--:|--:|--:|---|\n",
        plain(&cell.scenario)
    );
    cell.metrics
        .iter()
        .filter_map(row)
        .for_each(|row| text.push_str(&row));
    let shares = cell
        .metrics
        .iter()
        .map(|metric| (metric.measure, metric.scale));
    text.push_str(&share_notes(shares));
    text.push_str(&control(cell));
    text
}

/// One measure; none where nothing was measured.
fn row(metric: &MetricComparison) -> Option<String> {
    let label = if metric.primary {
        format!("**{}**", metric.measure.label())
    } else {
        metric.measure.label()
    };
    let within = format!("±{}", tolerance(metric.within()));
    match &metric.outcome {
        Outcome::Missing { .. } if !metric.is_measured() => None,
        Outcome::Missing { reason } => {
            let of = |baseline: bool| typical(metric, move |arm| arm.is_baseline() == baseline);
            let (a, b, why) = (of(true), of(false), plain(reason));
            Some(format!(
                "| {label} | {a} | {b} | {NONE} | {NONE} | {within} | {NONE} | {why} |\n"
            ))
        }
        Outcome::Hidden { exceedances, .. } => Some(format!(
            "| {label} | {NONE} | {NONE} | {NONE} | {NONE} | {within} | {NONE} | hidden: {exceedances} requests lie beyond it |\n"
        )),
        Outcome::Compared {
            comparison,
            decision,
            ..
        } => {
            let effect = &comparison.effect;
            let of = |baseline: bool| typical(metric, move |arm| arm.is_baseline() == baseline);
            let small = match decision.verdict {
                Verdict::Undecided => format!(" ({})", outlook(comparison, decision)),
                _ if decision.small_but_real => " (small but real)".to_owned(),
                _ => String::new(),
            };
            Some(format!(
                "| {label} | {} | {} | {} | {} | {within} | {} | {}{small}{} |\n",
                of(true),
                of(false),
                change(metric, effect.delta, Unit::Said),
                interval(metric, &effect.ci, Unit::Said),
                percent(metric.share(effect.mde)),
                decision.verdict.name(),
                layout_mark(metric)
            ))
        }
    }
}

fn typical(metric: &MetricComparison, of: impl Fn(contract::id::Arm) -> bool) -> String {
    metric
        .typical(of)
        .map_or_else(|| NONE.to_owned(), |typical| value(metric.measure, typical))
}

/// The baseline against itself, folded away.
fn control(cell: &Cell) -> String {
    let rows: Vec<String> = cell.metrics.iter().filter_map(control_row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "\n{}\n| measure | change | {} interval |\n|---|--:|--:|\n{}\n</details>\n",
        summary("Control: the baseline against itself; they should not differ"),
        plain_level(cell.alpha),
        rows.concat()
    )
}

fn control_row(metric: &MetricComparison) -> Option<String> {
    let Outcome::Compared { comparison, .. } = &metric.outcome else {
        return None;
    };
    let Estimate { delta, ci, .. } = comparison.control.as_ref()?;
    let (change, range) = (
        change(metric, *delta, Unit::Said),
        interval(metric, ci, Unit::Said),
    );
    Some(format!(
        "| {} | {change} | {range} |\n",
        metric.measure.label()
    ))
}

/// What placement of code alone does: no candidate, so folded away like the control.
fn layout_control(control: &LayoutControl) -> String {
    let primaries = control
        .noises
        .iter()
        .filter(|noise| noise.primary)
        .map(layouts::said);
    let lines: Vec<String> = primaries
        .chain(layouts::left_out(control))
        .map(|line| plain(&line))
        .collect();
    format!(
        "\n{}\n{}\n</details>\n",
        summary(&plain(&layouts::title(control))),
        list(&lines)
    )
}

fn summary(title: &str) -> String {
    format!("<details><summary>{title}</summary>\n")
}

fn provenance(findings: &Findings) -> String {
    let header = &findings.record.header;
    let state = findings.state.map_or("unfinished", RunState::name);
    let mut lines = vec![
        format!(
            "run `{}`, begun {} UTC, {state}",
            header.run,
            date(header.run.unix_ms())
        ),
        format!(
            "plan {} (SHA-256 `{}`), {}, {}, seed {}",
            plain(&findings.plan.name),
            header.plan_digest.short(),
            count(findings.plan.rounds.into(), "round"),
            count(header.slots.into(), "slot"),
            header.seed
        ),
        format!(
            "tool {} ({})",
            plain(&header.tool_version),
            plain(&header.tool_git_sha)
        ),
    ];
    if !header.model_digest.is_empty() {
        lines.push(format!("model {}", plain(&model(header))));
    }
    lines.extend(header.variants.iter().map(variant));
    lines.extend(header.hosts.iter().map(|(agent, facts)| host(agent, facts)));
    format!(
        "\n{}\n{}\n</details>\n",
        summary("Where the numbers come from"),
        list(&lines)
    )
}

fn variant(variant: &VariantRecord) -> String {
    let flags = if variant.flags.is_empty() {
        ""
    } else {
        ", flags "
    };
    format!(
        "variant {}: SHA-256 `{}`, sources {}{flags}{}",
        plain(&variant.name),
        variant.sha256.short(),
        plain(&variant.git_sha),
        plain(&variant.flags)
    )
}

fn host(agent: &str, host: &HostFacts) -> String {
    let cores = count(host.cores.into(), "core");
    plain(&format!(
        "host {agent}: {}, {}, {cores}, {}; kernel {}, {}; before the run {}",
        host.hostname,
        host.cpu_model,
        topology(host),
        host.kernel,
        frequency(host),
        before(host)
    ))
}

/// Text that Markdown, HTML, tables and GitHub's references leave as it is; one line.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text::line(text, text::SENTENCE).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => safe.extend(['\\', c]),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '@' | '#' => safe.extend([c, JOINER]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(plain("a|b*c_d`e"), r"a\|b\*c\_d\`e");
        assert_eq!(
            plain("<script> & [x](y)\n# z"),
            "&lt;script&gt; &amp; \\[x\\](y) #\u{2060} z"
        );
        assert_eq!(plain("@somebody"), "@\u{2060}somebody");
        assert_eq!(plain("burst-100: 4.1 % lower"), "burst-100: 4.1 % lower");
    }
}
