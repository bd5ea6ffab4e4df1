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
    let other = |(name, now): &&(String, HostFacts)| {
        let then = begun.hosts.iter().find(|(agent, _)| agent == name).map(|(_, host)| host);
        then.is_some_and(|then| (&then.cpu_model, then.cores) != (&now.cpu_model, now.cores))
    };
    hosts.iter().find(other).map(|(name, now)| Failure {
        kind: FailureKind::BadAssignment,
        message: format!(
            "the host of agent `{name}` is not the one this run began on (now {} with {} cores): rounds of unlike hosts \
             cannot be compared, start a new run",
            now.cpu_model, now.cores
        ),
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
