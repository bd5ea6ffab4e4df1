//! Options of the native engine, as a plan gives them. Owns their defaults; must not know where
//! models are ([`super::model`] finds them) or what the engine does with the options.

use contract::id::Arm;
use contract::spec::{NativeSpec, WeightForm};
use serde::{Deserialize, Serialize};

use super::Plan;
use super::ledger::Ledger;
use super::overrides::Overrides;
use super::problem::Problem;
use super::verify::Verify;

/// The native engine's options. All have defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NativePlan {
    /// Directory or file of the model; if unset, the default places are tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Engine threads of each worker; zero means the cores that it may use, divided by the slots of
    /// its host.
    pub threads: u32,
    /// Limit of the key/value cache, bytes; zero means the size that the plan's concurrency needs.
    pub kv_bytes: u64,
    /// Maximum number of sequences in one step.
    pub max_batch: u32,
    /// Maximum number of prompt tokens in one step.
    pub prefill_chunk: u32,
    /// Stores the cache in F32 instead of BF16.
    pub kv_f32: bool,
    /// Form in which the matrices are stored: `as-stored` or `int8`.
    #[serde(skip_serializing_if = "as_stored")]
    pub weights: WeightForm,
    /// Slows arm B by a busy loop of this share of each step: a difference of known size, which
    /// proves that the host detects it. The run is labelled.
    #[serde(skip_serializing_if = "is_zero")]
    pub handicap: f64,
    /// Whether a prompt reuses the cache of an earlier prompt with the same prefix. It changes what
    /// is measured.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub prefix_reuse: bool,
    /// Whether the engine's threads and the load's thread are pinned to separate processors.
    /// Requires a host with one slot.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pin: bool,
    /// How much of the model's files is compared between hosts before anything is measured:
    /// `header` or `full`.
    #[serde(skip_serializing_if = "Verify::is_header")]
    pub verify: Verify,
}

impl NativePlan {
    /// Whether every byte of the model must be the same on every host.
    pub(super) fn verifies(&self) -> bool {
        self.verify == Verify::Full
    }

    /// A run with an artificial difference must never be taken for one of real builds.
    pub(super) fn label(&self) -> Option<String> {
        (self.handicap > 0.0).then(|| format!("B slowed by {} % on purpose", 100.0 * self.handicap))
    }

    pub(super) fn check(&self, plan: &Plan, ledger: &mut Ledger) {
        ledger.range("native.threads", self.threads, 0, 1024);
        ledger.range("native.max_batch", self.max_batch, 1, 65_536);
        ledger.range("native.prefill_chunk", self.prefill_chunk, 1, 65_536);
        ledger.real("native.handicap", self.handicap, 0.0, 10.0);
        if self.handicap > 0.0 && plan.resident {
            ledger.problems.push(Problem::SharedHandicap);
        }
        if self.pin && plan.slots > 1 {
            let slots = plan.slots;
            ledger.problems.push(Problem::PinnedSlots { slots });
        }
    }

    pub(super) fn with(self, flags: &Overrides) -> Self {
        Self {
            model: flags.model.clone().or(self.model),
            threads: flags.threads.unwrap_or(self.threads),
            handicap: flags.handicap.unwrap_or(self.handicap),
            verify: flags.verify.unwrap_or(self.verify),
            ..self
        }
    }

    /// The form that is sent to a worker, with the model at `model` as its host sees it; only arm B
    /// has the handicap.
    #[must_use]
    pub fn spec(&self, model: &str, arm: Arm) -> NativeSpec {
        NativeSpec {
            model: model.to_owned(),
            threads: self.threads,
            kv_bytes: self.kv_bytes,
            max_batch: self.max_batch,
            prefill_chunk: self.prefill_chunk,
            kv_f32: self.kv_f32,
            weights: self.weights,
            handicap: if arm == Arm::B { self.handicap } else { 0.0 },
            prefix_reuse: self.prefix_reuse,
            pin: self.pin,
        }
    }
}

/// The default value is not written, so that the text of old plans stays the same.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn as_stored(form: &WeightForm) -> bool {
    *form == WeightForm::AsStored
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(share: &f64) -> bool {
    *share == 0.0
}

impl Default for NativePlan {
    fn default() -> Self {
        Self {
            model: None,
            threads: 0,
            kv_bytes: 0,
            max_batch: 256,
            prefill_chunk: 512,
            kv_f32: false,
            weights: WeightForm::AsStored,
            handicap: 0.0,
            prefix_reuse: false,
            pin: false,
            verify: Verify::Header,
        }
    }
}
