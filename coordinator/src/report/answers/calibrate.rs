//! Output of `calibrate`: a table and one sentence. Must not judge.

use std::io;

use crate::history::{Calibrated, Calibration};
use crate::report::phrases::words::{count, percent};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::table::Table;
use crate::report::{Answer, json};

impl Answer for Calibration {
    fn text(&self, page: &mut Page) {
        let runs = count(self.runs.into(), "A/A comparison");
        let left_out = match self.invalid {
            0 => String::new(),
            invalid => format!("; {} left out", count(invalid.into(), "INVALID run")),
        };
        page.say(&format!(
            "{runs} of one build with itself on {}{left_out}",
            self.host_class
        ));
        page.gap();
        let headings = [
            "scenario",
            "measure",
            "without 0",
            "chance",
            "found",
            "slower",
            "noise floor",
        ];
        let table = Table::new("Noise floors", headings).words(&[1]);
        page.table(&table.with(self.rows.iter().map(cells)));
        page.gap();
        page.sentence(
            "without 0: 95 % intervals that exclude zero (some do by chance); found: called FASTER or SLOWER; \
             slower: δ̂ above zero, about half in a fair comparison; noise floor: 95 of 100 A/A comparisons \
             stay below it",
            2,
            4,
        );
        let said = match self.is_sound() {
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

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("calibration", json::history::calibration(self))
    }

    /// One line for each scenario and measure: the noise floor as a share.
    fn quiet(&self) -> Vec<String> {
        let line = |row: &Calibrated| format!("{} {} {:.6}", row.scenario, row.measure, row.floor);
        self.rows.iter().map(line).collect()
    }
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
