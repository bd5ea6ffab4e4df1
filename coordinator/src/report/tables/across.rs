//! Runs of different times side by side, for each measure. Must not decide anything.

use stats::compare::Verdict;

use super::table::{Cell, Table};
use crate::history::AcrossLine;
use crate::report::phrases::across::{group_title, outlook};
use crate::report::phrases::words::{percent, tolerance, value};

/// The measures of one scenario and variant.
pub(crate) fn across(lines: &[AcrossLine]) -> Table {
    let headings = [
        "measure".into(),
        "old".into(),
        "new".into(),
        "change".into(),
        "95 % interval".into(),
        Cell::both("between runs", "between"),
        Cell::both("within runs", "within"),
        "tolerance".into(),
        "MDE".into(),
        "verdict".into(),
    ];
    let rows = lines.iter().map(row);
    Table::new(group_title(lines), headings)
        .words(&[9])
        .wide(&[4, 7, 8])
        .with(rows)
}

fn row(line: &AcrossLine) -> [Cell; 10] {
    let (name, found) = (line.decision.verdict.name(), &line.estimate);
    let spread = |sd: f64| percent(line.share(sd));
    let open = match line.decision.verdict {
        Verdict::Undecided => format!(" ({})", outlook(line)),
        _ => String::new(),
    };
    let said = |cell: Cell| Cell::from(cell.full);
    [
        Cell::label(line.measure.label(), line.primary),
        value(line.measure, line.values.0).into(),
        value(line.measure, line.values.1).into(),
        said(Cell::change(line, found.delta)),
        said(Cell::interval(line, &found.ci)),
        found
            .between
            .map_or_else(|| "unknown".to_owned(), spread)
            .into(),
        spread(found.within).into(),
        format!("±{}", tolerance(line.tolerance)).into(),
        spread(found.mde).into(),
        Cell::both(format!("{name}{open}"), name),
    ]
}
