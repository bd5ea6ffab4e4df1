//! Configurations that are read, and ones that are refused.

use super::*;

/// The refusal of a model with these sizes; all others are small.
fn refusal(heads: u64, kv_heads: u64, head_dim: u64, context: u64) -> Option<String> {
    let text = serde_json::json!({
        "architectures": ["LlamaForCausalLM"], "rms_norm_eps": 1e-5, "hidden_size": 64,
        "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 64, "num_attention_heads": heads,
        "num_key_value_heads": kv_heads, "head_dim": head_dim, "max_position_embeddings": context,
    });
    Config::parse(&text.to_string(), Path::new("c"))
        .err()
        .map(|error| error.to_string())
}

#[test]
fn sizes_whose_products_would_wrap_are_refused_by_name() {
    assert_eq!(refusal(128, 8, 128, 131_072), None);
    let named = |refusal: Option<String>, key: &str| {
        assert!(refusal.is_some_and(|r| r.contains(key)), "{key}");
    };
    named(refusal((1 << 61) + 8, 8, 8, 64), "num_attention_heads");
    named(refusal(1 << 28, 8, 8, 64), "num_attention_heads");
    named(refusal(8, 8, (1 << 16) + 8, 64), "head_dim");
    named(refusal(8, 1, 8, 1 << 28), "max_position_embeddings");
    named(refusal(1 << 14, 1 << 14, 1 << 14, 64), "num_hidden_layers");
}

#[test]
fn a_number_of_layers_that_no_model_has_is_refused_before_room_is_made_for_them() {
    let said = |layers: u64| {
        let text = serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "rms_norm_eps": 1e-5, "hidden_size": 8,
            "intermediate_size": 8, "num_hidden_layers": layers, "vocab_size": 8,
            "num_attention_heads": 1, "max_position_embeddings": 8,
        });
        Config::parse(&text.to_string(), Path::new("c"))
            .err()
            .map(|e| e.to_string())
    };
    for layers in [0, (1 << 16) + 1, 1 << 40, 1 << 62] {
        assert!(said(layers).is_some_and(|said| said.contains("num_hidden_layers")));
    }
    assert_eq!(said(1 << 16), None, "counter-check");
}
