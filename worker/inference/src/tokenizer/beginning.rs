//! Tokens that `tokenizer_config.json` adds before and after every text. For Llama's and Gemma's
//! tokenizer classes it decides, as in transformers. If another class contradicts its
//! `tokenizer.json`, versions of transformers differ, and it is an error.

use std::path::Path;

use serde_json::Value;

use super::{TokenizerError, read_json};
use crate::template::template;

/// Classes whose `add_bos_token` and `add_eos_token` override `tokenizer.json`.
const DECIDING: [&str; 6] = [
    "LlamaTokenizer",
    "LlamaTokenizerFast",
    "CodeLlamaTokenizer",
    "CodeLlamaTokenizerFast",
    "GemmaTokenizer",
    "GemmaTokenizerFast",
];

/// Compares `tokenizer.json` with `tokenizer_config.json`, if there is one, and changes it if that
/// overrides it.
pub(super) fn apply(dir: &Path, definition: &mut Value) -> Result<(), TokenizerError> {
    let path = dir.join("tokenizer_config.json");
    if !path.is_file() {
        return Ok(());
    }
    let (path, config) = read_json(&path)?;
    let flags = ["add_bos_token", "add_eos_token"].map(|key| config[key].as_bool());
    let tokens = ["bos_token", "eos_token"].map(|key| token(&config[key], definition));
    let done = added(&definition["post_processor"]);
    let differs = |side: usize| flags[side].filter(|&said| said != done[side]);
    let Some(side) = (0..2).find(|&side| differs(side).is_some()) else {
        return Ok(());
    };
    let decides = config["tokenizer_class"]
        .as_str()
        .is_some_and(|class| DECIDING.contains(&class));
    let wanted = [0, 1].map(|side| flags[side].unwrap_or(done[side]));
    let known = (0..2).all(|side| !wanted[side] || tokens[side].is_some());
    if !decides || !known {
        let (key, said) = (
            ["add_bos_token", "add_eos_token"][side],
            flags[side].unwrap_or_default(),
        );
        return Err(TokenizerError::Beginning { path, key, said });
    }
    let ends = [0, 1].map(|side| tokens[side].as_ref().filter(|_| wanted[side]));
    definition["post_processor"] = template(ends);
    Ok(())
}

/// A special token's text and id.
fn token(named: &Value, definition: &Value) -> Option<(String, u64)> {
    let text = named.as_str().or_else(|| named["content"].as_str())?;
    let added = definition["added_tokens"].as_array().into_iter().flatten();
    let id = added
        .filter(|token| token["content"] == text)
        .find_map(|token| token["id"].as_u64());
    Some((
        text.to_owned(),
        id.or_else(|| definition["model"]["vocab"][text].as_u64())?,
    ))
}

/// Whether a post-processor adds a special token before the text, and one after it.
fn added(processor: &Value) -> [bool; 2] {
    let inner = processor["processors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(added);
    let own = processor["single"].as_array().map_or([false; 2], |single| {
        let special =
            |piece: Option<&Value>| piece.is_some_and(|piece| piece.get("SpecialToken").is_some());
        [special(single.first()), special(single.last())]
    });
    let both = processor["type"] == "BertProcessing" || processor["type"] == "RobertaProcessing";
    inner.fold(own.map(|side| side || both), |[a, b], [c, d]| {
        [a || c, b || d]
    })
}
