//! What is kept of a part once it has been merged into its trial: everything small, its histograms
//! folded. A whole part takes megabytes, most of it histograms, up to 4,096 requests and slices of
//! time, and a run has thousands.

use contract::histogram::{Folded, LatencyHistogram};
use contract::identity::Sha256;
use contract::metric::Metric;
use contract::part::{
    ColdPhase, EngineFacts, Histograms, Origin, Outcomes, Part, PartKey, Sent, StopCause, Usage,
    Window,
};

/// A part without its single requests, steps and slices of time. The fields are those of [`Part`],
/// and its share.
#[derive(Clone, Debug)]
pub struct PartSummary {
    /// Where it belongs.
    pub place: PartKey,
    /// Which share of an arm's requests it had, the same in every arm: its slot, or in a duet its
    /// pair of slots.
    pub share: u32,
    /// Which process measured it.
    pub origin: Origin,
    /// What became of the requests.
    pub outcomes: Outcomes,
    /// SHA-256 over the output tokens.
    pub token_digest: Sha256,
    /// Prompt tokens of successful requests.
    pub prompt_tokens: u64,
    /// Output tokens of successful requests.
    pub output_tokens: u64,
    /// Requests the shape called for.
    pub offered: u64,
    /// Of those, sent before the window ended.
    pub in_time: Option<u64>,
    /// Why the window was over.
    pub stopped: StopCause,
    /// Successful requests that met every objective.
    pub good: Option<u64>,
    /// How long the requests were.
    pub sent: Option<Sent>,
    /// The measured window.
    pub window: Window,
    /// Cold start, phase by phase.
    pub cold: Vec<ColdPhase>,
    /// What the process and its host spent.
    pub usage: Usage,
    /// What the engine says of itself.
    pub engine: EngineFacts,
    histograms: [Folded; Metric::ALL.len()],
}

impl PartSummary {
    /// What stays of a part.
    pub(super) fn of(part: Part, share: u32) -> Self {
        let histograms = folded(&part.histograms);
        Self {
            place: part.place,
            share,
            origin: part.origin,
            outcomes: part.outcomes,
            token_digest: part.token_digest,
            prompt_tokens: part.prompt_tokens,
            output_tokens: part.output_tokens,
            offered: part.offered,
            in_time: part.in_time,
            stopped: part.stopped,
            good: part.good,
            sent: part.sent,
            window: part.window,
            cold: part.cold,
            usage: part.usage,
            engine: part.engine,
            histograms,
        }
    }

    /// The folded histogram of a metric.
    #[must_use]
    pub fn folded(&self, metric: Metric) -> &Folded {
        &self.histograms[metric.index()]
    }

    /// The histogram of a metric, opened.
    #[must_use]
    pub fn histogram(&self, metric: Metric) -> LatencyHistogram {
        self.folded(metric).opened()
    }
}

fn folded(histograms: &Histograms) -> [Folded; Metric::ALL.len()] {
    Metric::ALL.map(|metric| histograms.get(metric).folded())
}
