//! What the index keeps of a run for its history: its series, and one figure for each scenario,
//! variant and measure. JSON whose absent fields have defaults. Owns its derivation from findings;
//! must not know other runs.

use std::collections::BTreeMap;

use contract::id::Arm;
use contract::run::{Role, RunHeader};
use serde::{Deserialize, Serialize};
use stats::compare::{Settings, Verdict};

use super::{class, series};
use crate::compare::{Cell, Findings, MetricComparison};
use crate::layout::Layout;
use crate::plan::Plan;

/// Values by scenario, variant and measure.
pub(super) type Values = BTreeMap<String, BTreeMap<String, BTreeMap<String, f64>>>;

/// A run's entry in its history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunHistory {
    /// Version of the keys; zero in records that predate it.
    #[serde(default)]
    pub keys: u32,
    /// Key of plan and model.
    pub series: String,
    /// Key of the plan alone.
    pub plan: String,
    /// Class of the hosts.
    pub host_class: String,
    /// Kernel, microcode, governor of the hosts.
    pub environment: Vec<String>,
    /// SHA-256 of the baseline's file.
    pub baseline: String,
    /// Name of the primary measure.
    pub primary: String,
    /// ln of the geometric mean over rounds, in the measure's unit. A rate with zero in some round
    /// has none.
    pub values: Values,
    /// The mean over rounds of every rate, including rounds of zero. `None` in older records, whose
    /// geometric means silently left out rounds of zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Values>,
    /// For an A/A run: the result of each comparison, by scenario and measure.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub effects: BTreeMap<String, BTreeMap<String, Effect>>,
}

/// Result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// δ̂, a log ratio; more is slower.
    pub delta: f64,
    /// Lower bound of the 95 % interval.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Whether the verdict was FASTER or SLOWER.
    pub found: bool,
}

/// Its key in the summary of a run's end.
const KEY: &str = "history";

/// Current version of the keys. 1: files by content, hosts by the resources that a process may use.
const KEYS: u32 = 1;

impl RunHistory {
    /// Whether its keys are those that this version would compute.
    #[must_use]
    pub fn has_current_keys(&self) -> bool {
        self.keys == KEYS
    }

    /// The same with keys of the current version, from the recorded header and plan.
    #[must_use]
    pub fn rekeyed(self, header: &RunHeader, plan: &Plan) -> Self {
        Self {
            keys: KEYS,
            series: series::series_key(plan, &header.model_digest),
            plan: series::plan_key(plan),
            host_class: class::host_class(&header.hosts),
            environment: class::environment(&header.hosts),
            ..self
        }
    }

    /// Derives it from findings.
    #[must_use]
    pub fn of(findings: &Findings) -> Self {
        let header = &findings.record.header;
        let a_a = header.is(Role::SameBuild);
        let (mut values, mut rates) = (Values::new(), Values::new());
        findings
            .all_cells()
            .for_each(|cell| add(&mut values, cell, geometric));
        findings
            .all_cells()
            .for_each(|cell| add(&mut rates, cell, plain));
        let effects = findings
            .cells
            .iter()
            .filter(|_| a_a)
            .map(|cell| (cell.scenario.clone(), effects(cell)));
        let digest = Self {
            baseline: header
                .variants
                .first()
                .map_or_else(String::new, |variant| variant.sha256.to_string()),
            primary: findings.plan.primary.name().to_owned(),
            values,
            rates: Some(rates),
            effects: effects.collect(),
            ..Self::default()
        };
        digest.rekeyed(header, &findings.plan)
    }

    /// Reads it from the summary of a run's end; `None` if an older program wrote the summary.
    #[must_use]
    pub fn read(summary_json: &str) -> Option<Self> {
        let mut summary: serde_json::Value = serde_json::from_str(summary_json).ok()?;
        serde_json::from_value(summary.get_mut(KEY)?.take()).ok()
    }
}

/// With several candidates the baseline was measured beside each; the first stands for it. Layouts
/// are controls and have no history.
fn add(values: &mut Values, cell: &Cell, of: fn(&MetricComparison, bool) -> Option<f64>) {
    let here = values.entry(cell.scenario.clone()).or_default();
    for metric in cell.metrics.iter().filter(|metric| !metric.is_hidden()) {
        let name = metric.measure.name();
        let mut put = |variant: &str, value: Option<f64>| {
            if let Some(value) = value {
                here.entry(variant.to_owned())
                    .or_default()
                    .entry(name.clone())
                    .or_insert(value);
            }
        };
        put(&cell.baseline, of(metric, true));
        let candidate = cell
            .candidate
            .as_ref()
            .filter(|name| **name != cell.baseline);
        let candidate = candidate.filter(|name| Layout::named(name).is_none());
        if let Some(candidate) = candidate {
            put(candidate, of(metric, false));
        }
    }
}

/// ln of the geometric mean; none if a round has zero.
fn geometric(metric: &MetricComparison, baseline: bool) -> Option<f64> {
    let values: Vec<f64> = metric.values(|arm| arm.is_baseline() == baseline).collect();
    let positive = !values.is_empty() && values.iter().all(|value| *value > 0.0);
    positive.then(|| values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64)
}

/// The mean of a rate.
fn plain(metric: &MetricComparison, baseline: bool) -> Option<f64> {
    let of = |arm: Arm| metric.measure.is_rate() && arm.is_baseline() == baseline;
    let values: Vec<f64> = metric.values(of).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn effects(cell: &Cell) -> BTreeMap<String, Effect> {
    let effect = |metric: &MetricComparison| {
        let (comparison, decision) = metric.compared()?;
        // Chance is counted at 5 %, whatever level an interim analysis left for the answer.
        let ci = comparison.effect.interval_at(Settings::default().alpha);
        let found = matches!(decision.verdict, Verdict::Slower | Verdict::Faster);
        // The log ratio whose share is this one, so that the floor derived from it is the same
        // share.
        let ratio = |delta: f64| metric.share(delta.abs()).ln_1p().copysign(delta);
        let effect = &comparison.effect;
        let (delta, low, high) = (ratio(effect.delta), ratio(ci.low), ratio(ci.high));
        Some((
            metric.measure.name(),
            Effect {
                delta,
                low,
                high,
                found,
            },
        ))
    };
    cell.metrics.iter().filter_map(effect).collect()
}
