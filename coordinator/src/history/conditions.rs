//! The conditions under which a run was measured, and how they differ from another run's, as
//! sentences with both values. Owns which conditions make runs of different times incomparable;
//! must not know what was measured.

use std::collections::{BTreeMap, BTreeSet};

use contract::identity::HostFacts;
use contract::run::RunHeader;

use super::{class, series};
use crate::compare::Findings;
use crate::likeness::{self, Weight};
use crate::plan::{ModelPlace, Plan};

/// The conditions of one run.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    /// Hosts by agent name.
    hosts: Vec<(String, HostFacts)>,
    model_digest: String,
    plan: Plan,
    /// Engine threads of a worker; several values if hosts differ, none if the engine does not
    /// compute.
    threads: BTreeSet<u32>,
}

impl Conditions {
    pub(super) fn of(findings: &Findings) -> Self {
        let header = &findings.record.header;
        let parts = findings.trials.parts().into_iter();
        Self {
            hosts: header.hosts.clone(),
            model_digest: header.model_digest.clone(),
            plan: findings.plan.clone(),
            threads: parts
                .map(|part| part.engine.threads)
                .filter(|threads| *threads > 0)
                .collect(),
        }
    }

    /// The conditions of a search, whose parts are not read again.
    pub(super) fn of_search(header: &RunHeader, plan: &Plan) -> Self {
        Self {
            hosts: header.hosts.clone(),
            model_digest: header.model_digest.clone(),
            plan: plan.clone(),
            threads: BTreeSet::new(),
        }
    }

    /// The differences, keyed by kind.
    pub(super) fn differences(&self, now: &Self) -> BTreeMap<String, String> {
        let mut all = hosts(&self.hosts, &now.hosts);
        let threads = |threads: &BTreeSet<u32>| join(threads.iter().map(u32::to_string));
        let engine = |plan: &Plan| plan.engine_kind().name().to_owned();
        let pairs = [
            ("engine", engine(&self.plan), engine(&now.plan)),
            ("model", self.model(), now.model()),
            (
                "engine threads",
                threads(&self.threads),
                threads(&now.threads),
            ),
        ];
        // A model is identified by its digest; its path is shown but not compared.
        let same_model = self.model_digest == now.model_digest;
        for (fact, then, now) in pairs {
            let known = !then.is_empty() && !now.is_empty();
            let elsewhere = fact == "model" && same_model;
            if known && !elsewhere && then != now {
                all.insert(fact.to_owned(), format!("{fact}: {then} then, {now} now"));
            }
        }
        for words in series::differences(&self.plan, &now.plan) {
            let key = words.split(": ").next().unwrap_or_default().to_owned();
            all.insert(format!("load {key}"), format!("load: {words}"));
        }
        all
    }

    fn model(&self) -> String {
        let path = match self.plan.engine.model() {
            ModelPlace::ToFind(place) => place,
            ModelPlace::AsTold(place) => Some(place).filter(|place| !place.is_empty()),
            ModelPlace::Nowhere => None,
        };
        let digest = &self.model_digest;
        match path {
            Some(path) if !digest.is_empty() => format!("`{path}` (digest {digest})"),
            _ if digest.is_empty() => "none".to_owned(),
            _ => format!("digest {digest}"),
        }
    }
}

/// Differences between two fleets. Hosts are matched by name and, if the names differ, by their
/// facts.
fn hosts(then: &[(String, HostFacts)], now: &[(String, HostFacts)]) -> BTreeMap<String, String> {
    if then.len() != now.len() {
        let words = format!("hosts: {} then, {} now", then.len(), now.len());
        return BTreeMap::from([("hosts".to_owned(), words)]);
    }
    let names = |hosts: &[(String, HostFacts)]| {
        hosts
            .iter()
            .map(|(name, _)| name.clone())
            .collect::<BTreeSet<_>>()
    };
    let named = names(then) == names(now);
    let sorted = |hosts: &[(String, HostFacts)]| {
        let mut sorted = hosts.to_vec();
        sorted.sort_by_key(|(name, host)| match named {
            true => name.clone(),
            false => class::host_class(&[(String::new(), host.clone())]),
        });
        sorted
    };
    let mut all = BTreeMap::new();
    for ((name, then), (_, now)) in sorted(then).iter().zip(&sorted(now)) {
        for difference in likeness::differences(then, now, Weight::Setting) {
            all.entry(format!("host {}", difference.fact))
                .or_insert_with(|| format!("host {name}: {difference}"));
        }
    }
    all
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(" and ")
}
