//! Output of `--components`: where the noise comes from, and which number of windows decides
//! soonest. Must not derive a figure.

use std::io;

use serde_json::{Value, json};

use crate::compare::{CellNoise, Findings, MeasureNoise};
use crate::report::Answer;
use crate::report::phrases::words::{count, percent, seconds, tolerance, wait};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::tables::table::Table;

/// The noise of a run of several windows.
pub struct Noise<'a> {
    /// The run.
    pub findings: &'a Findings,
    /// Its cells.
    pub cells: &'a [CellNoise],
}

impl Answer for Noise<'_> {
    fn text(&self, page: &mut Page) {
        let (plan, header) = (&self.findings.plan, &self.findings.record.header);
        page.say(&format!(
            "{} · run {}: noise of {} of {} windows",
            plan.name,
            header.run,
            count(self.rounds() as u64, "round"),
            plan.windows
        ));
        for cell in self.cells {
            page.gap();
            page.sentence(
                &format!(
                    "{}: a round costs {} beside its windows, and {} for each window of all arms",
                    cell.title,
                    seconds(cell.start.as_secs_f64()),
                    seconds(cell.window.as_secs_f64())
                ),
                0,
                2,
            );
            let headings = ["measure", "between rounds", "between windows"];
            let table = Table::new("Standard deviations of B against the baseline", headings);
            page.table(&table.with(cell.measures.iter().map(deviations)));
            if let Some(primary) = cell.measures.iter().find(|measure| measure.primary) {
                page.gap();
                let (label, within) = (primary.measure.label(), tolerance(primary.within));
                let caption = format!("until a difference of {within} in {label} is found:");
                page.sentence(&caption, 2, 4);
                page.table(&designs(primary, caption));
            }
            if let Some(best) = cell.best() {
                let time = wait(best.seconds.unwrap_or(0.0));
                page.sentence(
                    &format!("--windows {} is the soonest, {time}", best.windows),
                    2,
                    4,
                );
            }
        }
        page.gap();
        page.sentence(
            "between rounds: what differs between processes of one build, and slow drift of the host, with the \
             share of the windows removed; between windows: what differs within one process. Both are estimates: \
             from six rounds, a standard deviation is known to about a third",
            2,
            4,
        );
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        let cells: Vec<Value> = self.cells.iter().map(cell).collect();
        to.answer(
            "components",
            json!({
                "run": self.findings.record.header.run.to_string(),
                "windows": self.findings.plan.windows,
                "rounds": self.rounds(),
                "cells": cells,
            }),
        )
    }

    /// One line for each cell: its name, and the number of windows that decides soonest.
    fn quiet(&self) -> Vec<String> {
        let line = |cell: &CellNoise| {
            let best = cell.best().map_or(0, |design| design.windows);
            format!("{} {best}", cell.title)
        };
        self.cells.iter().map(line).collect()
    }
}

impl Noise<'_> {
    fn rounds(&self) -> usize {
        let measures = self.cells.iter().flat_map(|cell| &cell.measures);
        let rounds = measures.map(|measure| measure.components.rounds);
        rounds.max().unwrap_or(0)
    }
}

fn deviations(measure: &MeasureNoise) -> [String; 3] {
    let mark = if measure.primary { " (primary)" } else { "" };
    [
        format!("{}{mark}", measure.measure.label()),
        percent(measure.components.between),
        percent(measure.components.within),
    ]
}

fn designs(measure: &MeasureNoise, caption: String) -> Table {
    let row = |design: &stats::compare::Design| {
        [
            design.windows.to_string(),
            percent(design.deviation),
            design
                .rounds
                .map_or_else(|| "over a million".to_owned(), |rounds| rounds.to_string()),
            design.seconds.map_or_else(|| "–".to_owned(), wait),
        ]
    };
    let headings = ["windows", "SD of a round", "rounds", "time"];
    Table::new(caption, headings).with(measure.designs.iter().map(row))
}

fn cell(cell: &CellNoise) -> Value {
    let design = |design: &stats::compare::Design| {
        json!({
            "windows": design.windows,
            "sd_of_a_round": design.deviation,
            "rounds": design.rounds,
            "seconds": design.seconds,
        })
    };
    let measure = |measure: &MeasureNoise| {
        json!({
            "metric": measure.measure.name(),
            "primary": measure.primary,
            "tolerance": measure.within,
            "sd_between_rounds": measure.components.between,
            "sd_between_windows": measure.components.within,
            "designs": measure.designs.iter().map(design).collect::<Vec<_>>(),
        })
    };
    json!({
        "scenario": cell.title,
        "start_seconds": cell.start.as_secs_f64(),
        "window_seconds": cell.window.as_secs_f64(),
        "best_windows": cell.best().map(|design| design.windows),
        "measures": cell.measures.iter().map(measure).collect::<Vec<_>>(),
    })
}
