//! A run in the formats of other tools. Owns which trials a file contains, their times and their
//! names in it; each format has its own file. Derives nothing that the findings do not already
//! have.

mod capacity;
mod csv;
mod hgrm;
mod hlog;
mod openmetrics;
mod trace;

use std::time::Duration;

use contract::id::{Arm, TrialKey};
use contract::metric::Metric;
use contract::part::Part;
use contract::text;
use hdrhistogram::serialization::V2DeflateSerializeError;
use hdrhistogram::serialization::interval_log::IntervalLogWriterError;

use crate::compare::{Findings, Trial};
use crate::format::Format;
use crate::schedule;
use crate::store::StoreError;

pub use capacity::capacity;

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// HdrHistogram's interval log.
    Hlog,
    /// HdrHistogram's percentile distribution.
    Hgrm,
    /// One row for each value.
    Csv,
    /// OpenMetrics text.
    OpenMetrics,
    /// Chrome trace events.
    Trace,
}

/// The part of a run to export. An empty field selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Name of the scenario.
    pub scenario: Option<String>,
    /// Name of the candidate in arm B.
    pub candidate: Option<String>,
    /// Arm.
    pub arm: Option<Arm>,
    /// Round, from zero.
    pub round: Option<u32>,
    /// Metric.
    pub metric: Option<Metric>,
}

/// Why there is nothing to export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The run has no such trial.
    #[error("export a run: none of its trials is {wanted}; it has {known}")]
    NoTrial {
        /// The selection.
        wanted: String,
        /// The trials that exist.
        known: String,
    },
    /// No values were recorded for the selection.
    #[error("export a run: nothing was recorded for {metric} in {wanted}")]
    NoValues {
        /// The metric.
        metric: &'static str,
        /// The trials.
        wanted: String,
    },
    /// A histogram cannot be encoded.
    #[error("export a run: {0}")]
    Histogram(#[from] IntervalLogWriterError<V2DeflateSerializeError>),
    /// A comment or a header of the log cannot be written.
    #[error("export a run: {0}")]
    Log(#[from] std::io::Error),
    /// Its parts cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One trial with its names.
struct Item<'a> {
    cell: u32,
    scenario: &'a str,
    variant: &'a str,
    arm: Arm,
    round: u32,
    /// Position in the order of its round, from zero.
    position: usize,
    attempt: u32,
    /// Wall-clock time at which it began, since 1970. Derived: only a block's end is stored, and
    /// its trials are placed end to end before that.
    began: Duration,
    trial: &'a Trial,
}

impl Kind {
    /// The export format, if `format` is one.
    #[must_use]
    pub fn of(format: Format) -> Option<Self> {
        match format {
            Format::Hlog => Some(Self::Hlog),
            Format::Hgrm => Some(Self::Hgrm),
            Format::Csv => Some(Self::Csv),
            Format::OpenMetrics => Some(Self::OpenMetrics),
            Format::Trace => Some(Self::Trace),
            Format::Human | Format::Json | Format::Quiet | Format::Markdown | Format::Junit => None,
        }
    }
}

/// Loads the whole parts of one trial, because findings keep no single requests.
pub type WholeParts<'a> = dyn Fn(TrialKey) -> Result<Vec<Part>, StoreError> + 'a;

/// The bytes of a file.
///
/// # Errors
/// When nothing of the run was selected, or its parts cannot be read.
pub fn render(
    kind: Kind,
    findings: &Findings,
    selection: &Selection,
    whole: &WholeParts<'_>,
) -> Result<Vec<u8>, ExportError> {
    let items = select(findings, selection)?;
    match kind {
        Kind::Hlog => hlog::render(findings, &items, selection.metric),
        Kind::Hgrm => hgrm::render(&items, selection),
        Kind::Csv => Ok(shown(&csv::render(findings, &items, selection.metric))),
        Kind::OpenMetrics => Ok(shown(&openmetrics::render(
            findings,
            &items,
            selection.metric,
        ))),
        Kind::Trace => {
            let item = trace::choose(&items);
            let key = TrialKey {
                cell: item.cell,
                round: item.round,
                arm: item.arm,
            };
            Ok(trace::render(findings, item, &whole(key)?))
        }
    }
}

/// Final cleaning of a text. Each format has already escaped and bounded single names.
fn shown(text: &str) -> Vec<u8> {
    text::block(text, usize::MAX).into_owned().into_bytes()
}

/// The selected trials, in order of time.
fn select<'a>(findings: &'a Findings, selection: &Selection) -> Result<Vec<Item<'a>>, ExportError> {
    let mut items = items(findings);
    let known = known(&items);
    items.retain(|item| selection.takes(findings, item));
    if items.is_empty() {
        return Err(ExportError::NoTrial {
            wanted: selection.words(),
            known,
        });
    }
    items.sort_by_key(|item| (item.began, item.cell, item.round, item.position));
    Ok(items)
}

fn items(findings: &Findings) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    for block in &findings.record.blocks {
        let scenario = schedule::scenario_of(&findings.plan, block.cell);
        let mut rounds = findings.trials.rounds(block.cell).into_iter();
        let Some(round) = rounds.find(|round| round.index == block.round) else {
            continue;
        };
        let mut end = Duration::from_millis(block.finished_unix_ms);
        for (position, arm) in block.order.iter().enumerate().rev() {
            let trial = &round.arms[arm];
            end = end.saturating_sub(trial.wall);
            items.push(Item {
                cell: block.cell,
                scenario,
                variant: trial.parts.first().map_or("?", |part| &part.origin.variant),
                arm: *arm,
                round: block.round,
                position,
                attempt: block.attempt.0,
                began: end,
                trial,
            });
        }
    }
    items
}

fn known(items: &[Item<'_>]) -> String {
    let mut scenarios: Vec<&str> = items.iter().map(|item| item.scenario).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    let rounds = items.iter().map(|item| item.round + 1).max().unwrap_or(0);
    let mut arms: Vec<String> = items.iter().map(|item| item.arm.to_string()).collect();
    arms.sort();
    arms.dedup();
    match rounds {
        0 => "no finished block yet".to_owned(),
        _ => format!(
            "the scenarios {}, rounds 0 to {}, arms {}",
            scenarios.join(", "),
            rounds - 1,
            arms.join(", ")
        ),
    }
}

impl Selection {
    fn takes(&self, findings: &Findings, item: &Item<'_>) -> bool {
        let candidate = || {
            let cell = findings.all_cells().find(|cell| cell.index == item.cell);
            cell.and_then(|cell| cell.candidate.as_deref())
        };
        self.scenario
            .as_deref()
            .is_none_or(|wanted| wanted == item.scenario)
            && self
                .candidate
                .as_deref()
                .is_none_or(|wanted| candidate() == Some(wanted))
            && self.arm.is_none_or(|wanted| wanted == item.arm)
            && self.round.is_none_or(|wanted| wanted == item.round)
    }

    fn words(&self) -> String {
        let words = [
            self.scenario
                .as_ref()
                .map(|name| format!("scenario {name}")),
            self.candidate
                .as_ref()
                .map(|name| format!("candidate {name}")),
            self.arm.map(|arm| format!("arm {arm}")),
            self.round.map(|round| format!("round {round}")),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        if words.is_empty() {
            "finished".to_owned()
        } else {
            words.join(", ")
        }
    }

    /// The metrics a file holds.
    fn metrics(wanted: Option<Metric>) -> impl Iterator<Item = Metric> {
        Metric::ALL
            .into_iter()
            .filter(move |metric| wanted.is_none_or(|wanted| wanted == *metric))
    }
}
