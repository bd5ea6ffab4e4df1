//! The answer at the top of the page, for the person who decides: yes, no, no difference, not
//! settled, or this run cannot say. Must not decide anything: verdicts come with the findings.

use maud::{Markup, html};
use stats::compare::Verdict;
use stats::validity::{Validity, alike};

use crate::compare::{Cell, Findings, LayoutControl, Measure, MetricComparison};
use crate::report::phrases::changes::{change, interval, level};
use crate::report::phrases::doubts::doubts;
use crate::report::phrases::layouts::{each, layout};
use crate::report::phrases::words::{joined, listed, value};
use crate::report::render::html::prose;

/// The appearance of an answer: a class, and a sign beside the word so that colour is never the
/// only cue.
pub(crate) struct Tone {
    pub(crate) class: &'static str,
    pub(crate) sign: &'static str,
    pub(crate) word: &'static str,
}

/// The text about one candidate.
struct Said {
    tone: Tone,
    lead: String,
    more: Vec<String>,
}

impl Said {
    /// Names the candidate if there are several.
    fn of(mut self, candidate: Option<&str>, among: usize) -> Self {
        if let Some(candidate) = candidate.filter(|_| among > 1) {
            self.lead = format!("{candidate}: {}", self.lead);
        }
        self
    }
}

/// The tone of a verdict.
pub(crate) fn tone(verdict: Verdict) -> Tone {
    let (class, sign) = match verdict {
        Verdict::Faster => ("good", "✓"),
        Verdict::Slower => ("bad", "✕"),
        Verdict::Same => ("same", "="),
        Verdict::Undecided => ("open", "?"),
        Verdict::Invalid => ("bad", "!"),
    };
    Tone {
        class,
        sign,
        word: verdict.name(),
    }
}

/// The tone of a measurement.
pub(crate) fn trust(validity: &Validity) -> Tone {
    let (class, sign) = match validity {
        Validity::Valid => ("good", "✓"),
        Validity::Inconclusive(_) => ("open", "?"),
        Validity::Invalid(_) => ("bad", "!"),
    };
    Tone {
        class,
        sign,
        word: validity.name(),
    }
}

/// Tone of a run that compares nothing.
const ALONE: Tone = Tone {
    class: "same",
    sign: "✓",
    word: "VALID",
};

/// The word of a tone with its sign.
pub(crate) fn badge(tone: &Tone) -> Markup {
    html! { span class=(format!("badge {}", tone.class)) { span aria-hidden="true" { (tone.sign) } " " (tone.word) } }
}

/// The heading of the page and one answer for each candidate.
pub(crate) fn lead(findings: &Findings) -> Markup {
    let candidates = candidates(findings);
    let baseline = findings
        .all_cells()
        .next()
        .map_or("", |cell| cell.baseline.as_str());
    let all: Vec<&str> = candidates.iter().flatten().copied().collect();
    let question = match candidates[..] {
        [] => format!("How much does code placement alone change {baseline}?"),
        [None] => format!("How fast is {baseline}?"),
        [Some(one)] if one == baseline => format!("Does {baseline} differ from itself?"),
        _ => format!("Is {} faster than {baseline}?", either(&all)),
    };
    html! {
        section class="lead" {
            h1 { (question) }
            @if matches!(findings.validity, Validity::Valid) {
                @if let Some(control) = findings.layout.as_ref().filter(|_| candidates.is_empty()) { (block(&placed(control))) }
                @for candidate in &candidates { (block(&said(findings, *candidate).of(*candidate, candidates.len()))) }
            } @else {
                (block(&doubtful(findings)))
            }
        }
    }
}

/// "a, b or c".
fn either(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}

fn block(said: &Said) -> Markup {
    html! {
        div class=(format!("answer {}", said.tone.class)) {
            p class="verdict" { (badge(&said.tone)) " " (said.lead) }
            @for sentence in &said.more { p { (prose(sentence)) } }
        }
    }
}

/// Candidates in the order of the plan; a single `None` if nothing is compared.
fn candidates(findings: &Findings) -> Vec<Option<&str>> {
    let mut all: Vec<Option<&str>> = Vec::new();
    for cell in &findings.cells {
        if !all.contains(&cell.candidate.as_deref()) {
            all.push(cell.candidate.as_deref());
        }
    }
    all
}

fn said(findings: &Findings, candidate: Option<&str>) -> Said {
    let cells: Vec<&Cell> = findings
        .cells
        .iter()
        .filter(|cell| cell.candidate.as_deref() == candidate)
        .collect();
    match candidate {
        None => alone(&cells),
        Some(candidate) => compared(&cells, candidate),
    }
}

/// For a measurement that is not VALID, whatever the comparison says.
fn doubtful(findings: &Findings) -> Said {
    let lead = match findings.validity {
        Validity::Invalid(_) => "No answer: this measurement cannot be trusted.",
        _ => "No answer yet: the measurement is inconclusive.",
    };
    let mut more: Vec<String> = findings
        .reasons
        .iter()
        .map(|why| format!("{why}."))
        .collect();
    let mut advice = Vec::new();
    let first = |cell| Some((cell, alike(doubts(cell)).into_iter().next()?));
    for (cell, found) in findings.judged_cells().filter_map(first).take(3) {
        more.push(format!("{}: {found}.", cell.title));
        advice.push(found.worst.reason.advice());
    }
    advice.dedup();
    if !advice.is_empty() {
        more.push(format!("What to do: {}.", advice.join("; ")));
    }
    Said {
        tone: trust(&findings.validity),
        lead: lead.to_owned(),
        more,
    }
}

/// For a run that has only layouts.
fn placed(control: &LayoutControl) -> Said {
    Said {
        tone: ALONE,
        lead: "The run measured layouts of one build and no candidate.".to_owned(),
        more: each(control).iter().map(|one| format!("{one}.")).collect(),
    }
}

fn alone(cells: &[&Cell]) -> Said {
    let figure = |cell: &&Cell| {
        let primary = cell.primary()?;
        let typical = primary.typical(|arm| arm.is_baseline())?;
        Some(format!(
            "{}: {} {}.",
            cell.scenario,
            primary.measure.label(),
            value(primary.measure, typical)
        ))
    };
    Said {
        tone: ALONE,
        lead: "The run measured one build, so there is nothing to compare.".to_owned(),
        more: cells.iter().filter_map(figure).collect(),
    }
}

fn compared(cells: &[&Cell], candidate: &str) -> Said {
    let mut verdicts: Vec<Verdict> = cells.iter().filter_map(|cell| cell.verdict()).collect();
    let count = verdicts.len();
    verdicts.dedup();
    let baseline = cells.first().map_or("", |cell| cell.baseline.as_str());
    let itself = candidate == baseline;
    let (tone, lead) = match verdicts[..] {
        [one] => (
            tone(one),
            unanimous(one, candidate, baseline, itself, count),
        ),
        _ => (mixed(cells), divided(cells, candidate)),
    };
    Said {
        tone,
        lead,
        more: cells.iter().filter_map(|cell| sentence(cell)).collect(),
    }
}

fn unanimous(
    verdict: Verdict,
    candidate: &str,
    baseline: &str,
    itself: bool,
    loads: usize,
) -> String {
    let everywhere = match loads {
        0 | 1 => "",
        _ => " under every load that was tried",
    };
    match verdict {
        Verdict::Faster | Verdict::Slower if itself => {
            "A build differs from itself here: on this host, this plan also finds differences that do not \
             come from the build."
                .to_owned()
        }
        Verdict::Same if itself => "As expected, the build does not differ from itself.".to_owned(),
        Verdict::Faster => format!("Yes: {candidate} is faster{everywhere}."),
        Verdict::Slower => format!("No: {candidate} is slower{everywhere}."),
        Verdict::Same => {
            format!("No difference that matters between {candidate} and {baseline}{everywhere}.")
        }
        Verdict::Undecided => "Not settled: the measurement allows both answers.".to_owned(),
        Verdict::Invalid => "No answer: the control shows a difference between a build and \
                             itself."
            .to_owned(),
    }
}

/// For loads with different verdicts.
fn divided(cells: &[&Cell], candidate: &str) -> String {
    let of = |verdict: Verdict, words: &str| {
        let here = cells.iter().filter(|cell| cell.verdict() == Some(verdict));
        let loads = joined(here.map(|cell| &cell.scenario), " and ");
        (!loads.is_empty()).then(|| format!("{words} under {loads}"))
    };
    let parts = [
        (Verdict::Slower, "slower"),
        (Verdict::Faster, "faster"),
        (Verdict::Same, "the same"),
        (Verdict::Undecided, "not settled"),
        (Verdict::Invalid, "not trusted"),
    ];
    let said = listed(
        parts
            .into_iter()
            .filter_map(|(verdict, words)| of(verdict, words)),
    );
    format!("It depends on the load: {candidate} is {said}.")
}

/// The tone of the worst verdict, with a label that says that the loads disagree.
fn mixed(cells: &[&Cell]) -> Tone {
    let worst = Verdict::worst(cells.iter().filter_map(|cell| cell.verdict()));
    let worst = worst.unwrap_or(Verdict::Undecided);
    let Tone { class, sign, .. } = tone(worst);
    Tone {
        class,
        sign,
        word: "MIXED",
    }
}

/// The result of a load's primary measure, in one sentence.
fn sentence(cell: &Cell) -> Option<String> {
    let metric = cell.primary()?;
    let (comparison, decision) = metric.compared()?;
    let (a, b) = (
        metric.typical(|arm| arm.is_baseline())?,
        metric.typical(|arm| !arm.is_baseline())?,
    );
    if decision.verdict == Verdict::Invalid {
        return None;
    }
    let (alpha, shown) = metric.telling(comparison, decision.verdict);
    let (effect, level) = (&comparison.effect, level(alpha));
    let layout = metric.layout.as_ref().and_then(layout);
    Some(format!(
        "{}: {}, {} ({level} interval {}){}.",
        cell.scenario,
        instead(metric, &value(metric.measure, b), &value(metric.measure, a)),
        change(metric, effect.delta),
        interval(metric, &shown),
        layout.map_or_else(String::new, |label| format!("; {label}"))
    ))
}

fn instead(metric: &MetricComparison, now: &str, before: &str) -> String {
    let quantile = match metric.measure {
        Measure::Quantile(..) => metric.measure.label(),
        Measure::CpuPerToken => {
            return format!("a token takes {now} of processor time instead of {before}");
        }
        _ => return format!("{now} {} instead of {before}", metric.measure.label()),
    };
    match quantile.as_str() {
        "E2E p50" => format!("half of all requests are answered within {now} instead of {before}"),
        "TTFT p50" => {
            format!("half of all requests have their first token within {now} instead of {before}")
        }
        other => format!("{other} is {now} instead of {before}"),
    }
}
