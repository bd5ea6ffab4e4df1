//! Columns that line up. Owns widths; must not know what stands in a cell.

use contract::text;

use super::page::{Page, WIDTH};

/// Rows of cells: the first column to the left, the others to the right unless said otherwise.
pub(super) struct Table {
    indent: usize,
    left: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(super) fn new<S: Into<String>>(headings: impl IntoIterator<Item = S>) -> Self {
        let rows = vec![headings.into_iter().map(Into::into).collect()];
        Self {
            indent: 2,
            left: vec![0],
            rows,
        }
    }

    /// Sets columns to the left.
    pub(super) fn left(mut self, columns: &[usize]) -> Self {
        self.left.extend(columns);
        self
    }

    pub(super) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cell = |cell: S| text::line(&Into::<String>::into(cell), text::NAME).into_owned();
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// Whether there are only headings.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    pub(super) fn print(&self, page: &mut Page) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|c| len(c))
                .max()
        };
        let widths: Vec<usize> = (0..columns)
            .map(|column| width(column).unwrap_or(0))
            .collect();
        let total = self.indent + widths.iter().sum::<usize>();
        // Two spaces between columns where they fit, one where they do not.
        let gap = if total + 2 * columns.saturating_sub(1) <= WIDTH {
            2
        } else {
            1
        };
        for row in &self.rows {
            page.line(&self.line(row, &widths, gap));
        }
    }

    fn line(&self, row: &[String], widths: &[usize], gap: usize) -> String {
        let mut line = " ".repeat(self.indent);
        for (column, cell) in row.iter().enumerate() {
            if column > 0 {
                line.push_str(&" ".repeat(gap));
            }
            let fill = " ".repeat(widths[column] - len(cell));
            let (before, after) = if self.left.contains(&column) {
                ("", &*fill)
            } else {
                (&*fill, "")
            };
            line.push_str(&format!("{before}{cell}{after}"));
        }
        line
    }
}

fn len(text: &str) -> usize {
    text.chars().count()
}

/// A name cut to a width, its end shown by "…".
pub(super) fn cut(name: &str, width: usize) -> String {
    if len(name) <= width {
        return name.to_owned();
    }
    name.chars().take(width - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["measure", "baseline"]);
        table.row(["E2E p50", "4 ms"]);
        let mut page = Page::new(false);
        table.print(&mut page);
        assert_eq!(page.finish(), "  measure  baseline\n  E2E p50      4 ms\n");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!([cut("pgo", 5), cut("pgo-bolt", 5)], ["pgo", "pgo-…"]);
    }
}
