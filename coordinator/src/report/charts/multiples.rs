//! Small multiples: the primary measure on every host and in every slot, on one common scale, so
//! that an unusual one is seen at once. Must not derive a figure.

use contract::id::Arm;
use maud::{Markup, html};

use super::mark;
use super::scale::{Scale, Unit};
use super::scene::Scene;
use crate::compare::{MetricComparison, RoundValues, Spot};
use crate::report::phrases::changes::{Of, better, change, interval, level};
use crate::report::phrases::words::{NBSP, NONE, count, shown, value};
use crate::report::render::html::table as render;
use crate::report::tables::table::Table;

pub(crate) fn draw(scene: &Scene<'_>) -> Markup {
    let Some(metric) = scene.cell.primary() else {
        return html! {};
    };
    html! {
        (group(scene, metric, &scene.picture.hosts, "hosts", "Host by host"))
        (group(scene, metric, &scene.picture.workers, "workers", "Worker by worker"))
    }
}

/// A group of panels. A single place has nothing to compare with.
fn group(
    scene: &Scene<'_>,
    metric: &MetricComparison,
    spots: &[Spot],
    id: &str,
    title: &str,
) -> Markup {
    let rounds = || spots.iter().flat_map(|spot| &spot.rounds);
    let values = || {
        rounds()
            .flat_map(|round| &round.values)
            .map(|(.., value)| *value)
    };
    if spots.len() < 2 || values().next().is_none() {
        return html! {};
    }
    let label = metric.measure.label();
    let y = Scale::around(values(), Unit::of(metric.measure));
    let arms: Vec<(Arm, &str)> = scene.arms();
    html! {
        figure class="chart" id=(scene.id(id)) {
            figcaption {
                h3 { (title) ": " (label) }
                p class="about" { (about(metric, values())) }
            }
            ul class="legend" { @for (key, text) in super::chart::legend(&arms, true) { li { (key) " " (text) } } }
            div class="multiples" { @for spot in spots { (panel(metric, spot, &y)) } }
            details class="data" {
                summary { "Figures: " (title) }
                (render(&table(scene, metric, spots, title)))
            }
        }
    }
}

fn about(metric: &MetricComparison, values: impl Iterator<Item = f64>) -> String {
    let wider = |(low, high): (f64, f64), v: f64| (low.min(v), high.max(v));
    let (low, high) = values.fold((f64::INFINITY, 0.0), wider);
    let [low, high] = [low, high].map(|end| value(metric.measure, end));
    format!(
        "Round by round from left to right; every panel from {low} to {high}; {}. Hosts and workers of one \
         round share its noise, so their intervals are not independent.",
        better(metric)
    )
}

fn panel(metric: &MetricComparison, spot: &Spot, y: &Scale) -> Markup {
    let rounds = spot.rounds.len().max(1) as f64;
    let points = |arm: Arm| -> Vec<mark::Point> {
        let point = move |(at, round): (usize, &RoundValues)| {
            let (.., value) = round.values.iter().find(|(one, ..)| *one == arm)?;
            Some((100.0 * (at as f64 + 0.5) / rounds, y.down(*value)))
        };
        spot.rounds.iter().enumerate().filter_map(point).collect()
    };
    html! {
        div class="panel" {
            p { strong { (called(spot)) } " " (found(metric, spot)) }
            svg class="plot" role="img" viewBox="0 0 100 100" preserveAspectRatio="none" {
                title { (called(spot)) ": " (found(metric, spot)) }
                (mark::level("grid", 0.0))
                (mark::level("grid", 100.0))
                @for arm in [Arm::A2, Arm::A, Arm::B] { @let points = points(arm); @if !points.is_empty() {
                    (mark::line(mark::class(arm), points.iter().copied()))
                    (mark::dot(arm, points[points.len() - 1], ""))
                } }
            }
        }
    }
}

fn called(spot: &Spot) -> String {
    match spot.place.slot {
        Some(slot) => format!("slot{NBSP}{slot} · {}", spot.place.host),
        None => spot.place.host.clone(),
    }
}

/// The result of this place alone.
fn found(metric: &MetricComparison, spot: &Spot) -> String {
    match &spot.effect {
        Some(there) => change(Of(metric.measure, there.scale), there.effect.delta),
        None => typical(metric, spot, Arm::A),
    }
}

/// The mean, because changes are about means; the median over rounds would be a different figure.
fn typical(metric: &MetricComparison, spot: &Spot, arm: Arm) -> String {
    let values = spot.rounds.iter().flat_map(|round| &round.values);
    let values = values.filter(|(one, ..)| *one == arm);
    let values: Vec<f64> = values.map(|(.., value)| *value).collect();
    if values.is_empty() {
        return NONE.to_owned();
    }
    let mean = |all: Vec<f64>| all.iter().sum::<f64>() / all.len() as f64;
    let typical = match values.contains(&0.0) {
        true => mean(values),
        false => mean(values.into_iter().map(f64::ln).collect()).exp(),
    };
    value(metric.measure, typical)
}

fn table(scene: &Scene<'_>, metric: &MetricComparison, spots: &[Spot], title: &str) -> Table {
    let arms: Vec<Arm> = scene.cell.arms.iter().map(|arm| arm.arm).collect();
    let mut headings = vec!["place".to_owned()];
    headings.extend(arms.iter().map(|arm| scene.heading(*arm)));
    let level = format!("{} interval", level(metric.alpha));
    headings.extend(["change".to_owned(), level, "rounds".to_owned()]);
    let row = |spot: &Spot| {
        let mut row = vec![called(spot)];
        row.extend(arms.iter().map(|arm| typical(metric, spot, *arm)));
        let there = spot.effect.as_ref();
        let of = |scale| Of(metric.measure, scale);
        let change = shown(there, |there| change(of(there.scale), there.effect.delta));
        let range = shown(there, |there| interval(of(there.scale), &there.effect.ci));
        row.extend([change, range, count(spot.rounds.len() as u64, "round")]);
        row
    };
    let mean = match metric.scale.is_log() {
        true => "geometric mean",
        false => "mean",
    };
    let caption = format!("{title}: {}, {mean} over rounds", metric.measure.label());
    Table::new(caption, headings).with(spots.iter().map(row))
}
