//! The engine to run and the load to offer, after a plan has been validated. Must not know files,
//! flags or rounds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{Arm, RunId, TrialKey};

mod file;
mod length;
mod openai;
mod prompt;
mod seconds;
mod server;
mod shape;
mod stop;
mod window;

pub use file::{FileSpec, TraceFacts};
pub use length::{Distribution, Length, NAMED};
pub use openai::{Endpoint, OpenAiSpec, PromptForm};
pub use prompt::{MixPart, PrefixSpec, PromptSet, PromptSpec};
// All of it, so that a further protocol changes nothing here.
pub use server::*;
pub use shape::{Level, Offer, Piece, Shape, ShapeKind, Spacing, when};
pub use stop::{Objectives, Planned, StopSpec};

/// One load: its shape, its prompts, and the length of answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Unique within a plan.
    pub name: String,
    /// When requests are sent.
    pub shape: Shape,
    /// The requests' prompts.
    pub prompt: PromptSpec,
    /// Output tokens of every request. End-of-sequence is ignored, so that all arms do the same
    /// work.
    pub output_tokens: Length,
    /// Several kinds of requests, chosen by weight; empty if all are alike.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mix: Vec<MixPart>,
    /// When the window ends.
    #[serde(default, skip_serializing_if = "StopSpec::is_default")]
    pub stop: StopSpec,
    /// For an open loop: greatest number in flight over all slots. A request beyond it waits, and
    /// its latency still counts from its intended time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_in_flight: Option<u32>,
    /// What a request must achieve to count towards goodput.
    #[serde(default, skip_serializing_if = "Objectives::is_none")]
    pub objectives: Objectives,
    /// Load before the measured window.
    #[serde(default)]
    pub warmup: Warmup,
    /// A request that is not done this long after its intended time is cancelled and counted as
    /// timed out.
    #[serde(default = "Scenario::default_timeout", with = "seconds")]
    pub timeout: Duration,
}

/// Load before the measured window, all at once, with prompts of the training set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Warmup {
    /// Number of requests; by default the scenario's own concurrency.
    #[serde(default)]
    pub requests: Option<u32>,
    /// Output tokens of each request.
    #[serde(default = "Warmup::default_output_tokens")]
    pub output_tokens: u32,
    /// Seconds for which the window's own load runs before the window begins, so that the window
    /// opens under load and nothing drains in between. Its requests do not count. By default chosen
    /// by [`Scenario::run_in`].
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "seconds::optional"
    )]
    pub run_in: Option<Duration>,
}

/// The engine that a worker opens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum EngineSpec {
    /// The inference engine linked into the worker.
    Native(NativeSpec),
    /// A seeded model of an engine's service times.
    Sim(SimSpec),
    /// An engine that the worker program links besides these.
    Linked(LinkedSpec),
    /// A program of its own, reached over a protocol.
    Server(Box<ServerSpec>),
}

impl EngineSpec {
    /// Its number of threads, if it has this setting.
    pub fn threads_mut(&mut self) -> Option<&mut u32> {
        match self {
            Self::Native(spec) => Some(&mut spec.threads),
            Self::Linked(spec) => Some(&mut spec.threads),
            Self::Server(spec) => Some(&mut spec.threads),
            Self::Sim(_) => None,
        }
    }
}

/// An engine that the worker program links.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkedSpec {
    /// Its name; optional if the program links only one.
    #[serde(default)]
    pub engine: Option<String>,
    /// The engine's own options, which only the worker can check.
    #[serde(default)]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// Compute threads; zero means the worker's cores divided by the host's slots.
    #[serde(default)]
    pub threads: u32,
}

/// Options of the native engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NativeSpec {
    /// Directory or file of the model, on the worker's host.
    pub model: String,
    /// Engine threads; zero means the worker's cores divided by the host's slots.
    pub threads: u32,
    /// Limit of the key/value cache, bytes; zero means what the plan's concurrency needs.
    pub kv_bytes: u64,
    /// Greatest number of sequences in one step.
    pub max_batch: u32,
    /// Greatest number of prompt tokens in one step, so that a long prompt does not stall the
    /// others.
    pub prefill_chunk: u32,
    /// Cache in F32 instead of BF16.
    #[serde(default)]
    pub kv_f32: bool,
    /// Format in which the matrices are held.
    #[serde(default)]
    pub weights: WeightForm,
    /// Busy loop after each step, as a share of the step, for a difference of known size.
    #[serde(default)]
    pub handicap: f64,
    /// Whether a prompt reuses the cache of an earlier prompt with the same prefix. It changes what
    /// is measured.
    #[serde(default)]
    pub prefix_reuse: bool,
    /// Whether the engine's threads and the load's thread are pinned to separate processors.
    #[serde(default)]
    pub pin: bool,
}

/// Formats of a model's matrices in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightForm {
    /// As in the file.
    #[default]
    AsStored,
    /// Rounded to eight bits with a factor for each row: faster to read, with different results.
    Int8,
}

/// A simulated engine: continuous batching in which a step lasts `(step_base + decode × sequences +
/// prefill × prompt tokens) × scale × e^N(0, jitter)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimSpec {
    /// Loading time.
    pub load_ns: u64,
    /// Time of every step.
    pub step_base_ns: u64,
    /// Time for each sequence that decodes in the step.
    pub decode_ns: u64,
    /// Time for each prompt token processed in the step.
    pub prefill_ns: u64,
    /// Greatest number of sequences in one step.
    pub max_batch: u32,
    /// Standard deviation of ln(step duration).
    pub jitter: f64,
    /// Factor on every duration.
    pub scale: f64,
    /// Share of requests that fail.
    pub error_rate: f64,
    /// Share of requests that are disconnected half-way.
    pub disconnect_rate: f64,
    /// Times at which nothing progresses, from the start of the measured window.
    pub stalls: Vec<Stall>,
}

/// A pause of the simulated engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    /// When it begins, from the start of the measured window.
    pub at_ns: u64,
    /// Its duration.
    pub for_ns: u64,
}

/// The greatest demand on an engine, so that it can refuse before a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Requests in flight in one worker.
    pub concurrency: u32,
    /// Prompt and output tokens of the longest request.
    pub tokens_per_request: u32,
}

/// One worker's share of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The run.
    pub run: RunId,
    /// The trial.
    pub key: TrialKey,
    /// Name of the variant.
    pub variant: String,
    /// Index of the worker's slot over the whole fleet.
    pub slot: u32,
    /// The load.
    pub scenario: Scenario,
    /// This worker issues the requests whose index is `share.index` modulo `share.of`.
    pub share: Share,
    /// Seed of the request list; the same for every arm of a round.
    pub seed: u64,
}

/// One slot's share of a request list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Index of this share, from zero.
    pub index: u32,
    /// Number of shares.
    pub of: u32,
}

impl Scenario {
    fn default_timeout() -> Duration {
        Duration::from_secs(600)
    }

    /// Assumed greatest number in flight if arrivals do not wait for answers, for sizing caches;
    /// more requests can be in flight and will queue.
    pub const OPEN_IN_FLIGHT: u32 = 256;

    /// Greatest number of requests in flight over all slots; for open loops an assumption for
    /// sizing.
    #[must_use]
    pub fn concurrency(&self) -> u32 {
        match &self.shape {
            Shape::Burst { requests } => *requests,
            Shape::ClosedLoop { concurrency, .. } => *concurrency,
            Shape::Ladder { concurrency, .. } => concurrency.iter().copied().max().unwrap_or(0),
            _ => self
                .requests()
                .min(self.max_in_flight.unwrap_or(Self::OPEN_IN_FLIGHT)),
        }
    }

    /// Every kind of request, with its weight.
    pub fn asks(&self) -> impl Iterator<Item = (f64, &PromptSpec, Length)> {
        let alike = self
            .mix
            .is_empty()
            .then_some((1.0, &self.prompt, self.output_tokens));
        let mixed = self.mix.iter().map(|part| {
            let prompt = part.prompt.as_ref().unwrap_or(&self.prompt);
            (
                part.weight,
                prompt,
                part.output_tokens.unwrap_or(self.output_tokens),
            )
        });
        alike.into_iter().chain(mixed)
    }

    /// Output tokens of the longest answer.
    #[must_use]
    pub fn longest_answer(&self) -> u32 {
        self.asks()
            .map(|(_, _, output)| output.max())
            .max()
            .unwrap_or(0)
    }

    /// Prompt and output of the longest request, tokens.
    #[must_use]
    pub fn tokens_per_request(&self) -> u32 {
        let warm = self.warmup.output_tokens;
        let asked = self
            .asks()
            .map(|(_, prompt, output)| prompt.longest().saturating_add(output.max().max(warm)));
        asked.max().unwrap_or(0)
    }
}

impl Share {
    /// Number of the `total` requests that belong to this share.
    #[must_use]
    pub fn count(self, total: u32) -> u32 {
        total / self.of + u32::from(total % self.of > self.index)
    }

    /// The indices of this share below `total`.
    pub fn indices(self, total: u32) -> impl Iterator<Item = u32> {
        (self.index..total).step_by(self.of as usize)
    }
}

impl Warmup {
    fn default_output_tokens() -> u32 {
        2
    }
}

impl Default for Warmup {
    fn default() -> Self {
        Self {
            requests: None,
            output_tokens: Self::default_output_tokens(),
            run_in: None,
        }
    }
}

impl Default for SimSpec {
    fn default() -> Self {
        Self {
            load_ns: 2_000_000,
            step_base_ns: 200_000,
            decode_ns: 20_000,
            prefill_ns: 4_000,
            max_batch: 256,
            jitter: 0.02,
            scale: 1.0,
            error_rate: 0.0,
            disconnect_rate: 0.0,
            stalls: Vec::new(),
        }
    }
}

impl Assignment {
    /// The arm of the trial.
    #[must_use]
    pub fn arm(&self) -> Arm {
        self.key.arm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_partition_every_request_exactly_once() {
        for (total, of) in [(0, 1), (1, 4), (100, 3), (200, 7)] {
            let mut seen = vec![0; total as usize];
            for index in 0..of {
                let share = Share { index, of };
                assert_eq!(
                    share.count(total),
                    u32::try_from(share.indices(total).count()).expect("small")
                );
                share.indices(total).for_each(|i| seen[i as usize] += 1);
            }
            assert!(seen.iter().all(|n| *n == 1), "{total} over {of}");
        }
    }
}
