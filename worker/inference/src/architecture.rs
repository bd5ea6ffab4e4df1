//! What a Llama-shaped model directory declares: sizes, tensor names and shapes, `config.json`. Shared
//! by those who write such directories; the engine reads them with code of its own, so that a mistake
//! here cannot hide there.

use serde_json::{Value, json};

use crate::directory::TensorSpec;

/// The sizes and constants of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Architecture {
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

/// A scaling of the rotary frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scaling {
    /// All divided by a factor.
    Linear(f64),
    /// Llama 3.1's.
    Llama3(Llama3Scaling),
}

/// Llama 3.1's scaling of the rotary frequencies, with low factor 1 and high factor 4, as in all its
/// models.
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
        let mut all = vec![spec("model.embed_tokens", vec![v, h]), spec("model.norm", vec![h])];
        if !self.tied {
            all.push(spec("lm_head", vec![v, h]));
        }
        for layer in 0..self.layers {
            let named = |(part, shape)| spec(&format!("model.layers.{layer}.{part}"), shape);
            all.extend(self.layer().map(named));
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn layer(&self) -> [(&'static str, Vec<usize>); 9] {
        let (h, f) = (self.hidden, self.inner);
        let (q, kv) = (self.heads * self.head, self.kv_heads * self.head);
        [
            ("input_layernorm", vec![h]),
            ("self_attn.q_proj", vec![q, h]),
            ("self_attn.k_proj", vec![kv, h]),
            ("self_attn.v_proj", vec![kv, h]),
            ("self_attn.o_proj", vec![h, q]),
            ("post_attention_layernorm", vec![h]),
            ("mlp.gate_proj", vec![f, h]),
            ("mlp.up_proj", vec![f, h]),
            ("mlp.down_proj", vec![h, f]),
        ]
    }

    /// The contents of `config.json`.
    pub(crate) fn config(&self, torch_dtype: &str, ends: Ends) -> Value {
        json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
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

    /// What the frequencies are divided by: `factor` for wavelengths above the original context, 1 for
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
    TensorSpec { name: format!("{module}.weight"), shape }
}
