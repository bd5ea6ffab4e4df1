//! The simulated engine's parameters: those for all variants, and those of single variants. Owns
//! their merging; must not know rounds, arms or random draws.

use std::collections::BTreeMap;

use contract::spec::{SimSpec, Stall};
use serde::{Deserialize, Serialize};

use super::ledger::Ledger;

/// Parameters by variant; the entry [`SimPlan::ALL`] applies to every variant unless its own entry
/// overrides it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SimPlan(pub BTreeMap<String, SimParams>);

/// Parameters of one entry; unset ones come from `all`, then from [`SimSpec::default`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimParams {
    /// Loading time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_ns: Option<u64>,
    /// Base duration of every step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_base_ns: Option<u64>,
    /// Additional duration for each sequence that decodes in the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_ns: Option<u64>,
    /// Additional duration for each prompt token processed in the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefill_ns: Option<u64>,
    /// Maximum number of sequences in one step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_batch: Option<u32>,
    /// Standard deviation of ln(step duration).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
    /// Factor on every duration: 1.05 is a variant that is 5 % slower.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    /// Share of requests that fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<f64>,
    /// Share of requests that are cut off in the middle of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect_rate: Option<f64>,
    /// Times at which the engine stalls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalls: Option<Vec<Stall>>,
    /// Standard deviation of ln(duration) between trials, as process restarts on a real host cause
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_sd: Option<f64>,
    /// Relative slowdown from the first trial to the last: 0.2 is a host that is 20 % slower at the
    /// end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<f64>,
}

impl SimPlan {
    /// The entry that applies to every variant.
    pub const ALL: &'static str = "all";

    /// Names with their own entry.
    pub fn variants(&self) -> impl Iterator<Item = &str> {
        self.0
            .keys()
            .map(String::as_str)
            .filter(|name| *name != Self::ALL)
    }

    pub(super) fn check(&self, ledger: &mut Ledger) {
        for (variant, own) in &self.0 {
            ledger.name(&format!("sim.{variant}"), variant);
            let at = |key: &str| format!("sim.{variant}.{key}");
            let p = self.params(variant);
            ledger.real(&at("round_sd"), p.round_sd.unwrap_or(0.0), 0.0, 2.0);
            ledger.real(&at("drift"), p.drift.unwrap_or(0.0), -0.9, 100.0);
            let spec = own.clone().or(p).spec();
            ledger.range(&at("max_batch"), spec.max_batch, 1, 1_000_000);
            ledger.real(&at("scale"), spec.scale, 0.001, 1000.0);
            ledger.real(&at("jitter"), spec.jitter, 0.0, 2.0);
            ledger.real(&at("error_rate"), spec.error_rate, 0.0, 1.0);
            ledger.real(&at("disconnect_rate"), spec.disconnect_rate, 0.0, 1.0);
        }
    }

    /// The parameters of `variant`: its own entry over `all`.
    #[must_use]
    pub fn params(&self, variant: &str) -> SimParams {
        let entry = |name: &str| self.0.get(name).cloned().unwrap_or_default();
        entry(variant).or(entry(Self::ALL))
    }
}

impl SimParams {
    /// Takes unset parameters from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            load_ns: self.load_ns.or(other.load_ns),
            step_base_ns: self.step_base_ns.or(other.step_base_ns),
            decode_ns: self.decode_ns.or(other.decode_ns),
            prefill_ns: self.prefill_ns.or(other.prefill_ns),
            max_batch: self.max_batch.or(other.max_batch),
            jitter: self.jitter.or(other.jitter),
            scale: self.scale.or(other.scale),
            error_rate: self.error_rate.or(other.error_rate),
            disconnect_rate: self.disconnect_rate.or(other.disconnect_rate),
            stalls: self.stalls.or(other.stalls),
            round_sd: self.round_sd.or(other.round_sd),
            drift: self.drift.or(other.drift),
        }
    }

    /// The engine of one trial, without the parameters that differ between trials.
    #[must_use]
    pub fn spec(self) -> SimSpec {
        let base = SimSpec::default();
        SimSpec {
            load_ns: self.load_ns.unwrap_or(base.load_ns),
            step_base_ns: self.step_base_ns.unwrap_or(base.step_base_ns),
            decode_ns: self.decode_ns.unwrap_or(base.decode_ns),
            prefill_ns: self.prefill_ns.unwrap_or(base.prefill_ns),
            max_batch: self.max_batch.unwrap_or(base.max_batch),
            jitter: self.jitter.unwrap_or(base.jitter),
            scale: self.scale.unwrap_or(base.scale),
            error_rate: self.error_rate.unwrap_or(base.error_rate),
            disconnect_rate: self.disconnect_rate.unwrap_or(base.disconnect_rate),
            stalls: self.stalls.unwrap_or(base.stalls),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_overrides_all_and_all_overrides_the_default() {
        let all = SimParams {
            scale: Some(2.0),
            jitter: Some(0.5),
            ..SimParams::default()
        };
        let pgo = SimParams {
            scale: Some(1.9),
            ..SimParams::default()
        };
        let plan = SimPlan(BTreeMap::from([("all".into(), all), ("pgo".into(), pgo)]));
        let (pgo, other) = (plan.params("pgo").spec(), plan.params("baseline").spec());
        assert_eq!((pgo.scale, pgo.jitter, other.scale), (1.9, 0.5, 2.0));
        assert_eq!(pgo.decode_ns, SimSpec::default().decode_ns);
        assert_eq!(plan.variants().collect::<Vec<_>>(), ["pgo"]);
    }
}
