//! The contents of a model directory: sizes, tensor names and shapes, `config.json`. Shared by code
//! that writes such directories. The engine has separate code to read them, so that an error here
//! cannot hide there.

use serde_json::{Value, json};

use crate::directory::TensorSpec;

/// The sizes and constants of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Architecture {
    pub(crate) form: &'static Form,
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    /// Size of one head.
    pub(crate) head: usize,
    /// Width of the feed-forward layer.
    pub(crate) inner: usize,
    pub(crate) context: usize,
    /// Rows of the embedding.
    pub(crate) vocabulary: usize,
    /// Base of the rotary embedding.
    pub(crate) theta: f64,
    /// Added to the mean square in the norms.
    pub(crate) epsilon: f64,
    pub(crate) tied: bool,
    pub(crate) scaling: Option<Scaling>,
}

/// How the files of a family differ from Llama's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) class: &'static str,
    pub(crate) model_type: &'static str,
    /// The key and the name of the activation.
    pub(crate) activation: (&'static str, &'static str),
    /// Whether queries, keys and values have a bias.
    pub(crate) biased: bool,
    /// Whether heads of queries and keys are normalised.
    pub(crate) head_norms: bool,
    /// Whether queries, keys and values are one tensor, and gate and up another.
    pub(crate) fused: bool,
    /// Whether there are norms both before and after attention and the feed-forward layer.
    pub(crate) around: bool,
}

/// Llama's form.
pub(crate) const LLAMA: Form = Form {
    class: "LlamaForCausalLM",
    model_type: "llama",
    activation: ("hidden_act", "silu"),
    biased: false,
    head_norms: false,
    fused: false,
    around: false,
};

/// A scaling of the rotary frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scaling {
    /// All divided by one factor.
    Linear(f64),
    /// Llama 3.1's.
    Llama3(Llama3Scaling),
    /// YaRN's, with its usual ramp.
    Yarn {
        factor: f64,
        /// Context the model was first trained for.
        original: usize,
    },
}

/// Llama 3.1's scaling of the rotary frequencies, with low factor 1 and high factor 4, as in all
/// its models.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Llama3Scaling {
    pub(crate) factor: f64,
    /// Context the model was first trained for.
    pub(crate) original: usize,
}

/// Ids of the tokens that begin and end a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) bos: Option<usize>,
    pub(crate) eos: Option<usize>,
}

impl Architecture {
    /// All tensors, in order of name.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let (h, v) = (self.hidden, self.vocabulary);
        let mut all = vec![
            spec("model.embed_tokens", vec![v, h]),
            spec("model.norm", vec![h]),
        ];
        if !self.tied {
            all.push(spec("lm_head", vec![v, h]));
        }
        for layer in 0..self.layers {
            let named = |(part, shape)| TensorSpec {
                name: format!("model.layers.{layer}.{part}"),
                shape,
            };
            all.extend(self.layer().into_iter().map(named));
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn layer(&self) -> Vec<(&'static str, Vec<usize>)> {
        let (h, f, form) = (self.hidden, self.inner, self.form);
        let (q, kv) = (self.heads * self.head, self.kv_heads * self.head);
        let mut parts = vec![
            ("input_layernorm.weight", vec![h]),
            ("self_attn.o_proj.weight", vec![h, q]),
            ("post_attention_layernorm.weight", vec![h]),
            ("mlp.down_proj.weight", vec![h, f]),
        ];
        if form.fused {
            parts.push(("self_attn.qkv_proj.weight", vec![q + 2 * kv, h]));
            parts.push(("mlp.gate_up_proj.weight", vec![2 * f, h]));
        } else {
            parts.extend([
                ("self_attn.q_proj.weight", vec![q, h]),
                ("self_attn.k_proj.weight", vec![kv, h]),
                ("self_attn.v_proj.weight", vec![kv, h]),
                ("mlp.gate_proj.weight", vec![f, h]),
                ("mlp.up_proj.weight", vec![f, h]),
            ]);
        }
        if form.biased {
            let names = [
                "self_attn.q_proj.bias",
                "self_attn.k_proj.bias",
                "self_attn.v_proj.bias",
            ];
            parts.extend(
                names
                    .into_iter()
                    .zip([q, kv, kv])
                    .map(|(name, rows)| (name, vec![rows])),
            );
        }
        if form.head_norms {
            let names = ["self_attn.q_norm.weight", "self_attn.k_norm.weight"];
            parts.extend(names.map(|name| (name, vec![self.head])));
        }
        if form.around {
            let names = [
                "pre_feedforward_layernorm.weight",
                "post_feedforward_layernorm.weight",
            ];
            parts.extend(names.map(|name| (name, vec![h])));
        }
        parts
    }

    /// The contents of `config.json`.
    pub(crate) fn config(&self, torch_dtype: &str, ends: Ends) -> Value {
        let (activation, name) = self.form.activation;
        json!({
            "architectures": [self.form.class], "model_type": self.form.model_type, activation: name,
            "hidden_size": self.hidden, "intermediate_size": self.inner,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads, "head_dim": self.head,
            "vocab_size": self.vocabulary, "max_position_embeddings": self.context,
            "rope_theta": self.theta, "rope_scaling": self.scaling.map(Scaling::config),
            "rms_norm_eps": self.epsilon, "bos_token_id": ends.bos, "eos_token_id": ends.eos,
            "tie_word_embeddings": self.tied, "torch_dtype": torch_dtype,
        })
    }
}

impl Scaling {
    fn config(self) -> Value {
        match self {
            Self::Linear(factor) => json!({ "rope_type": "linear", "factor": factor }),
            Self::Llama3(scaling) => scaling.config(),
            Self::Yarn { factor, original } => {
                json!({ "rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original })
            }
        }
    }
}

impl Llama3Scaling {
    const LOW: f64 = 1.0;
    const HIGH: f64 = 4.0;

    fn config(self) -> Value {
        json!({ "rope_type": "llama3", "factor": self.factor, "low_freq_factor": Self::LOW,
                "high_freq_factor": Self::HIGH, "original_max_position_embeddings": self.original })
    }

    /// Divisors of the frequencies: `factor` for wavelengths above the original context, 1 for
    /// those below a quarter of it, a blend between.
    pub(crate) fn divisors(self, theta: f64, head: usize) -> Vec<f64> {
        let context = self.original as f64;
        let divisor = |i: usize| {
            let wavelength = std::f64::consts::TAU * theta.powf(2.0 * i as f64 / head as f64);
            if wavelength < context / Self::HIGH {
                1.0
            } else if wavelength > context / Self::LOW {
                self.factor
            } else {
                let smooth = (context / wavelength - Self::LOW) / (Self::HIGH - Self::LOW);
                1.0 / ((1.0 - smooth) / self.factor + smooth)
            }
        };
        (0..head / 2).map(divisor).collect()
    }
}

fn spec(module: &str, shape: Vec<usize>) -> TensorSpec {
    TensorSpec {
        name: format!("{module}.weight"),
        shape,
    }
}
