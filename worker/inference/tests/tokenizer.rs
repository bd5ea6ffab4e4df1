//! The tokenizer against ids from an independent byte-level BPE (`scripts/reference/tokens.py`),
//! and its errors.

use std::fs;
use std::path::{Path, PathBuf};

use inference::synth::{self, Preset};
use inference::tokenizer::{Tokenizer, TokenizerError};
use serde_json::Value;
use tempfile::TempDir;

mod real_model;

/// A tiny model, with one of its files changed.
fn tiny(file: &str, change: impl FnOnce(&mut Value)) -> (TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let dir = place.path().join("model");
    synth::write(Preset::Tiny, 1, &dir).expect("a synthetic model");
    let path = dir.join(file);
    let mut value = serde_json::from_slice(&fs::read(&path).expect("written above")).expect("JSON");
    change(&mut value);
    fs::write(path, value.to_string()).expect("written above");
    (place, dir)
}

#[test]
fn ids_equal_those_of_an_independent_tokenizer() {
    let Some(dir) = real_model::dir() else { return };
    let tokenizer = Tokenizer::read(&dir).unwrap();
    let rows =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokens.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&rows).unwrap();
    assert!(rows.len() > 30);
    for row in rows {
        let text = row["text"].as_str().unwrap();
        let ids: Vec<u32> = serde_json::from_value(row["ids"].clone()).unwrap();
        assert_eq!(tokenizer.encode(text).unwrap(), ids, "{text:?}");
    }
}

/// Counter-check of the test above: ids do depend on the merges and their order.
#[test]
fn another_order_of_merges_gives_other_ids() {
    let (_place, dir) = tiny("tokenizer.json", |_| ());
    let (_other_place, other) = tiny("tokenizer.json", |value| {
        value["model"]["merges"].as_array_mut().unwrap().reverse();
    });
    let text = "another letter order";
    let (a, b) = (
        Tokenizer::read(&dir).unwrap(),
        Tokenizer::read(&other).unwrap(),
    );
    assert_ne!(a.encode(text).unwrap(), b.encode(text).unwrap());
}

#[test]
fn streaming_equals_decoding_at_once_and_special_tokens_are_silent() {
    let (_place, dir) = tiny("tokenizer.json", |_| ());
    let tokenizer = Tokenizer::read(&dir).unwrap();
    let tokens = tokenizer
        .encode("<|im_start|>naïve 👩‍🚀 中文<|im_end|>")
        .unwrap();
    assert!(tokenizer.is_eos(*tokens.last().unwrap()));
    let mut stream = tokenizer.detokenizer();
    let pieces: Vec<_> = tokens
        .iter()
        .filter_map(|&token| stream.push(token))
        .collect();
    assert_eq!(stream.flush(), None);
    assert_eq!(pieces.concat(), "naïve 👩‍🚀 中文");
    assert!(pieces.iter().all(|piece| !piece.contains('\u{fffd}')));
    assert_eq!(tokenizer.decode(&tokens), pieces.concat());
}

#[test]
fn sentencepiece_spelling_is_understood() {
    let (_place, dir) = tiny("tokenizer.json", |value| {
        value["decoder"] = serde_json::json!({ "type": "Sequence", "decoders": [
            { "type": "Replace", "pattern": { "String": "▁" }, "content": " " },
            { "type": "ByteFallback" }, { "type": "Fuse" },
            { "type": "Strip", "content": " ", "start": 1, "stop": 0 } ] });
        value["model"]["merges"] = serde_json::json!([]);
        let vocab = value["model"]["vocab"].as_object_mut().unwrap();
        vocab.retain(|_, id| id.as_u64() < Some(3));
        for (id, piece) in ["▁Hello", "▁world", "<0xE4>", "<0xB8>", "<0xAD>"]
            .iter()
            .enumerate()
        {
            vocab.insert((*piece).to_owned(), (id + 3).into());
        }
    });
    let tokenizer = Tokenizer::read(&dir).unwrap();
    assert_eq!(tokenizer.decode(&[3, 4, 5, 6, 7]), "Hello world中");
    assert_eq!(tokenizer.decode(&[4, 5]), "world\u{fffd}");
}

#[test]
fn every_id_that_ends_a_text_is_known() {
    let (_place, dir) = tiny("config.json", |value| {
        value["eos_token_id"] = serde_json::json!([2, 7]);
    });
    fs::write(
        dir.join("generation_config.json"),
        r#"{"eos_token_id": [0, 2]}"#,
    )
    .unwrap();
    let tokenizer = Tokenizer::read(&dir).unwrap();
    assert_eq!(tokenizer.eos(), [0, 2, 7]);
    assert!(!tokenizer.is_eos(1));
}

#[test]
fn missing_malformed_and_mismatched_are_told_apart() {
    let (_place, dir) = tiny("tokenizer.json", |_| ());
    fs::remove_file(dir.join("tokenizer.json")).unwrap();
    assert!(
        matches!(Tokenizer::read(&dir), Err(TokenizerError::Missing { path, .. }) if path.ends_with("tokenizer.json"))
    );

    let (_place, dir) = tiny("tokenizer.json", |value| value["model"] = Value::Null);
    assert!(matches!(
        Tokenizer::read(&dir),
        Err(TokenizerError::Malformed { .. })
    ));
    fs::write(dir.join("tokenizer.json"), "{").unwrap();
    assert!(matches!(
        Tokenizer::read(&dir),
        Err(TokenizerError::Malformed { .. })
    ));
    let (_place, dir) = tiny("config.json", |value| value["vocab_size"] = Value::Null);
    assert!(matches!(
        Tokenizer::read(&dir),
        Err(TokenizerError::Malformed { .. })
    ));
}

#[test]
fn a_tokenizer_may_have_more_ids_than_the_model_and_texts_that_need_them_are_refused() {
    let spare = |value: &mut Value| {
        let token = serde_json::json!({ "id": 512, "content": "<pad>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true });
        value["added_tokens"].as_array_mut().unwrap().push(token);
    };
    let (_place, dir) = tiny("tokenizer.json", spare);
    let tokenizer = Tokenizer::read(&dir).unwrap();
    let (_other, plain) = tiny("tokenizer.json", |_| ());
    let text = "the same as before";
    assert_eq!(
        tokenizer.encode(text).unwrap(),
        Tokenizer::read(&plain).unwrap().encode(text).unwrap()
    );
    let error = tokenizer.encode("a <pad> b").unwrap_err();
    assert!(
        matches!(&error, TokenizerError::NoEmbedding { token, id: 512, model: 512 } if token == "<pad>")
    );
}

/// Decoders for which the engine has no bytes are no obstacle, because no measurement depends on
/// them.
#[test]
fn decoders_that_nobody_needs_are_no_hindrance() {
    let (_plain_place, plain) = tiny("tokenizer.json", |_| ());
    let (text, plain) = ("every letter counts", Tokenizer::read(&plain).unwrap());
    for decoder in [
        Value::Null,
        serde_json::json!({ "type": "Fuse" }),
        serde_json::json!({ "type": "WordPiece", "prefix": "##", "cleanup": true }),
    ] {
        let (_place, dir) = tiny("tokenizer.json", |value| value["decoder"] = decoder.clone());
        let tokenizer = Tokenizer::read(&dir).unwrap();
        let tokens = tokenizer.encode(text).unwrap();
        assert_eq!(tokens, plain.encode(text).unwrap(), "{decoder}");
        assert_eq!(
            tokenizer.decode(&tokens),
            text,
            "the pre-tokenizer tells how bytes are written"
        );
    }
}

/// Tokens that `tokenizer_config.json` adds before a text, if another tokenizer class decides or
/// contradicts.
#[test]
fn the_beginning_of_texts_is_said_once_or_refused() {
    let said = |class: &str, add: bool| {
        let (place, dir) = tiny("tokenizer.json", |_| ());
        let config = serde_json::json!({ "tokenizer_class": class, "add_bos_token": add,
            "bos_token": { "content": "<|im_start|>" } });
        fs::write(dir.join("tokenizer_config.json"), config.to_string()).unwrap();
        let tokenizer = Tokenizer::read(&dir);
        drop(place);
        tokenizer.map(|tokenizer| tokenizer.encode("e").unwrap().len())
    };
    assert_eq!(said("LlamaTokenizer", true).unwrap(), 2);
    assert_eq!(said("LlamaTokenizer", false).unwrap(), 1);
    assert_eq!(said("GPT2Tokenizer", false).unwrap(), 1);
    let error = said("GPT2Tokenizer", true).unwrap_err();
    assert!(matches!(
        error,
        TokenizerError::Beginning {
            key: "add_bos_token",
            said: true,
            ..
        }
    ));
}
