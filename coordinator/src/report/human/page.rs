//! The sheet everything is written on: 80 columns, wrapped at spaces, with colour on the words of
//! verdicts alone. Must not know what it says.

use contract::text;

use super::words::NBSP;

/// Widest line.
pub(super) const WIDTH: usize = 80;

/// Words that carry a verdict, and their colours: green good, red bad, yellow unsettled.
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

/// Lines that grow.
pub(super) struct Page {
    text: String,
    colour: bool,
}

impl Page {
    pub(super) fn new(colour: bool) -> Self {
        Self {
            text: String::new(),
            colour,
        }
    }

    /// A line that is short enough as it is.
    pub(super) fn line(&mut self, line: &str) {
        let plain = line.replace(NBSP, " ");
        // Every page of this form comes by here, whoever wrote the names on it.
        let plain = text::line(plain.trim_end(), text::SENTENCE);
        if self.colour {
            self.text.push_str(&painted(&plain));
        } else {
            self.text.push_str(&plain);
        }
        self.text.push('\n');
    }

    pub(super) fn gap(&mut self) {
        self.text.push('\n');
    }

    /// A title above what follows, after a gap.
    pub(super) fn heading(&mut self, title: &str) {
        self.gap();
        self.sentence(title, 0, 2);
    }

    /// Wraps text: `first` columns before its first line, `rest` before the others.
    pub(super) fn sentence(&mut self, text: &str, first: usize, rest: usize) {
        for line in wrapped(&text::line(text, text::SENTENCE), first, rest) {
            self.line(&line);
        }
    }

    /// A name, padded to a column, and its text wrapped beside it.
    pub(super) fn entry(&mut self, name: &str, text: &str, indent: usize, column: usize) {
        let fill = column.saturating_sub(indent + name.chars().count() + 1);
        let padded: String = name
            .chars()
            .chain(std::iter::repeat_n(NBSP, fill))
            .collect();
        self.sentence(&format!("{padded} {text}"), indent, column);
    }

    /// A bullet with its text beside it.
    pub(super) fn item(&mut self, text: &str) {
        self.sentence(&format!("- {text}"), 2, 4);
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

fn wrapped(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = " ".repeat(first);
    let mut empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let longer = line.chars().count() + usize::from(!empty) + word.chars().count();
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
