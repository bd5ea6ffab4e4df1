//! Explains one metric's answer: the rounds, their differences, every sum up to the interval, and
//! the path through the decision table. The figures are the ones the answer used; nothing is
//! derived anew. Must not know how they are shown.

use stats::compare::{Comparison, Decision, Paired, RoundCosts, Settings, Sums};

use super::metrics::{ComparisonResult, MetricComparison};
use super::{Cell, Findings, LayoutNoise, Measure};

/// One metric of one scenario with one candidate.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// The cell: scenario and candidate.
    pub cell: &'a Cell,
    /// The metric.
    pub metric: &'a MetricComparison,
    /// Settings of the estimate.
    pub settings: &'a Settings,
    /// Both arms ran at once, so the covariate is the side and not a position in an order.
    pub duet: bool,
    /// Derivation of the answer; `None` if nothing was compared.
    pub derivation: Option<Derivation<'a>>,
    /// Effect of the layouts of the baseline on this metric, if the run has them.
    pub layout: Option<&'a LayoutNoise>,
}

/// The derivation from rounds to a verdict.
#[derive(Debug)]
pub struct Derivation<'a> {
    /// Each round's costs, in the order of [`MetricComparison::rounds`].
    pub blocks: Vec<RoundCosts>,
    /// d_r and x_r of B against the baseline.
    pub effect: Paired,
    /// Sums of the effect.
    pub effect_sums: Sums,
    /// d_r and x_r of A2 against A; `None` without the control.
    pub control: Option<(Paired, Sums)>,
    /// Estimate and checks.
    pub comparison: &'a Comparison,
    /// p after Holm's correction, if several questions are tested together.
    pub adjusted_p: Option<f64>,
    /// The verdict and its path.
    pub decision: &'a Decision,
}

/// There is no such metric.
#[derive(Debug, thiserror::Error)]
#[error("find metric `{wanted}`{}: there are {known}", hint(nearest))]
pub struct NoSuchMetric {
    /// Name that was asked for.
    pub wanted: String,
    /// The nearest name.
    pub nearest: Option<String>,
    /// All names.
    pub known: String,
}

fn hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

/// Explains a metric in every cell; `primary` is the plan's primary metric.
///
/// # Errors
/// When there is no metric of that name.
pub fn explain<'a>(
    findings: &'a Findings,
    wanted: &str,
) -> Result<Vec<Explanation<'a>>, NoSuchMetric> {
    is_known(wanted)?;
    let asked = |metric: &&MetricComparison| match wanted {
        "primary" => metric.primary,
        name => metric.measure.name() == name,
    };
    let of_cell = |cell: &'a Cell| {
        let metric = cell.metrics.iter().find(asked)?;
        let derivation = metric.derivation();
        let layout = findings
            .layout
            .as_ref()
            .and_then(|l| l.noise(&cell.scenario, metric.measure));
        Some(Explanation {
            cell,
            metric,
            settings: &findings.settings,
            duet: findings.plan.duet,
            derivation,
            layout,
        })
    };
    Ok(findings.cells.iter().filter_map(of_cell).collect())
}

/// Refuses a name that is neither a measure's nor `primary`.
pub(crate) fn is_known(wanted: &str) -> Result<(), NoSuchMetric> {
    let names: Vec<String> = Measure::ALL.iter().map(|measure| measure.name()).collect();
    if wanted == "primary" || names.iter().any(|name| name == wanted) {
        return Ok(());
    }
    let nearest = crate::plan::nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned);
    Err(NoSuchMetric {
        wanted: wanted.to_owned(),
        nearest,
        known: names.join(", "),
    })
}

impl MetricComparison {
    fn derivation(&self) -> Option<Derivation<'_>> {
        let ComparisonResult::Compared {
            comparison,
            adjusted_p,
            decision,
            ..
        } = &self.outcome
        else {
            return None;
        };
        let blocks = self.blocks()?;
        let effect = Paired::effect(&blocks);
        let control = Paired::control(&blocks);
        let effect_sums = effect.sums();
        let control = (!control.differences.is_empty()).then(|| {
            let sums = control.sums();
            (control, sums)
        });
        Some(Derivation {
            blocks,
            effect,
            effect_sums,
            control,
            comparison,
            adjusted_p: *adjusted_p,
            decision,
        })
    }
}
