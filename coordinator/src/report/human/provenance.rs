//! Where the numbers come from and how to go on: builds, hosts, model, plan, seed, commands. Must
//! not know any figure.

use contract::identity::{HostFacts, Sha256};
use contract::run::{RunHeader, RunState, VariantRecord};
use stats::compare::{Decision, Verdict};
use stats::validity::Validity;

use super::page::Page;
use super::verdict::{PATIENCE, settling};
use super::words::{bytes, count, date, digits, look, percent};
use crate::compare::{Cell, Findings, Outcome};
use crate::likeness::plain;
use crate::plan::Plan;

/// A host on which arms in turn need more than so many times the rounds that were run is noisy.
const NOISY: u64 = 3;

/// What a reader must see beside every number.
pub(in crate::report) fn labels(header: &RunHeader) -> Vec<String> {
    let simulated = header.simulated.then(|| "SIMULATED".to_owned());
    simulated
        .into_iter()
        .chain(header.labels.iter().cloned())
        .collect()
}

/// The line above everything: which run, and its labels.
pub(super) fn title(page: &mut Page, findings: &Findings) {
    let header = &findings.record.header;
    let labels: String = labels(header)
        .iter()
        .map(|label| format!(" · {label}"))
        .collect();
    page.sentence(
        &format!("{} · run {}{labels}", findings.plan.name, header.run),
        0,
        2,
    );
    if header.simulated {
        page.sentence(
            "Service times come from a model, not from an engine: this run says nothing about real builds.",
            0,
            0,
        );
    }
    if let Some(planned) = &findings.look {
        page.sentence(&look(planned), 0, 2);
    }
    page.gap();
}

/// One sentence.
pub(super) fn short(page: &mut Page, findings: &Findings) {
    let header = &findings.record.header;
    let variants = header
        .variants
        .iter()
        .map(|v| format!("{} {}", v.name, v.sha256.short()));
    let variants = variants.collect::<Vec<_>>().join(", ");
    let hosts = header
        .hosts
        .iter()
        .map(|(_, host)| machine(host))
        .collect::<Vec<_>>()
        .join("; ");
    page.gap();
    let text = format!(
        "{variants}; {}; seed {}; on {hosts}",
        count(header.slots.into(), "slot"),
        header.seed
    );
    page.sentence(&text, 0, 2);
}

fn machine(host: &HostFacts) -> String {
    format!(
        "{} ({}, {})",
        host.hostname,
        host.cpu_model,
        count(host.cores.into(), "core")
    )
}

/// Everything.
pub(super) fn full(page: &mut Page, header: &RunHeader, plan: &Plan) {
    page.heading("Where the numbers come from");
    let mut fact = |name: &str, text: &str| page.entry(name, text, 2, 12);
    fact(
        "run",
        &format!("{}, begun {} UTC", header.run, date(header.run.unix_ms())),
    );
    fact(
        "plan",
        &format!(
            "{} (SHA-256 {}), seed {}",
            plan.name,
            header.plan_digest.short(),
            header.seed
        ),
    );
    fact("load", &load(header, plan));
    fact("engine", plan.engine_kind().name());
    if !header.model_digest.is_empty() {
        fact("model", &model(header));
    }
    fact(
        "tool",
        &format!(
            "{} ({})",
            header.tool_version,
            short_git(&header.tool_git_sha)
        ),
    );
    header
        .hosts
        .iter()
        .for_each(|(agent, host)| fact("host", &described(agent, host)));
    header
        .variants
        .iter()
        .for_each(|variant| fact("variant", &build(variant)));
}

/// Which model it was, and how far that is known to be true of every host.
pub(in crate::report) fn model(header: &RunHeader) -> String {
    match header.model_sha256 {
        Some(all) => format!(
            "{}, every byte the same on every host: SHA-256 {all}",
            header.model_digest
        ),
        None => header.model_digest.clone(),
    }
}

fn load(header: &RunHeader, plan: &Plan) -> String {
    format!(
        "{}, {}, {} a round and arm, {}",
        count(plan.scenarios.len() as u64, "scenario"),
        count(plan.rounds.into(), "round"),
        count(plan.requests_per_round(), "request"),
        count(header.slots.into(), "slot")
    )
}

fn described(agent: &str, host: &HostFacts) -> String {
    let memory = bytes(host.memory_bytes as f64);
    format!(
        "{agent}: {}, {memory}, {}; kernel {}, {}; before the run {}",
        machine(host),
        topology(host),
        host.kernel,
        frequency(host),
        before(host)
    )
}

/// How processors share cores and memory.
pub(in crate::report) fn topology(host: &HostFacts) -> String {
    let smt = match host.threads_per_core {
        0 => "SMT unknown".to_owned(),
        1 => "no SMT".to_owned(),
        threads => format!("SMT of {threads}"),
    };
    let nodes = (host.numa_nodes > 0).then(|| count(host.numa_nodes.into(), "NUMA node"));
    std::iter::once(smt)
        .chain(nodes)
        .chain(share(host))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What of the host the process may have, where that is less than all.
fn share(host: &HostFacts) -> Vec<String> {
    let fewer = host.processors > 0 && host.processors < host.cores;
    let processors =
        fewer.then(|| format!("may run on {}", count(host.processors.into(), "processor")));
    let quota =
        (host.cgroup_cpus > 0.0).then(|| format!("quota {} processors", plain(host.cgroup_cpus)));
    let limited = host.cgroup_memory_bytes > 0 && host.cgroup_memory_bytes < host.memory_bytes;
    let memory =
        limited.then(|| format!("memory limit {}", bytes(host.cgroup_memory_bytes as f64)));
    processors.into_iter().chain(quota).chain(memory).collect()
}

/// What sets the clock of the processors.
pub(in crate::report) fn frequency(host: &HostFacts) -> String {
    let known = |text: &str| {
        if text.is_empty() {
            "unknown".to_owned()
        } else {
            text.to_owned()
        }
    };
    format!(
        "governor {}, boost {}",
        known(&host.governor),
        known(&host.boost)
    )
}

/// How busy it was when it joined.
pub(in crate::report) fn before(host: &HostFacts) -> String {
    format!(
        "load {}, stolen {}",
        digits(host.load_average),
        percent(host.stolen)
    )
}

fn build(variant: &VariantRecord) -> String {
    let zero = Sha256::default();
    let code =
        (variant.text_sha256 != zero).then(|| format!(", code {}", variant.text_sha256.short()));
    let profile = (variant.profile_sha256 != zero)
        .then(|| format!(", profile {}", variant.profile_sha256.short()));
    let flags = if variant.flags.is_empty() {
        String::new()
    } else {
        format!(", flags {}", variant.flags)
    };
    format!(
        "{}: SHA-256 {}{}{}, sources {}{flags}",
        variant.name,
        variant.sha256.short(),
        code.unwrap_or_default(),
        profile.unwrap_or_default(),
        short_git(&variant.git_sha)
    )
}

fn short_git(sha: &str) -> &str {
    sha.get(..12).unwrap_or(sha)
}

/// What can be done next, most useful first.
pub(super) fn next(page: &mut Page, findings: &Findings, full: bool) {
    let run = findings.record.header.run;
    page.heading("Next");
    let mut step = |command: &str, what: &str| page.entry(command, what, 2, 38);
    if findings.state != Some(RunState::Complete) {
        step(&format!("coordinator run --resume {run}"), "");
    }
    if let Some(rounds) = wanted(&findings.cells, findings.plan.rounds) {
        step(
            &format!("run it again with --rounds {rounds}"),
            "settles what is UNDECIDED",
        );
    }
    if let Some(slots) = duet(findings) {
        step(
            &format!("run it with --duet --slots {slots} --no-aa"),
            "both at once: noise affects both \
                                                                      equally",
        );
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

/// The slots of a duet, where arms in turn would need far more rounds than were run and the host
/// has the cores for it.
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

/// The rounds that would settle the scenario that needs most, where more than now would.
fn wanted(cells: &[Cell], planned: u32) -> Option<u64> {
    let most = open(cells).filter_map(settling).max();
    most.filter(|rounds| *rounds > planned.into() && *rounds <= PATIENCE)
}

/// The primary decisions that sound measurements left open.
fn open(cells: &[Cell]) -> impl Iterator<Item = &Decision> {
    let valid = cells
        .iter()
        .filter(|cell| matches!(cell.assessment.validity, Validity::Valid));
    valid.filter_map(|cell| match &cell.primary()?.outcome {
        Outcome::Compared { decision, .. } if decision.verdict == Verdict::Undecided => {
            Some(decision)
        }
        _ => None,
    })
}
