//! May this engine take part in the run? One run is one model on the same hosts, whatever was done to files and
//! environment in the meantime; and a plan that cannot fit is refused before anything is measured. Pure.

use contract::identity::HostFacts;
use contract::message::{Failure, FailureKind, LoadReport};

use super::driver::Begun;
use super::orders::Orders;

/// Why not, if so.
pub(super) fn objection(
    report: &LoadReport,
    hosts: &[(String, HostFacts)],
    begun: Option<&Begun>,
    orders: &Orders,
) -> Option<Failure> {
    let tokens = orders.plan.demand(orders.slots).tokens_per_request;
    if tokens > report.max_context {
        let message = format!(
            "the plan has requests of {tokens} tokens and the model's context holds {}: shorten prompts or outputs, or \
             take another model",
            report.max_context
        );
        return Some(Failure { kind: FailureKind::BadAssignment, message });
    }
    begun.and_then(|begun| changed(report, hosts, begun))
}

fn changed(report: &LoadReport, hosts: &[(String, HostFacts)], begun: &Begun) -> Option<Failure> {
    if report.model_digest != begun.model_digest {
        let message = format!(
            "the model is not the one this run began with (digest {} then, {} now): name that one with \
             BENCH_MODEL_PATH, or start a new run",
            begun.model_digest, report.model_digest
        );
        return Some(Failure { kind: FailureKind::ModelInvalid, message });
    }
    let change = hosts.iter().find_map(|(name, now)| Some((name, stranger(name, now, begun)?)));
    change.map(|(name, change)| Failure {
        kind: FailureKind::BadAssignment,
        message: format!(
            "the host of agent `{name}` is not like the one this run began on ({change}): rounds of unlike hosts cannot be \
             compared, leave it out or start a new run"
        ),
    })
}

/// What is unlike, of a host under a name that the run knows; and of one that came later, unless another is like it.
fn stranger(name: &str, now: &HostFacts, begun: &Begun) -> Option<String> {
    if let Some((_, then)) = begun.hosts.iter().find(|(agent, _)| agent == name) {
        return unlike(then, now);
    }
    let mut changes = begun.hosts.iter().map(|(_, then)| unlike(then, now));
    let first = changes.next()??;
    changes.all(|change| change.is_some()).then_some(first)
}

/// What differs between two hosts that changes how fast they are. What one of them does not show is not judged.
fn unlike(then: &HostFacts, now: &HostFacts) -> Option<String> {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let number = |number: u32| (number > 0).then(|| number.to_string());
    let facts = [
        ("processor", text(&then.cpu_model), text(&now.cpu_model)),
        ("cores", number(then.cores), number(now.cores)),
        ("threads a core", number(then.threads_per_core), number(now.threads_per_core)),
        ("NUMA nodes", number(then.numa_nodes), number(now.numa_nodes)),
        ("microcode", text(&then.microcode), text(&now.microcode)),
        ("governor", text(&then.governor), text(&now.governor)),
        ("boost", text(&then.boost), text(&now.boost)),
    ];
    facts.into_iter().find_map(|(name, then, now)| match (then, now) {
        (Some(then), Some(now)) if then != now => Some(format!("{name}: {then} then, {now} now")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use contract::id::RunId;

    use super::*;
    use crate::plan::preset;

    fn orders() -> Orders {
        let plan = preset::plan("high", 1).expect("a built-in plan is valid");
        Orders { run: RunId::new(1, [0; 10]), plan: Arc::new(plan), slots: 1, model: String::new() }
    }

    fn report(digest: &str, max_context: u32) -> LoadReport {
        LoadReport { model_digest: digest.into(), max_context, ..LoadReport::default() }
    }

    /// A change of one fact, and what the refusal says of it.
    fn refused(name: &str, change: impl Fn(&mut HostFacts)) -> Option<String> {
        let (_, then) = host(2).remove(0);
        let then = HostFacts { threads_per_core: 2, boost: "on".into(), ..then };
        let mut now = then.clone();
        change(&mut now);
        let begun = Begun { model_digest: "m".into(), hosts: vec![("local".into(), then)] };
        objection(&report("m", 2048), &[(name.to_owned(), now)], Some(&begun), &orders()).map(|f| f.message)
    }

    #[test]
    fn what_changes_the_speed_of_a_host_is_named_and_what_is_not_shown_is_not_judged() {
        for name in ["local", "a-newcomer"] {
            assert_eq!(refused(name, |host| host.kernel = "6.9".into()), None, "{name}");
            assert_eq!(refused(name, |host| host.boost.clear()), None, "{name}");
            let smt = refused(name, |host| host.threads_per_core = 1).expect("unlike");
            assert!(smt.contains(name) && smt.contains("threads a core: 2 then, 1 now"), "{smt}");
            let boost = refused(name, |host| host.boost = "off".into()).expect("unlike");
            assert!(boost.contains("boost: on then, off now"), "{boost}");
        }
    }

    #[test]
    fn a_newcomer_must_be_like_one_of_those_the_run_began_on() {
        let known = [("a", 2), ("b", 4)].map(|(name, cores)| (name.to_owned(), host(cores).remove(0).1));
        let begun = Begun { model_digest: "m".into(), hosts: known.to_vec() };
        let may = |name: &str, cores: u32| {
            let hosts = [(name.to_owned(), host(cores).remove(0).1)];
            objection(&report("m", 2048), &hosts, Some(&begun), &orders()).is_none()
        };
        assert!(may("c", 2) && may("c", 4) && !may("c", 8));
        assert!(may("a", 2) && !may("a", 4), "who is known must be who it was");
    }

    fn host(cores: u32) -> Vec<(String, HostFacts)> {
        vec![("local".into(), HostFacts { cores, ..HostFacts::default() })]
    }

    fn kind(report: &LoadReport, hosts: &[(String, HostFacts)]) -> Option<FailureKind> {
        let begun = Begun { model_digest: "m".into(), hosts: host(2) };
        objection(report, hosts, Some(&begun), &orders()).map(|failure| failure.kind)
    }

    #[test]
    fn the_same_model_on_the_same_host_may_go_on() {
        assert_eq!(kind(&report("m", 2048), &host(2)), None);
        assert_eq!(objection(&report("x", 2048), &host(9), None, &orders()), None, "nothing has begun");
    }

    #[test]
    fn another_model_or_host_and_a_short_context_may_not() {
        assert_eq!(kind(&report("other", 2048), &host(2)), Some(FailureKind::ModelInvalid));
        assert_eq!(kind(&report("m", 2048), &host(4)), Some(FailureKind::BadAssignment));
        assert_eq!(kind(&report("m", 63), &host(2)), Some(FailureKind::BadAssignment));
        assert_eq!(kind(&report("m", 64), &host(2)), None);
    }
}
