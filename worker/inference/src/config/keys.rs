//! The settings of a `config.json`, and the rule for settings that nothing reads: they are errors
//! unless known to have no effect, because a setting can change what a model computes. Must not
//! know any architecture.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

use crate::error::LoadError;

/// Settings that do not change the engine's results, by reason.
const WITHOUT_EFFECT: [(&str, &[&str]); 5] = [
    (
        "they describe the file",
        &[
            "_name_or_path",
            "_commit_hash",
            "transformers_version",
            "transformers.js_config",
            "torch_dtype",
            "dtype",
            "id2label",
            "label2id",
            "problem_type",
            "task_specific_params",
            "finetuning_task",
            "tokenizer_class",
            "prefix",
            "is_llama_config",
            "max_sequence_length",
            "tokenizer_model_max_length",
            "tokenizer_padding_side",
            "unsloth_fixed",
            "unsloth_version",
            "model_name",
            "language",
            "datasets",
            "license",
            "custom_pipelines",
            // Code distributed with the weights: the class named in `architectures` is the engine's
            // own.
            "auto_map",
        ],
    ),
    (
        "they concern training",
        &[
            "initializer_range",
            "attention_dropout",
            "attention_probs_dropout_prob",
            "hidden_dropout",
            "hidden_dropout_prob",
            "resid_pdrop",
            "embd_pdrop",
            "classifier_dropout",
            "gradient_checkpointing",
            "router_aux_loss_coef",
            "use_bfloat16",
        ],
    ),
    (
        "they choose another implementation of the same computation",
        &[
            "use_cache",
            "cache_implementation",
            "_attn_implementation",
            "_attn_implementation_autoset",
            "attn_implementation",
            "_flash_attn_2_enabled",
            "use_flash_attn",
            "chunk_size_feed_forward",
            "pretraining_tp",
            "tp_plan",
            "return_dict",
            "output_hidden_states",
            "output_attentions",
            "return_dict_in_generate",
            "output_scores",
            "torchscript",
            "tf_legacy_loss",
        ],
    ),
    (
        "they are defaults of a generation, which every request states for itself",
        &[
            "max_length",
            "min_length",
            "do_sample",
            "early_stopping",
            "num_beams",
            "num_beam_groups",
            "diversity_penalty",
            "temperature",
            "top_k",
            "top_p",
            "typical_p",
            "repetition_penalty",
            "length_penalty",
            "no_repeat_ngram_size",
            "encoder_no_repeat_ngram_size",
            "bad_words_ids",
            "num_return_sequences",
            "remove_invalid_values",
            "exponential_decay_length_penalty",
            "suppress_tokens",
            "begin_suppress_tokens",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "max_new_tokens",
            "decoder_start_token_id",
        ],
    ),
    (
        "tokens that no request is padded or divided with",
        &["pad_token_id", "sep_token_id", "unk_token_id"],
    ),
];

/// Settings without effect if false or empty; any other value is an error.
const WHERE_FALSE: [&str; 12] = [
    "attention_bias",
    "mlp_bias",
    "lm_head_bias",
    "use_qk_norm",
    "use_mrope",
    "rope_interleaved",
    "is_encoder_decoder",
    "is_decoder",
    "add_cross_attention",
    "tie_encoder_decoder",
    "use_bidirectional_attention",
    "pruned_heads",
];

/// The settings of one file, with a record of which were read.
pub(super) struct Keys<'a> {
    pub(super) origin: &'a Path,
    map: &'a Map<String, Value>,
    read: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(origin: &'a Path, map: &'a Map<String, Value>) -> Self {
        Self {
            origin,
            map,
            read: RefCell::default(),
        }
    }

    /// A setting; `null` counts as absent.
    pub(super) fn get(&self, key: &'static str) -> Option<&'a Value> {
        self.read.borrow_mut().insert(key);
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// Whether a setting is present with the value `null`.
    pub(super) fn is_null(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(Value::is_null)
    }

    /// A non-negative integer.
    pub(super) fn count(&self, key: &'static str) -> Result<Option<usize>, LoadError> {
        let whole = |value: &Value| {
            let float = || {
                value
                    .as_f64()
                    .filter(|x| x.fract() == 0.0 && (0.0..9e15).contains(x))
            };
            value
                .as_u64()
                .or_else(|| float().map(|x| x as u64))
                .and_then(|n| usize::try_from(n).ok())
        };
        self.typed(key, "a whole number", whole)
    }

    /// A required count.
    pub(super) fn required(&self, key: &'static str) -> Result<usize, LoadError> {
        self.count(key)?.ok_or_else(|| LoadError::SettingMissing {
            path: self.origin.to_owned(),
            key,
        })
    }

    pub(super) fn number(&self, key: &'static str) -> Result<Option<f64>, LoadError> {
        self.typed(key, "a number", Value::as_f64)
    }

    pub(super) fn flag(&self, key: &'static str) -> Result<Option<bool>, LoadError> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(super) fn text(&self, key: &'static str) -> Result<Option<&'a str>, LoadError> {
        self.typed(key, "a text", Value::as_str)
    }

    /// A nested object of settings.
    pub(super) fn object(
        &self,
        key: &'static str,
    ) -> Result<Option<&'a Map<String, Value>>, LoadError> {
        self.typed(key, "an object", Value::as_object)
    }

    /// Token ids: one, a list, or none. Negative ids mean none.
    pub(super) fn ids(&self, key: &'static str) -> Result<Vec<u32>, LoadError> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        token_ids(value)
            .ok_or_else(|| self.wrong(key, value, "a token id, a list of them, or null"))
    }

    /// The value of a setting, parsed by `read`.
    pub(super) fn typed<T>(
        &self,
        key: &'static str,
        wanted: &'static str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, LoadError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        read(value)
            .map(Some)
            .ok_or_else(|| self.wrong(key, value, wanted))
    }

    pub(super) fn wrong(
        &self,
        key: &'static str,
        value: &Value,
        wanted: &'static str,
    ) -> LoadError {
        LoadError::Unsupported {
            path: self.origin.to_owned(),
            key,
            value: shown(value),
            expected: wanted.to_owned(),
        }
    }

    /// Fails at the first setting that was not read and may have an effect.
    pub(super) fn all_read(&self) -> Result<(), LoadError> {
        let read = self.read.borrow();
        let unread = |(key, value): &(&String, &Value)| {
            !value.is_null() && !read.contains(key.as_str()) && !without_effect(key, value)
        };
        match self.map.iter().find(unread) {
            Some((key, value)) => Err(LoadError::UnknownSetting {
                path: self.origin.to_owned(),
                key: key.clone(),
                value: shown(value),
            }),
            None => Ok(()),
        }
    }
}

/// One id or a list of ids. Floats with integral values are accepted; negative ids mean none.
pub(crate) fn token_ids(value: &Value) -> Option<Vec<u32>> {
    let one = |value: &Value| match value.as_f64() {
        Some(id) if id < 0.0 => Some(None),
        Some(id) if id.fract() == 0.0 && id <= f64::from(u32::MAX) => Some(Some(id as u32)),
        _ => None,
    };
    let list = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    Some(
        list.iter()
            .map(one)
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect(),
    )
}

fn without_effect(key: &str, value: &Value) -> bool {
    let nothing = value.as_bool() == Some(false) || value.as_object().is_some_and(Map::is_empty);
    WITHOUT_EFFECT.iter().any(|(_, keys)| keys.contains(&key))
        || nothing && WHERE_FALSE.contains(&key)
}

/// A value as error messages show it.
pub(super) fn shown(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
