//! The origin of the numbers (run, plan, builds, hosts, model, tool), and a glossary. Must not know
//! any figure.

use maud::{Markup, html};

use crate::compare::Findings;
use crate::report::phrases::changes::plain_level;
use crate::report::phrases::provenance::{ORIGIN, ended, facts, moves};
use crate::report::render::html::table;
use crate::report::tables::origin::{builds, hosts};

/// The section at the end.
pub(crate) fn draw(findings: &Findings) -> Markup {
    let (record, plan) = (&findings.record, &findings.plan);
    let header = &record.header;
    let mut facts = facts(header, plan, ToString::to_string);
    facts.insert(1, ("ended", ended(record)));
    let moves = moves(record, plan);
    html! {
        section id="origin" {
            h2 { (ORIGIN) }
            dl class="facts" { @for (name, fact) in facts { div { dt { (name) } dd { (fact) } } } }
            h3 { "Builds" }
            (table(&builds(&header.variants)))
            h3 { "Hosts" }
            (table(&hosts(&header.hosts)))
            @if !moves.is_empty() { ul { @for moved in &moves { li { (moved) } } } }
            details class="data" {
                summary { "The plan as executed" }
                pre tabindex="0" { (plan.to_toml()) }
            }
        }
    }
}

/// Words and their meanings; [`words`] adds the confidence level of the run.
const WORDS: [(&str, &str); 9] = [
    (
        "A, B, A2",
        "The baseline, the candidate, and the baseline again as a control. They alternate in every round on \
         the same hosts, each trial in new processes. A2 against A shows what no change looks like on these \
         hosts.",
    ),
    (
        "FASTER, SLOWER",
        "The whole {level} interval lies beyond the tolerance. This needs at least six rounds.",
    ),
    (
        "SAME",
        "The {lower} interval lies within the tolerance: the difference, if any, does not matter.",
    ),
    (
        "UNDECIDED",
        "The rounds allow more than one of these answers. The page then gives the minimum detectable \
         effect (MDE), and the number of rounds that would settle it.",
    ),
    (
        "VALID, INCONCLUSIVE, INVALID",
        "The state of the measurement, before any comparison: it can be trusted; it does not show whether \
         it can be trusted; it cannot be trusted.",
    ),
    (
        "{level} interval",
        "From the differences of whole rounds, which include all noise of the host. Of a thousand such \
         intervals about {often} contain the true difference.",
    ),
    (
        "E2E, TTFT, ITL, TPOT",
        "The time to a request's last token; to its first token; between two tokens; the mean gap. The \
         first two count from the time at which the request was due, even if it was sent late.",
    ),
    (
        "p50, p90, p99",
        "50, 90 or 99 of 100 requests took no longer. A percentile is not shown if fewer than ten requests \
         lie beyond it.",
    ),
    (
        "pooled",
        "All rounds together, used when no single round has enough requests. It has no effect on the \
                verdict.",
    ),
];

/// The glossary, with the confidence level of this run's intervals: an interim analysis has its
/// own.
pub(crate) fn words(findings: &Findings) -> Markup {
    let alpha = findings.settings.alpha;
    let own = |text: &str| {
        let text = text
            .replace("{level}", &plain_level(alpha))
            .replace("{lower}", &plain_level(2.0 * findings.settings.alpha_same));
        text.replace("{often}", &format!("{:.0}", 1000.0 * (1.0 - alpha)))
    };
    html! {
        section id="words" {
            h2 { "How to read this page" }
            dl class="facts" { @for (word, meaning) in WORDS { div { dt { (own(word)) } dd { (own(meaning)) } } } }
        }
    }
}
