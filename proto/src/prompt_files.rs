//! The formats of traces and prompt files: text to entries, the same for whoever plans and whoever
//! sends. Nothing is guessed and nothing mended: what is not understood is refused with its line.
//! Must not open files, nor know when anything is sent.

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
    /// One line of it is no JSON, or has a value of the wrong kind.
    #[error("read line {line}: {}; {wanted}", said(.source))]
    Line {
        /// From one.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
        /// What a line may be.
        wanted: &'static str,
    },
    /// One line of it makes no sense.
    #[error("use line {line}: {wrong}; {wanted}")]
    Entry {
        /// From one.
        line: usize,
        /// What is wrong with it.
        wrong: Wrong,
        /// What a line may be.
        wanted: &'static str,
    },
    /// The whole of it.
    #[error("read it as a JSON array: {source}; {wanted}")]
    Array {
        /// What the parser says, with the line.
        source: serde_json::Error,
        /// What it may be.
        wanted: &'static str,
    },
    /// There is nothing in it.
    #[error("find a {what} in it")]
    Empty {
        /// What was looked for.
        what: &'static str,
    },
    /// More than there is reason for.
    #[error("use it: it has more than {MOST_ENTRIES} requests; divide it")]
    TooMany,
    /// Every prompt fell into the same set.
    #[error(
        "divide its prompts into two sets: all {prompts} fall into the {set} set; a fifth, chosen by their own text, is \
         for training, so give it more prompts, and such that differ"
    )]
    OneSet {
        /// How many there are.
        prompts: u64,
        /// Where they are.
        set: &'static str,
    },
}

/// What is wrong with one entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wrong {
    /// A key is not there.
    Missing(&'static str),
    /// Two keys that exclude each other.
    Both(&'static str, &'static str),
    /// A time that is none.
    Time {
        /// Its key.
        key: &'static str,
        /// What was given.
        at: f64,
    },
    /// A length of nothing.
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

/// What the parser says of one line: its own line number is always one.
fn said(error: &serde_json::Error) -> String {
    let said = error.to_string();
    match said.rsplit_once(" at line ") {
        Some((said, _)) => format!("{said} in column {}", error.column()),
        None => said,
    }
}

/// The keys of which an entry has exactly one.
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
