//! The model's tokenizer: text to tokens by the `tokenizers` library, tokens to text by our own
//! byte table, and the ids that end a text. It must not know weights or sampling.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::bytelevel::char_byte;
use crate::detok::{ByteTable, Detokenizer};
use crate::opened;

/// A tokenizer ready for use; cheap to clone parts of, safe to share between threads.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    table: Arc<ByteTable>,
    strip: bool,
    eos: Vec<u32>,
    size: usize,
}

/// Why a tokenizer cannot be used; each reads on from "failed to".
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file is not there or not readable.
    #[error("read {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is there and makes no sense.
    #[error("understand {}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The tokenizer has ids that the model has no embedding for.
    #[error("use a tokenizer of {tokenizer} ids with a model of {model}")]
    VocabularyMismatch {
        /// Highest id of the tokenizer plus one.
        tokenizer: usize,
        /// `vocab_size` of the configuration.
        model: usize,
    },
    /// The text could not be encoded.
    #[error("encode the text: {reason}")]
    Encode {
        /// The library's reason.
        reason: String,
    },
}

/// How a tokenizer writes bytes in its vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// One printable character for each byte.
    ByteLevel,
    /// SentencePiece: `▁` for a space, `<0xNN>` for bytes without a piece.
    Pieces,
}

impl Tokenizer {
    /// Reads `tokenizer.json`, and from `config.json` (and `generation_config.json`, if present)
    /// the size of the vocabulary and the ids that end a text.
    pub fn read(dir: &Path) -> Result<Self, TokenizerError> {
        let (file, definition) = read_json(&dir.join("tokenizer.json"))?;
        let (config_file, config) = read_json(&dir.join("config.json"))?;
        let malformed = |reason: String| TokenizerError::Malformed { path: file.clone(), reason };
        let mut inner: tokenizers::Tokenizer =
            serde_json::from_value(definition.clone()).map_err(|error| malformed(error.to_string()))?;
        inner.with_padding(None).with_truncation(None).map_err(|error| malformed(error.to_string()))?;
        let spelling = spelling(&definition["decoder"])
            .ok_or_else(|| malformed("its decoder is neither byte-level nor SentencePiece".to_owned()))?;
        let size = fitting_size(&inner, &config, config_file)?;
        let generation = dir.join("generation_config.json");
        let mut eos = ids(&config["eos_token_id"]);
        if generation.is_file() {
            eos.extend(ids(&read_json(&generation)?.1["eos_token_id"]));
        }
        eos.sort_unstable();
        eos.dedup();
        let table = Arc::new(byte_table(&inner, spelling));
        Ok(Self { inner, table, strip: strips(&definition["decoder"]), eos, size })
    }

    /// Tokens of a text, with what the model wants before it. Special tokens written in the text
    /// are recognised, as chat templates need.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self
            .inner
            .encode_fast(text, true)
            .map_err(|error| TokenizerError::Encode { reason: error.to_string() })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Text of tokens; special tokens are left out, invalid bytes become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut stream = self.detokenizer();
        let mut text: String = tokens.iter().filter_map(|&token| stream.push(token)).collect();
        text.extend(stream.flush());
        text
    }

    /// A new stream of text.
    pub fn detokenizer(&self) -> Detokenizer {
        Detokenizer::new(Arc::clone(&self.table), self.strip)
    }

    /// Whether this token ends the text.
    pub fn is_eos(&self, token: u32) -> bool {
        self.eos.contains(&token)
    }

    /// The ids that end a text, ascending.
    pub fn eos(&self) -> &[u32] {
        &self.eos
    }

    /// Ids are below this: the model's `vocab_size`.
    pub fn vocab_size(&self) -> usize {
        self.size
    }

    /// The id of a token by its exact spelling, for instance `<|im_end|>`.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }
}

fn read_json(path: &Path) -> Result<(PathBuf, Value), TokenizerError> {
    let path = path.to_owned();
    let text = match opened::bytes(&path, opened::TOKENIZER) {
        Ok(text) => text,
        Err(source) => return Err(TokenizerError::Missing { path, source }),
    };
    match serde_json::from_slice(&text) {
        Ok(value) => Ok((path, value)),
        Err(error) => Err(TokenizerError::Malformed { path, reason: error.to_string() }),
    }
}

fn fitting_size(
    inner: &tokenizers::Tokenizer,
    config: &Value,
    path: PathBuf,
) -> Result<usize, TokenizerError> {
    let Some(model) = config["vocab_size"].as_u64().and_then(|size| usize::try_from(size).ok()) else {
        return Err(TokenizerError::Malformed { path, reason: "vocab_size is missing".to_owned() });
    };
    let tokenizer = end(inner) as usize;
    if tokenizer > model {
        return Err(TokenizerError::VocabularyMismatch { tokenizer, model });
    }
    Ok(model)
}

/// One id or a list of them.
fn ids(value: &Value) -> Vec<u32> {
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    value
        .as_array()
        .map_or_else(|| id(value).into_iter().collect(), |list| list.iter().filter_map(id).collect())
}

/// The steps of a decoder, one or a sequence.
fn steps(decoder: &Value) -> impl Iterator<Item = &Value> {
    let list = decoder["decoders"].as_array().map_or(std::slice::from_ref(decoder), Vec::as_slice);
    list.iter()
}

fn spelling(decoder: &Value) -> Option<Spelling> {
    steps(decoder).find_map(|step| match step["type"].as_str()? {
        "ByteLevel" => Some(Spelling::ByteLevel),
        "ByteFallback" | "Metaspace" => Some(Spelling::Pieces),
        _ => None,
    })
}

/// Whether the decoder takes one space off the front of a text.
fn strips(decoder: &Value) -> bool {
    steps(decoder).any(|step| match step["type"].as_str() {
        Some("Strip") => step["start"].as_u64().unwrap_or(0) > 0,
        Some("Metaspace") => step["prepend_scheme"].as_str().unwrap_or("always") != "never",
        _ => false,
    })
}

/// The highest id plus one.
fn end(inner: &tokenizers::Tokenizer) -> u32 {
    inner.get_vocab(true).values().max().map_or(0, |&id| id.saturating_add(1))
}

fn byte_table(inner: &tokenizers::Tokenizer, spelling: Spelling) -> ByteTable {
    let added = inner.get_added_tokens_decoder();
    ByteTable::new((0..end(inner)).map(|id| match added.get(&id) {
        Some(token) if token.special => Vec::new(),
        Some(token) => token.content.clone().into_bytes(),
        None => inner.id_to_token(id).map_or_else(Vec::new, |token| spelling.bytes(&token)),
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
        }
    }
}

/// `<0x0A>` is the byte 10.
fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>').filter(|digits| digits.len() == 2)?;
    u8::from_str_radix(digits, 16).ok()
}
