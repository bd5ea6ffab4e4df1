//! Everything that can be wrong with an answer: a closed list of kinds, each with its name in
//! reports, and the counts with one example each. Must not know how answers are read.

use std::collections::BTreeMap;

use contract::part::FailureCount;
use contract::text;

use super::sse::SseError;
use crate::engine::{Ending, ErrorKind};

/// Maximum number of characters of an example.
const EXAMPLE: usize = 200;

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// No process listens at the address.
    Gone,
    /// No connection for another reason.
    NoConnection,
    /// Status 429 or 503.
    Busy,
    /// Status 401 or 403.
    Key,
    /// Any other status from 400 to 499.
    Rejected,
    /// A status from 500.
    ServerError,
    /// A status from 300 to 399.
    Redirect,
    /// Any other status except 200.
    Status,
    /// A head that is not HTTP, or is too long.
    Head,
    /// `content-encoding`.
    Compressed,
    /// Status 200 without a body.
    NoBody,
    /// Status 200 with a body that is not an event stream.
    NoStream,
    /// A line or an event beyond the limits.
    TooLong,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// An event that is not a chunk.
    NotAChunk,
    /// An error in the stream.
    ErrorEvent,
    /// The stream ended without `[DONE]`.
    NoEnd,
    /// The connection broke.
    Cut,
    /// It finished for another reason than its length.
    Finish,
    /// It finished without text.
    NoText,
    /// The number of its tokens is unknown.
    Uncounted,
    /// Not the requested number of tokens.
    Length,
    /// More chunks with text than tokens.
    Usage,
    /// The body of the answer is not valid HTTP.
    Body,
}

/// One failure with its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub kind: Kind,
    /// In the server's words or ours; may be empty.
    pub detail: String,
}

/// Failures by kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(BTreeMap<Kind, (u64, String)>);

impl Kind {
    /// The text after a number of answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "nobody listens at the server's address",
            Self::NoConnection => "no connection to the server",
            Self::Busy => "refused as overloaded (status 429 or 503)",
            Self::Key => "refused the key (status 401 or 403)",
            Self::Rejected => "refused the request (status 4xx)",
            Self::ServerError => "error of the server (status 5xx)",
            Self::Redirect => "redirect, which is not followed",
            Self::Status => "unexpected status",
            Self::Head => "head that is no HTTP, or too long",
            Self::Compressed => "compressed answer, which is not read",
            Self::NoBody => "status 200 without a body",
            Self::NoStream => "status 200 without an event stream",
            Self::TooLong => "line or event too long",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::NotAChunk => "event that is no chunk of an answer",
            Self::ErrorEvent => "error told within the stream",
            Self::NoEnd => "stream without an end",
            Self::Cut => "connection broken in the middle",
            Self::Finish => "finish_reason other than length",
            Self::NoText => "answer without text",
            Self::Uncounted => "answer whose tokens nobody counts",
            Self::Length => "not as many tokens as asked for",
            Self::Usage => "usage that contradicts the stream",
            Self::Body => "body that is broken as HTTP",
        }
    }

    /// The remedy.
    #[must_use]
    pub fn way_out(self) -> &'static str {
        match self {
            Self::Gone | Self::NoConnection => {
                "look whether the server runs and takes so many connections"
            }
            Self::Busy => "offer less load, or give the server more places",
            Self::Key => "set key_variable or key_file",
            Self::Rejected => "look at what it says; omit and body change what is sent",
            Self::ServerError | Self::ErrorEvent | Self::Cut | Self::NoEnd => {
                "look at the server's own messages"
            }
            Self::Redirect => "give the address it points to",
            Self::Compressed => "switch compression off in the server or the proxy before it",
            Self::NoBody | Self::NoStream | Self::NotAChunk | Self::Status | Self::Head => {
                "look whether the address is that of an OpenAI-compatible server"
            }
            Self::TooLong | Self::NotUtf8 | Self::Body => "the server breaks the protocol",
            Self::Finish | Self::Length => {
                "make it ignore the end of sequence: body.ignore_eos = true, or its own key for it"
            }
            Self::NoText => "ask for more tokens, or for another prompt",
            Self::Uncounted => "let the server send usage, or a finish_reason",
            Self::Usage => "the server's usage cannot be right",
        }
    }

    /// How a request with this failure ends.
    #[must_use]
    pub fn ending(self) -> Ending {
        match self {
            Self::Gone | Self::NoConnection => Ending::Refused(ErrorKind::Down),
            Self::Busy => Ending::Refused(ErrorKind::Overloaded),
            Self::Key | Self::Rejected | Self::Redirect => Ending::Refused(ErrorKind::Invalid),
            Self::Cut | Self::NoEnd => Ending::Disconnected,
            _ => Ending::Failed(ErrorKind::Internal),
        }
    }

    /// A fault with details.
    #[must_use]
    pub fn of(self, detail: impl Into<String>) -> Fault {
        Fault {
            kind: self,
            detail: detail.into(),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.name())?;
        match self.detail.as_str() {
            "" => Ok(()),
            detail => write!(f, ": {}", text::line(detail, EXAMPLE)),
        }
    }
}

impl From<SseError> for Fault {
    fn from(error: SseError) -> Self {
        let kind = match error {
            SseError::Line | SseError::Event => Kind::TooLong,
            SseError::Utf8 => Kind::NotUtf8,
        };
        kind.of(error.to_string())
    }
}

impl Tally {
    /// Counts a failure; keeps the first of its kind as the example.
    pub(super) fn count(&mut self, fault: &Fault) {
        let example = || text::line(&fault.detail, EXAMPLE).to_string();
        let (count, _) = self.0.entry(fault.kind).or_insert_with(|| (0, example()));
        *count += 1;
    }

    /// The counts, most frequent first.
    pub(super) fn counts(&self) -> Vec<FailureCount> {
        let mut counts: Vec<FailureCount> = self
            .0
            .iter()
            .map(|(kind, (count, example))| FailureCount {
                kind: kind.name().to_owned(),
                count: *count,
                example: example.clone(),
                way_out: kind.way_out().to_owned(),
            })
            .collect();
        counts.sort_by_key(|one| std::cmp::Reverse(one.count));
        counts
    }
}
