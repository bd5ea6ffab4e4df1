//! The forest plot: every measure's ratio of B to A with its interval, the control beneath it, the
//! tolerance behind it. Left is faster for every measure. Must not derive a figure.

use contract::id::Arm;
use maud::{Markup, html};
use stats::compare::{Estimate, Interval};

use super::chart::{Axis, Chart, row, rows};
use super::mark::{self, Point};
use super::scale::{self, Scale};
use super::scene::Scene;
use crate::compare::{ComparisonResult, MetricComparison};
use crate::report::phrases::changes::{change, interval, level, plain_level};
use crate::report::phrases::words::{NONE, joined};
use crate::report::tables::comparison::{Depth, control, effects};

/// Height of a row, pixels.
const ROW: u32 = 34;

/// An interval is cut off beyond this many half-ranges of the typical row, so that one very wide
/// interval does not compress all others.
const CUT: f64 = 2.5;

/// A measure's row in the plot.
struct Line<'a> {
    metric: &'a MetricComparison,
    delta: f64,
    ci: Interval,
    control: Option<(f64, Interval)>,
    pooled: bool,
}

pub(crate) fn draw(scene: &Scene<'_>) -> Markup {
    let lines: Vec<Line<'_>> = scene.cell.metrics.iter().filter_map(line).collect();
    if lines.is_empty() || scene.cell.candidate.is_none() {
        return html! {};
    }
    chart(scene, &lines).draw()
}

fn line(metric: &MetricComparison) -> Option<Line<'_>> {
    let of = |found: &Estimate| (found.delta, found.ci);
    let (pooled, (delta, ci), control) = match &metric.outcome {
        ComparisonResult::Compared { comparison, .. } => {
            let control = comparison.control.as_ref().map(of);
            (false, of(&comparison.effect), control)
        }
        ComparisonResult::Hidden { pooled, .. } => {
            let pooled = pooled.as_ref()?;
            (true, (pooled.theta, pooled.ci), None)
        }
        ComparisonResult::Missing { .. } => return None,
    };
    Some(Line {
        metric,
        delta,
        ci,
        control,
        pooled,
    })
}

fn chart(scene: &Scene<'_>, lines: &[Line<'_>]) -> Chart {
    let (x, level) = (range(lines), plain_level(scene.cell.alpha));
    let count = lines.len();
    let controlled = lines.iter().any(|line| line.control.is_some());
    let shown = Depth::Full.of(scene.cell);
    let labels = lines.iter().map(|line| line.metric.measure.label());
    let data = [effects(scene.cell, &shown), control(scene.cell, &shown)];
    Chart {
        id: scene.id("forest"),
        title: format!("Every measure: change with its {level} interval"),
        about:
            "Left of the middle is faster, right is slower; rates are reversed to match. Grey: the \
                tolerance; a difference inside it does not matter."
                .to_owned(),
        description: joined(lines.iter().map(said), "; "),
        legend: legend(scene, controlled),
        height: ROW * u32::try_from(count).unwrap_or(1),
        x: Axis::new(
            "← faster · change of B against A in time · slower →",
            x.along(7),
        ),
        y: Axis::bare("", rows(labels)),
        side: rows(lines.iter().map(beside)),
        marks: html! { @for (at, line) in lines.iter().enumerate() { (drawn(&x, line, at, count)) } (mark::upright("zero", x.at(0.0))) },
        data: data.into_iter().filter(|table| !table.is_empty()).collect(),
    }
}

/// Range symmetric about no change.
fn range(lines: &[Line<'_>]) -> Scale {
    let reach = |line: &Line<'_>| {
        let tau = line.metric.limit();
        let wide = |ci: &Interval| ci.low.abs().max(ci.high.abs());
        let control = line.control.map_or(0.0, |(_, ci)| wide(&ci));
        wide(&line.ci).max(control).max(1.2 * tau)
    };
    let mut reaches: Vec<f64> = lines.iter().map(reach).collect();
    reaches.sort_by(f64::total_cmp);
    let typical = reaches[reaches.len() / 2];
    let widest = reaches[reaches.len() - 1].min(CUT * typical);
    let [low, high] = [-1.06, 1.06].map(|part| (part * widest).exp_m1());
    Scale::straight(low, high, scale::Unit::Change)
}

fn drawn(x: &Scale, line: &Line<'_>, at: usize, count: usize) -> Markup {
    let (middle, height) = (row(at, count), 100.0 / count as f64);
    let share = |delta: f64| line.metric.share(delta);
    let place = |delta: f64| x.at(share(delta)).clamp(0.0, 100.0);
    let tau = line.metric.limit();
    let shift = line.control.map_or(0.0, |_| 0.2 * height);
    let kind = match line.pooled {
        true => "interval b pooled",
        false => "interval b",
    };
    let tip = said(line);
    html! {
        (mark::rect("tolerance", (place(-tau), middle - 0.42 * height), (place(tau), middle + 0.42 * height)))
        (bar(kind, (place(line.ci.low), place(line.ci.high)), middle - shift))
        @if x.shows(share(line.delta)) { (mark::dot(Arm::B, (place(line.delta), middle - shift), &tip)) }
        @if let Some((delta, ci)) = line.control {
            (bar("interval a2", (place(ci.low), place(ci.high)), middle + shift))
            @if x.shows(share(delta)) { (mark::dot(Arm::A2, (place(delta), middle + shift), "control: A2 against A")) }
        }
    }
}

/// An interval; an arrow marks an end beyond the edge.
fn bar(class: &str, (from, to): (f64, f64), y: f64) -> Markup {
    let arrow = |tip: Point, tail: f64| {
        html! {
            (mark::stroke(class, tip, (tail, tip.1 - 0.9)))
            (mark::stroke(class, tip, (tail, tip.1 + 0.9)))
        }
    };
    html! {
        (mark::stroke(class, (from, y), (to, y)))
        @if from <= 0.0 { (arrow((0.0, y), 0.7)) }
        @if to >= 100.0 { (arrow((100.0, y), 99.3)) }
    }
}

fn legend(scene: &Scene<'_>, control: bool) -> Vec<(Markup, String)> {
    let candidate = scene.cell.candidate.as_deref().unwrap_or_default();
    let baseline = &scene.cell.baseline;
    let answer = format!("{candidate} (B) against {baseline} (A)");
    let mut all = vec![(mark::key(Arm::B, true), answer)];
    if control {
        let itself = format!("{baseline} against itself (A2, control)");
        all.push((mark::key(Arm::A2, true), itself));
    }
    let band = mark::swatch(&mark::rect("tolerance", (0.0, 0.0), (100.0, 100.0)));
    all.push((band, "tolerance".to_owned()));
    all
}

/// "E2E p50 5.0 % lower, 95 % interval −5.9 … −4.1 %"
fn said(line: &Line<'_>) -> String {
    let Line {
        metric, delta, ci, ..
    } = line;
    let (change, range) = (change(*metric, *delta), interval(*metric, ci));
    let (label, level) = (metric.measure.label(), level(metric.alpha));
    format!("{label} {change}, {level} interval {range}")
}

fn beside(line: &Line<'_>) -> String {
    let verdict = match &line.metric.outcome {
        ComparisonResult::Compared { decision, .. } => decision.verdict.name(),
        ComparisonResult::Hidden { .. } => "pooled",
        ComparisonResult::Missing { .. } => NONE,
    };
    format!("{} · {verdict}", change(line.metric, line.delta))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_beyond_the_edge_ends_in_an_arrow() {
        let strokes = |from, to| {
            bar("interval b", (from, to), 50.0)
                .into_string()
                .matches("<path")
                .count()
        };
        assert_eq!(
            [strokes(10.0, 90.0), strokes(0.0, 90.0), strokes(0.0, 100.0)],
            [1, 3, 5]
        );
        let ticks = rows(["a".to_owned(), "b".to_owned()].into_iter());
        assert_eq!(
            ticks.iter().map(|tick| tick.at).collect::<Vec<_>>(),
            [25.0, 75.0]
        );
    }
}
