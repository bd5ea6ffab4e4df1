//! One card a load: its verdict, the primary measure's change with its interval, and the sentence
//! of the terminal report. Must not decide anything.

use maud::{Markup, html};
use stats::compare::{Interval, Verdict};

use super::super::human::headline;
use super::super::human::words::{Unit, change, interval, level, value};
use super::answer::{badge, tone};
use super::scale::Scale;
use super::{mark, scale};
use crate::compare::{Cell, MetricComparison, Outcome};
use contract::id::Arm;

pub(super) fn draw(cell: &Cell) -> Markup {
    html! {
        article class="card" {
            h3 { a href=(format!("#c{}-all", cell.index)) { (&cell.title) } }
            @if let Some(verdict) = cell.verdict() { p { (badge(&tone(verdict))) } }
            @if let Some(metric) = cell.primary() { (figures(cell, metric)) }
            p class="said" { (said(cell)) }
        }
    }
}

/// The headline without the name of the load, which stands above it.
fn said(cell: &Cell) -> String {
    let headline = headline(cell);
    let rest = [&cell.title, &cell.scenario]
        .into_iter()
        .find_map(|name| headline.strip_prefix(&format!("{name}: ")));
    let rest = rest.unwrap_or(&headline);
    format!("{rest}.")
}

fn figures(cell: &Cell, metric: &MetricComparison) -> Markup {
    let Outcome::Compared {
        comparison,
        decision,
        ..
    } = &metric.outcome
    else {
        return html! {};
    };
    if decision.verdict == Verdict::Invalid {
        // Nobody should carry a figure home that must not be believed.
        return html! {};
    }
    let typical = |of: &dyn Fn(Arm) -> bool| {
        metric
            .typical(of)
            .map(|typical| value(metric.measure, typical))
            .unwrap_or_default()
    };
    let effect = &comparison.effect;
    html! {
        p class="change" { (change(metric, effect.delta, Unit::Said)) }
        p class="values" {
            (metric.measure.label()) ": " (typical(&|arm| arm.is_baseline())) " → " (typical(&|arm| !arm.is_baseline()))
        }
        (strip(&title(cell, metric, &effect.ci), effect.delta, &effect.ci, decision.limit))
        p class="ends" aria-hidden="true" { span { "← faster" } span { "slower →" } }
    }
}

fn title(cell: &Cell, metric: &MetricComparison, ci: &Interval) -> String {
    let range = interval(metric, ci, Unit::Said);
    format!(
        "{}: {} interval of {}: {range}",
        cell.scenario,
        level(metric.alpha),
        metric.measure.label()
    )
}

/// The interval on a line of its own: the tolerance in grey, no change in the middle.
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
