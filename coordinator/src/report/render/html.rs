//! Tables and prose as HTML. Owns their markup; must not know their content.

use maud::{Markup, html};

use crate::report::tables::table::{Cell, Table};

/// The table, which scrolls horizontally if the page is narrower.
pub(crate) fn table(table: &Table) -> Markup {
    let class = |column| table.is_words(column).then_some("words");
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(table.caption.full) {
            table {
                caption { (table.caption.full) }
                thead { tr { @for (at, heading) in table.headings.iter().enumerate() {
                    th scope="col" class=[class(at)] { (heading.full) }
                } } }
                tbody { @for row in &table.rows { tr {
                    @for (at, cell) in row.iter().enumerate() {
                        @if at == 0 { th scope="row" { (full(cell)) } }
                        @else { td class=[class(at)] { (full(cell)) } }
                    }
                } } }
            }
        }
    }
}

fn full(cell: &Cell) -> Markup {
    html! { (cell.full) (cell.aside) @if cell.primary { " (primary)" } }
}

/// A sentence, with commands between backticks marked as code.
pub(crate) fn prose(text: &str) -> Markup {
    html! { @for (at, piece) in text.split('`').enumerate() {
        @if at % 2 == 1 { code { (piece) } } @else { (piece) }
    } }
}
