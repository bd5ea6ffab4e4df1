//! Tables as data: a caption, headings, rows of cells. A table is made once. Each form renders it
//! in its own way and takes the text that fits from each cell: the full one, or the narrow one for
//! 80 columns. Must not know the content of a cell, nor how it is drawn.

use stats::compare::Interval;

use crate::report::phrases::changes::{Of, change, change_in_column, interval, interval_in_column};
use crate::report::phrases::words::shown;

/// A cell, a heading or a caption.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    /// Full text.
    pub(crate) full: String,
    /// Text for narrow tables, if it differs.
    narrow: Option<String>,
    /// Remarks in parentheses, which a form may show elsewhere.
    pub(crate) aside: String,
    /// Whether its row is the primary measure.
    pub(crate) primary: bool,
}

/// Rows of cells; the first cell of each is its heading.
pub(crate) struct Table {
    pub(crate) caption: Cell,
    pub(crate) headings: Vec<Cell>,
    pub(crate) rows: Vec<Vec<Cell>>,
    words: Vec<usize>,
    wide: Vec<usize>,
}

impl Cell {
    /// A full and a narrow text.
    pub(crate) fn both(full: impl Into<String>, narrow: impl Into<String>) -> Self {
        Self {
            narrow: Some(narrow.into()),
            ..Self::from(full.into())
        }
    }

    /// Adds remarks.
    pub(crate) fn aside(self, aside: String) -> Self {
        Self { aside, ..self }
    }

    /// The name of a row, which may be the primary one.
    pub(crate) fn label(label: String, primary: bool) -> Self {
        Self {
            primary,
            ..Self::from(label)
        }
    }

    /// A change: in words, or with a sign in a column of per cents.
    pub(crate) fn change(of: impl Into<Of>, delta: f64) -> Self {
        let of = of.into();
        Self::both(change(of, delta), change_in_column(of, delta))
    }

    /// An interval of changes, in the same way.
    pub(crate) fn interval(of: impl Into<Of>, range: &Interval) -> Self {
        let of = of.into();
        Self::both(interval(of, range), interval_in_column(of, range))
    }

    /// The heading of a column of changes or of their intervals.
    pub(crate) fn per_cent(heading: &str) -> Self {
        Self::both(heading, format!("{heading}, %"))
    }

    /// A figure that may be absent.
    pub(crate) fn some<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> Self {
        shown(value, show).into()
    }

    /// The text for narrow tables.
    pub(crate) fn narrow(&self) -> &str {
        self.narrow.as_ref().unwrap_or(&self.full)
    }
}

impl<S: Into<String>> From<S> for Cell {
    fn from(text: S) -> Self {
        Self {
            full: text.into(),
            narrow: None,
            aside: String::new(),
            primary: false,
        }
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn new<H: Into<Cell>>(
        caption: impl Into<Cell>,
        headings: impl IntoIterator<Item = H>,
    ) -> Self {
        Self {
            caption: caption.into(),
            headings: headings.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
            words: vec![0],
            wide: Vec::new(),
        }
    }

    /// Marks columns of words, which are left-aligned; numbers are right-aligned.
    pub(crate) fn words(mut self, columns: &[usize]) -> Self {
        self.words.extend(columns);
        self
    }

    /// Marks columns that narrow tables leave out.
    pub(crate) fn wide(mut self, columns: &[usize]) -> Self {
        self.wide.extend(columns);
        self
    }

    /// Adds rows to a table under construction.
    pub(crate) fn with<R, C>(mut self, rows: impl IntoIterator<Item = R>) -> Self
    where
        R: IntoIterator<Item = C>,
        C: Into<Cell>,
    {
        rows.into_iter().for_each(|row| self.row(row));
        self
    }

    /// Adds a row.
    pub(crate) fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether a column is left-aligned.
    pub(crate) fn is_words(&self, column: usize) -> bool {
        self.words.contains(&column)
    }

    /// The columns of narrow tables.
    pub(crate) fn narrow_columns(&self) -> Vec<usize> {
        let fits = |column: &usize| !self.wide.contains(column);
        (0..self.headings.len()).filter(fits).collect()
    }
}
