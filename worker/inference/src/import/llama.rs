//! Owns what architecture `llama` means in GGUF: its metadata, its tensor names, and the order of the
//! rows of q and k. It must not know number formats or tokenizers.
//!
//! llama.cpp stores the rows of each q and k head interleaved (`2i + s` where Hugging Face has
//! `s·d/2 + i`, d the head size), because its rotary embedding turns neighbours; this is undone.

use super::ImportError;
use super::gguf::{Gguf, Value};
use super::metadata::{Metadata, missing};
use crate::architecture::{Architecture, Llama3Scaling, Scaling};
use crate::directory::TensorSpec;

/// What one tensor of the file becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its name in the file.
    pub(super) source: String,
    pub(super) spec: TensorSpec,
    /// Rows to be reordered in groups of this many (one head), if any.
    pub(super) interleaved: Option<usize>,
}

/// Its name in a file.
pub(super) const ARCH: &str = "llama";

/// The tensor which carries Llama 3's frequency divisors; it becomes configuration.
pub(super) const FREQUENCIES: &str = "rope_freqs.weight";

/// Names in a Hugging Face model and in GGUF; those of a layer without their prefix.
const NAMES: [(&str, &str); 12] = [
    ("model.embed_tokens", "token_embd"),
    ("model.norm", "output_norm"),
    ("lm_head", "output"),
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// Reads the architecture, but for a scaling of the rotary frequencies that is a tensor.
pub(super) fn read(gguf: &Gguf, meta: &Metadata<'_>) -> Result<Architecture, ImportError> {
    if let Some(kind) = meta.text("general.type")?.filter(|kind| *kind != "model") {
        return Err(ImportError::Kind { kind: kind.to_owned() });
    }
    let arch = meta.text("general.architecture")?.unwrap_or("(none)");
    if arch != ARCH {
        return Err(ImportError::Architecture { found: arch.to_owned(), known: ARCH.to_owned() });
    }
    let embedding = gguf.tensors.get("token_embd.weight").ok_or_else(|| missing("token_embd.weight"))?;
    let (hidden, heads) = (meta.size("llama.embedding_length")?, meta.size("llama.attention.head_count")?);
    let epsilon = "llama.attention.layer_norm_rms_epsilon";
    let head = meta.number("llama.attention.key_length")?.unwrap_or(hidden / heads);
    let model = Architecture {
        layers: meta.size("llama.block_count")?,
        hidden,
        heads,
        kv_heads: meta.number("llama.attention.head_count_kv")?.unwrap_or(heads),
        head,
        inner: meta.size("llama.feed_forward_length")?,
        context: meta.size("llama.context_length")?,
        vocabulary: embedding.dimensions.last().copied().unwrap_or(0),
        theta: meta.float("llama.rope.freq_base")?.map_or(10_000.0, shortest),
        epsilon: meta.float(epsilon)?.map(shortest).ok_or_else(|| missing(epsilon))?,
        tied: !gguf.tensors.contains_key("output.weight"),
        scaling: linear(meta)?,
    };
    check(&model, meta.number("llama.rope.dimension_count")?, gguf.tensors.len())?;
    neutral(meta, &model)?;
    Ok(model)
}

/// Settings that are known at one value only: there they change nothing.
fn neutral(meta: &Metadata<'_>, model: &Architecture) -> Result<(), ImportError> {
    let refuse = |key: &str, value: &Value| {
        Err(ImportError::UnknownKey { key: key.to_owned(), value: value.to_string() })
    };
    for (key, at) in [
        ("llama.attention.value_length", Value::Unsigned(model.head as u64)),
        ("llama.attention.causal", Value::Bool(true)),
        ("llama.expert_count", Value::Unsigned(0)),
        ("llama.expert_used_count", Value::Unsigned(0)),
        ("llama.use_parallel_residual", Value::Bool(false)),
    ] {
        if let Some(value) = meta.get(key).filter(|value| **value != at) {
            return refuse(key, value);
        }
    }
    // One as wide as the context hides nothing. llama.cpp leaves a narrower one out, transformers does not.
    let window = "llama.attention.sliding_window";
    match meta.number(window)? {
        Some(width) if width > 0 && width < model.context => refuse(window, &Value::Unsigned(width as u64)),
        _ => Ok(()),
    }
}

/// A linear scaling, by the rules of llama.cpp: the type is linear where it is left out, and the factor may stand
/// under its older key.
fn linear(meta: &Metadata<'_>) -> Result<Option<Scaling>, ImportError> {
    const KEYS: [&str; 2] = ["llama.rope.scaling.factor", "llama.rope.scale_linear"];
    let [new, old] = [meta.float(KEYS[0])?, meta.float(KEYS[1])?];
    let factor = match (new, old) {
        (Some(new), Some(old)) if new != old => {
            let values = format!("{} = {new}, {} = {old}", KEYS[0], KEYS[1]);
            return Err(ImportError::Contradiction { key: "the rotary scaling".to_owned(), values });
        }
        (new, old) => new.or(old).map(shortest).filter(|&factor| factor != 0.0 && factor != 1.0),
    };
    // Without a factor it stretches nothing, whatever context it names.
    let original = "llama.rope.scaling.original_context_length";
    let _ = meta.number(original)?;
    match (meta.text("llama.rope.scaling.type")?, factor) {
        (None | Some("linear"), Some(factor)) if factor > 0.0 => Ok(Some(Scaling::Linear(factor))),
        (None | Some("linear" | "none"), None) => Ok(None),
        (Some("none"), Some(factor)) => {
            let values = format!("{} = {factor} with type none", KEYS[0]);
            Err(ImportError::Contradiction { key: "the rotary scaling".to_owned(), values })
        }
        (kind, _) => Err(ImportError::RopeScaling { kind: kind.unwrap_or("linear").to_owned() }),
    }
}

/// Sizes that fit each other, and no more layers than the file has tensors: the list of tensors is
/// made from these numbers.
fn check(model: &Architecture, rotated: Option<usize>, tensors: usize) -> Result<(), ImportError> {
    let counts = model.vocabulary > 0 && model.kv_heads > 0 && model.layers <= tensors;
    let heads = counts && model.heads.is_multiple_of(model.kv_heads);
    let head = (2..=1 << 16).contains(&model.head) && model.head.is_multiple_of(2);
    match heads && head && rotated.is_none_or(|size| size == model.head) {
        true => Ok(()),
        false => Err(ImportError::Sizes),
    }
}

/// Recognises Llama 3's scaling by its divisors, of which only the factor varies.
pub(super) fn scaling(model: &Architecture, divisors: &[f32]) -> Result<Llama3Scaling, ImportError> {
    let factor = f64::from(divisors.iter().copied().fold(1.0, f32::max));
    let scaling = Llama3Scaling { factor, original: 8192 };
    let expected = scaling.divisors(model.theta, model.head);
    let close = |(&found, wanted): (&f32, f64)| (f64::from(found) - wanted).abs() <= 1e-3 * wanted;
    match divisors.len() == expected.len() && divisors.iter().zip(expected).all(close) {
        true => Ok(scaling),
        false => Err(ImportError::RopeScaling { kind: FREQUENCIES.to_owned() }),
    }
}

/// All tensors of the model, in order of their new names.
pub(super) fn targets(model: &Architecture) -> Vec<Target> {
    let target = |spec: TensorSpec| {
        let rotated = spec.name.ends_with("q_proj.weight") || spec.name.ends_with("k_proj.weight");
        Target { source: source_name(&spec.name), interleaved: rotated.then_some(model.head), spec }
    };
    model.tensors().into_iter().map(target).collect()
}

fn source_name(name: &str) -> String {
    let module = name.strip_suffix(".weight").unwrap_or(name);
    let (block, part) = match module.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.')) {
        Some((layer, part)) => (format!("blk.{layer}."), part),
        None => (String::new(), module),
    };
    let known = NAMES.iter().find(|(theirs, _)| *theirs == part).expect("every tensor has a GGUF name");
    format!("{block}{}.weight", known.1)
}

/// Where row `row` of a Hugging Face head lies in llama.cpp's.
pub(super) fn interleaved_row(row: usize, head: usize) -> usize {
    2 * (row % (head / 2)) + row / (head / 2)
}

/// GGUF stores these as F32; the decimal number that was meant is the shortest that rounds to it.
fn shortest(stored: f64) -> f64 {
    (stored as f32).to_string().parse().expect("a number's own text")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: Architecture = Architecture {
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

    #[test]
    fn interleaving_is_a_permutation_that_pairs_halves() {
        let rows: Vec<_> = (0..8).map(|row| interleaved_row(row, 8)).collect();
        assert_eq!(rows, [0, 2, 4, 6, 1, 3, 5, 7]);
    }

    #[test]
    fn stored_singles_become_the_decimals_that_were_meant() {
        assert_eq!(shortest(f64::from(1e-5f32)), 1e-5);
        assert_ne!(f64::from(1e-5f32), 1e-5);
    }

    #[test]
    fn llama3_scaling_is_recognised_and_nothing_else() {
        let meant = Llama3Scaling { factor: 32.0, original: 8192 };
        let mut divisors: Vec<f32> = meant.divisors(MODEL.theta, 64).into_iter().map(|d| d as f32).collect();
        assert_eq!(scaling(&MODEL, &divisors).unwrap(), meant);
        divisors[14] *= 1.01;
        assert!(scaling(&MODEL, &divisors).is_err());
        assert!(scaling(&MODEL, &divisors[1..]).is_err());
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(check(&MODEL, Some(64), 11).is_ok());
        assert!(check(&MODEL, Some(32), 11).is_err());
        assert!(check(&Architecture { heads: 3, kv_heads: 2, ..MODEL }, None, 11).is_err());
        assert!(check(&Architecture { head: 63, ..MODEL }, None, 11).is_err());
        assert!(check(&Architecture { layers: 1 << 30, ..MODEL }, None, 11).is_err());
    }
}
