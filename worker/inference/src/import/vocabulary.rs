//! Turns the tokenizer in GGUF metadata into a byte-level BPE vocabulary. Kinds of tokenizer that
//! it does not know are refused by name. It must not know tensors.

use std::collections::HashSet;

use super::ImportError;
use super::gguf::Value;
use super::llama::Metadata;
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
