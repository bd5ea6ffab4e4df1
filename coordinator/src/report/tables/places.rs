//! The primary measure for each worker and host. Must not decide anything: the verdict rests on all
//! of them together.

use super::table::{Cell, Table};
use crate::compare::{self, MetricComparison, SlotEffect};
use crate::report::phrases::changes::{Of, plain_level};
use crate::report::phrases::notes::place;

/// One table for workers and, if there are several, one for hosts.
pub(crate) fn places(cell: &compare::Cell) -> Vec<Table> {
    let Some((places, primary)) = cell.places.as_ref().zip(cell.primary()) else {
        return Vec::new();
    };
    let label = primary.measure.label();
    vec![
        table(primary, format!("{label} worker by worker"), &places.slots),
        table(primary, format!("{label} host by host"), &places.hosts),
    ]
}

fn table(metric: &MetricComparison, caption: String, places: &[SlotEffect]) -> Table {
    let level = format!("{} interval", plain_level(metric.alpha));
    let headings = [
        "place".into(),
        Cell::per_cent("change"),
        Cell::per_cent(&level),
    ];
    let row = |there: &SlotEffect| {
        let of = Of(metric.measure, there.scale);
        let (change, range) = (
            Cell::change(of, there.effect.delta),
            Cell::interval(of, &there.effect.ci),
        );
        [place(&there.place).into(), change, range]
    };
    Table::new(caption, headings).with(places.iter().map(row))
}
