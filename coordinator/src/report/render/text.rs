//! The 80-column text page: wraps at spaces, aligns table columns, and colours only the words of
//! verdicts. Must not know its content.

use contract::text;

use crate::report::phrases::words::NBSP;
use crate::report::tables::table::Table;

/// Widest line.
const WIDTH: usize = 80;

/// Words of verdicts, and their colours: green good, red bad, yellow unsettled.
const COLOURS: [(&str, &str); 11] = [
    ("FASTER", "32"),
    ("SLOWER", "31"),
    ("SAME", "36"),
    ("SAME*", "36"),
    ("UNDECIDED", "33"),
    ("VALID", "32"),
    ("INVALID", "31"),
    ("INCONCLUSIVE", "33"),
    ("SIMULATED", "35"),
    ("DIFFERS", "31"),
    ("missing", "31"),
];

/// Indentation of a table, columns.
const INDENT: usize = 2;

/// A page under construction.
pub struct Page {
    text: String,
    colour: bool,
}

impl Page {
    pub(crate) fn new(colour: bool) -> Self {
        Self {
            text: String::new(),
            colour,
        }
    }

    /// A line that is short enough already.
    pub(crate) fn line(&mut self, line: &str) {
        let plain = line.replace(NBSP, " ");
        // All text pages pass through here, whatever the source of their names.
        let plain = text::line(plain.trim_end(), text::SENTENCE);
        if self.colour {
            self.text.push_str(&painted(&plain));
        } else {
            self.text.push_str(&plain);
        }
        self.text.push('\n');
    }

    pub(crate) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A heading after a blank line.
    pub(crate) fn heading(&mut self, title: &str) {
        self.gap();
        self.say(title);
    }

    /// Wraps text: the first line is indented by `first` columns, the others by `rest`.
    pub(crate) fn sentence(&mut self, text: &str, first: usize, rest: usize) {
        for line in wrapped(&text::line(text, text::SENTENCE), first, rest) {
            self.line(&line);
        }
    }

    /// A name, padded to a column, with its text wrapped beside it.
    pub(crate) fn entry(&mut self, name: &str, text: &str, indent: usize, column: usize) {
        let fill = column.saturating_sub(indent + name.chars().count() + 1);
        let padded: String = name
            .chars()
            .chain(std::iter::repeat_n(NBSP, fill))
            .collect();
        self.sentence(&format!("{padded} {text}"), indent, column);
    }

    /// A bullet with its text beside it.
    pub(crate) fn item(&mut self, text: &str) {
        self.sentence(&format!("- {text}"), 2, 4);
    }

    /// A sentence without indentation.
    pub(crate) fn say(&mut self, text: &str) {
        self.sentence(text, 0, 2);
    }

    /// Remarks below a table, after a blank line.
    pub(crate) fn notes(&mut self, notes: &[String]) {
        if !notes.is_empty() {
            self.gap();
        }
        notes.iter().for_each(|note| self.sentence(note, 2, 4));
    }

    /// A table below a heading that ends with its caption; nothing if it has no rows.
    pub(crate) fn titled(&mut self, before: &str, table: &Table) {
        if !table.is_empty() {
            self.heading(&format!("{before}{}", table.caption.narrow()));
            self.table(table);
        }
    }

    /// A table below its caption, after a blank line; nothing if it has no rows.
    pub(crate) fn captioned(&mut self, table: &Table) {
        if !table.is_empty() {
            self.gap();
            self.line(&format!("{:INDENT$}{}", "", table.caption.narrow()));
            self.table(table);
        }
    }

    /// A table without its caption. Columns are two spaces apart, or one if two do not fit.
    pub(crate) fn table(&mut self, table: &Table) {
        let columns = table.narrow_columns();
        let headings = columns
            .iter()
            .map(|at| table.headings[*at].narrow().to_owned());
        let mut rows: Vec<Vec<String>> = vec![headings.collect()];
        for row in &table.rows {
            let cell = |at: &usize| text::line(row[*at].narrow(), text::NAME).into_owned();
            rows.push(columns.iter().map(cell).collect());
        }
        let width = |at: usize| rows.iter().map(|row| len(&row[at])).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns.len()).map(width).collect();
        let gaps = columns.len().saturating_sub(1);
        let fits = INDENT + widths.iter().sum::<usize>() + 2 * gaps <= WIDTH;
        let gap = if fits { "  " } else { " " };
        for row in rows {
            let padded = row
                .iter()
                .zip(&columns)
                .zip(&widths)
                .map(|((cell, column), width)| {
                    let fill = " ".repeat(width - len(cell));
                    match table.is_words(*column) {
                        true => format!("{cell}{fill}"),
                        false => format!("{fill}{cell}"),
                    }
                });
            let line = padded.collect::<Vec<_>>().join(gap);
            self.line(&format!("{:INDENT$}{line}", ""));
        }
    }

    /// Bullets.
    pub(crate) fn items<S: AsRef<str>>(&mut self, all: impl IntoIterator<Item = S>) {
        all.into_iter().for_each(|text| self.item(text.as_ref()));
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

fn len(text: &str) -> usize {
    text.chars().count()
}

fn wrapped(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = " ".repeat(first);
    let mut empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let longer = len(&line) + usize::from(!empty) + len(word);
        if !empty && longer > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(rest)));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    lines
}

/// Colours the words of verdicts, whole words only.
fn painted(line: &str) -> String {
    let paint = |word: &str| {
        let bare = word.trim_end_matches([':', ',', ';', '.', ')']);
        let bare = bare.trim_start_matches('(');
        match COLOURS.iter().find(|(known, _)| *known == bare) {
            Some((_, colour)) => word.replace(bare, &format!("\u{1b}[1;{colour}m{bare}\u{1b}[0m")),
            None => word.to_owned(),
        }
    };
    line.split(' ').map(paint).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_the_edge_and_figures_stay_whole() {
        let text = format!("{} 4.1{NBSP}% lower", "word ".repeat(16).trim_end());
        let lines = wrapped(&text, 0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert_eq!(lines[1], format!("  4.1{NBSP}% lower"));
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new("", ["measure", "baseline"]);
        table.row(["E2E p50", "4 ms"]);
        let mut page = Page::new(false);
        page.table(&table);
        assert_eq!(page.finish(), "  measure  baseline\n  E2E p50      4 ms\n");
    }

    #[test]
    fn colour_marks_verdicts_only() {
        assert_eq!(
            painted("it is FASTER: yes"),
            "it is \u{1b}[1;32mFASTER\u{1b}[0m: yes"
        );
        assert_eq!(painted("no FASTERS here"), "no FASTERS here");
        let mut page = Page::new(false);
        page.line("INVALID");
        assert_eq!(page.finish(), "INVALID\n");
    }
}
