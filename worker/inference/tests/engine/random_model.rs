//! Small models with random weights, written as files, for the engine's tests. Shapes are
//! deliberately awkward: widths that are not a multiple of a vector, grouped heads, any stored
//! format, data at odd addresses.

use std::path::Path;
use std::sync::Arc;

use inference::kernels::Isa;
use inference::model::{LoadOptions, Model};

/// What to write.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) hidden: usize,
    pub(crate) feed: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head: usize,
    pub(crate) vocab: usize,
    pub(crate) format: &'static str,
    pub(crate) tied: bool,
    /// Pads the header so that data starts at an odd address.
    pub(crate) odd: bool,
    pub(crate) seed: u64,
}

pub(crate) const SMALL: Shape = Shape {
    hidden: 72,
    feed: 100,
    layers: 2,
    heads: 6,
    kv_heads: 2,
    head: 16,
    vocab: 131,
    format: "BF16",
    tied: false,
    odd: true,
    seed: 7,
};

/// A small deterministic stream of numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 29)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Uniform in −1 .. 1.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    pub(crate) fn tokens(&mut self, count: usize, vocab: usize) -> Vec<u32> {
        (0..count).map(|_| self.below(vocab) as u32).collect()
    }
}

impl Shape {
    pub(crate) fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (h, f, q, k) = (
            self.hidden,
            self.feed,
            self.heads * self.head,
            self.kv_heads * self.head,
        );
        let mut list = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab, h])];
        for layer in 0..self.layers {
            for (part, shape) in [
                ("input_layernorm", vec![h]),
                ("self_attn.q_proj", vec![q, h]),
                ("self_attn.k_proj", vec![k, h]),
                ("self_attn.v_proj", vec![k, h]),
                ("self_attn.o_proj", vec![h, q]),
                ("post_attention_layernorm", vec![h]),
                ("mlp.gate_proj", vec![f, h]),
                ("mlp.up_proj", vec![f, h]),
                ("mlp.down_proj", vec![h, f]),
            ] {
                list.push((format!("model.layers.{layer}.{part}.weight"), shape));
            }
        }
        list.push(("model.norm.weight".to_owned(), vec![h]));
        if !self.tied {
            list.push(("lm_head.weight".to_owned(), vec![self.vocab, h]));
        }
        list
    }

    pub(crate) fn config(&self) -> serde_json::Value {
        serde_json::json!({
            "architectures": ["LlamaForCausalLM"], "hidden_act": "silu",
            "hidden_size": self.hidden, "intermediate_size": self.feed, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "num_key_value_heads": self.kv_heads, "head_dim": self.head,
            "vocab_size": self.vocab, "rope_theta": 10000.0, "rms_norm_eps": 1e-5,
            "tie_word_embeddings": self.tied, "max_position_embeddings": 256,
            "bos_token_id": 1, "eos_token_id": [2],
        })
    }

    fn encode(&self, value: f32) -> Vec<u8> {
        match self.format {
            "F32" => value.to_le_bytes().to_vec(),
            "F16" => half::f16::from_f32(value).to_le_bytes().to_vec(),
            _ => half::bf16::from_f32(value).to_le_bytes().to_vec(),
        }
    }

    /// The bytes of `model.safetensors` with these tensors.
    pub(crate) fn weights(&self, tensors: &[(String, Vec<usize>)]) -> Vec<u8> {
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        let mut random = Random(self.seed);
        for (name, shape) in tensors {
            let start = data.len();
            let count: usize = shape.iter().product();
            let norm = shape.len() == 1;
            let scale = 1.7 / (*shape.last().unwrap() as f32).sqrt();
            for _ in 0..count {
                let value = random.unit();
                data.extend(self.encode(if norm {
                    1.0 + 0.1 * value
                } else {
                    scale * value
                }));
            }
            let entry = serde_json::json!({"dtype": self.format, "shape": shape, "data_offsets": [start, data.len()]});
            header.insert(name.clone(), entry);
        }
        let mut text = serde_json::to_vec(&header).unwrap();
        while text.len() % 8 != usize::from(self.odd) {
            text.push(b' ');
        }
        [&(text.len() as u64).to_le_bytes(), &text[..], &data[..]].concat()
    }

    pub(crate) fn write(&self, folder: &Path) {
        std::fs::write(folder.join("config.json"), self.config().to_string()).unwrap();
        std::fs::write(folder.join("tokenizer.json"), "{}").unwrap();
        std::fs::write(
            folder.join("model.safetensors"),
            self.weights(&self.tensors()),
        )
        .unwrap();
    }

    pub(crate) fn load(&self, threads: usize, isa: Option<Isa>) -> Arc<Model> {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path());
        // The map keeps the file alive after the folder is removed.
        Arc::new(
            Model::load(
                folder.path(),
                &LoadOptions {
                    threads,
                    isa,
                    ..LoadOptions::default()
                },
                &mut |_| (),
            )
            .unwrap(),
        )
    }
}
