//! Turns a stream of tokens into text: bytes are held back until they form whole characters, so
//! that returned text never has to be withdrawn. Owns the table from token to bytes and the
//! incremental UTF-8 decoder. Must not know how text becomes tokens.

use std::sync::Arc;

/// The bytes of every token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ByteTable {
    bytes: Vec<u8>,
    /// Token `t` is `bytes[ends[t-1]..ends[t]]`.
    ends: Vec<u32>,
}

/// One stream of text. All pushes and the flush together equal the lossy UTF-8 decoding of the
/// tokens' concatenated bytes; special tokens, and ids without a token, have no bytes.
#[derive(Debug, Clone)]
pub struct Detokenizer {
    table: Arc<ByteTable>,
    /// The beginning of a character, at most 3 bytes.
    held: Vec<u8>,
    /// Whether a leading space must still be removed (SentencePiece tokenizers).
    strip: bool,
}

impl ByteTable {
    pub(crate) fn new(tokens: impl Iterator<Item = Vec<u8>>) -> Self {
        let mut table = Self {
            bytes: Vec::new(),
            ends: Vec::new(),
        };
        for token in tokens {
            table.bytes.extend(token);
            table
                .ends
                .push(u32::try_from(table.bytes.len()).expect("vocabularies are under 4 GB"));
        }
        table
    }

    pub(crate) fn get(&self, token: u32) -> &[u8] {
        let at = token as usize;
        let Some(&end) = self.ends.get(at) else {
            return &[];
        };
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[begin as usize..end as usize]
    }
}

impl Detokenizer {
    pub(crate) fn new(table: Arc<ByteTable>, strip: bool) -> Self {
        Self {
            table,
            held: Vec::with_capacity(4),
            strip,
        }
    }

    /// The text that this token completes, if any.
    pub fn push(&mut self, token: u32) -> Option<String> {
        let table = Arc::clone(&self.table);
        let mut bytes = table.get(token);
        if self.strip && !bytes.is_empty() {
            self.strip = false;
            bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
        }
        if bytes.is_empty() {
            return None;
        }
        self.held.extend_from_slice(bytes);
        let ready = self.held.len() - open_tail(&self.held);
        let text = String::from_utf8_lossy(&self.held[..ready]).into_owned();
        self.held.drain(..ready);
        (!text.is_empty()).then_some(text)
    }

    /// The remaining text: an incomplete character becomes U+FFFD.
    pub fn flush(&mut self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.held).into_owned();
        self.held.clear();
        (!text.is_empty()).then_some(text)
    }
}

/// Length of an incomplete character at the end; 0 if there is none or it can never be completed.
fn open_tail(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    loop {
        let Err(error) = std::str::from_utf8(rest) else {
            return 0;
        };
        match error.error_len() {
            None => return rest.len() - error.valid_up_to(),
            Some(bad) => rest = &rest[error.valid_up_to() + bad..],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One token for every byte, and token 256 = "é中".
    fn stream() -> Detokenizer {
        let bytes = (0..=255u8)
            .map(|b| vec![b])
            .chain([("é中".as_bytes().to_vec())]);
        Detokenizer::new(Arc::new(ByteTable::new(bytes)), false)
    }

    fn run(tokens: impl IntoIterator<Item = u32>) -> Vec<String> {
        let mut stream = stream();
        let mut out: Vec<_> = tokens.into_iter().filter_map(|t| stream.push(t)).collect();
        out.extend(stream.flush());
        out
    }

    #[test]
    fn characters_come_whole() {
        let bytes = "a👩‍🚀中".bytes().map(u32::from);
        assert_eq!(run(bytes), ["a", "👩", "\u{200d}", "🚀", "中"]);
        assert_eq!(run([256]), ["é中"]);
    }

    #[test]
    fn nothing_is_said_before_a_character_is_whole() {
        let mut stream = stream();
        let said: Vec<_> = "👍".bytes().map(|b| stream.push(b.into())).collect();
        assert_eq!(said, [None, None, None, Some("👍".to_owned())]);
        assert_eq!(stream.flush(), None);
    }

    #[test]
    fn only_invalid_bytes_are_replaced() {
        // A single continuation byte, then a lead byte followed by a letter.
        assert_eq!(
            run([0x80, 0xe4, 0xb8, u32::from(b'x')]),
            ["\u{fffd}", "\u{fffd}x"]
        );
        // A character that is never completed is replaced once, at the end.
        assert_eq!(run([u32::from(b'x'), 0xf0, 0x9f, 0x91]), ["x", "\u{fffd}"]);
    }

    #[test]
    fn unknown_ids_are_silent() {
        assert_eq!(run([999, u32::from(b'x'), u32::MAX]), ["x"]);
    }

    #[cfg(feature = "property-tests")]
    proptest::proptest! {
        #[test]
        fn pieces_add_up_to_the_lossy_whole(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let whole = String::from_utf8_lossy(&bytes).into_owned();
            proptest::prop_assert_eq!(run(bytes.iter().map(|&b| b.into())).concat(), whole);
        }

        #[test]
        fn valid_text_is_never_replaced(text in "\\PC{0,12}") {
            let said = run(text.bytes().map(u32::from));
            proptest::prop_assert_eq!(said.concat(), text);
        }
    }
}
