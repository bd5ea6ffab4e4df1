//! The lines on the pipes: one JSON object each. Owns how bytes are cut into lines, and the limits;
//! must not know what follows from a line.

use std::io::Read;

use contract::engine::{Heard, Said};

/// Bytes of a line at most: far above any step, and a bound on what an engine can have kept.
pub(super) const MOST: usize = 4 << 20;
/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// What is wrong with a line. Messages complete "line N of its standard output …".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("is longer than {MOST} bytes")]
    Long,
    #[error("is not UTF-8")]
    Utf8,
    #[error("is not what an engine says: {0}")]
    Json(String),
}

/// Appends a line.
pub(super) fn write(said: &Said, to: &mut Vec<u8>) {
    serde_json::to_writer(&mut *to, said).expect("numbers and texts, into memory");
    to.push(b'\n');
}

/// Reads a line; an empty one says nothing.
pub(super) fn parse(line: &[u8]) -> Result<Heard, Wrong> {
    let text = std::str::from_utf8(line).map_err(|_| Wrong::Utf8)?;
    if text.trim().is_empty() {
        return Ok(Heard::default());
    }
    serde_json::from_str(text).map_err(|error| Wrong::Json(error.to_string()))
}

/// Bytes as they come, cut into lines; never more than one line of [`MOST`] and a chunk are kept.
pub(super) struct Lines<R> {
    from: R,
    bytes: Vec<u8>,
    chunk: Vec<u8>,
    taken: usize,
    /// So far no end of a line was found in this much.
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

    /// Waits for more; false at the end.
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

    /// The next whole line of what has come.
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
    use contract::engine::Asked;

    use super::*;

    #[test]
    fn lines_are_cut_wherever_the_bytes_come_apart() {
        /// One byte at a time.
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
        let expected = Heard {
            started: vec![1],
            tokens: vec![(1, 2)],
            finished: vec![1],
            ..Heard::default()
        };
        assert_eq!(line, Ok(expected));
        assert_eq!(parse(b" \r"), Ok(Heard::default()));
    }

    #[test]
    fn what_is_said_is_one_line() {
        let mut bytes = Vec::new();
        let asked = Asked {
            index: 3,
            prompt: [1, 2].into(),
            max_new_tokens: 5,
        };
        for said in [
            Said::Submit(vec![asked]),
            Said::Cancel(3),
            Said::Window {},
            Said::Encode("a\nb".to_owned()),
        ] {
            write(&said, &mut bytes);
        }
        assert_eq!(
            String::from_utf8(bytes).expect("JSON is UTF-8"),
            "{\"submit\":[{\"index\":3,\"prompt\":[1,2],\"max_new_tokens\":5}]}\n{\"cancel\":3}\n\
             {\"window\":{}}\n{\"encode\":\"a\\nb\"}\n"
        );
    }
}
