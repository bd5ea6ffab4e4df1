//! The post-processor of a tokenizer that adds tokens around a text.

use serde_json::{Value, json};

/// A post-processor that adds these tokens before and after a text.
pub(crate) fn template([before, behind]: [Option<&(String, u64)>; 2]) -> Value {
    if before.is_none() && behind.is_none() {
        return Value::Null;
    }
    let special = |token: &(String, u64), side: u64| json!({ "SpecialToken": { "id": token.0, "type_id": side } });
    let text = |name: &str, side: u64| json!({ "Sequence": { "id": name, "type_id": side } });
    let around = |name: &str, side: u64| -> Vec<Value> {
        let before = before.map(|token| special(token, side));
        before
            .into_iter()
            .chain([text(name, side)])
            .chain(behind.map(|token| special(token, side)))
            .collect()
    };
    let tokens = before.into_iter().chain(behind);
    let tokens: serde_json::Map<_, _> = tokens
        .map(|(token, id)| {
            (
                token.clone(),
                json!({ "id": token, "ids": [id], "tokens": [token] }),
            )
        })
        .collect();
    let pair: Vec<Value> = around("A", 0).into_iter().chain(around("B", 1)).collect();
    json!({ "type": "TemplateProcessing", "single": around("A", 0), "pair": pair, "special_tokens": tokens })
}
