//! The origin of the numbers: run, plan, builds, hosts, model, tool. Must not know any figure.

use contract::identity::{HostFacts, Sha256};
use contract::run::{Notice, NoticeKind, RunHeader, VariantRecord};

use super::words::{bytes, count, date, digits, listed, percent};
use crate::likeness::plain;
use crate::plan::{EngineKind, Plan};
use crate::schedule;
use crate::store::RunRecord;

/// Shown above the figures of a simulated run.
pub(crate) const SIMULATED: &str =
    "Service times come from a model, not from an engine: this run says nothing about real builds.";

/// Heading of every section on the origin of numbers.
pub(crate) const ORIGIN: &str = "Where the numbers come from";

/// Labels that must be shown beside every number.
pub(crate) fn labels(header: &RunHeader) -> Vec<String> {
    let simulated = header.simulated.then(|| "SIMULATED".to_owned());
    let others = header.labels.iter().cloned();
    simulated.into_iter().chain(others).collect()
}

/// The labels, each preceded by a dot.
pub(crate) fn labelled(header: &RunHeader) -> String {
    let labels = labels(header);
    labels.iter().map(|label| format!(" · {label}")).collect()
}

/// Names and facts; hashes may be shortened.
pub(crate) fn facts(
    header: &RunHeader,
    plan: &Plan,
    hash: fn(&Sha256) -> String,
) -> Vec<(&'static str, String)> {
    let begun = date(header.run.unix_ms());
    let (name, digest, seed) = (&plan.name, hash(&header.plan_digest), header.seed);
    let (version, git) = (&header.tool_version, short_git(&header.tool_git_sha));
    let model = (!header.model_digest.is_empty()).then(|| ("model", model(header)));
    let facts = [
        ("run", format!("{}, begun {begun} UTC", header.run)),
        ("plan", format!("{name} (SHA-256 {digest}), seed {seed}")),
        ("load", load(header, plan)),
        ("engine", engine(plan)),
    ];
    let tool = ("tool", format!("{version} ({git})"));
    facts.into_iter().chain(model).chain([tool]).collect()
}

/// The engine; for engines other than our own, also its description.
fn engine(plan: &Plan) -> String {
    let kind = plan.engine_kind();
    match kind {
        EngineKind::Server(_) => format!("{}: {}", kind.name(), uncapitalised(kind.help())),
        _ => kind.name().to_owned(),
    }
}

fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

/// How and when the run ended.
pub(crate) fn ended(record: &RunRecord) -> String {
    record.end.as_ref().map_or_else(
        || "unfinished".to_owned(),
        |end| format!("{} UTC, {}", date(end.unix_ms), end.state.name()),
    )
}

/// Each slot that moved to another host during the run.
pub(crate) fn moves(record: &RunRecord, plan: &Plan) -> Vec<String> {
    let placed = |notice: &&Notice| notice.kind == NoticeKind::HostPlaced;
    let text = |notice: &Notice| {
        let scenario = schedule::scenario_of(plan, notice.key.cell);
        let (round, message) = (notice.key.round + 1, &notice.message);
        format!("{scenario}, round {round}: {message}")
    };
    record.notices.iter().filter(placed).map(text).collect()
}

/// A host in a few words.
pub(crate) fn machine(host: &HostFacts) -> String {
    let cores = count(host.cores.into(), "core");
    format!("{} ({}, {cores})", host.hostname, host.cpu_model)
}

/// The model, and whether every host was checked to have it.
fn model(header: &RunHeader) -> String {
    let digest = &header.model_digest;
    match header.model_sha256 {
        Some(all) => format!("{digest}, every byte the same on every host: SHA-256 {all}"),
        None => digest.clone(),
    }
}

/// "6 rounds", "6 rounds of 4 windows".
pub(crate) fn rounds(plan: &Plan) -> String {
    format!("{}{}", count(plan.rounds.into(), "round"), of_windows(plan))
}

/// " of 4 windows" after a number of rounds; nothing if rounds have one.
pub(crate) fn of_windows(plan: &Plan) -> String {
    match plan.windows {
        1 => String::new(),
        windows => format!(" of {windows} windows"),
    }
}

fn load(header: &RunHeader, plan: &Plan) -> String {
    format!(
        "{}, {}, {} a round and arm, {}",
        count(plan.scenarios.len() as u64, "scenario"),
        rounds(plan),
        count(plan.requests_per_round(), "request"),
        count(header.slots.into(), "slot")
    )
}

/// A host in one sentence.
pub(crate) fn described(agent: &str, host: &HostFacts) -> String {
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
pub(crate) fn topology(host: &HostFacts) -> String {
    let smt = match host.threads_per_core {
        0 => "SMT unknown".to_owned(),
        1 => "no SMT".to_owned(),
        threads => format!("SMT of {threads}"),
    };
    let nodes = (host.numa_nodes > 0).then(|| count(host.numa_nodes.into(), "NUMA node"));
    listed([smt].into_iter().chain(nodes).chain(share(host)))
}

/// The share of the host that the process may use, if it is not all.
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

/// The settings of the processor frequency.
pub(crate) fn frequency(host: &HostFacts) -> String {
    let known = |text: &str| match text {
        "" => "unknown".to_owned(),
        text => text.to_owned(),
    };
    let (governor, boost) = (known(&host.governor), known(&host.boost));
    format!("governor {governor}, boost {boost}")
}

/// How busy the host was when it joined.
pub(crate) fn before(host: &HostFacts) -> String {
    let (load, stolen) = (digits(host.load_average), percent(host.stolen));
    format!("load {load}, stolen {stolen}")
}

/// A hash, if it is known.
fn hash(what: &str, hash: &Sha256) -> String {
    match *hash == Sha256::default() {
        true => String::new(),
        false => format!(", {what} {}", hash.short()),
    }
}

/// A server in one sentence, without the worker that measures it.
pub(crate) fn server(variant: &VariantRecord) -> String {
    format!(
        "{}: `{}`, identity {}{}",
        variant.name,
        variant.command,
        variant.identity.short(),
        hash("program", &variant.program_sha256)
    )
}

/// A build in one sentence.
pub(crate) fn build(variant: &VariantRecord) -> String {
    let flags = match variant.flags.is_empty() {
        true => String::new(),
        false => format!(", flags {}", variant.flags),
    };
    if variant.is_server() {
        let worker = variant.sha256.short();
        return format!("{}; measured by the worker {worker}", server(variant));
    }
    format!(
        "{}: SHA-256 {}{}{}, sources {}{flags}",
        variant.name,
        variant.sha256.short(),
        hash("code", &variant.text_sha256),
        hash("profile", &variant.profile_sha256),
        short_git(&variant.git_sha)
    )
}

fn short_git(sha: &str) -> &str {
    sha.get(..12).unwrap_or(sha)
}
