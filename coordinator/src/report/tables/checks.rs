//! Every check of a measurement with its figure and limit. Must not judge.

use contract::id::Arm;
use stats::validity::{CheckResult, Checked, Quantity, Severity};

use super::table::{Cell, Table};
use crate::compare;
use crate::report::phrases::words::{percent, seconds};

/// Each check that applied, for the arm with the worst result.
pub(crate) fn checks(cell: &compare::Cell) -> Table {
    let caption = "Each check, for the arm with the worst result";
    let caption = Cell::both(caption, "checks of the measurement");
    let headings = [
        "check".into(),
        Cell::both("worst arm", "arm"),
        "figure".into(),
        "limit".into(),
        "result".into(),
    ];
    let mut worst: Vec<&(Arm, Checked)> = Vec::new();
    for one in &cell.checks {
        match worst
            .iter_mut()
            .find(|(_, known)| known.check == one.1.check)
        {
            // If results are equal, the last arm is shown.
            Some(known) if rank(&one.1) >= rank(&known.1) => *known = one,
            Some(_) => {}
            None => worst.push(one),
        }
    }
    Table::new(caption, headings)
        .words(&[1, 4])
        .with(worst.into_iter().map(row))
}

fn rank(checked: &Checked) -> (u8, Severity, f64) {
    let size = match checked.figure {
        Some((Quantity::Count(n), _)) => n as f64,
        Some((Quantity::Share(share), _)) => share.abs(),
        Some((Quantity::Time(time), _)) => time.as_secs_f64(),
        None => 0.0,
    };
    match checked.result {
        CheckResult::Passed => (0, Severity::Warning, size),
        CheckResult::Unknown => (1, Severity::Warning, size),
        CheckResult::Found(severity) => (2, severity, size),
    }
}

fn row((arm, checked): &(Arm, Checked)) -> [Cell; 5] {
    let (name, sign) = (checked.result.name(), sign(checked.result));
    [
        checked.check.replace('-', " ").into(),
        arm.to_string().into(),
        Cell::some(checked.figure, |(figure, _)| quantity(figure)),
        Cell::some(checked.figure, |(_, limit)| quantity(limit)),
        Cell::both(format!("{sign} {name}"), name),
    ]
}

fn quantity(quantity: Quantity) -> String {
    match quantity {
        Quantity::Count(n) => n.to_string(),
        Quantity::Share(share) => percent(share),
        Quantity::Time(time) => seconds(time.as_secs_f64()),
    }
}

fn sign(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Passed => "✓",
        CheckResult::Unknown => "–",
        CheckResult::Found(Severity::Warning) => "!",
        CheckResult::Found(Severity::Inconclusive) => "?",
        CheckResult::Found(Severity::Invalid) => "✕",
    }
}
