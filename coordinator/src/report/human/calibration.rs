//! A calibration as a table and one sentence. Must not judge.

use super::page::Page;
use super::table::Table;
use super::words::{count, percent};
use crate::history::{Calibrated, Calibration};

pub(super) fn print(page: &mut Page, calibration: &Calibration) {
    let runs = count(calibration.runs.into(), "A/A comparison");
    let left_out = match calibration.invalid {
        0 => String::new(),
        invalid => format!("; {} left out", count(invalid.into(), "INVALID run")),
    };
    page.sentence(
        &format!(
            "{runs} of one build with itself on {}{left_out}",
            calibration.host_class
        ),
        0,
        2,
    );
    page.gap();
    let mut table = Table::new([
        "scenario",
        "measure",
        "without 0",
        "chance",
        "found",
        "slower",
        "noise floor",
    ])
    .left(&[1]);
    calibration
        .rows
        .iter()
        .for_each(|row| table.row(cells(row)));
    table.print(page);
    page.gap();
    page.sentence(
        "without 0: 95 % intervals that exclude zero (some do by chance); found: called FASTER or SLOWER; \
         slower: δ̂ above zero, about half in a fair comparison; noise floor: 95 of 100 A/A comparisons \
         stay below it",
        2,
        4,
    );
    let said = match calibration.is_sound() {
        true => {
            "The primary measure finds no more differences than chance explains. From now on, runs of this \
             plan, model and host class use tolerances of at least these floors."
        }
        false => {
            "INVALID: the primary measure finds more differences than chance explains, so this host is not \
             suitable for comparisons. Make it quieter or use more rounds, and calibrate again."
        }
    };
    page.gap();
    page.sentence(said, 0, 0);
}

fn cells(row: &Calibrated) -> [String; 7] {
    let of = |n: u64| format!("{n} of {}", row.comparisons);
    let mark = if row.primary { " (primary)" } else { "" };
    [
        row.scenario.clone(),
        format!("{}{mark}", row.measure),
        of(row.without_zero),
        format!("≤ {}", row.allowed),
        row.found.to_string(),
        row.slower.to_string(),
        percent(row.floor),
    ]
}
