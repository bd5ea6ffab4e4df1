//! The ladder: for every round in time order, the difference of B and of the control from that
//! round's baseline, with the mean and its interval. Must not derive a figure.

use contract::id::Arm;
use maud::{Markup, html};
use stats::compare::RoundCosts;

use super::chart::{Axis, Chart};
use super::mark;
use super::scale::{self, Scale, Tick};
use super::scene::Scene;
use crate::compare::{MetricComparison, RoundValues};
use crate::report::phrases::changes::{better, change, level};
use crate::report::phrases::words::{count, joined, shown};
use crate::report::tables::comparison::of_arm;
use crate::report::tables::table::Table;

/// Greatest number of labels on an axis of rounds.
const LABELS: usize = 10;

/// One round's differences as log ratios (more is slower).
struct Rung<'a> {
    values: &'a RoundValues,
    b: f64,
    a2: Option<f64>,
}

pub(crate) fn draw(scene: &Scene<'_>) -> Markup {
    let compared = scene.cell.candidate.is_some();
    let metric = scene.cell.primary().filter(|_| compared);
    match metric.map(|metric| (metric, rungs(metric))) {
        Some((metric, rungs)) if !rungs.is_empty() => chart(scene, metric, &rungs).draw(),
        _ => html! {},
    }
}

/// Empty if an arm has no value in some round.
fn rungs(metric: &MetricComparison) -> Vec<Rung<'_>> {
    let rung = |(values, block): (_, RoundCosts)| Rung {
        values,
        b: block.b.cost - block.baseline(),
        a2: block.a2.map(|a2| a2.cost - block.a.cost),
    };
    let blocks = metric.blocks().unwrap_or_default();
    metric.rounds.iter().zip(blocks).map(rung).collect()
}

fn chart(scene: &Scene<'_>, metric: &MetricComparison, rungs: &[Rung<'_>]) -> Chart {
    let found = metric.compared().map(|(comparison, _)| &comparison.effect);
    let (tau, better) = (metric.limit(), better(metric));
    let own = |delta: f64| metric.change(delta);
    let seen = rungs.iter().flat_map(|rung| [Some(rung.b), rung.a2]);
    let ends = found.map(|effect| [effect.ci.low, effect.ci.high]);
    let seen = seen
        .flatten()
        .chain([tau, -tau])
        .chain(ends.into_iter().flatten());
    let y = Scale::around(seen.map(own), scale::Unit::Change);
    let x = |at: usize| 100.0 * (at as f64 + 0.5) / rungs.len() as f64;
    let down = |delta: f64| y.down(own(delta));
    let dots = rungs.iter().enumerate().map(|(at, rung)| {
        let dot = |arm: Arm, delta: f64| {
            mark::dot(arm, (x(at), down(delta)), &tip(metric, rung, arm, delta))
        };
        html! {
            (mark::stroke("stem b", (x(at), y.down(0.0)), (x(at), down(rung.b))))
            @if let Some(a2) = rung.a2 { (dot(Arm::A2, a2)) }
            (dot(Arm::B, rung.b))
        }
    });
    Chart {
        id: scene.id("ladder"),
        title: format!("Round by round: {}", metric.measure.label()),
        about: format!("B against the baseline of the same round; {better}. Grey: tolerance."),
        description: described(metric, rungs),
        legend: legend(scene, metric, found.is_some()),
        height: 240,
        x: Axis::bare("round, in order of time", labels(rungs, x)),
        y: Axis::new("", y.up(5)),
        side: Vec::new(),
        marks: html! {
            (mark::rect("tolerance", (0.0, down(-tau)), (100.0, down(tau))))
            @if let Some(effect) = found {
                (mark::rect("mean b", (0.0, down(effect.ci.low)), (100.0, down(effect.ci.high))))
                (mark::level("mean b", down(effect.delta)))
            }
            (mark::level("zero", y.down(0.0)))
            @for dot in dots { (dot) }
        },
        data: vec![table(scene, metric, rungs)],
    }
}

/// A label for every round if they fit, otherwise for some.
fn labels(rungs: &[Rung<'_>], x: impl Fn(usize) -> f64) -> Vec<Tick> {
    let every = rungs.len().div_ceil(LABELS).max(1);
    let tick = |(at, rung): (usize, &Rung<'_>)| Tick {
        at: x(at),
        label: (rung.values.round + 1).to_string(),
    };
    rungs.iter().enumerate().step_by(every).map(tick).collect()
}

fn tip(metric: &MetricComparison, rung: &Rung<'_>, arm: Arm, delta: f64) -> String {
    let change = change(metric, delta);
    format!("round {}, {arm}: {change}", rung.values.round + 1)
}

fn legend(scene: &Scene<'_>, metric: &MetricComparison, found: bool) -> Vec<(Markup, String)> {
    let mut all = vec![(mark::key(Arm::B, false), scene.heading(Arm::B))];
    if metric.values(|arm| arm == Arm::A2).next().is_some() {
        let control = format!("{} against A", scene.heading(Arm::A2));
        all.push((mark::key(Arm::A2, false), control));
    }
    if found {
        let both = html! {
            (mark::rect("mean b", (0.0, 10.0), (100.0, 90.0)))
            (mark::level("mean b", 50.0))
        };
        let mean = format!("mean with {} interval", level(metric.alpha));
        all.push((mark::swatch(&both), mean));
    }
    all
}

fn described(metric: &MetricComparison, rungs: &[Rung<'_>]) -> String {
    let of = |rung: &Rung<'_>| {
        let change = change(metric, rung.b);
        format!("round {}: {change}", rung.values.round + 1)
    };
    let rounds = count(rungs.len() as u64, "round");
    format!("{rounds}: {}", joined(rungs.iter().map(of), "; "))
}

fn table(scene: &Scene<'_>, metric: &MetricComparison, rungs: &[Rung<'_>]) -> Table {
    let label = metric.measure.label();
    let arms: Vec<Arm> = scene.cell.arms.iter().map(|arm| arm.arm).collect();
    let mut headings = vec!["round".to_owned(), "order".to_owned()];
    headings.extend(arms.iter().map(|arm| scene.heading(*arm)));
    headings.extend(["B against A".to_owned(), "A2 against A".to_owned()]);
    let row = |rung: &Rung<'_>| {
        let order = joined(rung.values.values.iter().map(|(arm, ..)| arm), " ");
        let delta = |delta: Option<f64>| shown(delta, |delta| change(metric, delta));
        let mut row = vec![(rung.values.round + 1).to_string(), order];
        row.extend(arms.iter().map(|arm| of_arm(metric, rung.values, *arm)));
        row.extend([delta(Some(rung.b)), delta(rung.a2)]);
        row
    };
    Table::new(format!("{label} of every round"), headings)
        .words(&[1])
        .with(rungs.iter().map(row))
}
