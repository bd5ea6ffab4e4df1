//! Makes foreign text harmless before it is shown: names, host facts, a peer's last output,
//! metadata of files. Owns which characters a terminal, a table or a reader could take for a
//! command, and the length limits of such texts. Must not know where it is shown; characters that
//! are special in a format (quotes, pipes, tags) are escaped by the format.
//!
//! The original text is stored, cut to a length; the harmless form is shown.

use std::borrow::Cow;

/// Greatest length of a name, characters: that of a host name.
pub const NAME: usize = 255;
/// Greatest length of one fact (a processor's model, a kernel's version, compiler flags),
/// characters.
pub const FACT: usize = 1024;
/// Greatest length of a sentence, or of a process's last output, characters.
pub const SENTENCE: usize = 8192;

/// Replaces a character that must not be shown.
const REPLACED: char = '\u{fffd}';
/// Marks a cut.
const CUT: char = '…';

/// Whether a character could move a cursor, end a line, or change the direction of the text around
/// it: C0 and C1 controls, DEL, the line and paragraph separators, and the controls of
/// bidirectional text.
#[must_use]
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// One line. Every harmful character is replaced, line ends and tabs by a space, one for one so
/// that widths stay; text beyond `most` characters is cut and ends with `…`.
#[must_use]
pub fn line(text: &str, most: usize) -> Cow<'_, str> {
    shown(text, most, |c| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
        c => replaced(c),
    })
}

/// Several lines: as [`line`], but line ends and tabs stay.
#[must_use]
pub fn block(text: &str, most: usize) -> Cow<'_, str> {
    shown(text, most, |c| match c {
        '\n' | '\t' => c,
        '\r' | '\u{2028}' | '\u{2029}' => ' ',
        c => replaced(c),
    })
}

/// A message of several lines whose later lines are indented, so that none looks like a separate
/// message.
#[must_use]
pub fn message(text: &str) -> String {
    block(text, SENTENCE).trim_end().replace('\n', "\n  ")
}

/// A JSON text whose harmful characters are written as JSON escapes; only its strings can contain
/// any.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return text.into();
    }
    let one = |c: char| match c {
        // All harmful characters are in the basic plane.
        c if is_harmful(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().map(one).collect::<String>().into()
}

/// The text unchanged, but cut to `most` characters, the last of which is then `…`: for text that
/// is received and stored.
#[must_use]
pub fn bounded(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some(_) => text
            .chars()
            .take(most.saturating_sub(1))
            .chain([CUT])
            .collect(),
    }
}

fn replaced(c: char) -> char {
    if is_harmful(c) { REPLACED } else { c }
}

fn shown(text: &str, most: usize, one: impl Fn(char) -> char) -> Cow<'_, str> {
    let long = text.len() > most && text.char_indices().nth(most).is_some();
    if !long && text.chars().all(|c| one(c) == c) {
        return Cow::Borrowed(text);
    }
    let kept = if long {
        most.saturating_sub(1)
    } else {
        usize::MAX
    };
    text.chars()
        .take(kept)
        .map(one)
        .chain(long.then_some(CUT))
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NASTY: &str =
        "a\u{1b}[31mb\u{7}\r\nc\u{9b}2J\u{7f}\u{202e}d\u{2067}\u{200f}\u{61c}\u{2028}e\te";

    #[test]
    fn nothing_harmful_is_left_and_widths_stay() {
        let shown = line(NASTY, 100);
        assert!(!shown.contains(is_harmful), "{shown:?}");
        assert_eq!(shown.chars().count(), NASTY.chars().count());
        assert_eq!(
            &*shown,
            "a\u{fffd}[31mb\u{fffd}  c\u{fffd}2J\u{fffd}\u{fffd}d\u{fffd}\u{fffd}\u{fffd} e e"
        );
        let lines = block(NASTY, 100);
        assert!(
            !lines.replace(['\n', '\t'], "").contains(is_harmful),
            "{lines:?}"
        );
        assert_eq!(lines.lines().count(), 2);
    }

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        for fine in ["", "burst-100", "Größe 2 — ≤ 4 µs\u{a0}…", "日本語 👩‍💻"] {
            assert!(
                matches!(line(fine, 100), Cow::Borrowed(same) if same == fine),
                "{fine}"
            );
            assert!(
                matches!(block(fine, 100), Cow::Borrowed(same) if same == fine),
                "{fine}"
            );
        }
    }

    #[test]
    fn json_keeps_its_content_and_shows_none_of_it() {
        let written = serde_json::to_string(NASTY).expect("a string");
        assert!(
            written.contains(is_harmful),
            "serde_json leaves DEL, C1 and bidi as they are"
        );
        let shown = json(&written);
        assert!(!shown.contains(is_harmful), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), NASTY);
        assert!(matches!(json("{\"a\": 1}"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_long_ends_in_a_mark() {
        assert_eq!((&*line("ääää", 4), &*line("äääää", 4)), ("ääää", "äää…"));
        assert_eq!(
            (&*bounded("ääää".into(), 4), &*bounded("äääää".into(), 4)),
            ("ääää", "äää…")
        );
        assert_eq!(line(&"\u{1b}".repeat(1 << 20), 10).chars().count(), 10);
    }

    #[test]
    fn a_second_line_cannot_pose_as_a_message() {
        assert_eq!(
            message("no\nerror: the disk is on fire\n"),
            "no\n  error: the disk is on fire"
        );
    }
}
