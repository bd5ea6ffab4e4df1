//! Typed access to the metadata of a GGUF file. Errors include the key, and a key that nothing
//! reads is an error unless it is known to have no effect.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::ImportError;
use super::gguf::Value;

/// Prefixes of keys that do not change what a model computes, by reason.
const WITHOUT_EFFECT: [(&str, &[&str]); 4] = [
    (
        "they describe the file, its origin and how it was made",
        &["general.", "quantize.", "imatrix.", "training."],
    ),
    (
        "texts are shown to a user or laid out by whoever asks",
        &["tokenizer.chat_template", "tokenizer.huggingface.json"],
    ),
    (
        "tokens that no benchmark uses, or that stand in the list of tokens anyway",
        &[
            "tokenizer.ggml.padding_token_id",
            "tokenizer.ggml.unknown_token_id",
            "tokenizer.ggml.seperator_token_id",
            "tokenizer.ggml.separator_token_id",
            "tokenizer.ggml.cls_token_id",
            "tokenizer.ggml.mask_token_id",
            "tokenizer.ggml.eot_token_id",
            "tokenizer.ggml.eom_token_id",
            "tokenizer.ggml.fim_",
            "tokenizer.ggml.prefix_token_id",
            "tokenizer.ggml.suffix_token_id",
            "tokenizer.ggml.middle_token_id",
            "tokenizer.ggml.add_sep_token",
            "tokenizer.ggml.token_type_count",
            // Only in unigram tokenizers, which are refused.
            "tokenizer.ggml.remove_extra_whitespaces",
            "tokenizer.ggml.precompiled_charsmap",
        ],
    ),
    // Given by the number of rows of the embedding.
    (
        "repeated from the tensors",
        &[
            "{arch}.vocab_size",
            "{arch}.rope.scaling.finetuned",
            "{arch}.tensor_data_layout",
        ],
    ),
];

/// Typed access to metadata, with the key in every error. Records which keys were read.
pub(super) struct Metadata<'a> {
    map: &'a BTreeMap<String, Value>,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(map: &'a BTreeMap<String, Value>) -> Self {
        Self {
            map,
            read: RefCell::default(),
        }
    }

    /// A value of any type.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(key.to_owned());
        self.map.get(key)
    }

    /// Fails at the first key that was not read and may have an effect on a model of this
    /// architecture.
    pub(super) fn all_read(&self, arch: &str) -> Result<(), ImportError> {
        let read = self.read.borrow();
        let harmless = |key: &str| {
            let mut beginnings = WITHOUT_EFFECT
                .iter()
                .flat_map(|(_, beginnings)| beginnings.iter());
            beginnings.any(|beginning| key.starts_with(&beginning.replace("{arch}", arch)))
        };
        match self
            .map
            .iter()
            .find(|(key, _)| !read.contains(*key) && !harmless(key))
        {
            Some((key, value)) => Err(ImportError::UnknownKey {
                key: key.clone(),
                value: value.to_string(),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, ImportError> {
        match self.get(key) {
            None => Ok(None),
            Some(&Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(ImportError::WrongKind {
                key: key.to_owned(),
                wanted: "true or false",
            }),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<usize>, ImportError> {
        let wrong = || ImportError::WrongKind {
            key: key.to_owned(),
            wanted: "a number",
        };
        match self.get(key) {
            None => Ok(None),
            Some(&Value::Unsigned(n)) => usize::try_from(n).map(Some).map_err(|_| wrong()),
            Some(&Value::Signed(n)) => usize::try_from(n).map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn float(&self, key: &str) -> Result<Option<f64>, ImportError> {
        match self.get(key) {
            None => Ok(None),
            Some(&Value::Float(x)) => Ok(Some(x)),
            Some(_) => Err(ImportError::WrongKind {
                key: key.to_owned(),
                wanted: "a fraction",
            }),
        }
    }

    /// A number of any type, as the intended decimal.
    pub(super) fn decimal(&self, key: &str) -> Result<Option<serde_json::Value>, ImportError> {
        match self.get(key) {
            Some(&Value::Float(x)) => Ok(Some(shortest(x).into())),
            Some(_) => Ok(self.number(key)?.map(Into::into)),
            None => Ok(None),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, ImportError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(ImportError::WrongKind {
                key: key.to_owned(),
                wanted: "a text",
            }),
        }
    }

    pub(super) fn list(&self, key: &str) -> Result<&'a [Value], ImportError> {
        match self.get(key) {
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(ImportError::WrongKind {
                key: key.to_owned(),
                wanted: "a list",
            }),
            None => Err(missing(key)),
        }
    }

    /// A size: at least 1, and small enough that products of two cannot overflow.
    pub(super) fn size(&self, key: &str) -> Result<usize, ImportError> {
        match self.number(key)?.ok_or_else(|| missing(key))? {
            n @ 1..=0x7fff_ffff => Ok(n),
            _ => Err(ImportError::WrongKind {
                key: key.to_owned(),
                wanted: "a size",
            }),
        }
    }
}

/// GGUF stores these as F32; the intended decimal is the shortest one that rounds to it.
pub(super) fn shortest(stored: f64) -> f64 {
    (stored as f32)
        .to_string()
        .parse()
        .expect("a number's own text")
}

pub(super) fn missing(key: &str) -> ImportError {
    ImportError::Missing {
        key: key.to_owned(),
    }
}
