//! Settings as in published files: read from every place that transformers and llama.cpp use, or
//! refused by name. Nothing that may change what a model computes is silently ignored.

use std::path::Path;

use inference::config::{Config, RopeScaling, RopeSettings};
use inference::error::{LoadError, LoadFault};
use serde_json::{Map, Value, json};

use crate::random_model::SMALL;

fn parsed(change: impl FnOnce(&mut Map<String, Value>)) -> Result<Config, LoadError> {
    let mut config = SMALL.config();
    change(config.as_object_mut().unwrap());
    Config::parse(&config.to_string(), Path::new("config.json"))
}

/// The configuration with these settings instead of its own; those that are null are removed.
fn with(settings: &Value) -> Result<Config, LoadError> {
    parsed(|config| {
        for (key, value) in settings.as_object().unwrap() {
            config.insert(key.clone(), value.clone());
            config.retain(|_, value| value != &json!("(none)"));
        }
    })
}

const LLAMA3: RopeScaling = RopeScaling::Llama3 {
    factor: 8.0,
    low: 1.0,
    high: 4.0,
    original: 64.0,
};

fn llama3(more: &Value) -> Value {
    let mut rope = json!({ "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64 });
    rope.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    rope
}

#[test]
fn rotary_settings_are_found_wherever_they_stand() {
    let theta = json!({ "rope_theta": 500_000.0 });
    let plain = json!({ "rope_theta": 500_000.0, "rope_type": "default" });
    let linear = RopeScaling::Linear { factor: 4.0 };
    let none = "(none)";
    for (settings, scaling) in [
        (json!({ "rope_theta": 500_000.0 }), RopeScaling::None),
        (
            json!({ "rope_theta": none, "rope_parameters": plain }),
            RopeScaling::None,
        ),
        (
            json!({ "rope_theta": none, "rope_scaling": plain }),
            RopeScaling::None,
        ),
        (
            json!({ "rope_theta": none, "rope_scaling": null, "rope_parameters": llama3(&theta) }),
            LLAMA3,
        ),
        (
            json!({ "rope_theta": none, "rope_scaling": {}, "rope_parameters": llama3(&theta) }),
            LLAMA3,
        ),
        (
            json!({ "rope_theta": none, "rope_scaling": llama3(&theta) }),
            LLAMA3,
        ),
        (
            json!({ "rope_theta": 500_000, "rope_scaling": llama3(&theta) }),
            LLAMA3,
        ),
        (
            json!({ "rope_theta": 500_000, "original_max_position_embeddings": 64, "rope_scaling":
                llama3(&json!({ "original_max_position_embeddings": null })) }),
            LLAMA3,
        ),
        (
            json!({ "rope_theta": 5e5, "rope_scaling": { "type": "linear", "factor": 4.0 } }),
            linear,
        ),
        (
            json!({ "rope_theta": 5e5, "rope_scaling": { "rope_type": null, "type": "linear", "factor": 4 } }),
            linear,
        ),
        (
            json!({ "rope_theta": 5e5, "rope_scaling": { "factor": 1.0 } }),
            RopeScaling::None,
        ),
        (
            json!({ "rope_theta": 5e5, "rope_scaling": { "type": "dynamic", "factor": 4.0 } }),
            RopeScaling::None,
        ),
    ] {
        let rope = with(&settings)
            .unwrap_or_else(|error| panic!("{settings}: {error}"))
            .rope;
        assert_eq!(
            rope,
            RopeSettings {
                theta: 500_000.0,
                scaling,
                width: 16
            },
            "{settings}"
        );
    }
    let yarn = with(
        &json!({ "rope_scaling": { "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64 } }),
    );
    let RopeScaling::Yarn {
        factor,
        original,
        fast,
        slow,
        truncate,
        attention,
    } = yarn.unwrap().rope.scaling
    else {
        panic!("it is YaRN");
    };
    assert_eq!(
        (factor, original, fast, slow, truncate),
        (4.0, 64.0, 32.0, 1.0, true)
    );
    assert!((attention - (0.1 * 4f64.ln() + 1.0)).abs() < 1e-12);
}

#[test]
fn rotary_settings_that_contradict_or_would_be_lost_are_errors() {
    let contradiction =
        |settings: &Value| matches!(with(settings), Err(LoadError::Contradiction { .. }));
    assert!(contradiction(
        &json!({ "rope_theta": 1e4, "rope_parameters": { "rope_theta": 5e5 } })
    ));
    assert!(contradiction(
        &json!({ "rope_scaling": { "type": "linear", "rope_type": "yarn", "factor": 4.0 } })
    ));
    assert!(contradiction(
        &json!({ "rope_scaling": { "type": "linear", "factor": 4.0 },
        "rope_parameters": { "type": "linear", "factor": 2.0 } })
    ));
    let lost = |settings: &Value, key: &str| {
        let error = with(settings).unwrap_err();
        assert!(
            matches!(&error, LoadError::UnknownSetting { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(key), "{error}");
    };
    // Without a type, the meaning of the factor is unknown.
    lost(&json!({ "rope_scaling": { "factor": 4.0 } }), "factor");
    lost(
        &json!({ "rope_scaling": llama3(&json!({ "rope_type": null })) }),
        "factor",
    );
    lost(
        &json!({ "rope_scaling": { "type": "linear", "factor": 4.0, "beta_fast": 32 } }),
        "beta_fast",
    );
    for bad in [
        json!({ "rope_theta": 0.0 }),
        json!({ "rope_theta": -1.0 }),
        json!({ "rope_theta": "1e4" }),
    ] {
        assert!(with(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_setting_that_nobody_knows_is_an_error_by_its_name() {
    for (key, value) in [
        ("sliding_window", json!(8)),
        ("attn_logit_softcapping", json!(50.0)),
        ("embedding_multiplier", json!(12.0)),
        ("qkv_bias", json!(true)),
        ("bias", json!(true)),
        ("rope_interleaved", json!(true)),
        ("a_setting_of_next_year", json!(false)),
    ] {
        let error = with(&json!({ key: value })).unwrap_err();
        assert!(
            matches!(&error, LoadError::UnknownSetting { key: named, .. } if named == key),
            "{key}: {error}"
        );
        assert_eq!(error.fault(), LoadFault::Unsupported);
        // Counter-check: an absent setting loses nothing.
        assert!(with(&json!({ key: null })).is_ok(), "{key}");
    }
    let harmless = json!({ "transformers_version": "4.47", "torch_dtype": "bfloat16", "use_cache": true,
        "rope_interleaved": false, "pretraining_tp": 1, "_name_or_path": "x", "pad_token_id": 0 });
    assert!(with(&harmless).is_ok());
}

#[test]
fn the_family_is_named_once_and_known() {
    let types = |classes: Value, model_type: Value| {
        with(&json!({ "architectures": classes, "model_type": model_type }))
            .map(|config| config.class)
    };
    let llama = || json!(["LlamaForCausalLM"]);
    assert_eq!(types(llama(), Value::Null).unwrap(), "LlamaForCausalLM");
    assert_eq!(
        types(Value::Null, json!("llama")).unwrap(),
        "LlamaForCausalLM"
    );
    assert!(matches!(
        types(Value::Null, Value::Null),
        Err(LoadError::Family { .. })
    ));
    assert!(types(llama(), json!("mistral")).is_err());
    for class in [
        "LlamaModel",
        "LlamaForSequenceClassification",
        "MixtralForCausalLM",
    ] {
        assert!(
            matches!(
                types(json!([class]), Value::Null),
                Err(LoadError::Family { .. })
            ),
            "{class}"
        );
    }
    assert!(matches!(
        with(&json!({ "text_config": {} })),
        Err(LoadError::Family { .. })
    ));
    let quantised =
        with(&json!({ "quantization_config": { "quant_method": "gptq" } })).unwrap_err();
    assert!(
        quantised.to_string().contains("gptq") && quantised.to_string().contains("GGUF"),
        "{quantised}"
    );
}

#[test]
fn ends_of_text_and_numbers_are_read_as_people_write_them() {
    let eos = |value: Value| with(&json!({ "eos_token_id": value })).unwrap().eos;
    assert_eq!(eos(json!([2, 5, 7])), [2, 5, 7]);
    assert_eq!(eos(json!(2.0)), [2]);
    for none in [json!(-1), json!([]), Value::Null] {
        assert_eq!(eos(none), [0u32; 0]);
    }
    assert!(with(&json!({ "eos_token_id": "</s>" })).is_err());
    assert_eq!(with(&json!({ "bos_token_id": [1] })).unwrap().bos, Some(1));
    assert_eq!(
        with(&json!({ "rms_norm_eps": null })).unwrap().rms_norm_eps,
        1e-6
    );
    assert_eq!(
        with(&json!({ "max_position_embeddings": 256.0 }))
            .unwrap()
            .context,
        256
    );
    assert_eq!(
        with(&json!({ "hidden_act": "swish" })).unwrap(),
        with(&json!({})).unwrap()
    );
    for bad in [
        json!({ "rms_norm_eps": "1e-5" }),
        json!({ "rms_norm_eps": -1.0 }),
        json!({ "vocab_size": 1.5 }),
    ] {
        assert!(
            matches!(with(&bad), Err(LoadError::Unsupported { .. })),
            "{bad}"
        );
    }
    assert!(matches!(
        with(&json!({ "vocab_size": null })),
        Err(LoadError::SettingMissing { .. })
    ));
}

/// Settings in published files of each family, except sizes.
#[test]
fn the_files_that_people_have_are_read() {
    let common = |class: &str, kind: &str, more: Value| {
        let mut config = json!({
            "architectures": [class], "model_type": kind, "hidden_size": 64, "intermediate_size": 96,
            "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 96,
            "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "rope_scaling": null,
            "attention_dropout": 0.0, "initializer_range": 0.02, "torch_dtype": "bfloat16", "use_cache": true,
            "transformers_version": "4.51.0", "bos_token_id": 1, "eos_token_id": [1, 2], "pad_token_id": 0,
        });
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        Config::parse(&config.to_string(), Path::new("config.json"))
            .unwrap_or_else(|error| panic!("{class}: {error}"))
    };
    let windows = |config: &Config| {
        config
            .kinds
            .iter()
            .filter(|kind| kind.window.is_some())
            .count()
    };
    let smollm2 = json!({ "hidden_act": "silu", "attention_bias": false, "mlp_bias": false, "is_llama_config": true,
        "pretraining_tp": 1, "rope_interleaved": false, "transformers.js_config": { "dtype": "q4" } });
    assert_eq!(windows(&common("LlamaForCausalLM", "llama", smollm2)), 0);
    let mistral =
        json!({ "hidden_act": "silu", "sliding_window": 1024, "tie_word_embeddings": false });
    assert_eq!(
        windows(&common("MistralForCausalLM", "mistral", mistral)),
        4
    );
    let qwen2 = json!({ "hidden_act": "silu", "sliding_window": 32768, "max_window_layers": 2, "use_mrope": false,
        "use_sliding_window": false, "tie_word_embeddings": true });
    let qwen2 = common("Qwen2ForCausalLM", "qwen2", qwen2);
    assert_eq!(
        (windows(&qwen2), qwen2.biases.inputs, qwen2.biases.output),
        (0, true, false)
    );
    let qwen3 = json!({ "hidden_act": "silu", "head_dim": 32, "attention_bias": false, "sliding_window": null,
        "max_window_layers": 28, "use_sliding_window": false });
    assert!(common("Qwen3ForCausalLM", "qwen3", qwen3).head_norms);
    let smollm3 = json!({ "hidden_act": "silu", "no_rope_layers": [1, 1, 1, 0], "no_rope_layer_interval": 4,
        "layer_types": ["full_attention", "full_attention", "full_attention", "full_attention"], "mlp_bias": false,
        "attention_bias": false, "max_window_layers": 28, "use_sliding_window": false, "sliding_window": null });
    let rotated: Vec<bool> = common("SmolLM3ForCausalLM", "smollm3", smollm3)
        .kinds
        .iter()
        .map(|kind| kind.rotated)
        .collect();
    assert_eq!(rotated, [true, true, true, false]);
    let phi3 = json!({ "hidden_act": "silu", "attention_bias": false, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
        "auto_map": { "AutoConfig": "configuration_phi3.Phi3Config" }, "sliding_window": 2047,
        "original_max_position_embeddings": 4096, "tie_word_embeddings": false });
    let phi3 = common("Phi3ForCausalLM", "phi3", phi3);
    assert_eq!((windows(&phi3), phi3.fused), (4, true));
    let granite = json!({ "hidden_act": "silu", "attention_bias": false, "mlp_bias": false, "embedding_multiplier": 12.0,
        "attention_multiplier": 0.015625, "residual_multiplier": 0.22, "logits_scaling": 8.0 });
    assert_eq!(
        common("GraniteForCausalLM", "granite", granite)
            .scales
            .logits,
        0.125
    );
    let gemma2 = json!({ "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh", "head_dim": 16,
        "attention_bias": false, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
        "cache_implementation": "hybrid", "query_pre_attn_scalar": 256, "sliding_window": 2048 });
    let gemma2 = common("Gemma2ForCausalLM", "gemma2", gemma2);
    assert_eq!(
        (windows(&gemma2), gemma2.caps, gemma2.tied_head),
        (2, [50.0, 30.0], true)
    );
    let gemma3 = json!({ "hidden_activation": "gelu_pytorch_tanh", "head_dim": 16, "attention_bias": false,
        "attn_logit_softcapping": null, "final_logit_softcapping": null, "cache_implementation": "hybrid",
        "query_pre_attn_scalar": 256, "rope_local_base_freq": 10000, "sliding_window": 512, "sliding_window_pattern": 2 });
    let gemma3 = common("Gemma3ForCausalLM", "gemma3_text", gemma3);
    assert_eq!((windows(&gemma3), gemma3.caps), (2, [0.0, 0.0]));
    assert_eq!(gemma3.local_rope.map(|rope| rope.theta), Some(10_000.0));
    let nested = json!({ "hidden_activation": "gelu_pytorch_tanh", "rope_theta": null, "rope_parameters": {
        "full_attention": { "rope_type": "linear", "factor": 8.0, "rope_theta": 1e6 },
        "sliding_attention": { "rope_type": "default", "rope_theta": 10000.0 } } });
    let nested = common("Gemma3ForCausalLM", "gemma3_text", nested);
    assert_eq!(nested.rope.scaling, RopeScaling::Linear { factor: 8.0 });
}
