//! Test results as JUnit XML for build servers: suites of cases. Owns the escaping, and the mapping
//! of verdicts: SLOWER is a failure, UNDECIDED is skipped, INVALID is an error; FASTER and SAME
//! pass.

use contract::text;
use stats::compare::Verdict;

use crate::report::phrases::words::NBSP;

/// Result of one case.
pub(crate) enum Ending {
    Passed,
    Failed { message: String, text: String },
    Skipped { message: String },
    Error { message: String, text: String },
}

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) ending: Ending,
    /// Output shown with any result.
    pub(crate) beside: Option<String>,
}

pub(crate) struct Suite {
    pub(crate) name: String,
    pub(crate) cases: Vec<Case>,
}

impl Ending {
    pub(crate) fn of(verdict: Verdict, message: String, text: String) -> Self {
        match verdict {
            Verdict::Faster | Verdict::Same => Self::Passed,
            Verdict::Slower => Self::Failed { message, text },
            Verdict::Undecided => Self::Skipped { message },
            Verdict::Invalid => Self::Error { message, text },
        }
    }
}

/// The whole document.
pub(crate) fn document(name: &str, suites: &[Suite]) -> String {
    let all = || suites.iter().flat_map(|suite| &suite.cases);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
        escaped(name),
        all().count(),
        all()
            .filter(|case| matches!(case.ending, Ending::Failed { .. }))
            .count(),
        all()
            .filter(|case| matches!(case.ending, Ending::Error { .. }))
            .count(),
    );
    suites
        .iter()
        .for_each(|suite| xml.push_str(&written(suite)));
    xml.push_str("</testsuites>\n");
    xml
}

fn written(suite: &Suite) -> String {
    let of =
        |pick: fn(&Ending) -> bool| suite.cases.iter().filter(|case| pick(&case.ending)).count();
    let name = escaped(&suite.name);
    let mut xml = format!(
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n",
        suite.cases.len(),
        of(|ending| matches!(ending, Ending::Failed { .. })),
        of(|ending| matches!(ending, Ending::Error { .. })),
        of(|ending| matches!(ending, Ending::Skipped { .. })),
    );
    suite
        .cases
        .iter()
        .for_each(|case| xml.push_str(&written_case(case, &name)));
    xml.push_str("  </testsuite>\n");
    xml
}

fn written_case(case: &Case, suite: &str) -> String {
    let open = format!(
        "    <testcase name=\"{}\" classname=\"{suite}\"",
        escaped(&case.name)
    );
    let ending = match &case.ending {
        Ending::Passed => String::new(),
        Ending::Skipped { message } => {
            format!("      <skipped message=\"{}\"/>\n", escaped(message))
        }
        Ending::Failed { message, text } => body("failure", "SLOWER", message, text),
        Ending::Error { message, text } => body("error", "INVALID", message, text),
    };
    let beside = case.beside.as_ref();
    let beside = beside.map(|text| format!("      <system-out>{}</system-out>\n", escaped(text)));
    match ending + &beside.unwrap_or_default() {
        inside if inside.is_empty() => format!("{open}/>\n"),
        inside => format!("{open}>\n{inside}    </testcase>\n"),
    }
}

fn body(element: &str, kind: &str, message: &str, text: &str) -> String {
    let (message, text) = (escaped(message), escaped(text));
    format!("      <{element} message=\"{message}\" type=\"{kind}\">{text}</{element}>\n")
}

/// Text for an attribute or an element; characters that XML 1.0 does not allow become U+FFFD.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text::bounded(text.to_owned(), text::SENTENCE).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' | '\t' | '\r' => safe.push_str(&format!("&#{};", u32::from(c))),
            NBSP => safe.push(' '),
            c if text::is_harmful(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                safe.push('\u{fffd}');
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_can_end_an_attribute_or_break_the_document() {
        assert_eq!(escaped("a\"<b>&'c'"), "a&quot;&lt;b&gt;&amp;&apos;c&apos;");
        assert_eq!(
            escaped("x\u{0}\u{1b}[31m\ny"),
            "x\u{fffd}\u{fffd}[31m&#10;y"
        );
    }
}
