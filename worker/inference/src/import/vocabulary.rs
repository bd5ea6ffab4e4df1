//! Turns the tokenizer in GGUF metadata into a vocabulary, by the rules of llama.cpp:
//! `tokenizer.ggml.model` gives the kind, `tokenizer.ggml.pre` how text is split and what that
//! implies. Unknown kinds are refused by name. Must not know tensors.

use std::collections::HashSet;

use super::ImportError;
use super::gguf::Value;
use super::metadata::Metadata;
use super::pieces;
use super::pretokenizer::{self, Pre};
use crate::bytelevel::{Added, Kind, Vocabulary};

/// Token types of GGUF.
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// Reads the vocabulary for a model with this many embedding rows.
pub(crate) fn read(meta: &Metadata<'_>, rows: usize) -> Result<Vocabulary, ImportError> {
    let tokens = texts(meta, "tokenizer.ggml.tokens")?;
    check(&tokens, rows)?;
    let added = added(meta, tokens.len())?;
    let pre = meta.text("tokenizer.ggml.pre")?;
    // Byte-level tokenizers have merges, pieces have scores; llama.cpp also ignores the other of
    // the two.
    let (kind, merges, adds_bos, bos) = match meta.text("tokenizer.ggml.model")?.unwrap_or("(none)")
    {
        "gpt2" => {
            let pre = pretokenizer::find(pre.unwrap_or("default"))?;
            for of_pieces in ["tokenizer.ggml.scores", "tokenizer.ggml.add_space_prefix"] {
                let _ = meta.get(of_pieces);
            }
            let Pre {
                cut,
                whole,
                adds_bos,
                ..
            } = pre;
            (
                Kind::ByteLevel { cut, whole },
                texts(meta, "tokenizer.ggml.merges")?,
                adds_bos,
                None,
            )
        }
        "llama" => {
            let _ = meta.get("tokenizer.ggml.merges");
            let space = meta
                .flag("tokenizer.ggml.add_space_prefix")?
                .unwrap_or(true);
            (
                Kind::Pieces { space },
                pieces::merges(&tokens, &scores(meta, tokens.len())?),
                true,
                Some(1),
            )
        }
        kind => {
            let known = "gpt2 and llama".to_owned();
            return Err(ImportError::Tokenizer {
                kind: kind.to_owned(),
                known,
            });
        }
    };
    let flag = |key: &str, implied| meta.flag(key).map(|said| said.unwrap_or(implied));
    let bos = meta.number("tokenizer.ggml.bos_token_id")?.or(bos);
    let before = flag("tokenizer.ggml.add_bos_token", adds_bos)?
        .then_some(bos)
        .flatten();
    let eos = meta.number("tokenizer.ggml.eos_token_id")?;
    let behind = flag("tokenizer.ggml.add_eos_token", false)?
        .then_some(eos)
        .flatten();
    let [before, behind] = [before, behind].map(|id| id.filter(|&id| id < tokens.len()));
    Ok(Vocabulary {
        merges,
        added,
        kind,
        before,
        behind,
        tokens,
    })
}

/// One score for each token.
fn scores(meta: &Metadata<'_>, tokens: usize) -> Result<Vec<f64>, ImportError> {
    let key = "tokenizer.ggml.scores";
    let score = |value: &Value| match *value {
        Value::Float(score) if !score.is_nan() => Some(score),
        _ => None,
    };
    let scores: Option<Vec<f64>> = meta.list(key)?.iter().map(score).collect();
    scores
        .filter(|scores| scores.len() == tokens)
        .ok_or_else(|| ImportError::WrongKind {
            key: key.to_owned(),
            wanted: "one score for each token",
        })
}

fn texts(meta: &Metadata<'_>, key: &'static str) -> Result<Vec<String>, ImportError> {
    let text = |value: &Value| match value {
        Value::Text(text) => Ok(text.clone()),
        _ => Err(ImportError::WrongKind {
            key: key.to_owned(),
            wanted: "a list of texts",
        }),
    };
    meta.list(key)?.iter().map(text).collect()
}

fn added(meta: &Metadata<'_>, tokens: usize) -> Result<Vec<Added>, ImportError> {
    let key = "tokenizer.ggml.token_type";
    let types = meta.list(key)?;
    if types.len() != tokens {
        return Err(ImportError::WrongKind {
            key: key.to_owned(),
            wanted: "one type for each token",
        });
    }
    let kind = |value: &Value| match *value {
        Value::Signed(kind) => kind,
        Value::Unsigned(kind) => i64::try_from(kind).unwrap_or(i64::MAX),
        _ => 0,
    };
    let chosen = types.iter().map(kind).enumerate();
    let chosen = chosen.filter(|(_, kind)| matches!(*kind, UNKNOWN | CONTROL | USER_DEFINED));
    Ok(chosen
        .map(|(id, kind)| Added {
            id,
            special: kind != USER_DEFINED,
        })
        .collect())
}

fn check(tokens: &[String], rows: usize) -> Result<(), ImportError> {
    if tokens.len() > rows {
        return Err(ImportError::VocabularySize {
            tokens: tokens.len(),
            rows,
        });
    }
    let mut seen = HashSet::with_capacity(tokens.len());
    match tokens.iter().find(|token| !seen.insert(token.as_str())) {
        Some(token) => Err(ImportError::DuplicateToken {
            token: token.clone(),
        }),
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
        let tokens = ["<|begin|>".to_owned()]
            .into_iter()
            .chain(bytes)
            .chain(["12".into(), "123".into()]);
        let types = (0..259)
            .map(|id| Value::Signed(if id == 0 { 3 } else { 1 }))
            .collect();
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
        let vocabulary = read(&Metadata::new(entries), 259).unwrap();
        std::fs::write(
            place.path().join("tokenizer.json"),
            vocabulary.to_json().to_string(),
        )
        .unwrap();
        std::fs::write(place.path().join("config.json"), r#"{"vocab_size": 259}"#).unwrap();
        Tokenizer::read(place.path()).unwrap().encode(text).unwrap()
    }

    #[test]
    fn llama3_begins_texts_and_takes_digits_by_three() {
        let four = 1 + u32::from(b'4');
        assert_eq!(
            encode(&llama3(), "1234123"),
            [0, 258, four, 257, 1 + u32::from(b'3')]
        );
        let mut implied = llama3();
        implied.remove("tokenizer.ggml.add_bos_token");
        assert_eq!(
            encode(&implied, "12"),
            [0, 257],
            "what the pre-tokenizer implies"
        );
        implied.insert("tokenizer.ggml.add_bos_token".into(), Value::Bool(false));
        assert_eq!(
            encode(&implied, "12"),
            [257],
            "counter-check: an explicit setting takes precedence"
        );
        let mut smollm = llama3();
        smollm.insert("tokenizer.ggml.pre".into(), Value::Text("smollm".into()));
        smollm.remove("tokenizer.ggml.add_bos_token");
        assert_eq!(
            encode(&smollm, "12"),
            [1 + u32::from(b'1'), 1 + u32::from(b'2')]
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let with = |key: &str, value| {
            let mut entries = llama3();
            entries.insert(format!("tokenizer.ggml.{key}"), value);
            read(&Metadata::new(&entries), 259).unwrap_err()
        };
        assert!(matches!(
            read(&Metadata::new(&llama3()), 258),
            Err(ImportError::VocabularySize { .. })
        ));
        assert!(matches!(
            with("model", Value::Text("t5".into())),
            ImportError::Tokenizer { .. }
        ));
        assert!(matches!(
            with("merges", Value::Bool(true)),
            ImportError::WrongKind { .. }
        ));
        assert!(matches!(
            with("token_type", texts([])),
            ImportError::WrongKind { .. }
        ));
        let twice = texts(["a".into(), "a".into()]);
        assert!(
            matches!(with("tokens", twice), ImportError::DuplicateToken { token } if token == "a")
        );
    }
}
