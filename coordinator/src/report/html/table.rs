//! Tables: a caption, headings that say which column and which row, cells. Owns their markup; must
//! not know what stands in a cell.

use maud::{Markup, html};

/// Rows of cells; the first cell of each is its heading.
pub(super) struct Table {
    caption: String,
    headings: Vec<String>,
    words: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub(super) fn new<S: Into<String>>(
        caption: impl Into<String>,
        headings: impl IntoIterator<Item = S>,
    ) -> Self {
        let headings = headings.into_iter().map(Into::into).collect();
        Self {
            caption: caption.into(),
            headings,
            words: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Columns of words, which stand to the left; numbers stand to the right.
    pub(super) fn words(mut self, columns: &[usize]) -> Self {
        self.words.extend(columns);
        self
    }

    /// Adds a row.
    pub(super) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there are only headings.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a row to a table under construction.
    pub(super) fn with<S: Into<String>>(mut self, rows: impl IntoIterator<Item = Vec<S>>) -> Self {
        rows.into_iter().for_each(|row| self.row(row));
        self
    }

    /// The table, which scrolls by itself where the page is narrower.
    pub(super) fn draw(&self) -> Markup {
        html! {
            div class="scroll" tabindex="0" role="region" aria-label=(self.caption) {
                table {
                    caption { (self.caption) }
                    thead { tr { @for (at, heading) in self.headings.iter().enumerate() {
                        th scope="col" class=[self.class(at)] { (heading) }
                    } } }
                    tbody { @for row in &self.rows { tr {
                        @for (at, cell) in row.iter().enumerate() {
                            @if at == 0 { th scope="row" { (cell) } }
                            @else { td class=[self.class(at)] { (cell) } }
                        }
                    } } }
                }
            }
        }
    }

    fn class(&self, column: usize) -> Option<&'static str> {
        (column == 0 || self.words.contains(&column)).then_some("words")
    }
}
