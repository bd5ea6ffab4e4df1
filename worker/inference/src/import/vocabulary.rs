//! Turns the tokenizer in GGUF metadata into a byte-level BPE vocabulary. Kinds of tokenizer that
//! it does not know are refused by name. It must not know tensors.

use std::collections::HashSet;

use super::ImportError;
use super::gguf::Value;
use super::metadata::Metadata;
use crate::bytelevel::{Added, Cut, Vocabulary};

/// Token types of GGUF.
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// Llama 3's pattern, as its own tokenizer declares it.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Reads the vocabulary for a model with so many embedding rows.
pub(crate) fn read(meta: &Metadata<'_>, rows: usize) -> Result<Vocabulary, ImportError> {
    let kind = meta.text("tokenizer.ggml.model")?.unwrap_or("(none)");
    if kind != "gpt2" {
        return Err(ImportError::Tokenizer { kind: kind.to_owned() });
    }
    let tokens = texts(meta, "tokenizer.ggml.tokens")?;
    check(&tokens, rows)?;
    let prefix = match meta.0.get("tokenizer.ggml.add_bos_token") {
        Some(Value::Bool(true)) => {
            meta.number("tokenizer.ggml.bos_token_id")?.filter(|&id| id < tokens.len())
        }
        _ => None,
    };
    let vocabulary = Vocabulary {
        merges: texts(meta, "tokenizer.ggml.merges")?,
        added: added(meta, tokens.len())?,
        cut: cut(meta.text("tokenizer.ggml.pre")?.unwrap_or("(none)"))?,
        prefix,
        tokens,
    };
    Ok(vocabulary)
}

fn cut(pre: &str) -> Result<Cut, ImportError> {
    match pre {
        "smollm" => Ok(Cut::DigitsThenGpt2),
        "gpt-2" => Ok(Cut::Gpt2),
        "llama-bpe" | "llama-v3" | "llama3" => Ok(Cut::Pattern(LLAMA3)),
        other => Err(ImportError::Tokenizer { kind: format!("gpt2 with pre-tokenizer {other}") }),
    }
}

fn texts(meta: &Metadata<'_>, key: &'static str) -> Result<Vec<String>, ImportError> {
    let text = |value: &Value| match value {
        Value::Text(text) => Ok(text.clone()),
        _ => Err(ImportError::WrongKind { key: key.to_owned(), wanted: "a list of texts" }),
    };
    meta.list(key)?.iter().map(text).collect()
}

fn added(meta: &Metadata<'_>, tokens: usize) -> Result<Vec<Added>, ImportError> {
    let key = "tokenizer.ggml.token_type";
    let types = meta.list(key)?;
    if types.len() != tokens {
        return Err(ImportError::WrongKind { key: key.to_owned(), wanted: "one type for each token" });
    }
    let kind = |value: &Value| match *value {
        Value::Signed(kind) => kind,
        Value::Unsigned(kind) => i64::try_from(kind).unwrap_or(i64::MAX),
        _ => 0,
    };
    let chosen =
        types.iter().map(kind).enumerate().filter(|(_, kind)| matches!(*kind, CONTROL | USER_DEFINED));
    Ok(chosen.map(|(id, kind)| Added { id, special: kind == CONTROL }).collect())
}

fn check(tokens: &[String], rows: usize) -> Result<(), ImportError> {
    if tokens.len() > rows {
        return Err(ImportError::VocabularySize { tokens: tokens.len(), rows });
    }
    let mut seen = HashSet::with_capacity(tokens.len());
    match tokens.iter().find(|token| !seen.insert(token.as_str())) {
        Some(token) => Err(ImportError::DuplicateToken { token: token.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bytelevel::byte_char;
    use crate::tokenizer::Tokenizer;

    type Entries = BTreeMap<String, Value>;

    fn texts(items: impl IntoIterator<Item = String>) -> Value {
        Value::Array(items.into_iter().map(Value::Text).collect())
    }

    /// Id 0 begins texts, ids 1 to 256 are the bytes, then `12` and `123`.
    fn llama3() -> Entries {
        let bytes = (0..=255).map(|byte| byte_char(byte).to_string());
        let tokens = ["<|begin|>".to_owned()].into_iter().chain(bytes).chain(["12".into(), "123".into()]);
        let types = (0..259).map(|id| Value::Signed(if id == 0 { 3 } else { 1 })).collect();
        [
            ("model", Value::Text("gpt2".into())),
            ("pre", Value::Text("llama-bpe".into())),
            ("tokens", texts(tokens)),
            ("token_type", Value::Array(types)),
            ("merges", texts(["1 2".into(), "12 3".into()])),
            ("bos_token_id", Value::Unsigned(0)),
            ("add_bos_token", Value::Bool(true)),
        ]
        .map(|(key, value)| (format!("tokenizer.ggml.{key}"), value))
        .into()
    }

    fn encode(entries: &Entries, text: &str) -> Vec<u32> {
        let place = tempfile::tempdir().unwrap();
        let vocabulary = read(&Metadata(entries), 259).unwrap();
        std::fs::write(place.path().join("tokenizer.json"), vocabulary.to_json().to_string()).unwrap();
        std::fs::write(place.path().join("config.json"), r#"{"vocab_size": 259}"#).unwrap();
        Tokenizer::read(place.path()).unwrap().encode(text).unwrap()
    }

    #[test]
    fn llama3_begins_texts_and_takes_digits_by_three() {
        let four = 1 + u32::from(b'4');
        assert_eq!(encode(&llama3(), "1234123"), [0, 258, four, 257, 1 + u32::from(b'3')]);
        let mut smollm = llama3();
        smollm.insert("tokenizer.ggml.pre".into(), Value::Text("smollm".into()));
        smollm.remove("tokenizer.ggml.add_bos_token");
        assert_eq!(encode(&smollm, "12"), [1 + u32::from(b'1'), 1 + u32::from(b'2')]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let with = |key: &str, value| {
            let mut entries = llama3();
            entries.insert(format!("tokenizer.ggml.{key}"), value);
            read(&Metadata(&entries), 259).unwrap_err()
        };
        assert!(matches!(read(&Metadata(&llama3()), 258), Err(ImportError::VocabularySize { .. })));
        assert!(matches!(with("model", Value::Text("llama".into())), ImportError::Tokenizer { .. }));
        assert!(matches!(with("merges", Value::Bool(true)), ImportError::WrongKind { .. }));
        assert!(matches!(with("token_type", texts([])), ImportError::WrongKind { .. }));
        let twice = texts(["a".into(), "a".into()]);
        assert!(matches!(with("tokens", twice), ImportError::DuplicateToken { token } if token == "a"));
    }
}
