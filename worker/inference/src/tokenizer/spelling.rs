//! How a tokenizer encodes bytes in its vocabulary, and the table from tokens to bytes derived from
//! that. A tokenizer with another encoding is shown as written: no measurement depends on it.

use serde_json::Value;

use crate::bytelevel::char_byte;
use crate::detok::ByteTable;

/// How a tokenizer encodes bytes in its vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// One printable character for each byte.
    ByteLevel,
    /// SentencePiece: `▁` for a space, `<0xNN>` for bytes without a piece.
    Pieces,
    /// As written.
    Literal,
}

/// The steps of a decoder or pre-tokenizer, with nested sequences flattened.
fn steps(part: &Value) -> Vec<&Value> {
    let list = ["decoders", "pretokenizers"]
        .into_iter()
        .find_map(|list| part[list].as_array());
    list.map_or_else(|| vec![part], |list| list.iter().flat_map(steps).collect())
}

/// Determined by its decoder or, if that does not say, by its pre-tokenizer.
pub(super) fn spelling(definition: &Value) -> Spelling {
    let of = |step: &&Value| match step["type"].as_str()? {
        "ByteLevel" => Some(Spelling::ByteLevel),
        "ByteFallback" | "Metaspace" => Some(Spelling::Pieces),
        _ => None,
    };
    let parts = ["decoder", "pre_tokenizer"]
        .into_iter()
        .map(|part| &definition[part]);
    let said = parts.flat_map(steps).find_map(|step| of(&step));
    let pieces = definition["model"]["byte_fallback"]
        .as_bool()
        .unwrap_or(false);
    said.unwrap_or(if pieces {
        Spelling::Pieces
    } else {
        Spelling::Literal
    })
}

/// Whether the decoder removes one leading space of a text.
pub(super) fn strips(decoder: &Value) -> bool {
    steps(decoder)
        .into_iter()
        .any(|step| match step["type"].as_str() {
            Some("Strip") => step["start"].as_u64().unwrap_or(0) > 0,
            Some("Metaspace") => step["prepend_scheme"].as_str().unwrap_or("always") != "never",
            _ => false,
        })
}

/// The highest id plus one.
pub(super) fn end(inner: &tokenizers::Tokenizer) -> u32 {
    inner
        .get_vocab(true)
        .values()
        .max()
        .map_or(0, |&id| id.saturating_add(1))
}

/// The bytes of every token; special ones have none.
pub(super) fn byte_table(inner: &tokenizers::Tokenizer, spelling: Spelling) -> ByteTable {
    let added = inner.get_added_tokens_decoder();
    ByteTable::new((0..end(inner)).map(|id| {
        match added.get(&id) {
            Some(token) if token.special => Vec::new(),
            Some(token) => token.content.clone().into_bytes(),
            None => inner
                .id_to_token(id)
                .map_or_else(Vec::new, |token| spelling.bytes(&token)),
        }
    }))
}

impl Spelling {
    fn bytes(self, token: &str) -> Vec<u8> {
        match self {
            Self::ByteLevel => match token.chars().map(char_byte).collect() {
                Some(bytes) => bytes,
                None => token.as_bytes().to_vec(),
            },
            Self::Pieces => match fallback_byte(token) {
                Some(byte) => vec![byte],
                None => token.replace('▁', " ").into_bytes(),
            },
            Self::Literal => token.as_bytes().to_vec(),
        }
    }
}

/// `<0x0A>` is the byte 10.
fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token
        .strip_prefix("<0x")?
        .strip_suffix('>')
        .filter(|digits| digits.len() == 2)?;
    u8::from_str_radix(digits, 16).ok()
}
