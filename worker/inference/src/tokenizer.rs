//! The model's tokenizer: text to tokens with the `tokenizers` library, tokens to text with our own
//! byte table, and the ids that end a text. Must not know weights or sampling.

mod beginning;
mod spelling;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use self::spelling::{byte_table, spelling, strips};
use crate::config::token_ids;
use crate::detok::{ByteTable, Detokenizer};
use crate::{json, opened};

/// A tokenizer ready for use; cheap to clone parts of, safe to share between threads.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    table: Arc<ByteTable>,
    strip: bool,
    eos: Vec<u32>,
    size: usize,
}

/// Why a tokenizer cannot be used. Messages continue "failed to".
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file does not exist or cannot be read.
    #[error("read {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is invalid.
    #[error("understand {}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The text has a token without an embedding in the model.
    #[error("encode the text: its token {token:?} is number {id}, and the model has {model}")]
    NoEmbedding {
        /// The token's text.
        token: String,
        /// Its id.
        id: u32,
        /// `vocab_size` of the configuration.
        model: usize,
    },
    /// Two files contradict each other about tokens added before or after every text.
    #[error(
        "encode as {} asks: it says {key} = {said}, and tokenizer.json does the opposite; make them agree",
        path.display()
    )]
    Beginning {
        /// `tokenizer_config.json`.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// Its value.
        said: bool,
    },
    /// The text could not be encoded.
    #[error("encode the text: {reason}")]
    Encode {
        /// The library's error.
        reason: String,
    },
}

impl Tokenizer {
    /// Reads `tokenizer.json`, and from `config.json` (and `generation_config.json`, if present)
    /// the size of the vocabulary and the ids that end a text.
    pub fn read(dir: &Path) -> Result<Self, TokenizerError> {
        let (file, mut definition) = read_json(&dir.join("tokenizer.json"))?;
        let (config_file, config) = read_json(&dir.join("config.json"))?;
        beginning::apply(dir, &mut definition)?;
        let malformed = |reason: String| TokenizerError::Malformed {
            path: file.clone(),
            reason,
        };
        let mut inner: tokenizers::Tokenizer = serde_json::from_value(definition.clone())
            .map_err(|error| malformed(error.to_string()))?;
        inner
            .with_padding(None)
            .with_truncation(None)
            .map_err(|error| malformed(error.to_string()))?;
        let size = vocabulary(&config, config_file)?;
        let generation = dir.join("generation_config.json");
        let mut eos = token_ids(&config["eos_token_id"]).unwrap_or_default();
        if generation.is_file() {
            eos.extend(token_ids(&read_json(&generation)?.1["eos_token_id"]).unwrap_or_default());
        }
        eos.sort_unstable();
        eos.dedup();
        let table = Arc::new(byte_table(&inner, spelling(&definition)));
        Ok(Self {
            inner,
            table,
            strip: strips(&definition["decoder"]),
            eos,
            size,
        })
    }

    /// Tokens of a text, including those that the model adds. Special tokens written in the text
    /// are recognised, as chat templates need.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding =
            self.inner
                .encode_fast(text, true)
                .map_err(|error| TokenizerError::Encode {
                    reason: error.to_string(),
                })?;
        let ids = encoding.get_ids();
        match ids.iter().find(|&&id| id as usize >= self.size) {
            Some(&id) => Err(TokenizerError::NoEmbedding {
                token: self.inner.id_to_token(id).unwrap_or_default(),
                id,
                model: self.size,
            }),
            None => Ok(ids.to_vec()),
        }
    }

    /// Text of tokens; special tokens are left out, invalid bytes become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> String {
        let mut stream = self.detokenizer();
        let mut text: String = tokens
            .iter()
            .filter_map(|&token| stream.push(token))
            .collect();
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

    /// Exclusive upper limit of ids: the model's `vocab_size`.
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
    match json::parse(&text) {
        Ok(value) => Ok((path, value)),
        Err(error) => Err(TokenizerError::Malformed {
            path,
            reason: format!("it {error}"),
        }),
    }
}

/// `vocab_size` of the configuration. The tokenizer may have more ids; a text that needs one of
/// them is refused.
fn vocabulary(config: &Value, path: PathBuf) -> Result<usize, TokenizerError> {
    let size = config["vocab_size"]
        .as_f64()
        .filter(|size| size.fract() == 0.0 && (1.0..4e9).contains(size));
    size.map(|size| size as usize)
        .ok_or_else(|| TokenizerError::Malformed {
            path,
            reason: "vocab_size is missing".to_owned(),
        })
}
