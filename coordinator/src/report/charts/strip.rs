//! A measure in large figures: its change, and below it the interval on a separate line. Must not
//! decide anything.

use contract::id::Arm;
use maud::{Markup, html};
use stats::compare::Interval;

use super::mark;
use super::scale::{self, Scale};
use crate::compare::{Cell, MetricComparison};
use crate::report::phrases::changes::{change, interval, level};
use crate::report::phrases::words::value;

pub(crate) fn draw(cell: &Cell, metric: &MetricComparison) -> Markup {
    let Some((comparison, decision)) = metric.compared() else {
        return html! {};
    };
    let typical = |of: &dyn Fn(Arm) -> bool| {
        metric
            .typical(of)
            .map(|typical| value(metric.measure, typical))
            .unwrap_or_default()
    };
    let effect = &comparison.effect;
    html! {
        p class="change" { (change(metric, effect.delta)) }
        p class="values" {
            (metric.measure.label()) ": " (typical(&|arm| arm.is_baseline())) " → " (typical(&|arm| !arm.is_baseline()))
        }
        (strip(&title(cell, metric, &effect.ci), effect.delta, &effect.ci, decision.limit))
        p class="ends" aria-hidden="true" { span { "← faster" } span { "slower →" } }
    }
}

fn title(cell: &Cell, metric: &MetricComparison, ci: &Interval) -> String {
    let range = interval(metric, ci);
    format!(
        "{}: {} interval of {}: {range}",
        cell.scenario,
        level(metric.alpha),
        metric.measure.label()
    )
}

/// The interval as a strip: tolerance in grey, no change in the middle.
fn strip(title: &str, delta: f64, ci: &Interval, tau: f64) -> Markup {
    let widest = [ci.low.abs(), ci.high.abs(), 2.0 * tau]
        .into_iter()
        .fold(0.0, f64::max)
        * 1.1;
    let x = Scale::straight(-widest, widest, scale::Unit::Change);
    html! {
        svg class="strip" role="img" viewBox="0 0 100 100" preserveAspectRatio="none" {
            title { (title) }
            (mark::rect("tolerance", (x.at(-tau), 0.0), (x.at(tau), 100.0)))
            (mark::upright("zero", 50.0))
            (mark::stroke("interval b", (x.at(ci.low), 50.0), (x.at(ci.high), 50.0)))
            (mark::dot(Arm::B, (x.at(delta), 50.0), title))
        }
    }
}
