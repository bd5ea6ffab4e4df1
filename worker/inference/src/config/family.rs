//! The families of models that the engine computes, one row each: names, and differences from
//! Llama. Must not know tensors or files.

use super::keys::Keys;
use super::{Biases, Scales};
use crate::error::LoadError;

/// A family of architectures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    /// `model_type` in a `config.json`.
    pub(super) model_type: &'static str,
    /// Class names of a language model with its head, as in `architectures`; the current name is
    /// first.
    pub(super) classes: &'static [&'static str],
    /// Width of a head if absent: this, or `hidden_size` divided by the number of heads.
    pub(super) head_dim: Option<usize>,
    /// Longest sequence if absent.
    pub(super) context: usize,
    /// Base of the rotary embedding if absent.
    pub(super) theta: f64,
    /// Base for layers with a window, if they have their own.
    pub(super) local_theta: Option<f64>,
    /// Epsilon of the norms if absent.
    pub(super) epsilon: f64,
    /// Whether the head is the embedding if the setting is absent.
    pub(super) tied: bool,
    /// Which products have a bias.
    pub(super) bias: Bias,
    /// Whether parts of a head may be rotated.
    pub(super) partial_rotary: bool,
    /// Which layers have an attention window.
    pub(super) window: Window,
    /// Whether some layers do not rotate.
    pub(super) unrotated: bool,
    /// Whether heads of queries and keys are normalised.
    pub(super) head_norms: bool,
    /// Whether queries, keys and values are one tensor, and gate and up another.
    pub(super) fused: bool,
    pub(super) norms: Norms,
    /// The key of the activation, and its allowed value.
    pub(super) activation: (&'static str, Activation),
    pub(super) multipliers: Multipliers,
    /// Caps of attention scores and logits if absent; `None` if the family has none.
    pub(super) caps: Option<[f64; 2]>,
}

/// How biases are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    /// `attention_bias` and `mlp_bias` declare biases for all products of attention and of the
    /// feed-forward layer.
    Said,
    /// `attention_bias` declares those of attention; the feed-forward layer has none.
    SaidOfAttention,
    /// Only queries, keys and values have one.
    Inputs,
    /// There are none.
    None,
}

/// Which layers have an attention window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Window {
    /// None of them.
    None,
    /// All of them, if `sliding_window` says so; this is its default.
    All(Option<usize>),
    /// If `use_sliding_window` says so: those from `max_window_layers` on, or those that
    /// `layer_types` names.
    Late,
    /// All except every n-th, by `layer_types` or `sliding_window_pattern`.
    AllBut {
        every: usize,
        /// Default of `sliding_window`.
        width: usize,
    },
}

/// Activation of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x × σ(x).
    Silu,
    /// x × Φ(x), approximated by the hyperbolic tangent.
    Gelu,
}

/// Position of norms, and offset of their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norms {
    /// Before attention and before the feed-forward layer.
    Before,
    /// The same; 1 is added to their weights.
    BeforePlusOne,
    /// Before and after both; 1 is added to their weights.
    AroundPlusOne,
}

/// Multipliers between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Multipliers {
    /// Only 1/√head for attention scores.
    None,
    /// Granite's, each a setting.
    Said,
    /// The embedding times √hidden; attention scores by the width of a head, or by
    /// `query_pre_attn_scalar` if present.
    Root { query: bool },
}

const SILU: (&str, Activation) = ("hidden_act", Activation::Silu);

const LLAMA: Family = Family {
    model_type: "llama",
    classes: &["LlamaForCausalLM", "LLaMAForCausalLM"],
    head_dim: None,
    context: 2048,
    theta: 10_000.0,
    local_theta: None,
    epsilon: 1e-6,
    tied: false,
    bias: Bias::Said,
    partial_rotary: false,
    window: Window::None,
    unrotated: false,
    head_norms: false,
    fused: false,
    norms: Norms::Before,
    activation: SILU,
    multipliers: Multipliers::None,
    caps: None,
};

const GEMMA2: Family = Family {
    model_type: "gemma2",
    classes: &["Gemma2ForCausalLM"],
    window: Window::AllBut {
        every: 2,
        width: 4096,
    },
    norms: Norms::AroundPlusOne,
    activation: ("hidden_activation", Activation::Gelu),
    multipliers: Multipliers::Root { query: true },
    caps: Some([50.0, 30.0]),
    ..GEMMA
};

const GEMMA: Family = Family {
    model_type: "gemma",
    classes: &["GemmaForCausalLM"],
    head_dim: Some(256),
    context: 8192,
    tied: true,
    bias: Bias::SaidOfAttention,
    norms: Norms::BeforePlusOne,
    activation: ("hidden_act", Activation::Gelu),
    multipliers: Multipliers::Root { query: false },
    ..LLAMA
};

/// Every family.
pub(super) const ALL: [Family; 10] = [
    LLAMA,
    Family {
        model_type: "mistral",
        classes: &["MistralForCausalLM"],
        context: 131_072,
        bias: Bias::None,
        window: Window::All(Some(4096)),
        ..LLAMA
    },
    Family {
        model_type: "qwen2",
        classes: &["Qwen2ForCausalLM"],
        context: 32_768,
        bias: Bias::Inputs,
        window: Window::Late,
        ..LLAMA
    },
    Family {
        model_type: "qwen3",
        classes: &["Qwen3ForCausalLM"],
        head_dim: Some(128),
        context: 32_768,
        bias: Bias::SaidOfAttention,
        window: Window::Late,
        head_norms: true,
        ..LLAMA
    },
    Family {
        model_type: "smollm3",
        classes: &["SmolLM3ForCausalLM"],
        context: 32_768,
        theta: 2_000_000.0,
        tied: true,
        window: Window::Late,
        unrotated: true,
        ..LLAMA
    },
    Family {
        model_type: "phi3",
        classes: &["Phi3ForCausalLM"],
        context: 4096,
        epsilon: 1e-5,
        bias: Bias::None,
        partial_rotary: true,
        window: Window::All(None),
        fused: true,
        ..LLAMA
    },
    Family {
        model_type: "granite",
        classes: &["GraniteForCausalLM"],
        multipliers: Multipliers::Said,
        ..LLAMA
    },
    GEMMA,
    GEMMA2,
    Family {
        model_type: "gemma3_text",
        classes: &["Gemma3ForCausalLM"],
        context: 131_072,
        theta: 1_000_000.0,
        local_theta: Some(10_000.0),
        window: Window::AllBut {
            every: 6,
            width: 4096,
        },
        head_norms: true,
        caps: Some([0.0, 0.0]),
        ..GEMMA2
    },
];

impl Family {
    /// The family with this `model_type`.
    pub(super) fn by_type(model_type: &str) -> Option<&'static Self> {
        ALL.iter().find(|family| family.model_type == model_type)
    }

    /// The family with this class name.
    pub(super) fn by_class(class: &str) -> Option<&'static Self> {
        ALL.iter().find(|family| family.classes.contains(&class))
    }

    pub(super) fn activation(&self, keys: &Keys<'_>) -> Result<Activation, LoadError> {
        let (key, activation) = self.activation;
        // Gemma's files have both keys. The first Gemma files say `gelu` and mean the approximation
        // by the hyperbolic tangent.
        let others: &[&str] = match activation {
            Activation::Gelu => &["hidden_act", "hidden_activation"],
            Activation::Silu => &[],
        };
        let names: &[&str] = match activation {
            Activation::Silu => &["silu", "swish"],
            Activation::Gelu if self.model_type == "gemma" => {
                &["gelu_pytorch_tanh", "gelu_new", "gelu"]
            }
            Activation::Gelu => &["gelu_pytorch_tanh", "gelu_new"],
        };
        for &key in [key].iter().chain(others) {
            if let Some(said) = keys.text(key)?.filter(|said| !names.contains(said)) {
                return Err(keys.wrong(key, &said.into(), names[0]));
            }
        }
        Ok(activation)
    }

    pub(super) fn biases(&self, keys: &Keys<'_>) -> Result<Biases, LoadError> {
        let said = |key| Ok::<_, LoadError>(keys.flag(key)?.unwrap_or(false));
        Ok(match self.bias {
            Bias::Said => {
                let attention = said("attention_bias")?;
                Biases {
                    inputs: attention,
                    output: attention,
                    feed: said("mlp_bias")?,
                }
            }
            Bias::SaidOfAttention => {
                let attention = said("attention_bias")?;
                Biases {
                    inputs: attention,
                    output: attention,
                    feed: false,
                }
            }
            Bias::Inputs => Biases {
                inputs: true,
                output: false,
                feed: false,
            },
            Bias::None => Biases {
                inputs: false,
                output: false,
                feed: false,
            },
        })
    }

    pub(super) fn scales(
        &self,
        keys: &Keys<'_>,
        hidden: usize,
        head: usize,
    ) -> Result<Scales, LoadError> {
        let number = |key: &'static str, default: f64| match keys.number(key)? {
            Some(number) if number > 0.0 && number.is_finite() => Ok(number),
            Some(number) => Err(keys.wrong(key, &number.into(), "a number above zero")),
            None => Ok(default),
        };
        let plain = (head as f64).powf(-0.5);
        let [embedding, attention, residual, logits] = match self.multipliers {
            Multipliers::None => [1.0, plain, 1.0, 1.0],
            Multipliers::Said => [
                number("embedding_multiplier", 1.0)?,
                number("attention_multiplier", 1.0)?,
                number("residual_multiplier", 1.0)?,
                number("logits_scaling", 1.0)?.recip(),
            ],
            Multipliers::Root { query } => {
                let scalar = if query {
                    number("query_pre_attn_scalar", 256.0)?
                } else {
                    head as f64
                };
                [(hidden as f64).sqrt(), scalar.powf(-0.5), 1.0, 1.0]
            }
        };
        let [embedding, attention, residual, logits] =
            [embedding, attention, residual, logits].map(|factor| factor as f32);
        Ok(Scales {
            embedding,
            attention,
            residual,
            logits,
        })
    }

    pub(super) fn caps(&self, keys: &Keys<'_>) -> Result<[f32; 2], LoadError> {
        let Some(defaults) = self.caps else {
            return Ok([0.0; 2]);
        };
        let mut caps = [0.0; 2];
        for (side, key) in ["attn_logit_softcapping", "final_logit_softcapping"]
            .into_iter()
            .enumerate()
        {
            // Null means that there is none, which differs from a missing key.
            let cap = if keys.is_null(key) {
                Some(0.0)
            } else {
                keys.number(key)?
            };
            caps[side] = cap.unwrap_or(defaults[side]) as f32;
        }
        Ok(caps)
    }
}

/// The classes of all families, for error messages.
pub(crate) fn classes() -> String {
    let names: Vec<&str> = ALL.iter().map(|family| family.classes[0]).collect();
    names.join(", ")
}
