//! Duration of each phase of a cold start. Must not derive a figure.

use maud::{Markup, html};

use super::chart::{Axis, Chart, row, rows};
use super::mark;
use super::scale::{Scale, Unit};
use super::scene::Scene;
use crate::compare::ArmSummary;
use crate::report::phrases::words::joined;
use crate::report::tables::arms::{cold as table, together};

/// Height of a phase including its spacing, pixels.
const PHASE: u32 = 34;

pub(crate) fn draw(scene: &Scene<'_>) -> Markup {
    // Every arm has the same phases as the first.
    let Some(phases) = scene
        .cell
        .arms
        .first()
        .map(|arm| &arm.cold)
        .filter(|cold| !cold.is_empty())
    else {
        return html! {};
    };
    let names: Vec<&str> = phases.iter().map(|cold| cold.phase.as_str()).collect();
    chart(scene, &names).draw()
}

fn chart(scene: &Scene<'_>, names: &[&str]) -> Chart {
    let arms = &scene.cell.arms;
    let all = names
        .iter()
        .flat_map(|phase| arms.iter().filter_map(|arm| took(arm, phase)));
    let x = Scale::from_zero(all, Unit::Time);
    let said = |arm: &ArmSummary| format!("{}: {} together", scene.heading(arm.arm), together(arm));
    Chart {
        id: scene.id("cold"),
        title: "Cold start, phase by phase".to_owned(),
        about: "Median over worker processes; not part of the figures above. Shorter is better."
            .to_owned(),
        description: joined(arms.iter().map(said), "; "),
        legend: legend(scene),
        height: PHASE * u32::try_from(names.len()).unwrap_or(1),
        x: Axis::new("", x.along(4)),
        y: Axis::bare("", rows(names.iter().map(|phase| phase.replace('_', " ")))),
        side: Vec::new(),
        marks: html! { @for (at, phase) in names.iter().enumerate() {
            (bars(&x, arms, phase, (row(at, names.len()), 84.0 / names.len() as f64)))
        } },
        data: vec![table(scene.cell)],
    }
}

/// Duration, nanoseconds.
fn took(arm: &ArmSummary, phase: &str) -> Option<f64> {
    Some(arm.cold(phase)?.as_nanos() as f64)
}

/// One phase: a bar for each arm, one below the other, around the middle of the row.
fn bars(x: &Scale, arms: &[ArmSummary], phase: &str, (middle, height): (f64, f64)) -> Markup {
    let lane = height / arms.len() as f64;
    let bar = |(at, arm): (usize, &ArmSummary)| {
        let top = middle - height / 2.0 + lane * at as f64;
        let took = took(arm, phase)?;
        let class = format!("bar {}", mark::class(arm.arm));
        Some(mark::rect(
            &class,
            (0.0, top + 0.1 * lane),
            (x.at(took), top + 0.9 * lane),
        ))
    };
    html! { @for bar in arms.iter().enumerate().filter_map(bar) { (bar) } }
}

fn legend(scene: &Scene<'_>) -> Vec<(Markup, String)> {
    let key = |arm| {
        mark::rect(
            &format!("bar {}", mark::class(arm)),
            (2.0, 10.0),
            (98.0, 90.0),
        )
    };
    let entry = |(arm, _)| (mark::swatch(&key(arm)), scene.heading(arm));
    scene.arms().into_iter().map(entry).collect()
}
