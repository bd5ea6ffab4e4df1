//! The formats of traces and prompt files: text to entries, the same for the coordinator and the
//! worker. Nothing is guessed or repaired: a line that is not understood is refused by number. Must
//! not open files, nor know when anything is sent.

use std::fmt;

use crate::source::SourceError;

mod prompts;
mod trace;

pub use prompts::{Form, Survey, Text, prompts};
pub use trace::{BLOCK_TOKENS, Entry, MOST_ENTRIES, facts, requests, trace};

/// Why a file is not understood. Messages complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum PromptFileError {
    /// It cannot be read as text.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A line is not JSON, or has a value of the wrong type.
    #[error("read line {line}: {}; {wanted}", said(.source))]
    Line {
        /// Line number, from one.
        line: usize,
        /// The parser's error.
        source: serde_json::Error,
        /// Allowed forms of a line.
        wanted: &'static str,
    },
    /// A line has an invalid value.
    #[error("use line {line}: {wrong}; {wanted}")]
    Entry {
        /// Line number, from one.
        line: usize,
        /// What is wrong with it.
        wrong: Wrong,
        /// Allowed forms of a line.
        wanted: &'static str,
    },
    /// The array cannot be parsed.
    #[error("read it as a JSON array: {source}; {wanted}")]
    Array {
        /// The parser's error, with the line.
        source: serde_json::Error,
        /// Allowed forms of the file.
        wanted: &'static str,
    },
    /// The file has no entries.
    #[error("find a {what} in it")]
    Empty {
        /// The kind of entries.
        what: &'static str,
    },
    /// More entries than allowed.
    #[error("use it: it has more than {MOST_ENTRIES} requests; divide it")]
    TooMany,
    /// Every prompt is in the same set.
    #[error(
        "divide its prompts into two sets: all {prompts} fall into the {set} set; a fifth, chosen by their own text, is \
         for training, so give it more prompts, and such that differ"
    )]
    OneSet {
        /// Number of prompts.
        prompts: u64,
        /// Name of the set.
        set: &'static str,
    },
}

/// What is wrong with one entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wrong {
    /// A key is missing.
    Missing(&'static str),
    /// Two keys exclude each other.
    Both(&'static str, &'static str),
    /// An invalid time.
    Time {
        /// Its key.
        key: &'static str,
        /// The given value.
        at: f64,
    },
    /// A length of zero.
    Zero(&'static str),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(key) => write!(f, "`{key}` is missing"),
            Self::Both(one, other) => {
                write!(f, "it has both `{one}` and `{other}`, give one of them")
            }
            Self::Time { key, at } => {
                write!(
                    f,
                    "`{key}` is {at}, a time is a number from zero to a hundred years"
                )
            }
            Self::Zero(key) => write!(
                f,
                "`{key}` is 0, and a request has at least one token of each"
            ),
        }
    }
}

/// The parser's error for one line; its own line number is always one.
fn said(error: &serde_json::Error) -> String {
    let said = error.to_string();
    match said.rsplit_once(" at line ") {
        Some((said, _)) => format!("{said} in column {}", error.column()),
        None => said,
    }
}

/// Two keys of which an entry must have exactly one.
fn only<T>(
    given: impl IntoIterator<Item = (&'static str, Option<T>)>,
) -> Result<(&'static str, T), Wrong> {
    let mut found: Option<(&'static str, T)> = None;
    let mut first = "";
    for (key, value) in given {
        first = if first.is_empty() { key } else { first };
        match (&found, value) {
            (Some((one, _)), Some(_)) => return Err(Wrong::Both(one, key)),
            (None, Some(value)) => found = Some((key, value)),
            (_, None) => {}
        }
    }
    found.ok_or(Wrong::Missing(first))
}
