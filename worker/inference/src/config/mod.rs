//! The architecture of a model, read from `config.json` and validated here once, so that the rest
//! of the engine can trust every number. A setting that is not read and not known to have no effect
//! is an error. Must not know where weights are or how they are computed with.

mod family;
mod keys;
mod layers;
mod rope;

use std::path::Path;

use serde_json::{Map, Value};

use self::family::Family;
pub(crate) use self::family::classes;
pub use self::family::{Activation, Norms};
use self::keys::Keys;
pub(crate) use self::keys::token_ids;
pub use self::layers::LayerKind;
pub use self::rope::{RopeScaling, RopeSettings};
use crate::error::LoadError;
use crate::json;

/// Greatest size accepted: far above any real model, so that no product of a few sizes overflows.
const MAX_SIZE: usize = i32::MAX as usize;
const MAX_HEAD: usize = 1 << 16;
const MAX_LAYERS: usize = 1 << 16;

/// A validated architecture. Sizes are numbers of elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The class of the model, as `architectures` names it.
    pub class: &'static str,
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
    /// Width of one head; an even number.
    pub head_dim: usize,
    /// Number of token ids.
    pub vocab_size: usize,
    /// The rotary embedding.
    pub rope: RopeSettings,
    /// The rotary embedding of layers with a window, if it differs.
    pub local_rope: Option<RopeSettings>,
    /// Attention window and rotation of each layer.
    pub kinds: Vec<LayerKind>,
    /// Which products have a bias.
    pub biases: Biases,
    /// Whether the heads of queries and keys are normalised.
    pub head_norms: bool,
    /// Whether queries, keys and values are one tensor, and gate and up another.
    pub fused: bool,
    /// Activation of the gate.
    pub activation: Activation,
    /// Position of norms, and offset of their weights.
    pub norms: Norms,
    /// Multipliers between layers.
    pub scales: Scales,
    /// Caps of attention scores and of logits; 0 means none.
    pub caps: [f32; 2],
    /// Added to the mean square before the square root.
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

/// Which products have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Biases {
    /// Those that make queries, keys and values.
    pub inputs: bool,
    /// The product after attention.
    pub output: bool,
    /// Those of the feed-forward layer.
    pub feed: bool,
}

/// Multipliers between layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scales {
    /// Of the embedding.
    pub embedding: f32,
    /// Of attention scores.
    pub attention: f32,
    /// Of a layer's output before it is added to the residual stream.
    pub residual: f32,
    /// Of the logits.
    pub logits: f32,
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
        let file = if path.is_dir() {
            path.join("config.json")
        } else {
            path.to_owned()
        };
        if !file.exists() {
            return Err(LoadError::FileMissing {
                folder: file.parent().unwrap_or(Path::new(".")).to_owned(),
                file: "config.json".to_owned(),
            });
        }
        Self::of(&json::read(&file)?, &file)
    }

    /// Parses the text of a `config.json`; `origin` is used only in errors.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str, origin: &Path) -> Result<Self, LoadError> {
        let value = json::parse(text.as_bytes()).map_err(|source| LoadError::NotJson {
            path: origin.to_owned(),
            source,
        })?;
        Self::of(&value, origin)
    }

    fn of(value: &Value, origin: &Path) -> Result<Self, LoadError> {
        let empty = Map::new();
        let keys = Keys::new(origin, value.as_object().unwrap_or(&empty));
        let family = family_of(&keys)?;
        let config = read(&keys, family)?;
        config.check_sizes(origin)?;
        keys.all_read()?;
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
            Err(LoadError::Unsupported {
                path: origin.to_owned(),
                key,
                value: value.to_string(),
                expected: String::from(expected),
            })
        };
        for (key, value) in [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
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
            return refuse(
                "num_key_value_heads",
                self.kv_heads,
                "a divisor of num_attention_heads",
            );
        }
        if !(2..=MAX_HEAD).contains(&self.head_dim) || !self.head_dim.is_multiple_of(2) {
            return refuse("head_dim", self.head_dim, "an even number, at most 65536");
        }
        for (key, value, factors) in self.products() {
            let product = factors
                .iter()
                .try_fold(1usize, |product, &factor| product.checked_mul(factor));
            if product.is_none_or(|product| product > MAX_SIZE) {
                return refuse(
                    key,
                    value,
                    "a size whose products with the others stay below 2147483648",
                );
            }
        }
        Ok(())
    }

    /// Products that are computed before any weight is read: the width of all queries, a row of
    /// attention scores for each query head of a group, and the cache bytes of a token.
    fn products(&self) -> [(&'static str, usize, [usize; 4]); 3] {
        [
            (
                "num_attention_heads",
                self.heads,
                [self.heads, self.head_dim, 1, 1],
            ),
            (
                "max_position_embeddings",
                self.context,
                [self.group(), self.context, 1, 1],
            ),
            (
                "num_hidden_layers",
                self.layers,
                [
                    self.layers,
                    self.kv_heads,
                    self.head_dim,
                    2 * KvFormat::F32.bytes(),
                ],
            ),
        ]
    }
}

/// The family that a file names, by its type and its class, which must agree.
fn family_of(keys: &Keys<'_>) -> Result<&'static Family, LoadError> {
    let unsupported = |named: String| LoadError::Family {
        path: keys.origin.to_owned(),
        named,
        families: classes(),
    };
    if let Some(method) = keys
        .object("quantization_config")?
        .map(|of| of.get("quant_method"))
    {
        let method = method
            .and_then(Value::as_str)
            .unwrap_or("a method of its own")
            .to_owned();
        return Err(LoadError::Quantised {
            path: keys.origin.to_owned(),
            method,
        });
    }
    if keys.get("text_config").is_some() {
        return Err(unsupported(
            "a model of text and something else (text_config)".to_owned(),
        ));
    }
    let list = |value: &Value| -> Option<Vec<String>> {
        value
            .as_array()?
            .iter()
            .map(|class| class.as_str().map(str::to_owned))
            .collect()
    };
    let classes = keys
        .typed("architectures", "a list of texts", list)?
        .unwrap_or_default();
    let named = keys.text("model_type")?;
    let typed = named
        .map(|name| Family::by_type(name).ok_or_else(|| unsupported(name.to_owned())))
        .transpose()?;
    let classed = match classes.as_slice() {
        [] => None,
        [class] => Some(Family::by_class(class).ok_or_else(|| unsupported(class.clone()))?),
        several => return Err(unsupported(several.join(", "))),
    };
    match (classed, typed) {
        (Some(class), Some(typed)) if class.model_type != typed.model_type => {
            Err(LoadError::Contradiction {
                path: keys.origin.to_owned(),
                key: "the family".to_owned(),
                values: format!(
                    "architectures = {} and model_type = {}",
                    classes.join(", "),
                    typed.model_type
                ),
            })
        }
        (Some(family), _) | (None, Some(family)) => Ok(family),
        (None, None) => Err(unsupported(
            "neither architectures nor model_type".to_owned(),
        )),
    }
}

/// Reads the settings of a family.
fn read(keys: &Keys<'_>, family: &Family) -> Result<Config, LoadError> {
    let refuse = |key, value: &dyn std::fmt::Display, expected: &str| {
        let (path, value) = (keys.origin.to_owned(), value.to_string());
        Err(LoadError::Unsupported {
            path,
            key,
            value,
            expected: expected.to_owned(),
        })
    };
    let activation = family.activation(keys)?;
    let biases = family.biases(keys)?;
    let (hidden_size, heads) = (
        keys.required("hidden_size")?,
        keys.required("num_attention_heads")?,
    );
    let head_dim = keys
        .count("head_dim")?
        .or(family.head_dim)
        .unwrap_or_else(|| hidden_size / heads.max(1));
    let context = keys
        .count("max_position_embeddings")?
        .unwrap_or(family.context);
    let layers = keys.required("num_hidden_layers")?;
    // Checked before memory is allocated for each layer.
    if !(1..=MAX_LAYERS).contains(&layers) {
        return refuse("num_hidden_layers", &layers, "between 1 and 65536");
    }
    let defaults = rope::Defaults {
        theta: family.theta,
        partial: family.partial_rotary,
    };
    let [rope, local_rope] = match family.local_theta {
        None => [
            Some(RopeSettings::read(keys, &defaults, head_dim, context)?),
            None,
        ],
        Some(theta) => {
            RopeSettings::read_both(keys, &defaults, theta, head_dim, context)?.map(Some)
        }
    };
    let epsilon = keys.number("rms_norm_eps")?.unwrap_or(family.epsilon);
    if !(0.0..1.0).contains(&epsilon) {
        return refuse("rms_norm_eps", &epsilon, "a number from 0 to below 1");
    }
    Ok(Config {
        class: family.classes[0],
        hidden_size,
        intermediate_size: keys.required("intermediate_size")?,
        layers,
        heads,
        kv_heads: keys.count("num_key_value_heads")?.unwrap_or(heads),
        head_dim,
        vocab_size: keys.required("vocab_size")?,
        rope: rope.expect("there is always one"),
        local_rope,
        kinds: layers::read(keys, family, layers)?,
        biases,
        head_norms: family.head_norms,
        fused: family.fused,
        activation,
        norms: family.norms,
        scales: family.scales(keys, hidden_size, head_dim)?,
        caps: family.caps(keys)?,
        rms_norm_eps: epsilon as f32,
        tied_head: keys.flag("tie_word_embeddings")?.unwrap_or(family.tied),
        context,
        bos: keys.ids("bos_token_id")?.first().copied(),
        eos: keys.ids("eos_token_id")?,
    })
}

#[cfg(test)]
mod tests;
