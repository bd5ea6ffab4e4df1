//! Owns what architecture `llama` means in GGUF: its metadata, its tensor names in Hugging Face
//! terms, the expected shapes, and the order of the rows of q and k. It must not know number
//! formats or tokenizers.
//!
//! llama.cpp stores the rows of each q and k head interleaved (`2i + s` where Hugging Face has
//! `s·d/2 + i`, d the head size), because its rotary embedding turns neighbours; this is undone.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::ImportError;
use super::gguf::{Gguf, Value};
use crate::directory::TensorSpec;

/// The shape of the model, in Hugging Face terms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Llama {
    pub(crate) layers: usize,
    pub(crate) hidden: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head: usize,
    pub(crate) inner: usize,
    pub(crate) context: usize,
    pub(crate) vocabulary: usize,
    pub(crate) theta: f64,
    pub(crate) epsilon: f64,
    pub(crate) tied: bool,
    /// Llama 3 frequency scaling: the factor; its other parameters are always the same.
    pub(crate) scaling: Option<f64>,
}

/// What to do with one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) spec: TensorSpec,
    /// Rows to be reordered in groups of this many (one head), if any.
    pub(crate) interleaved: Option<usize>,
}

/// The tensor which carries Llama 3's frequency divisors; it becomes configuration.
pub(crate) const FREQUENCIES: &str = "rope_freqs.weight";

/// Typed access to metadata, with the key in every error.
pub(crate) struct Metadata<'a>(pub(crate) &'a BTreeMap<String, Value>);

impl Metadata<'_> {
    pub(crate) fn number(&self, key: &str) -> Result<Option<usize>, ImportError> {
        let wrong = || ImportError::WrongKind { key: key.to_owned(), wanted: "a number" };
        match self.0.get(key) {
            None => Ok(None),
            Some(&Value::Unsigned(n)) => usize::try_from(n).map(Some).map_err(|_| wrong()),
            Some(&Value::Signed(n)) => usize::try_from(n).map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    pub(crate) fn float(&self, key: &str) -> Result<Option<f64>, ImportError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(&Value::Float(x)) => Ok(Some(x)),
            Some(_) => Err(ImportError::WrongKind { key: key.to_owned(), wanted: "a fraction" }),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, ImportError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(ImportError::WrongKind { key: key.to_owned(), wanted: "a text" }),
        }
    }

    pub(crate) fn list(&self, key: &str) -> Result<&[Value], ImportError> {
        match self.0.get(key) {
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(ImportError::WrongKind { key: key.to_owned(), wanted: "a list" }),
            None => Err(missing(key)),
        }
    }

    /// A size: at least 1, and small enough that products of two cannot overflow.
    fn size(&self, key: &str) -> Result<usize, ImportError> {
        match self.number(key)?.ok_or_else(|| missing(key))? {
            n @ 1..=0x7fff_ffff => Ok(n),
            _ => Err(ImportError::WrongKind { key: key.to_owned(), wanted: "a size" }),
        }
    }
}

impl Llama {
    pub(crate) fn read(gguf: &Gguf) -> Result<Self, ImportError> {
        let meta = Metadata(&gguf.metadata);
        let arch = meta.text("general.architecture")?.unwrap_or("(none)");
        if arch != "llama" {
            return Err(ImportError::Architecture { found: arch.to_owned() });
        }
        if let Some(kind @ ("linear" | "yarn" | "longrope")) = meta.text("llama.rope.scaling.type")? {
            return Err(ImportError::RopeScaling { kind: kind.to_owned() });
        }
        let embedding = gguf.tensors.get("token_embd.weight").ok_or_else(|| missing("token_embd.weight"))?;
        let (hidden, heads) =
            (meta.size("llama.embedding_length")?, meta.size("llama.attention.head_count")?);
        let kv_heads = meta.number("llama.attention.head_count_kv")?.unwrap_or(heads);
        let model = Self {
            layers: meta.size("llama.block_count")?,
            hidden,
            heads,
            kv_heads,
            head: meta.number("llama.attention.key_length")?.unwrap_or(hidden / heads),
            inner: meta.size("llama.feed_forward_length")?,
            context: meta.size("llama.context_length")?,
            vocabulary: embedding.dimensions.last().copied().unwrap_or(0),
            theta: meta.float("llama.rope.freq_base")?.map_or(10_000.0, shortest),
            epsilon: meta
                .float("llama.attention.layer_norm_rms_epsilon")?
                .map(shortest)
                .ok_or_else(|| missing("llama.attention.layer_norm_rms_epsilon"))?,
            tied: !gguf.tensors.contains_key("output.weight"),
            scaling: None,
        };
        model.check(&meta)?;
        if model.layers > gguf.tensors.len() {
            return Err(missing("llama.block_count layers"));
        }
        Ok(model)
    }

    fn check(&self, meta: &Metadata<'_>) -> Result<(), ImportError> {
        let rotated = meta.number("llama.rope.dimension_count")?.unwrap_or(self.head);
        let whole = self.vocabulary > 0 && self.kv_heads > 0 && self.heads.is_multiple_of(self.kv_heads);
        let head =
            self.head > 0 && self.head.is_multiple_of(2) && self.head <= 1 << 16 && rotated == self.head;
        if whole && head { Ok(()) } else { Err(ImportError::Heads) }
    }

    /// Recognises Llama 3's scaling by its divisors, of which only the factor varies.
    pub(crate) fn with_frequencies(mut self, divisors: &[f32]) -> Result<Self, ImportError> {
        let factor = f64::from(divisors.iter().copied().fold(1.0, f32::max));
        let expected = llama3_divisors(self.theta, self.head, factor);
        let same = divisors.len() == expected.len()
            && divisors.iter().zip(expected).all(|(&a, b)| (f64::from(a) - b).abs() <= 1e-3 * b);
        if !same {
            return Err(ImportError::RopeScaling { kind: FREQUENCIES.to_owned() });
        }
        self.scaling = Some(factor);
        Ok(self)
    }

    /// All tensors of the model by their GGUF name.
    pub(crate) fn tensors(&self) -> BTreeMap<String, Target> {
        let mut all = BTreeMap::new();
        let mut add = |gguf: String, name: String, shape: &[usize], interleaved| {
            all.insert(gguf, Target { spec: TensorSpec { name, shape: shape.to_vec() }, interleaved });
        };
        let (h, v) = (self.hidden, self.vocabulary);
        add("token_embd.weight".into(), "model.embed_tokens.weight".into(), &[v, h], None);
        add("output_norm.weight".into(), "model.norm.weight".into(), &[h], None);
        if !self.tied {
            add("output.weight".into(), "lm_head.weight".into(), &[v, h], None);
        }
        for layer in 0..self.layers {
            for (gguf, name, shape, interleaved) in self.layer() {
                let name = format!("model.layers.{layer}.{name}.weight");
                add(format!("blk.{layer}.{gguf}.weight"), name, &shape, interleaved);
            }
        }
        all
    }

    fn layer(&self) -> [(&'static str, &'static str, Vec<usize>, Option<usize>); 9] {
        let (h, f, head) = (self.hidden, self.inner, Some(self.head));
        let (q, kv) = (self.heads * self.head, self.kv_heads * self.head);
        [
            ("attn_norm", "input_layernorm", vec![h], None),
            ("attn_q", "self_attn.q_proj", vec![q, h], head),
            ("attn_k", "self_attn.k_proj", vec![kv, h], head),
            ("attn_v", "self_attn.v_proj", vec![kv, h], None),
            ("attn_output", "self_attn.o_proj", vec![h, q], None),
            ("ffn_norm", "post_attention_layernorm", vec![h], None),
            ("ffn_gate", "mlp.gate_proj", vec![f, h], None),
            ("ffn_up", "mlp.up_proj", vec![f, h], None),
            ("ffn_down", "mlp.down_proj", vec![h, f], None),
        ]
    }

    /// `config.json`; the token ids are filled in by whoever knows the vocabulary.
    pub(crate) fn config(&self, torch_dtype: &str, bos: Option<usize>, eos: Option<usize>) -> Json {
        let scaling = self.scaling.map(|factor| {
            json!({ "rope_type": "llama3", "factor": factor, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": ORIGINAL_CONTEXT })
        });
        json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
            "hidden_size": self.hidden, "intermediate_size": self.inner,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads, "head_dim": self.head,
            "vocab_size": self.vocabulary, "max_position_embeddings": self.context,
            "rope_theta": self.theta, "rope_scaling": scaling, "rms_norm_eps": self.epsilon,
            "bos_token_id": bos, "eos_token_id": eos,
            "tie_word_embeddings": self.tied, "torch_dtype": torch_dtype,
        })
    }
}

const ORIGINAL_CONTEXT: u32 = 8192;

/// Llama 3.1's divisors of the rotary frequencies with low factor 1, high factor 4: wavelengths
/// above the original context are divided by `factor`, those below a quarter of it are kept, and
/// those between are blended.
fn llama3_divisors(theta: f64, head: usize, factor: f64) -> Vec<f64> {
    let (low, high, context) = (1.0, 4.0, f64::from(ORIGINAL_CONTEXT));
    let divisor = |i: usize| {
        let wavelength = std::f64::consts::TAU * theta.powf(2.0 * i as f64 / head as f64);
        if wavelength < context / high {
            1.0
        } else if wavelength > context / low {
            factor
        } else {
            let smooth = (context / wavelength - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    (0..head / 2).map(divisor).collect()
}

/// Where row `row` of a Hugging Face head lies in llama.cpp's.
pub(crate) fn interleaved_row(row: usize, head: usize) -> usize {
    2 * (row % (head / 2)) + row / (head / 2)
}

/// GGUF stores these as F32; the decimal number that was meant is the shortest that rounds to it.
fn shortest(stored: f64) -> f64 {
    (stored as f32).to_string().parse().expect("a number's own text")
}

fn missing(key: &str) -> ImportError {
    ImportError::Missing { key: key.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaving_is_a_permutation_that_pairs_halves() {
        let rows: Vec<_> = (0..8).map(|r| interleaved_row(r, 8)).collect();
        assert_eq!(rows, [0, 2, 4, 6, 1, 3, 5, 7]);
    }

    #[test]
    fn stored_singles_become_the_decimals_that_were_meant() {
        assert_eq!(shortest(f64::from(1e-5f32)), 1e-5);
        assert_ne!(f64::from(1e-5f32), 1e-5);
    }

    #[test]
    fn llama3_scaling_is_recognised_and_nothing_else() {
        let model = Llama {
            layers: 1,
            hidden: 64,
            heads: 1,
            kv_heads: 1,
            head: 64,
            inner: 64,
            context: 131_072,
            vocabulary: 8,
            theta: 500_000.0,
            epsilon: 1e-5,
            tied: true,
            scaling: None,
        };
        let mut divisors: Vec<f32> =
            llama3_divisors(500_000.0, 64, 32.0).into_iter().map(|d| d as f32).collect();
        let scaled = model.clone().with_frequencies(&divisors).unwrap();
        assert_eq!(scaled.scaling, Some(32.0));
        divisors[14] *= 1.01;
        assert!(model.with_frequencies(&divisors).is_err());
    }
}
