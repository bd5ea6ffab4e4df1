//! What is kept of a part after it is merged into its trial: the small fields, and its histograms
//! in folded form. A whole part takes megabytes, mostly histograms, up to 4,096 requests and time
//! slices, and a run has thousands of parts.

use contract::histogram::{Folded, LatencyHistogram};
use contract::identity::Sha256;
use contract::metric::Metric;
use contract::part::{
    ColdPhase, EngineFacts, Histograms, Origin, Outcomes, Part, PartKey, Sent, StopCause, Usage,
    Window,
};

/// A part without its single requests, steps and time slices. The fields are those of [`Part`],
/// plus its share.
#[derive(Clone, Debug)]
pub struct PartSummary {
    /// Trial and slot of the part.
    pub place: PartKey,
    /// The share of an arm's requests that it had, the same in every arm: its slot, or in a duet
    /// its pair of slots.
    pub share: u32,
    /// The process that measured it.
    pub origin: Origin,
    /// Outcomes of the requests.
    pub outcomes: Outcomes,
    /// SHA-256 over the output tokens.
    pub token_digest: Sha256,
    /// Prompt tokens of successful requests.
    pub prompt_tokens: u64,
    /// Output tokens of successful requests.
    pub output_tokens: u64,
    /// Requests that the shape called for.
    pub offered: u64,
    /// Requests of these that were sent before the window ended.
    pub in_time: Option<u64>,
    /// Why the window ended.
    pub stopped: StopCause,
    /// Successful requests that met every objective.
    pub good: Option<u64>,
    /// Lengths of the requests.
    pub sent: Option<Sent>,
    /// The measured window.
    pub window: Window,
    /// Cold start, phase by phase.
    pub cold: Vec<ColdPhase>,
    /// Resources that the process and its host used.
    pub usage: Usage,
    /// Facts that the engine reported.
    pub engine: EngineFacts,
    histograms: [Folded; Metric::ALL.len()],
}

impl PartSummary {
    /// The summary of a part.
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

    /// The histogram of a metric, unfolded.
    #[must_use]
    pub fn histogram(&self, metric: Metric) -> LatencyHistogram {
        self.folded(metric).opened()
    }
}

fn folded(histograms: &Histograms) -> [Folded; Metric::ALL.len()] {
    Metric::ALL.map(|metric| histograms.get(metric).folded())
}
