//! The end of a process's output: a bounded tail. Must not know processes.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes kept.
pub(crate) const TAIL: usize = 4096;

/// The last [`TAIL`] bytes.
#[derive(Debug, Default)]
pub(crate) struct Tail(VecDeque<u8>);

impl Tail {
    /// Reads to the end of the stream. May be dropped at any await; what was read so far is kept.
    pub(crate) async fn follow(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            self.push(&buffer[..read]);
        }
    }

    /// Appends bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
        let excess = self.0.len().saturating_sub(TAIL);
        self.0.drain(..excess);
    }

    /// As text; a truncated character is shown as such.
    pub(crate) fn text(&self) -> String {
        let (front, back) = self.0.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_bytes_are_kept() {
        let mut tail = Tail::default();
        (0..2000).for_each(|i| tail.push(format!("{i:04}\n").as_bytes()));
        let text = tail.text();
        assert_eq!(text.len(), TAIL);
        assert!(text.ends_with("1998\n1999\n") && !text.contains("1000\n"));
    }

    #[test]
    fn a_short_text_is_kept_whole() {
        let mut tail = Tail::default();
        tail.push(b"two ");
        tail.push(b"words");
        assert_eq!(tail.text(), "two words");
    }
}
