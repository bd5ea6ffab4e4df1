//! Converts the layout control for the document.

use crate::compare::{self, Cell, ComparisonResult, LayoutControl, MetricComparison};
use crate::report::document as doc;

use super::metrics::{estimate, round};

pub(super) fn control(control: &LayoutControl) -> doc::Layout {
    doc::Layout {
        arms: control.cells.iter().map(arm).collect(),
        noise: control.noises.iter().map(noise).collect(),
    }
}

fn arm(cell: &Cell) -> doc::LayoutArm {
    doc::LayoutArm {
        cell: cell.index,
        scenario: cell.scenario.clone(),
        variant: cell.candidate.clone().unwrap_or_default(),
        rounds_done: cell.rounds.0,
        measurement: super::assessed(&cell.assessment),
        metrics: cell.metrics.iter().map(metric).collect(),
    }
}

fn metric(metric: &MetricComparison) -> doc::LayoutMetric {
    let comparison = match &metric.outcome {
        ComparisonResult::Compared { comparison, .. } => Some(comparison),
        ComparisonResult::Hidden { .. } | ComparisonResult::Missing { .. } => None,
    };
    let control = comparison.and_then(|comparison| comparison.control.as_ref());
    doc::LayoutMetric {
        name: metric.measure.name(),
        effect: comparison.map(|comparison| estimate(metric, &comparison.effect)),
        control: control.map(|control| estimate(metric, control)),
        rounds: metric.rounds.iter().map(round).collect(),
    }
}

pub(in crate::report::json) fn noise(noise: &compare::LayoutNoise) -> doc::LayoutNoise {
    let effect = |effect: &compare::LayoutEffect| doc::LayoutEffect {
        variant: effect.layout.clone(),
        delta: effect.delta,
        se: effect.se,
    };
    let left_out = |(variant, reason): &(String, String)| doc::LeftOut {
        variant: variant.clone(),
        reason: reason.clone(),
    };
    doc::LayoutNoise {
        scenario: noise.scenario.clone(),
        metric: noise.measure.name(),
        counted: noise.counted.iter().map(effect).collect(),
        left_out: noise.left_out.iter().map(left_out).collect(),
        mean: noise.spread.map(|spread| spread.mean),
        sd: noise.spread.map(|spread| spread.sd),
        sd_without_error: noise.spread.map(|spread| spread.without_error),
    }
}

pub(super) fn label(label: &compare::LayoutLabel) -> doc::LayoutLabel {
    let (word, layouts, sd) = match *label {
        compare::LayoutLabel::Within(spread) => ("within", spread.layouts, Some(spread.sd)),
        compare::LayoutLabel::Beyond(spread) => ("beyond", spread.layouts, Some(spread.sd)),
        compare::LayoutLabel::Unknown { layouts } => ("unknown", layouts, None),
    };
    doc::LayoutLabel {
        noise: word.to_owned(),
        layouts: layouts as u64,
        sd,
    }
}
