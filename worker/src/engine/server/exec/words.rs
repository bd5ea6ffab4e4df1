//! The lines on the pipes, one JSON object each; docs/exec-engine.md describes them. Owns both
//! directions and their limits; must not know what follows from a line.

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::engine::{EngineRequest, ErrorKind};

/// Version of the protocol.
pub(super) const VERSION: u32 = 1;
/// Maximum bytes of a line: far more than any step needs, and a bound on the memory that an engine
/// can use.
pub(super) const MOST: usize = 4 << 20;
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// A line to the engine.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said<'a> {
    /// The first line.
    Open {
        protocol: u32,
        concurrency: u32,
        tokens_per_request: u32,
        model: &'a str,
        threads: usize,
    },
    /// Submits these requests, all at once.
    Submit(Vec<Asked<'a>>),
    /// Cancels this request.
    Cancel(u32),
    /// The measured window begins.
    Window {},
    /// Requests the tokens of a text.
    Encode(&'a str),
}

/// One request.
#[derive(Debug, Serialize)]
pub(super) struct Asked<'a> {
    index: u32,
    prompt: &'a [u32],
    max_new_tokens: u32,
}

/// A line of the engine: events that happened together.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Line {
    pub(super) ready: Option<Ready>,
    pub(super) started: Vec<u32>,
    pub(super) tokens: Vec<(u32, u32)>,
    pub(super) finished: Vec<u32>,
    pub(super) cancelled: Vec<u32>,
    pub(super) refused: Vec<(u32, Why)>,
    pub(super) failed: Vec<(u32, Why)>,
    pub(super) encoded: Option<Vec<u32>>,
}

/// The engine is open.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ready {
    pub(super) protocol: u32,
    pub(super) engine: String,
    pub(super) model_digest: String,
    pub(super) parameters: u64,
    pub(super) weight_bytes: u64,
    pub(super) max_context: u32,
    pub(super) threads: u32,
    pub(super) encodes: bool,
    pub(super) vocabulary: u32,
}

/// Why a request was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Why {
    Overloaded,
    TooLong,
    Invalid,
    NotFinite,
    Internal,
}

/// Why a line is invalid. Messages complete "line N of its standard output …".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("is longer than {MOST} bytes")]
    Long,
    #[error("is not UTF-8")]
    Utf8,
    #[error("is not what an engine says: {0}")]
    Json(String),
}

impl Default for Ready {
    fn default() -> Self {
        Self {
            protocol: 0,
            engine: String::new(),
            model_digest: String::new(),
            parameters: 0,
            weight_bytes: 0,
            max_context: u32::MAX,
            threads: 0,
            encodes: false,
            vocabulary: 32_000,
        }
    }
}

impl From<Why> for ErrorKind {
    fn from(why: Why) -> Self {
        match why {
            Why::Overloaded => Self::Overloaded,
            Why::TooLong => Self::TooLong,
            Why::Invalid => Self::Invalid,
            Why::NotFinite => Self::NotFinite,
            Why::Internal => Self::Internal,
        }
    }
}

impl<'a> From<&'a EngineRequest> for Asked<'a> {
    fn from(request: &'a EngineRequest) -> Self {
        Self {
            index: request.index,
            prompt: &request.prompt,
            max_new_tokens: request.max_new_tokens,
        }
    }
}

impl Said<'_> {
    /// Appends the line, including its end of line.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        serde_json::to_writer(&mut *to, self).expect("numbers and texts, into memory");
        to.push(b'\n');
    }
}

/// Parses a line; an empty one has no events.
pub(super) fn parse(line: &[u8]) -> Result<Line, Wrong> {
    let text = std::str::from_utf8(line).map_err(|_| Wrong::Utf8)?;
    if text.trim().is_empty() {
        return Ok(Line::default());
    }
    serde_json::from_str(text).map_err(|error| Wrong::Json(error.to_string()))
}

/// Cuts incoming bytes into lines; never keeps more than one line of [`MOST`] and a chunk.
pub(super) struct Lines<R> {
    from: R,
    bytes: Vec<u8>,
    chunk: Vec<u8>,
    taken: usize,
    /// Bytes already searched for an end of line.
    searched: usize,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            bytes: Vec::with_capacity(CHUNK),
            chunk: vec![0; CHUNK],
            taken: 0,
            searched: 0,
        }
    }

    /// Waits for more bytes; false at the end.
    pub(super) fn read(&mut self) -> std::io::Result<bool> {
        self.bytes.drain(..self.taken);
        self.searched -= self.taken.min(self.searched);
        self.taken = 0;
        loop {
            match self.from.read(&mut self.chunk) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(0) => return Ok(false),
                Ok(read) => {
                    self.bytes.extend_from_slice(&self.chunk[..read]);
                    return Ok(true);
                }
            }
        }
    }

    /// The next complete line.
    pub(super) fn next(&mut self) -> Option<Result<&[u8], Wrong>> {
        let from = self.taken.max(self.searched);
        let end = self.bytes[from..].iter().position(|byte| *byte == b'\n');
        let (begin, end) = (self.taken, end.map(|end| from + end));
        let length = end.unwrap_or(self.bytes.len()) - begin;
        if length > MOST {
            return Some(Err(Wrong::Long));
        }
        let Some(end) = end else {
            self.searched = self.bytes.len();
            return None;
        };
        self.taken = end + 1;
        Some(Ok(&self.bytes[begin..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_wherever_the_bytes_come_apart() {
        /// Returns one byte at a time.
        struct Slow(std::vec::IntoIter<u8>);

        impl Read for Slow {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                Ok(self.0.next().map_or(0, |byte| {
                    buffer[0] = byte;
                    1
                }))
            }
        }

        let mut lines = Lines::new(Slow(b"one\n\ntwo\nrest".to_vec().into_iter()));
        let mut heard = Vec::new();
        while lines.read().expect("memory") {
            while let Some(line) = lines.next() {
                heard.push(line.expect("short").to_vec());
            }
        }
        assert_eq!(heard, [b"one".to_vec(), b"".to_vec(), b"two".to_vec()]);
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let mut lines = Lines::new(std::io::repeat(b'x'));
        let long = loop {
            assert!(lines.read().expect("memory"));
            match lines.next() {
                None => assert!(lines.bytes.len() <= MOST),
                Some(line) => break line.map(<[u8]>::to_vec),
            }
        };
        assert_eq!(long, Err(Wrong::Long));
        assert!(lines.bytes.capacity() < 3 * MOST);
    }

    #[test]
    fn what_an_engine_does_not_say_is_refused_in_words() {
        let refused = |line: &[u8]| parse(line).expect_err("refused").to_string();
        assert!(refused(b"\xff{}").contains("UTF-8"));
        assert!(refused(b"Loading model").contains("not what an engine says"));
        assert!(refused(b"{\"token\": [[1, 2]]}").contains("unknown field `token`"));
        assert!(refused(b"{\"tokens\": [[1, -2]]}").contains("-2"));
        assert!(refused(b"{\"failed\": [[1, \"odd\"]]}").contains("odd"));
        let line = parse(b"{\"started\": [1], \"tokens\": [[1, 2]], \"finished\": [1]}");
        let expected = Line {
            started: vec![1],
            tokens: vec![(1, 2)],
            finished: vec![1],
            ..Line::default()
        };
        assert_eq!(line, Ok(expected));
        assert_eq!(parse(b" \r"), Ok(Line::default()));
    }

    #[test]
    fn what_is_said_is_one_line() {
        let mut bytes = Vec::new();
        let request = EngineRequest {
            index: 3,
            prompt: [1, 2].into(),
            max_new_tokens: 5,
        };
        Said::Submit(vec![Asked::from(&request)]).write(&mut bytes);
        Said::Cancel(3).write(&mut bytes);
        Said::Window {}.write(&mut bytes);
        Said::Encode("a\nb").write(&mut bytes);
        assert_eq!(
            String::from_utf8(bytes).expect("JSON is UTF-8"),
            "{\"submit\":[{\"index\":3,\"prompt\":[1,2],\"max_new_tokens\":5}]}\n{\"cancel\":3}\n\
             {\"window\":{}}\n{\"encode\":\"a\\nb\"}\n"
        );
    }
}
