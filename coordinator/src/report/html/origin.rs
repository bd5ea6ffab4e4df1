//! Where the numbers come from (run, plan, builds, hosts, model, tool), and what the words mean.
//! Must not know any figure.

use contract::identity::{HostFacts, Sha256};
use contract::run::{RunState, VariantRecord};
use maud::{Markup, html};

use super::super::human::provenance::{before, frequency, model, topology};
use super::super::human::words::{NONE, bytes, count, date, plain_level};
use super::table::Table;
use crate::compare::Findings;

/// The section at the end.
pub(super) fn draw(findings: &Findings) -> Markup {
    let header = &findings.record.header;
    html! {
        section id="origin" {
            h2 { "Where the numbers come from" }
            dl class="facts" { @for (name, fact) in facts(findings) { div { dt { (name) } dd { (fact) } } } }
            h3 { "Builds" }
            (builds(&header.variants).draw())
            h3 { "Hosts" }
            (hosts(&header.hosts).draw())
            details class="data" {
                summary { "The plan as executed" }
                pre tabindex="0" { (findings.plan.to_toml()) }
            }
        }
    }
}

fn facts(findings: &Findings) -> Vec<(&'static str, String)> {
    let (header, plan) = (&findings.record.header, &findings.plan);
    let ended = findings
        .record
        .end
        .as_ref()
        .map(|end| format!("{} UTC", date(end.unix_ms)));
    let state = findings.state.map_or("unfinished", RunState::name);
    let model = if header.model_digest.is_empty() {
        NONE.to_owned()
    } else {
        model(header)
    };
    vec![
        ("run", header.run.to_string()),
        ("begun", format!("{} UTC", date(header.run.unix_ms()))),
        (
            "ended",
            ended.map_or_else(|| state.to_owned(), |ended| format!("{ended}, {state}")),
        ),
        (
            "plan",
            format!("{} (SHA-256 {})", plan.name, header.plan_digest),
        ),
        (
            "rounds and slots",
            format!(
                "{}, {}",
                count(plan.rounds.into(), "round"),
                count(header.slots.into(), "slot")
            ),
        ),
        (
            "requests",
            format!(
                "{} a round and arm",
                count(plan.requests_per_round(), "request")
            ),
        ),
        ("seed", header.seed.to_string()),
        ("engine", plan.engine_kind().name().to_owned()),
        ("model", model),
        (
            "tool",
            format!("{} ({})", header.tool_version, header.tool_git_sha),
        ),
    ]
}

fn builds(variants: &[VariantRecord]) -> Table {
    let hash = |hash: &Sha256| {
        if *hash == Sha256::default() {
            NONE.to_owned()
        } else {
            hash.to_string()
        }
    };
    let row = |variant: &VariantRecord| {
        let flags = if variant.flags.is_empty() {
            NONE.to_owned()
        } else {
            variant.flags.clone()
        };
        let hashes = [
            &variant.sha256,
            &variant.text_sha256,
            &variant.profile_sha256,
        ]
        .map(hash);
        let [file, code, profile] = hashes;
        vec![
            variant.name.clone(),
            flags,
            variant.git_sha.clone(),
            file,
            code,
            profile,
        ]
    };
    let headings = [
        "variant",
        "flags",
        "sources",
        "SHA-256 of the file",
        "of its code",
        "of its profile",
    ];
    Table::new("Builds, baseline first", headings)
        .words(&[1, 2, 3, 4, 5])
        .with(variants.iter().map(row))
}

fn hosts(hosts: &[(String, HostFacts)]) -> Table {
    let known = |text: &str| {
        if text.is_empty() {
            NONE.to_owned()
        } else {
            text.to_owned()
        }
    };
    let row = |(agent, host): &(String, HostFacts)| {
        vec![
            agent.clone(),
            host.hostname.clone(),
            host.cpu_model.clone(),
            host.cores.to_string(),
            topology(host),
            bytes(host.memory_bytes as f64),
            known(&host.kernel),
            known(&host.microcode),
            frequency(host),
            before(host),
        ]
    };
    let headings = [
        "agent",
        "host",
        "processor",
        "cores",
        "topology",
        "memory",
        "kernel",
        "microcode",
        "frequency",
        "before the run",
    ];
    Table::new("Hosts", headings)
        .words(&[1, 2, 4, 6, 7, 8, 9])
        .with(hosts.iter().map(row))
}

/// Words and how they are meant; how sure an interval is, is the run's ([`words`]).
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
         effect, and the number of rounds that would settle it.",
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

/// What the words mean, with the level of this run's intervals: an interim analysis has its own.
pub(super) fn words(findings: &Findings) -> Markup {
    let alpha = findings.settings.alpha;
    let own = |text: &str| {
        let text = text
            .replace("{level}", &plain_level(alpha))
            .replace("{lower}", &plain_level(2.0 * alpha));
        text.replace("{often}", &format!("{:.0}", 1000.0 * (1.0 - alpha)))
    };
    html! {
        section id="words" {
            h2 { "How to read this page" }
            dl class="facts" { @for (word, meaning) in WORDS { div { dt { (own(word)) } dd { (own(meaning)) } } } }
        }
    }
}
