//! Forms: how tables, sentences and lists look in 80-column text, in HTML, Markdown, JUnit XML and
//! JSON. Each form renders tables in one place. Must not know the content.

pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod markdown;
pub(crate) mod text;

#[cfg(test)]
mod tests {
    use super::{html, markdown, text};
    use crate::report::tables::table::{Cell, Table};

    fn table() -> Table {
        let headings = ["measure".into(), Cell::per_cent("change"), "MDE".into()];
        let mut table = Table::new("All", headings).words(&[1]).wide(&[2]);
        let change = Cell::both("4.1 % lower", "−4.1").aside(" (few)".to_owned());
        let label = Cell::label("E2E p50".to_owned(), true);
        table.row([label, change, "2 %".into()]);
        table
    }

    #[test]
    fn each_form_takes_of_one_table_what_it_has_room_for() {
        let mut page = text::Page::new(false);
        page.captioned(&table());
        let narrow = "\n  All\n  measure  change, %\n  E2E p50  −4.1\n";
        assert_eq!(page.finish(), narrow);
        let comment =
            "| measure | change | MDE |\n|---|---|--:|\n| **E2E p50** | 4.1 % lower | 2 % |\n";
        assert_eq!(markdown::table(&table()), comment);
        let page = html::table(&table()).into_string();
        assert!(
            page.contains("<th scope=\"row\">E2E p50 (primary)</th>"),
            "{page}"
        );
        assert!(
            page.contains("<td class=\"words\">4.1 % lower (few)</td>"),
            "{page}"
        );
        assert!(page.contains("<td>2 %</td>"), "{page}");
    }

    #[test]
    fn a_table_without_rows_takes_no_room() {
        let empty = Table::new("All", ["measure"]);
        let mut page = text::Page::new(false);
        page.captioned(&empty);
        page.titled("x: ", &empty);
        assert_eq!(page.finish(), "");
    }
}
