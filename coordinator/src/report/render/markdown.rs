//! Tables, lists and folded sections in GitHub's Markdown. Owns the escaping; must not know their
//! content.

use contract::text;

use crate::report::tables::table::{Cell, Table};

/// Prevents GitHub from reading a mention or a reference in a name.
const JOINER: char = '\u{2060}';

/// A table without its caption.
pub(crate) fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let side = |at| if table.is_words(at) { "---" } else { "--:" };
    let sides: Vec<&str> = (0..table.headings.len()).map(side).collect();
    let headings = line(table.headings.iter().map(cell).collect());
    let rows = table
        .rows
        .iter()
        .map(|row| line(row.iter().map(cell).collect()));
    format!(
        "{headings}|{}|\n{}",
        sides.join("|"),
        rows.collect::<String>()
    )
}

fn cell(cell: &Cell) -> String {
    let text = plain(&cell.full);
    match cell.primary {
        true => format!("**{text}**"),
        false => text,
    }
}

/// A list after a blank line; nothing if it is empty.
pub(crate) fn list(lines: &[String]) -> String {
    let gap = if lines.is_empty() { "" } else { "\n" };
    let lines = lines.iter().map(|line| format!("- {line}\n"));
    std::iter::once(gap.to_owned()).chain(lines).collect()
}

/// A section folded under a title.
pub(crate) fn folded(title: &str, inside: &str) -> String {
    let title = plain(title);
    format!(
        "\n<details><summary>{title}</summary>\n\n{}\n</details>\n",
        inside.trim_start()
    )
}

/// Text on one line, escaped for Markdown, HTML, tables and GitHub's references.
pub(crate) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text::line(text, text::SENTENCE).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => safe.extend(['\\', c]),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '@' | '#' => safe.extend([c, JOINER]),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(plain("a|b*c_d`e"), r"a\|b\*c\_d\`e");
        assert_eq!(
            plain("<script> & [x](y)\n# z"),
            "&lt;script&gt; &amp; \\[x\\](y) #\u{2060} z"
        );
        assert_eq!(plain("@somebody"), "@\u{2060}somebody");
        assert_eq!(plain("burst-100: 4.1 % lower"), "burst-100: 4.1 % lower");
    }
}
