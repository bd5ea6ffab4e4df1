//! The layout control: the effects of shuffled baselines, which were left out, and how a difference
//! compares with them. Must not derive a figure.

use stats::compare::Scale;

use super::changes::{Of, change};
use super::words::{count, percent};
use crate::compare::{LayoutControl, LayoutLabel, LayoutNoise, MetricComparison};

/// "Layout control: 3 shuffled baselines beside the baseline: …"
pub(crate) fn title(control: &LayoutControl) -> String {
    let layouts = count(control.layouts() as u64, "shuffled baseline");
    format!("Layout control: {layouts} beside the baseline: the effect of code placement alone")
}

/// The effect of the layouts on each primary measure.
pub(crate) fn each(control: &LayoutControl) -> Vec<String> {
    control
        .noises
        .iter()
        .filter(|noise| noise.primary)
        .map(said)
        .collect()
}

/// "burst-100, E2E p50: 0.40 % lower, 1.1 % higher; SD 0.80 %"
fn said(noise: &LayoutNoise) -> String {
    let of = Of(noise.measure, Scale::Log);
    let changes: Vec<String> = noise
        .counted
        .iter()
        .map(|one| change(of, one.delta))
        .collect();
    let changes = match changes.is_empty() {
        true => "none has a VALID measurement".to_owned(),
        false => changes.join(", "),
    };
    let spread = match noise.spread {
        Some(spread) => {
            let [sd, without] = [spread.sd, spread.without_error].map(|sd| percent(sd.exp_m1()));
            format!("SD {sd} ({without} without measurement error)")
        }
        None => "no SD of fewer than two".to_owned(),
    };
    let (scenario, label) = (&noise.scenario, noise.measure.label());
    format!("{scenario}, {label}: {changes}; {spread}")
}

/// Each layout left out of the spread of a primary measure, with the reason.
pub(crate) fn left_out(control: &LayoutControl) -> Vec<String> {
    let primaries = control.noises.iter().filter(|noise| noise.primary);
    let text = |noise: &LayoutNoise| {
        let line = |(layout, why): &(String, String)| {
            format!("{}: {layout} is left out of the SD: {why}", noise.scenario)
        };
        noise.left_out.iter().map(line).collect::<Vec<_>>()
    };
    primaries.flat_map(text).collect()
}

/// How a difference compares with the effect of code placement alone; `None` if there is nothing to
/// warn of.
pub(crate) fn layout(label: &LayoutLabel) -> Option<String> {
    match label {
        LayoutLabel::Within(spread) => {
            let (sd, layouts) = (percent(spread.sd.exp_m1()), spread.layouts);
            Some(format!(
                "{WITHIN_LAYOUT} (±{sd} over {layouts} shuffled baselines)"
            ))
        }
        LayoutLabel::Unknown { layouts } => Some(format!(
            "code-layout noise unknown (fewer than two of {layouts} shuffled baselines have a VALID \
             measurement)"
        )),
        LayoutLabel::Beyond(_) => None,
    }
}

/// The label of a difference that layout alone could cause.
pub(crate) const WITHIN_LAYOUT: &str = "within code-layout noise";

/// The label after a verdict in a table: in parentheses, or empty.
pub(crate) fn layout_mark(metric: &MetricComparison) -> String {
    match metric.layout {
        Some(LayoutLabel::Within(_)) => format!(" ({WITHIN_LAYOUT})"),
        _ => String::new(),
    }
}
