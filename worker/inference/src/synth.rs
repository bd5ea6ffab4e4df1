//! Writes synthetic models: true architectures with seeded random weights and a working byte-level
//! tokenizer, for tests and for machines without a package registry. Speed does not depend on the
//! values. Owns the presets, the generator and the made-up vocabulary; it must not know the engine.
//!
//! The bytes depend on preset and seed alone: the generator uses integers and exact sums only, so
//! no mathematical library of a platform can change them.

use std::io;
use std::path::Path;
use std::str::FromStr;

use serde_json::json;

use crate::bytelevel::{Added, Cut, Vocabulary, byte_char};
use crate::directory::{ModelDir, Precision, TensorSpec};

/// Values drawn and written at a time.
const CHUNK: usize = 1 << 16;

/// Special tokens, ids 0 to 2, named as SmolLM names them.
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// A named architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Two layers, under 1 MB: for tests.
    Tiny,
    /// The same with an untied head and Llama 3's rotary scaling.
    TinyLlama3,
    /// Nine million parameters: big enough for caches to matter, small enough for a phone.
    Nine,
    /// The architecture of SmolLM2-135M.
    SmolLm2,
}

/// The sizes of a Llama-shaped model.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    layers: usize,
    hidden: usize,
    heads: usize,
    kv_heads: usize,
    head: usize,
    inner: usize,
    vocabulary: usize,
    context: usize,
    theta: f64,
    tied: bool,
    /// Llama 3 rotary scaling: factor and original context.
    scaling: Option<(f64, usize)>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynthSummary {
    /// Tensors written.
    pub tensors: usize,
    /// Values in them.
    pub parameters: u64,
    /// Tokens in the tokenizer.
    pub vocabulary: usize,
}

/// A synthetic model cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// No preset of this name.
    #[error("find a preset {name}; there are tiny, tiny-llama3, 9m, smollm2-135m")]
    UnknownPreset {
        /// As given.
        name: String,
    },
    /// The directory cannot be written.
    #[error("write the model directory {}", path.display())]
    Target {
        /// The directory.
        path: std::path::PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
struct Random(u64);

impl FromStr for Preset {
    type Err = SynthError;

    fn from_str(name: &str) -> Result<Self, SynthError> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| SynthError::UnknownPreset { name: name.to_owned() })
    }
}

impl Preset {
    /// Every preset, smallest first.
    pub const ALL: [Self; 4] = [Self::Tiny, Self::TinyLlama3, Self::Nine, Self::SmolLm2];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::TinyLlama3 => "tiny-llama3",
            Self::Nine => "9m",
            Self::SmolLm2 => "smollm2-135m",
        }
    }

    fn shape(self) -> Shape {
        let tiny = Shape {
            layers: 2,
            hidden: 128,
            heads: 4,
            kv_heads: 2,
            head: 32,
            inner: 256,
            vocabulary: 512,
            context: 2048,
            theta: 10_000.0,
            tied: true,
            scaling: None,
        };
        let nine =
            Shape { layers: 9, hidden: 256, head: 64, inner: 768, vocabulary: 8192, context: 4096, ..tiny };
        match self {
            Self::Tiny => tiny,
            Self::TinyLlama3 => Shape { tied: false, scaling: Some((8.0, 64)), ..tiny },
            Self::Nine => nine,
            Self::SmolLm2 => Shape {
                layers: 30,
                hidden: 576,
                heads: 9,
                kv_heads: 3,
                inner: 1536,
                vocabulary: 49_152,
                context: 8192,
                theta: 100_000.0,
                ..nine
            },
        }
    }
}

/// Writes the preset's model as BF16 into the new directory `target`.
pub fn write(preset: Preset, seed: u64, target: &Path) -> Result<SynthSummary, SynthError> {
    let shape = preset.shape();
    let specs = shape.tensors();
    fill(&shape, &specs, seed, target)
        .map_err(|source| SynthError::Target { path: target.to_owned(), source })?;
    Ok(SynthSummary {
        tensors: specs.len(),
        parameters: specs.iter().map(|spec| spec.elements() as u64).sum(),
        vocabulary: shape.vocabulary,
    })
}

fn fill(shape: &Shape, specs: &[TensorSpec], seed: u64, target: &Path) -> io::Result<()> {
    let dir = ModelDir::begin(target)?;
    dir.write_json("config.json", &shape.config())?;
    dir.write("tokenizer.json", vocabulary(shape.vocabulary).to_json().to_string().as_bytes())?;
    let mut writer = dir.tensors(specs, Precision::Bf16)?;
    let mut values = Vec::with_capacity(CHUNK);
    for spec in specs {
        let mut random = Random::for_tensor(seed, &spec.name);
        let total = spec.elements();
        for first in (0..total).step_by(CHUNK) {
            values.clear();
            values.extend((0..CHUNK.min(total - first)).map(|_| spec.draw(&mut random)));
            writer.push(&values)?;
        }
    }
    writer.finish()?;
    dir.commit()
}

impl Shape {
    /// All tensors, by name.
    fn tensors(&self) -> Vec<TensorSpec> {
        let (h, f, v) = (self.hidden, self.inner, self.vocabulary);
        let (q, kv) = (self.heads * self.head, self.kv_heads * self.head);
        let mut all =
            vec![spec("model.embed_tokens.weight".into(), &[v, h]), spec("model.norm.weight".into(), &[h])];
        if !self.tied {
            all.push(spec("lm_head.weight".into(), &[v, h]));
        }
        for layer in 0..self.layers {
            let mut add = |name: &str, shape: &[usize]| {
                all.push(spec(format!("model.layers.{layer}.{name}.weight"), shape));
            };
            add("input_layernorm", &[h]);
            add("self_attn.q_proj", &[q, h]);
            add("self_attn.k_proj", &[kv, h]);
            add("self_attn.v_proj", &[kv, h]);
            add("self_attn.o_proj", &[h, q]);
            add("post_attention_layernorm", &[h]);
            add("mlp.gate_proj", &[f, h]);
            add("mlp.up_proj", &[f, h]);
            add("mlp.down_proj", &[h, f]);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn config(&self) -> serde_json::Value {
        let scaling = self.scaling.map(|(factor, original)| {
            json!({ "rope_type": "llama3", "factor": factor, "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0, "original_max_position_embeddings": original })
        });
        json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
            "hidden_size": self.hidden, "intermediate_size": self.inner,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads, "head_dim": self.head,
            "vocab_size": self.vocabulary, "max_position_embeddings": self.context,
            "rope_theta": self.theta, "rope_scaling": scaling, "rms_norm_eps": 1e-5,
            "bos_token_id": 1, "eos_token_id": 2,
            "tie_word_embeddings": self.tied, "torch_dtype": "bfloat16",
        })
    }
}

impl TensorSpec {
    /// Matrices: variance 1 / columns, so that signals keep their size through the layers. Norms:
    /// near 1 but not 1, so that a forgotten norm weight shows.
    fn draw(&self, random: &mut Random) -> f32 {
        match self.shape.as_slice() {
            [_, columns] => random.normal() / (*columns as f32).sqrt(),
            _ => 1.0 + 0.1 * random.normal(),
        }
    }
}

fn spec(name: String, shape: &[usize]) -> TensorSpec {
    TensorSpec { name, shape: shape.to_vec() }
}

impl Random {
    /// A stream of its own for each tensor, by FNV-1a of the name, so that one preset's tensors do
    /// not depend on another's.
    fn for_tensor(seed: u64, name: &str) -> Self {
        let hash = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), hash))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Mean 0, variance 1, bounded by ±2√3: the sum of four uniform 16-bit numbers, scaled.
    fn normal(&mut self) -> f32 {
        const UNIT: f32 = 1.0 / 37_837.227; // 65536 · √(4/12)
        let bits = self.next();
        let sum = (0..4).map(|part| (bits >> (16 * part) & 0xffff) as i32).sum::<i32>() - 2 * 65_535;
        sum as f32 * UNIT
    }
}

/// A vocabulary of exactly `size` tokens: special ones, all bytes, then words grown from pairs of
/// letters, the frequent ones of English first, with and without a space before them.
fn vocabulary(size: usize) -> Vocabulary {
    let mut tokens: Vec<String> = SPECIAL.iter().map(|&token| token.to_owned()).collect();
    tokens.extend((0..=255).map(|byte| byte_char(byte).to_string()));
    let room = size.checked_sub(tokens.len()).expect("presets have room for all bytes");
    let mut merges = Vec::with_capacity(room);
    for (left, right) in growth().take(room) {
        tokens.push(format!("{left}{right}"));
        merges.push(format!("{left} {right}"));
    }
    assert_eq!(tokens.len(), size, "merges run out before the vocabulary is full");
    let added = (0..SPECIAL.len()).map(|id| Added { id, special: true }).collect();
    Vocabulary { tokens, merges, added, cut: Cut::DigitsThenGpt2, prefix: None }
}

/// Merges in order of rank; no two of them make the same token.
fn growth() -> impl Iterator<Item = (String, String)> {
    let letters = || "etaoinshrdlcumwfgypbvkjxqz".chars().map(String::from);
    let pairs = move || letters().flat_map(move |a| letters().map(move |b| format!("{a}{b}")));
    let space = || byte_char(b' ').to_string();
    let two = letters().flat_map(move |a| letters().map(move |b| (a.clone(), b)));
    let spaced_pair = pairs().map(move |pair| (space(), pair));
    let three = pairs().flat_map(move |pair| letters().map(move |c| (pair.clone(), c)));
    let four = pairs().flat_map(move |left| pairs().map(move |right| (left.clone(), right)));
    two.chain(spaced_pair).chain(three).chain(four)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::tokenizer::Tokenizer;

    fn files(preset: Preset, seed: u64) -> Vec<Vec<u8>> {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("m");
        write(preset, seed, &dir).unwrap();
        ["config.json", "tokenizer.json", "model.safetensors"]
            .map(|name| std::fs::read(dir.join(name)).unwrap())
            .into()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_other_weights() {
        let (a, b, c) = (files(Preset::Tiny, 7), files(Preset::Tiny, 7), files(Preset::Tiny, 8));
        assert_eq!(a, b);
        assert_eq!(a[..2], c[..2]);
        assert_ne!(a[2], c[2]);
    }

    /// Pinned, so that a change of the generator is noticed: fixtures depend on it.
    #[test]
    fn the_weights_are_the_ones_the_fixtures_were_made_from() {
        let bytes = &files(Preset::Tiny, 1)[2];
        let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
        let data = file.tensor("model.layers.1.self_attn.k_proj.weight").unwrap().data();
        assert_eq!(data[..8], [192, 188, 12, 62, 156, 61, 229, 60]);
    }

    #[test]
    fn tiny_is_under_a_megabyte() {
        assert!(files(Preset::Tiny, 1).iter().map(Vec::len).sum::<usize>() < 1_000_000);
    }

    #[test]
    fn draws_have_mean_zero_and_variance_one() {
        let mut random = Random::for_tensor(1, "x");
        let draws: Vec<_> = (0..100_000).map(|_| f64::from(random.normal())).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn vocabularies_are_full_and_have_no_token_twice() {
        for preset in Preset::ALL {
            let size = preset.shape().vocabulary;
            let tokens = vocabulary(size).tokens;
            assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), size);
        }
    }

    #[test]
    fn the_tokenizer_works_on_any_text() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("m");
        write(Preset::Tiny, 1, &dir).unwrap();
        let tokenizer = Tokenizer::read(&dir).unwrap();
        let text = "The answer: 42, naïve 中文 👩‍🚀\n\ttab";
        let tokens = tokenizer.encode(text).unwrap();
        assert_eq!(tokenizer.decode(&tokens), text);
        assert!(tokens.len() < text.len());
        assert_eq!(tokenizer.eos(), [2]);
    }

    #[test]
    fn presets_are_found_by_name_only() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse::<Preset>().unwrap(), preset);
        }
        let error = "huge".parse::<Preset>().unwrap_err().to_string();
        assert!(error.contains("huge") && error.contains("smollm2-135m"));
    }
}
