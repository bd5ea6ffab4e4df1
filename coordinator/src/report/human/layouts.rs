//! The layout control: what shuffled baselines did, and which of them were left out. Must not
//! derive a figure.

use stats::compare::Scale;

use super::comparison::Depth;
use super::page::Page;
use super::table::Table;
use super::words::{NONE, Unit, change_of, count, percent};
use crate::compare::{Findings, LayoutControl, LayoutNoise};

/// Prints it, where the run has one.
pub(super) fn print(page: &mut Page, findings: &Findings, depth: Depth) {
    let Some(control) = &findings.layout else {
        return;
    };
    page.heading(&title(control));
    let noises = || control.noises.iter();
    noises()
        .filter(|noise| noise.primary)
        .for_each(|noise| page.item(&said(noise)));
    if depth == Depth::Full {
        noises()
            .filter(|noise| noise.primary)
            .for_each(|noise| table(page, control, &noise.scenario));
    }
    left_out(control).iter().for_each(|text| page.item(text));
}

/// "Layout control: 3 shuffled baselines beside the baseline: …"
pub(in crate::report) fn title(control: &LayoutControl) -> String {
    let layouts = count(control.layouts() as u64, "shuffled baseline");
    format!("Layout control: {layouts} beside the baseline: the effect of code placement alone")
}

/// "burst-100, E2E p50: 0.40 % lower, 1.1 % higher; SD 0.80 %"
pub(in crate::report) fn said(noise: &LayoutNoise) -> String {
    let change = |effect: &crate::compare::LayoutEffect| {
        change_of((noise.measure, Scale::Log), effect.delta, Unit::Said)
    };
    let changes = noise
        .counted
        .iter()
        .map(change)
        .collect::<Vec<_>>()
        .join(", ");
    let changes = if changes.is_empty() {
        "none has a VALID measurement".to_owned()
    } else {
        changes
    };
    let spread = match noise.spread {
        Some(spread) => {
            let (sd, without) = (
                percent(spread.sd.exp_m1()),
                percent(spread.without_error.exp_m1()),
            );
            format!("SD {sd} ({without} without measurement error)")
        }
        None => "no SD of fewer than two".to_owned(),
    };
    format!(
        "{}, {}: {changes}; {spread}",
        noise.scenario,
        noise.measure.label()
    )
}

/// Headings of [`figures`].
pub(in crate::report) const HEADINGS: [&str; 5] = [
    "measure",
    "changes",
    "mean",
    "SD",
    "without measurement error",
];

/// A measure with its range, mean and spread.
pub(in crate::report) fn figures(noise: &LayoutNoise, unit: Unit) -> [String; 5] {
    let change = |delta: f64| change_of((noise.measure, Scale::Log), delta, unit);
    let mut deltas: Vec<f64> = noise.counted.iter().map(|effect| effect.delta).collect();
    deltas.sort_by(|a, b| {
        noise
            .measure
            .change(Scale::Log, *a)
            .total_cmp(&noise.measure.change(Scale::Log, *b))
    });
    let range = match deltas[..] {
        [] => NONE.to_owned(),
        [one] => change(one),
        [least, .., most] => format!("{} … {}", change(least), change(most)),
    };
    let of = |figure: fn(&stats::compare::Spread) -> f64| {
        noise.spread.as_ref().map_or_else(
            || NONE.to_owned(),
            |spread| percent(figure(spread).exp_m1()),
        )
    };
    let mean = noise
        .spread
        .map_or_else(|| NONE.to_owned(), |spread| change(spread.mean));
    [
        noise.measure.label(),
        range,
        mean,
        of(|spread| spread.sd),
        of(|spread| spread.without_error),
    ]
}

/// Every measure of a scenario.
fn table(page: &mut Page, control: &LayoutControl, scenario: &str) {
    page.gap();
    page.line(&format!("  {scenario}"));
    let mut table = Table::new(["measure", "changes, %", "mean, %", "SD", "without error"]);
    let here = control
        .noises
        .iter()
        .filter(|noise| noise.scenario == scenario && !noise.counted.is_empty());
    here.for_each(|noise| table.row(figures(noise, Unit::InHeading)));
    table.print(page);
}

/// Each layout that the spread of a primary measure goes without, and why.
pub(in crate::report) fn left_out(control: &LayoutControl) -> Vec<String> {
    let primaries = control.noises.iter().filter(|noise| noise.primary);
    let text = |noise: &LayoutNoise| {
        let line = |(layout, why): &(String, String)| {
            format!("{}: {layout} is left out of the SD: {why}", noise.scenario)
        };
        noise.left_out.iter().map(line).collect::<Vec<_>>()
    };
    primaries.flat_map(text).collect()
}
