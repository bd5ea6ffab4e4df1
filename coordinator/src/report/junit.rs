//! A comparison as JUnit XML for build servers: a suite a scenario and candidate, a case a measure.
//! SLOWER is a failure, UNDECIDED is skipped, INVALID is an error; FASTER and SAME pass. The
//! measurement itself is a suite of its own, so that a run which never measured cannot read as a
//! pass. Owns the escaping; must not decide anything.

use std::fmt::Display;

use contract::id::RunId;
use contract::text;
use stats::compare::{Decision, Verdict};
use stats::validity::{Validity, alike};

use super::Form;
use super::human::words::{
    NBSP, Unit, change, change_of, count, interval, interval_of, layout, percent, plain_level,
    share_of, tolerance,
};
use super::human::{across_outlook, doubts, headline, outlook};
use crate::compare::{Cell, Findings, MetricComparison, Outcome};
use crate::history::{Across, AcrossLine};

/// What became of one case.
enum Ending {
    Passed,
    Failed { message: String, text: String },
    Skipped { message: String },
    Error { message: String, text: String },
}

struct Case {
    name: String,
    ending: Ending,
    /// Said beside it, whatever the ending.
    beside: Option<String>,
}

struct Suite {
    name: String,
    cases: Vec<Case>,
}

/// Both comparisons in this form.
pub(super) const FORM: Form = Form {
    run: results,
    across,
};

fn results(findings: &Findings) -> String {
    let compared = findings
        .cells
        .iter()
        .filter(|cell| cell.candidate.is_some());
    let suites: Vec<Suite> = std::iter::once(measurement(findings))
        .chain(compared.map(suite))
        .collect();
    document(
        &format!("{} {}", findings.plan.name, findings.record.header.run),
        &suites,
    )
}

/// Runs of different times: a suite a scenario and variant.
fn across(across: &Across) -> String {
    let mut validity = Suite::of_validity("the measurements are", &across.validity, String::new());
    let unlike = across
        .unlike
        .iter()
        .map(|why| format!("UNLIKE: {why}"))
        .collect::<Vec<_>>()
        .join("\n");
    validity.cases[0].beside = Some(unlike).filter(|why| !why.is_empty());
    let groups = across
        .lines
        .chunk_by(|a, b| (&a.scenario, &a.variant) == (&b.scenario, &b.variant));
    let suite = |group: &[AcrossLine]| Suite {
        name: format!(
            "{}: {} new against old",
            group[0].scenario, group[0].variant
        ),
        cases: group.iter().map(across_case).collect(),
    };
    let suites: Vec<Suite> = std::iter::once(validity).chain(groups.map(suite)).collect();
    let ids = |runs: &[RunId]| {
        runs.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    document(
        &format!("{} against {}", ids(&across.new), ids(&across.old)),
        &suites,
    )
}

fn across_case(line: &AcrossLine) -> Case {
    let open = match line.decision.verdict {
        Verdict::Undecided => format!("; {}", across_outlook(line)),
        _ => String::new(),
    };
    let (found, verdict) = (&line.estimate, line.decision.verdict);
    let message = format!(
        "{}: {} (95 % interval {}), tolerance ±{}, minimum detectable effect {}, {} against {}{open}",
        verdict.name(),
        change_of((line.measure, line.scale), found.delta, Unit::Said),
        interval_of((line.measure, line.scale), &found.ci, Unit::Said),
        tolerance(line.tolerance),
        percent(line.share(found.mde)),
        count(found.runs.1 as u64, "run"),
        found.runs.0
    );
    let steps = line
        .decision
        .path
        .iter()
        .map(|step| stepped(step.applies, step));
    let ending = Ending::of(verdict, message, steps.collect::<Vec<_>>().join("\n"));
    Case {
        name: line.measure.name(),
        ending,
        beside: share_of(line.measure, line.scale),
    }
}

fn document(name: &str, suites: &[Suite]) -> String {
    let all = || suites.iter().flat_map(|suite| &suite.cases);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
        escaped(name),
        all().count(),
        all()
            .filter(|case| matches!(case.ending, Ending::Failed { .. }))
            .count(),
        all()
            .filter(|case| matches!(case.ending, Ending::Error { .. }))
            .count(),
    );
    suites
        .iter()
        .for_each(|suite| xml.push_str(&written(suite)));
    xml.push_str("</testsuites>\n");
    xml
}

/// Whether the run as a whole is to be believed.
fn measurement(findings: &Findings) -> Suite {
    let found = |cell| {
        alike(doubts(cell))
            .into_iter()
            .map(|one| format!("{}: {one}", cell.title))
    };
    let doubts = findings.judged_cells().flat_map(found);
    let why: Vec<String> = findings.reasons.iter().cloned().chain(doubts).collect();
    Suite::of_validity("the measurement is", &findings.validity, why.join("\n"))
}

impl Suite {
    fn of_validity(what: &str, validity: &Validity, why: String) -> Self {
        let message = format!("{what} {}", validity.name());
        let ending = match validity {
            Validity::Valid => Ending::Passed,
            Validity::Inconclusive(_) => Ending::Skipped {
                message: format!("{message}: {}", why.replace('\n', "; ")),
            },
            Validity::Invalid(_) => Ending::Error { message, text: why },
        };
        let cases = vec![Case {
            name: "validity".to_owned(),
            ending,
            beside: None,
        }];
        Self {
            name: "measurement".to_owned(),
            cases,
        }
    }
}

fn suite(cell: &Cell) -> Suite {
    let candidate = cell.candidate.as_deref().unwrap_or_default();
    let cases = cell
        .metrics
        .iter()
        .map(|metric| case(cell, metric))
        .collect();
    Suite {
        name: format!("{}: {candidate} against {}", cell.scenario, cell.baseline),
        cases,
    }
}

fn case(cell: &Cell, metric: &MetricComparison) -> Case {
    let ending = match &metric.outcome {
        Outcome::Compared {
            comparison,
            decision,
            ..
        } => {
            let (effect, level) = (&comparison.effect, plain_level(metric.alpha));
            let message = format!(
                "{}: {} ({level} interval {}), tolerance ±{}, minimum detectable effect {}, {}",
                decision.verdict.name(),
                change(metric, effect.delta, Unit::Said),
                interval(metric, &effect.ci, Unit::Said),
                tolerance(metric.within()),
                percent(metric.share(effect.mde)),
                count(effect.rounds as u64, "round")
            );
            let open =
                (decision.verdict == Verdict::Undecided).then(|| outlook(comparison, decision));
            let open = open.map_or_else(String::new, |outlook| format!("; {outlook}"));
            ended(message + &open, decision)
        }
        // Nothing was measured: of the declared measure that is an error where the measurement says
        // so.
        _ if metric.primary && cell.verdict() == Some(Verdict::Invalid) => Ending::Error {
            message: headline(cell),
            text: String::new(),
        },
        Outcome::Hidden { exceedances, .. } => Ending::Skipped {
            message: format!(
                "hidden: only {} of a round beyond the quantile, too few",
                count(*exceedances, "request")
            ),
        },
        Outcome::Missing { reason } => Ending::Skipped {
            message: format!("nothing to compare: {reason}"),
        },
    };
    let said = metric.layout.as_ref().and_then(layout).into_iter();
    let said: Vec<String> = said.chain(share_of(metric.measure, metric.scale)).collect();
    Case {
        name: metric.measure.name(),
        ending,
        beside: Some(said.join("\n")).filter(|said| !said.is_empty()),
    }
}

fn ended(message: String, decision: &Decision) -> Ending {
    let steps = decision.path.iter().map(|step| stepped(step.applies, step));
    Ending::of(
        decision.verdict,
        message,
        steps.collect::<Vec<_>>().join("\n"),
    )
}

fn stepped(applies: bool, row: &impl Display) -> String {
    format!("{} {row}", if applies { "yes" } else { "no " })
}

impl Ending {
    fn of(verdict: Verdict, message: String, text: String) -> Self {
        match verdict {
            Verdict::Faster | Verdict::Same => Self::Passed,
            Verdict::Slower => Self::Failed { message, text },
            Verdict::Undecided => Self::Skipped { message },
            Verdict::Invalid => Self::Error { message, text },
        }
    }
}

fn written(suite: &Suite) -> String {
    let of =
        |pick: fn(&Ending) -> bool| suite.cases.iter().filter(|case| pick(&case.ending)).count();
    let name = escaped(&suite.name);
    let mut xml = format!(
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n",
        suite.cases.len(),
        of(|ending| matches!(ending, Ending::Failed { .. })),
        of(|ending| matches!(ending, Ending::Error { .. })),
        of(|ending| matches!(ending, Ending::Skipped { .. })),
    );
    suite
        .cases
        .iter()
        .for_each(|case| xml.push_str(&written_case(case, &name)));
    xml.push_str("  </testsuite>\n");
    xml
}

fn written_case(case: &Case, suite: &str) -> String {
    let open = format!(
        "    <testcase name=\"{}\" classname=\"{suite}\"",
        escaped(&case.name)
    );
    let ending = match &case.ending {
        Ending::Passed => String::new(),
        Ending::Skipped { message } => {
            format!("      <skipped message=\"{}\"/>\n", escaped(message))
        }
        Ending::Failed { message, text } => body("failure", "SLOWER", message, text),
        Ending::Error { message, text } => body("error", "INVALID", message, text),
    };
    let beside = case.beside.as_ref();
    let beside = beside.map(|text| format!("      <system-out>{}</system-out>\n", escaped(text)));
    match ending + &beside.unwrap_or_default() {
        inside if inside.is_empty() => format!("{open}/>\n"),
        inside => format!("{open}>\n{inside}    </testcase>\n"),
    }
}

fn body(element: &str, kind: &str, message: &str, text: &str) -> String {
    let (message, text) = (escaped(message), escaped(text));
    format!("      <{element} message=\"{message}\" type=\"{kind}\">{text}</{element}>\n")
}

/// Text for an attribute or an element; what XML 1.0 cannot hold at all becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text::bounded(text.to_owned(), text::SENTENCE).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' | '\t' | '\r' => safe.push_str(&format!("&#{};", u32::from(c))),
            NBSP => safe.push(' '),
            c if text::is_harmful(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                safe.push('\u{fffd}')
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_can_end_an_attribute_or_break_the_document() {
        assert_eq!(escaped("a\"<b>&'c'"), "a&quot;&lt;b&gt;&amp;&apos;c&apos;");
        assert_eq!(
            escaped("x\u{0}\u{1b}[31m\ny"),
            "x\u{fffd}\u{fffd}[31m&#10;y"
        );
    }
}
