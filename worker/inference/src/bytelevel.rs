//! The byte-level alphabet of GPT-2 style tokenizers (each byte shown as one printable character),
//! and the `tokenizer.json` made from such a vocabulary or from SentencePiece pieces. Must not know
//! models.

use serde_json::{Map, Value, json};

use crate::template::template;

/// How text is split before merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// GPT-2's pattern.
    Gpt2,
    /// Every digit alone, then GPT-2's pattern (SmolLM).
    DigitsThenGpt2,
    /// The model's own patterns; each splits what the previous one left.
    Patterns(&'static [&'static str]),
}

/// Kind of vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Every byte is a character.
    ByteLevel {
        cut: Cut,
        /// Whether a piece that is a token as a whole is used without merging, as in Llama 3.
        whole: bool,
    },
    /// SentencePiece: `▁` for a space, `<0xNN>` for bytes without a piece.
    Pieces {
        /// Whether a space is prepended to every text.
        space: bool,
    },
}

/// A token outside the merges; special ones are never shown and never split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Added {
    pub(crate) id: usize,
    pub(crate) special: bool,
}

/// A BPE vocabulary; a token's id is its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vocabulary {
    pub(crate) tokens: Vec<String>,
    pub(crate) merges: Vec<String>,
    pub(crate) added: Vec<Added>,
    pub(crate) kind: Kind,
    /// Token prepended to every text, if the model needs one.
    pub(crate) before: Option<usize>,
    /// Token appended to every text.
    pub(crate) behind: Option<usize>,
}

/// The character that represents a byte: itself if printable, otherwise the next free one from
/// U+0100.
pub(crate) fn byte_char(byte: u8) -> char {
    let hidden = match byte {
        0..=0x20 => u32::from(byte),
        0x7f..=0xa0 => u32::from(byte) - 0x7f + 0x21,
        0xad => 0x43,
        _ => return char::from(byte),
    };
    char::from_u32(0x100 + hidden).expect("below the surrogates")
}

/// The inverse of [`byte_char`].
pub(crate) fn char_byte(shown: char) -> Option<u8> {
    let code = u32::from(shown);
    let byte = match code {
        0x100..=0x120 => code - 0x100,
        0x121..=0x142 => code - 0x121 + 0x7f,
        0x143 => 0xad,
        _ => code,
    };
    u8::try_from(byte).ok().filter(|&b| byte_char(b) == shown)
}

impl Vocabulary {
    /// The `tokenizer.json` that the `tokenizers` library reads.
    pub(crate) fn to_json(&self) -> Value {
        let vocab: Map<_, _> = self
            .tokens
            .iter()
            .enumerate()
            .map(|(i, t)| (t.clone(), i.into()))
            .collect();
        let ends =
            [self.before, self.behind].map(|id| id.map(|id| (self.tokens[id].clone(), id as u64)));
        let [normalizer, cut, decoder] = self.kind.steps();
        let (whole, pieces) = match self.kind {
            Kind::ByteLevel { whole, .. } => (whole, false),
            Kind::Pieces { .. } => (false, true),
        };
        let unknown = self.tokens.first().filter(|_| pieces);
        json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": normalizer,
            "added_tokens": self.added.iter().map(|a| self.added_json(a)).collect::<Vec<_>>(),
            "pre_tokenizer": cut,
            "post_processor": template(ends.each_ref().map(Option::as_ref)),
            "decoder": decoder,
            "model": {
                "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": pieces, "byte_fallback": pieces,
                "ignore_merges": whole, "vocab": vocab, "merges": self.merges,
            },
        })
    }

    fn added_json(&self, added: &Added) -> Value {
        json!({ "id": added.id, "content": self.tokens[added.id], "special": added.special,
                "single_word": false, "lstrip": false, "rstrip": false, "normalized": false })
    }
}

impl Kind {
    /// Normaliser, pre-tokenizer and decoder.
    fn steps(self) -> [Value; 3] {
        let space = match self {
            Self::ByteLevel { cut, .. } => return [Value::Null, cut.to_json(), byte_level(true)],
            Self::Pieces { space } => space,
        };
        let replace = |from: &str, to: &str| json!({ "type": "Replace", "pattern": { "String": from }, "content": to });
        let prepend = space.then(|| json!({ "type": "Prepend", "prepend": "▁" }));
        let normalizers: Vec<Value> = prepend.into_iter().chain([replace(" ", "▁")]).collect();
        let strip =
            space.then(|| json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 }));
        let decoders = [
            replace("▁", " "),
            json!({ "type": "ByteFallback" }),
            json!({ "type": "Fuse" }),
        ];
        let decoders: Vec<Value> = decoders.into_iter().chain(strip).collect();
        [
            json!({ "type": "Sequence", "normalizers": normalizers }),
            Value::Null,
            json!({ "type": "Sequence", "decoders": decoders }),
        ]
    }
}

impl Cut {
    fn to_json(self) -> Value {
        match self {
            Self::Gpt2 => byte_level(true),
            Self::DigitsThenGpt2 => json!({ "type": "Sequence", "pretokenizers":
                [{ "type": "Digits", "individual_digits": true }, byte_level(true)] }),
            Self::Patterns(patterns) => {
                let split = |pattern: &&str| json!({ "type": "Split", "pattern": { "Regex": pattern }, "behavior": "Isolated", "invert": false });
                let steps: Vec<Value> = patterns
                    .iter()
                    .map(split)
                    .chain([byte_level(false)])
                    .collect();
                json!({ "type": "Sequence", "pretokenizers": steps })
            }
        }
    }
}

fn byte_level(use_regex: bool) -> Value {
    json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_is_one_to_one_and_printable() {
        for byte in 0..=255 {
            assert_eq!(char_byte(byte_char(byte)), Some(byte));
            assert!(!byte_char(byte).is_control() && !byte_char(byte).is_whitespace());
        }
        assert_eq!(
            (byte_char(b' '), byte_char(b'\n'), byte_char(0xad)),
            ('Ġ', 'Ċ', 'Ń')
        );
    }

    #[test]
    fn characters_outside_the_alphabet_have_no_byte() {
        assert_eq!([' ', '\n', '中', '\u{144}'].map(char_byte), [None; 4]);
    }
}
