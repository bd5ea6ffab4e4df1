//! The architecture of a Llama-family model, read from `config.json` and validated here once, so that the
//! rest of the engine can trust every number. It must not know where weights lie or how they are computed with.

use std::path::Path;

use serde::Deserialize;

use crate::error::LoadError;
use crate::opened;

/// Largest size accepted, far above any real model, so that no product of a few sizes wraps.
const MAX_SIZE: usize = i32::MAX as usize;
const MAX_HEAD: usize = 1 << 16;

/// A validated Llama-family architecture. Sizes are in elements, counts in pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the gated feed-forward layer.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub layers: usize,
    /// Number of query heads.
    pub heads: usize,
    /// Number of key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of one head; a multiple of 8.
    pub head_dim: usize,
    /// Number of token ids.
    pub vocab_size: usize,
    /// Base of the rotary embedding.
    pub rope_theta: f64,
    /// Frequency scaling of the rotary embedding.
    pub rope_scaling: RopeScaling,
    /// Added to the mean square before the root.
    pub rms_norm_eps: f32,
    /// Whether the output head is the embedding matrix.
    pub tied_head: bool,
    /// Longest sequence (prompt and output) in tokens.
    pub context: usize,
    /// Token that begins a sequence, if any.
    pub bos: Option<u32>,
    /// Tokens that end a sequence.
    pub eos: Vec<u32>,
}

/// How rotary frequencies are stretched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Llama 3: low frequencies divided by `factor`, high ones kept, a ramp between.
    Llama3 {
        /// Division of the low frequencies.
        factor: f64,
        /// Wavelengths above `original / low` are low frequencies.
        low: f64,
        /// Wavelengths below `original / high` are high frequencies.
        high: f64,
        /// Context the model was trained with, in tokens.
        original: f64,
    },
}

/// How the KV cache stores keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KvFormat {
    /// Two bytes, rounded to nearest even: the default.
    #[default]
    Bf16,
    /// Four bytes, exact.
    F32,
}

impl KvFormat {
    /// Bytes of one stored element.
    pub fn bytes(self) -> usize {
        match self {
            Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }
}

impl Config {
    /// Reads `config.json`, or the `config.json` in a directory.
    ///
    /// # Errors
    /// A missing or unparsable file, or an architecture this engine does not compute.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let file = if path.is_dir() { path.join("config.json") } else { path.to_owned() };
        let text = opened::text(&file, opened::CONFIG).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => LoadError::FileMissing {
                folder: crate::files::folder_of(&file).to_owned(),
                file: "config.json".to_owned(),
            },
            _ => LoadError::Io { path: file.clone(), source },
        })?;
        Self::parse(&text, &file)
    }

    /// Parses the text of a `config.json`; `origin` is only named in errors.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, origin: &Path) -> Result<Self, LoadError> {
        let raw: Raw = serde_json::from_str(text)
            .map_err(|error| LoadError::Json { path: origin.to_owned(), reason: error.to_string() })?;
        raw.check_family(origin)?;
        let config = raw.into_config(origin)?;
        config.check_sizes(origin)?;
        Ok(config)
    }

    /// Bytes that one token's keys and values take over all layers, in BF16.
    pub fn kv_bytes_per_token(&self) -> usize {
        self.kv_bytes_per_token_as(KvFormat::Bf16)
    }

    /// Bytes that one token's keys and values take over all layers.
    pub fn kv_bytes_per_token_as(&self, format: KvFormat) -> usize {
        2 * self.layers * self.kv_heads * self.head_dim * format.bytes()
    }

    /// Query heads that share one key/value head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    fn check_sizes(&self, origin: &Path) -> Result<(), LoadError> {
        let refuse = |key, value: usize, expected| {
            Err(LoadError::Unsupported { path: origin.to_owned(), key, value: value.to_string(), expected })
        };
        for (key, value) in [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("num_key_value_heads", self.kv_heads),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.context),
        ] {
            if value == 0 || value > MAX_SIZE {
                return refuse(key, value, "between 1 and 2147483647");
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return refuse("num_key_value_heads", self.kv_heads, "a divisor of num_attention_heads");
        }
        if !(8..=MAX_HEAD).contains(&self.head_dim) || !self.head_dim.is_multiple_of(8) {
            return refuse("head_dim", self.head_dim, "a multiple of 8, at most 65536");
        }
        for (key, value, factors) in self.products() {
            let product = factors.iter().try_fold(1usize, |product, &factor| product.checked_mul(factor));
            if product.is_none_or(|product| product > MAX_SIZE) {
                return refuse(key, value, "a size whose products with the others stay below 2147483648");
            }
        }
        Ok(())
    }

    /// What is multiplied before any weight is looked at: the width of all queries, a row of attention scores for
    /// each query head of a group, and a token's bytes in the cache.
    fn products(&self) -> [(&'static str, usize, [usize; 4]); 3] {
        [
            ("num_attention_heads", self.heads, [self.heads, self.head_dim, 1, 1]),
            ("max_position_embeddings", self.context, [self.group(), self.context, 1, 1]),
            (
                "num_hidden_layers",
                self.layers,
                [self.layers, self.kv_heads, self.head_dim, 2 * KvFormat::F32.bytes()],
            ),
        ]
    }
}

/// `config.json` as it stands; only what decides the computation.
#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    architectures: Vec<String>,
    model_type: Option<String>,
    hidden_act: Option<String>,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    rope_theta: Option<f64>,
    rope_scaling: Option<serde_json::Value>,
    rope_parameters: Option<serde_json::Value>,
    rms_norm_eps: f64,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    max_position_embeddings: Option<usize>,
    bos_token_id: Option<Ids>,
    eos_token_id: Option<Ids>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Ids {
    One(u32),
    Many(Vec<u32>),
}

impl Ids {
    fn into_vec(self) -> Vec<u32> {
        match self {
            Self::One(id) => vec![id],
            Self::Many(ids) => ids,
        }
    }
}

impl Raw {
    fn check_family(&self, origin: &Path) -> Result<(), LoadError> {
        let refuse = |key, value: String, expected| {
            Err(LoadError::Unsupported { path: origin.to_owned(), key, value, expected })
        };
        let llama = self.architectures.iter().any(|a| a == "LlamaForCausalLM")
            || (self.architectures.is_empty() && self.model_type.as_deref() == Some("llama"));
        if !llama {
            let named = if self.architectures.is_empty() {
                self.model_type.clone().unwrap_or_default()
            } else {
                self.architectures.join(", ")
            };
            return refuse("architectures", named, "LlamaForCausalLM");
        }
        if let Some(act) = &self.hidden_act
            && act != "silu"
        {
            return refuse("hidden_act", act.clone(), "silu");
        }
        if self.attention_bias || self.mlp_bias {
            return refuse("attention_bias or mlp_bias", "true".to_owned(), "false");
        }
        Ok(())
    }

    fn into_config(self, origin: &Path) -> Result<Config, LoadError> {
        let heads = self.num_attention_heads;
        let nested = self.rope_parameters.as_ref();
        let theta = nested.and_then(|rope| rope.get("rope_theta")).and_then(serde_json::Value::as_f64);
        let scaling = self.rope_scaling.as_ref().or(nested);
        Ok(Config {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads,
            kv_heads: self.num_key_value_heads.unwrap_or(heads),
            head_dim: self.head_dim.unwrap_or_else(|| self.hidden_size / heads.max(1)),
            vocab_size: self.vocab_size,
            rope_theta: self.rope_theta.or(theta).unwrap_or(10_000.0),
            rope_scaling: scaling.map_or(Ok(RopeScaling::None), |value| RopeScaling::parse(value, origin))?,
            rms_norm_eps: self.rms_norm_eps as f32,
            tied_head: self.tie_word_embeddings,
            context: self.max_position_embeddings.unwrap_or(2048),
            bos: self.bos_token_id.and_then(|ids| ids.into_vec().first().copied()),
            eos: self.eos_token_id.map(Ids::into_vec).unwrap_or_default(),
        })
    }
}

impl RopeScaling {
    fn parse(value: &serde_json::Value, origin: &Path) -> Result<Self, LoadError> {
        if value.is_null() {
            return Ok(Self::None);
        }
        let kind = value.get("rope_type").or_else(|| value.get("type")).and_then(serde_json::Value::as_str);
        let number = |key: &str| {
            value.get(key).and_then(serde_json::Value::as_f64).ok_or_else(|| LoadError::Json {
                path: origin.to_owned(),
                reason: format!("rope scaling lacks the number {key}"),
            })
        };
        match kind {
            None | Some("default") => Ok(Self::None),
            Some("llama3") => Ok(Self::Llama3 {
                factor: number("factor")?,
                low: number("low_freq_factor")?,
                high: number("high_freq_factor")?,
                original: number("original_max_position_embeddings")?,
            }),
            Some(other) => Err(LoadError::Unsupported {
                path: origin.to_owned(),
                key: "rope_scaling",
                value: other.to_owned(),
                expected: "llama3 or default",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a model with these sizes, all others small.
    fn refusal(heads: u64, kv_heads: u64, head_dim: u64, context: u64) -> Option<String> {
        let text = serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "rms_norm_eps": 1e-5, "hidden_size": 64,
            "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 64, "num_attention_heads": heads,
            "num_key_value_heads": kv_heads, "head_dim": head_dim, "max_position_embeddings": context,
        });
        Config::parse(&text.to_string(), Path::new("c")).err().map(|error| error.to_string())
    }

    #[test]
    fn sizes_whose_products_would_wrap_are_refused_by_name() {
        assert_eq!(refusal(128, 8, 128, 131_072), None);
        let named =
            |refusal: Option<String>, key: &str| assert!(refusal.is_some_and(|r| r.contains(key)), "{key}");
        named(refusal((1 << 61) + 8, 8, 8, 64), "num_attention_heads");
        named(refusal(1 << 28, 8, 8, 64), "num_attention_heads");
        named(refusal(8, 8, (1 << 16) + 8, 64), "head_dim");
        named(refusal(8, 1, 8, 1 << 28), "max_position_embeddings");
        named(refusal(1 << 14, 1 << 14, 1 << 14, 64), "num_hidden_layers");
    }
}
