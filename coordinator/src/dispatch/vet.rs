//! Checks whether a host and an engine may take part in the run. A run has one model, on hosts that
//! match those it began on, even if files or the environment have changed since. A plan that cannot
//! fit the engine is refused before anything is measured. Pure.

use contract::identity::HostFacts;
use contract::message::{Failure, FailureKind, LoadReport};

use super::job::RunIdentity;
use super::orders::Orders;
use crate::likeness::{Weight, differences};

/// Why an engine on the host of the agent `on` is refused, if it is.
pub(super) fn reject_reason(
    report: &LoadReport,
    on: &str,
    begun: Option<&RunIdentity>,
    orders: &Orders,
) -> Option<Failure> {
    let tokens = orders.plan.demand(orders.slots).tokens_per_request;
    if tokens > report.max_context {
        let message = format!(
            "the plan has requests of {tokens} tokens and the model's context holds {}: shorten prompts or \
             outputs, or use another model",
            report.max_context
        );
        return Some(Failure {
            kind: FailureKind::BadAssignment,
            message,
        });
    }
    if orders.plan.verifies_model() && report.model_sha256.is_none() {
        let message = format!(
            "the agent of {on} does not hash models as `verify = \"full\"` requires, so it is older than \
             this coordinator: install the same version there, and rebuild the variants"
        );
        return Some(Failure {
            kind: FailureKind::BadAssignment,
            message,
        });
    }
    model(report, on, begun?)
}

/// Begins the digest of a model that only a server has seen: its name there.
const OF_SERVER: &str = "server:";

fn model(report: &LoadReport, on: &str, begun: &RunIdentity) -> Option<Failure> {
    let first = begun.first.as_ref();
    let then = first.map_or_else(
        || "when this run began".to_owned(),
        |first| format!("on {first}"),
    );
    let invalid = |message| Failure {
        kind: FailureKind::ModelInvalid,
        message,
    };
    let served = |digest: &str| digest.strip_prefix(OF_SERVER).map(str::to_owned);
    let served = served(&begun.model_digest).zip(served(&report.model_digest));
    if let Some((before, now)) = served.filter(|(before, now)| before != now) {
        return Some(invalid(format!(
            "a server on {on} says that it serves `{now}`, and this run began with `{before}`: let all serve \
             the same model, or, if both are what you mean, give them one name with `model` in [server.openai]"
        )));
    }
    let message = match (begun.model_sha256, report.model_sha256) {
        _ if report.model_digest != begun.model_digest => format!(
            "the model on {on} is not the one this run began with (digest {} {then}, {} on {on}): set \
             BENCH_MODEL_PATH to that model, or start a new run",
            begun.model_digest, report.model_digest
        ),
        (Some(all), Some(now)) if all != now => format!(
            "the model on {on} has the same header, size and samples as the one this run began with, but \
             other bytes differ (SHA-256 {} {then}, {} on {on}): one copy is damaged, find it with `worker \
             model digest --full` and fetch it again",
            all.short(),
            now.short()
        ),
        _ => return None,
    };
    Some(invalid(message))
}

/// How a host differs from the host that the run knows under this name or, if the name is new, from
/// every host the run began on.
pub(super) fn host_mismatch(name: &str, now: &HostFacts, begun: &RunIdentity) -> Option<String> {
    if let Some((_, then)) = begun.hosts.iter().find(|(agent, _)| agent == name) {
        return unlike(then, now);
    }
    let mut changes = begun.hosts.iter().map(|(_, then)| unlike(then, now));
    let first = changes.next()??;
    changes.all(|change| change.is_some()).then_some(first)
}

/// How two hosts differ in facts that must not change within a run.
fn unlike(then: &HostFacts, now: &HostFacts) -> Option<String> {
    let found = differences(then, now, Weight::Microcode);
    (!found.is_empty()).then(|| {
        found
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use contract::id::RunId;
    use contract::identity::Sha256;

    use super::*;
    use crate::plan::{EnginePlan, Plan, Verify, preset};

    fn begun(hosts: Vec<(String, HostFacts)>) -> RunIdentity {
        RunIdentity {
            model_digest: "m".into(),
            model_sha256: None,
            first: Some("first".into()),
            hosts,
        }
    }

    fn orders() -> Orders {
        orders_of(preset::plan("high", 1).expect("a built-in plan is valid"))
    }

    fn orders_of(plan: Plan) -> Orders {
        Orders {
            run: RunId::new(1, [0; 10]),
            plan: Arc::new(plan),
            slots: 1,
            model: String::new(),
            identities: BTreeMap::new(),
        }
    }

    fn report(digest: &str, max_context: u32) -> LoadReport {
        LoadReport {
            model_digest: digest.into(),
            max_context,
            ..LoadReport::default()
        }
    }

    /// The refusal that follows from changing one fact.
    fn refused(name: &str, change: impl Fn(&mut HostFacts)) -> Option<String> {
        let (_, then) = host(2).remove(0);
        let then = HostFacts {
            threads_per_core: 2,
            boost: "on".into(),
            processors: 2,
            ..then
        };
        let mut now = then.clone();
        change(&mut now);
        let begun = begun(vec![("local".into(), then)]);
        host_mismatch(name, &now, &begun)
    }

    #[test]
    fn what_changes_the_speed_of_a_host_is_named_and_what_is_not_shown_is_not_judged() {
        for name in ["local", "a-newcomer"] {
            assert_eq!(
                refused(name, |host| host.kernel = "6.9".into()),
                None,
                "{name}"
            );
            assert_eq!(refused(name, |host| host.boost.clear()), None, "{name}");
            let smt = refused(name, |host| host.threads_per_core = 1).expect("unlike");
            assert_eq!(smt, "threads a core: 2 then, 1 now", "{name}");
            let share = refused(name, |host| (host.processors, host.cgroup_cpus) = (1, 0.5))
                .expect("unlike");
            assert_eq!(
                share,
                "processors it may run on: 2 then, 1 now, quota: no quota then, 0.5 of a processor's time now",
                "{name}"
            );
            let boost = refused(name, |host| host.boost = "off".into()).expect("unlike");
            assert_eq!(boost, "boost: on then, off now", "{name}");
        }
    }

    #[test]
    fn a_newcomer_must_be_like_one_of_those_the_run_began_on() {
        let known =
            [("a", 2), ("b", 4)].map(|(name, cores)| (name.to_owned(), host(cores).remove(0).1));
        let begun = begun(known.to_vec());
        let may = |name: &str, cores: u32| {
            host_mismatch(name, &host(cores).remove(0).1, &begun).is_none()
        };
        assert!(may("c", 2) && may("c", 4) && !may("c", 8));
        assert!(
            may("a", 2) && !may("a", 4),
            "who is known must be who it was"
        );
    }

    fn host(cores: u32) -> Vec<(String, HostFacts)> {
        vec![(
            "local".into(),
            HostFacts {
                cores,
                ..HostFacts::default()
            },
        )]
    }

    fn kind(report: &LoadReport) -> Option<FailureKind> {
        let begun = begun(host(2));
        reject_reason(report, "h", Some(&begun), &orders()).map(|failure| failure.kind)
    }

    #[test]
    fn the_same_model_may_go_on() {
        assert_eq!(kind(&report("m", 2048)), None);
        assert_eq!(
            reject_reason(&report("x", 2048), "h", None, &orders()),
            None,
            "nothing has begun"
        );
    }

    #[test]
    fn another_model_and_a_short_context_may_not() {
        assert_eq!(
            kind(&report("other", 2048)),
            Some(FailureKind::ModelInvalid)
        );
        assert_eq!(kind(&report("m", 63)), Some(FailureKind::BadAssignment));
        assert_eq!(kind(&report("m", 64)), None);
    }

    #[test]
    fn a_server_with_another_model_is_told_in_the_words_of_servers() {
        let begun = RunIdentity {
            model_digest: "server:small".into(),
            ..begun(host(2))
        };
        let says = |digest| reject_reason(&report(digest, 2048), "h", Some(&begun), &orders());
        assert_eq!(says("server:small"), None);
        let told = says("server:large").expect("another").message;
        for part in ["serves `large`", "began with `small`", "[server.openai]"] {
            assert!(told.contains(part), "{told}");
        }
        let told = says("m").expect("another").message;
        assert!(told.contains("BENCH_MODEL_PATH"), "{told}");
    }

    #[test]
    fn where_every_byte_counts_another_digest_is_refused_and_one_that_is_missing_too() {
        let mut plan = preset::plan("high", 1).expect("a built-in plan is valid");
        let EnginePlan::Native(native) = &mut plan.engine else {
            panic!("a native plan")
        };
        native.verify = Verify::Full;
        let full = orders_of(plan);
        let report = |sha: Option<u8>| LoadReport {
            model_sha256: sha.map(|byte| Sha256([byte; 32])),
            ..report("m", 2048)
        };
        let says = |sha, first: Option<&str>, orders: &Orders| {
            let then = RunIdentity {
                model_sha256: Some(Sha256([1; 32])),
                first: first.map(str::to_owned),
                ..begun(host(2))
            };
            reject_reason(&report(sha), "h2", Some(&then), orders).map(|failure| failure.message)
        };
        assert_eq!(says(Some(1), Some("h1"), &full), None);
        let flipped = says(Some(2), Some("h1"), &full).expect("another");
        assert!(
            flipped.contains("0101 on h1, 0202") && flipped.contains("0202 on h2)"),
            "{flipped}"
        );
        let resumed = says(Some(2), None, &full).expect("another");
        assert!(
            resumed.contains("0101 when this run began, 0202"),
            "{resumed}"
        );
        let silent = says(None, Some("h1"), &full).expect("an older agent");
        assert!(
            silent.contains("h2") && silent.contains("older"),
            "{silent}"
        );
        assert_eq!(
            says(None, Some("h1"), &orders()),
            None,
            "the twin: nobody asked for it"
        );
    }
}
