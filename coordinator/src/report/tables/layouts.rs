//! The effects of layouts of the baseline, for each measure. Must not derive a figure.

use stats::compare::{Scale, Spread};

use super::table::{Cell, Table};
use crate::compare::{LayoutControl, LayoutNoise};
use crate::report::phrases::changes::Of;
use crate::report::phrases::words::{NONE, percent};

/// One table for each scenario: every measure with its range, mean and spread.
pub(crate) fn layouts(control: &LayoutControl) -> Vec<Table> {
    let primaries = control.noises.iter().filter(|noise| noise.primary);
    primaries
        .map(|noise| table(control, &noise.scenario))
        .collect()
}

fn table(control: &LayoutControl, scenario: &str) -> Table {
    let here = |noise: &&LayoutNoise| noise.scenario == scenario && !noise.counted.is_empty();
    let headings = [
        "measure".into(),
        Cell::per_cent("changes"),
        Cell::per_cent("mean"),
        "SD".into(),
        Cell::both("without measurement error", "without error"),
    ];
    let caption = Cell::both(
        format!("{scenario}: layouts against the baseline"),
        scenario,
    );
    Table::new(caption, headings).with(control.noises.iter().filter(here).map(row))
}

fn row(noise: &LayoutNoise) -> [Cell; 5] {
    let of = Of(noise.measure, Scale::Log);
    let change = |delta| Cell::change(of, delta);
    let mut deltas: Vec<f64> = noise.counted.iter().map(|effect| effect.delta).collect();
    let size = |delta: &f64| noise.measure.change(Scale::Log, *delta);
    deltas.sort_by(|a, b| size(a).total_cmp(&size(b)));
    let range = match deltas[..] {
        [] => NONE.into(),
        [one] => change(one),
        [least, .., most] => {
            let (least, most) = (change(least), change(most));
            let both = |one: &str, other: &str| format!("{one} … {other}");
            Cell::both(
                both(&least.full, &most.full),
                both(least.narrow(), most.narrow()),
            )
        }
    };
    let sd = |of: fn(&Spread) -> f64| {
        Cell::some(noise.spread.as_ref(), |spread| percent(of(spread).exp_m1()))
    };
    [
        noise.measure.label().into(),
        range,
        noise
            .spread
            .map_or_else(|| NONE.into(), |spread| change(spread.mean)),
        sd(|spread| spread.sd),
        sd(|spread| spread.without_error),
    ]
}
