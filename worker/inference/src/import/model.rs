//! Reads the architecture of a GGUF file from its metadata, and finds each of the model's tensors
//! in it. Must not know number formats or tokenizers.
//!
//! llama.cpp stores the rows of each q and k head of some families interleaved (`2i + s` where
//! Hugging Face has `s·d/2 + i`, d the head size), because their rotary embedding rotates
//! neighbours; this is undone.

use super::ImportError;
use super::families::{self, Family};
use super::gguf::{Gguf, Value};
use super::metadata::{Metadata, missing, shortest};
use crate::architecture::{Architecture, Llama3Scaling, Scaling};
use crate::directory::TensorSpec;

/// How one tensor of the file is converted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    /// Its name in the file.
    pub(super) source: String,
    pub(super) spec: TensorSpec,
    /// Size of the groups (one head) in which rows are reordered, if any.
    pub(super) interleaved: Option<usize>,
    /// Added to each value.
    pub(super) offset: f32,
}

/// The tensor with Llama 3's frequency divisors; it becomes configuration.
pub(super) const FREQUENCIES: &str = "rope_freqs.weight";

/// Tensor names in Hugging Face and in GGUF; those of a layer without their prefix. If a family
/// maps a name differently, its own row comes first.
const NAMES: [(&str, &str); 16] = [
    ("model.embed_tokens", "token_embd"),
    ("model.norm", "output_norm"),
    ("lm_head", "output"),
    ("input_layernorm", "attn_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.qkv_proj", "attn_qkv"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("post_attention_layernorm", "ffn_norm"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.gate_up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// Names of norms if they are both before and after.
const AROUND: [(&str, &str); 3] = [
    ("post_attention_layernorm", "post_attention_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
];

/// Reads the architecture, except for a rotary scaling given as a tensor.
pub(super) fn read(
    gguf: &Gguf,
    meta: &Metadata<'_>,
) -> Result<(Architecture, &'static Family), ImportError> {
    if let Some(kind) = meta.text("general.type")?.filter(|kind| *kind != "model") {
        return Err(ImportError::Kind {
            kind: kind.to_owned(),
        });
    }
    let family = families::find(meta.text("general.architecture")?.unwrap_or("(none)"))?;
    let key = |key| family.key(key);
    let embedding = gguf
        .tensors
        .get("token_embd.weight")
        .ok_or_else(|| missing("token_embd.weight"))?;
    let (hidden, heads) = (
        meta.size(&key("embedding_length"))?,
        meta.size(&key("attention.head_count"))?,
    );
    let epsilon = key("attention.layer_norm_rms_epsilon");
    let head = meta
        .number(&key("attention.key_length"))?
        .unwrap_or(hidden / heads);
    let context = meta.size(&key("context_length"))?;
    let model = Architecture {
        form: family.form,
        layers: meta.size(&key("block_count"))?,
        hidden,
        heads,
        kv_heads: meta
            .number(&key("attention.head_count_kv"))?
            .unwrap_or(heads),
        head,
        inner: meta.size(&key("feed_forward_length"))?,
        context,
        vocabulary: embedding.dimensions.last().copied().unwrap_or(0),
        theta: meta
            .float(&key("rope.freq_base"))?
            .map_or(10_000.0, shortest),
        epsilon: meta
            .float(&epsilon)?
            .map(shortest)
            .ok_or_else(|| missing(&epsilon))?,
        tied: !gguf.tensors.contains_key("output.weight"),
        scaling: scaling(meta, family, context)?,
    };
    check(&model, gguf.tensors.len())?;
    neutral(meta, family, &model)?;
    Ok((model, family))
}

/// Settings that are supported only at one value, at which they have no effect.
fn neutral(meta: &Metadata<'_>, family: &Family, model: &Architecture) -> Result<(), ImportError> {
    let refuse = |key: String, value: &Value| {
        Err(ImportError::UnknownKey {
            key,
            value: value.to_string(),
        })
    };
    for (key, at) in [
        ("attention.value_length", Value::Unsigned(model.head as u64)),
        ("attention.causal", Value::Bool(true)),
        ("expert_count", Value::Unsigned(0)),
        ("expert_used_count", Value::Unsigned(0)),
        ("use_parallel_residual", Value::Bool(false)),
    ] {
        let key = family.key(key);
        if let Some(value) = meta.get(&key).filter(|value| **value != at) {
            return refuse(key, value);
        }
    }
    // Families with windows read this themselves. For the others, a window as wide as the context
    // has no effect; llama.cpp ignores a narrower one, transformers does not.
    let window = family.key("attention.sliding_window");
    match meta.number(&window)? {
        Some(width) if !family.has_window() && width > 0 && width < model.context => {
            refuse(window, &Value::Unsigned(width as u64))
        }
        _ => Ok(()),
    }
}

/// The rotary scaling, by the rules of llama.cpp: the default type is linear, and the factor may be
/// under its older key.
fn scaling(
    meta: &Metadata<'_>,
    family: &Family,
    context: usize,
) -> Result<Option<Scaling>, ImportError> {
    let keys = ["rope.scaling.factor", "rope.scale_linear"].map(|key| family.key(key));
    let [new, old] = [meta.float(&keys[0])?, meta.float(&keys[1])?];
    let contradiction = |values: String| ImportError::Contradiction {
        key: "the rotary scaling".to_owned(),
        values,
    };
    let factor = match (new, old) {
        (Some(new), Some(old)) if new != old => {
            return Err(contradiction(format!(
                "{} = {new}, {} = {old}",
                keys[0], keys[1]
            )));
        }
        (new, old) => new
            .or(old)
            .map(shortest)
            .filter(|&factor| factor != 0.0 && factor != 1.0),
    };
    let original = meta
        .number(&family.key("rope.scaling.original_context_length"))?
        .unwrap_or(context);
    match (meta.text(&family.key("rope.scaling.type"))?, factor) {
        (None | Some("linear"), Some(factor)) if factor > 0.0 => Ok(Some(Scaling::Linear(factor))),
        (None | Some("linear" | "none"), None) => Ok(None),
        (Some("yarn"), Some(factor)) if factor > 0.0 => {
            Ok(Some(Scaling::Yarn { factor, original }))
        }
        (Some("none"), Some(factor)) => Err(contradiction(format!(
            "{} = {factor} with type none",
            keys[0]
        ))),
        (kind, _) => Err(ImportError::RopeScaling {
            kind: kind.unwrap_or("linear").to_owned(),
        }),
    }
}

/// Sizes must be consistent, and there must be no more layers than tensors in the file, because the
/// list of tensors is made from these numbers.
fn check(model: &Architecture, tensors: usize) -> Result<(), ImportError> {
    let counts = model.vocabulary > 0 && model.kv_heads > 0 && model.layers <= tensors;
    let heads = counts && model.heads.is_multiple_of(model.kv_heads);
    let head = (2..=1 << 16).contains(&model.head) && model.head.is_multiple_of(2);
    match heads && head {
        true => Ok(()),
        false => Err(ImportError::Sizes),
    }
}

/// Recognises Llama 3's scaling by its divisors, in which only the factor varies.
pub(super) fn scaling_of(
    model: &Architecture,
    divisors: &[f32],
) -> Result<Llama3Scaling, ImportError> {
    let factor = f64::from(divisors.iter().copied().fold(1.0, f32::max));
    let scaling = Llama3Scaling {
        factor,
        original: 8192,
    };
    let expected = scaling.divisors(model.theta, model.head);
    let close = |(&found, wanted): (&f32, f64)| (f64::from(found) - wanted).abs() <= 1e-3 * wanted;
    match divisors.len() == expected.len() && divisors.iter().zip(expected).all(close) {
        true => Ok(scaling),
        false => Err(ImportError::RopeScaling {
            kind: FREQUENCIES.to_owned(),
        }),
    }
}

/// All tensors of the model, in order of their new names.
pub(super) fn targets(model: &Architecture, family: &Family) -> Vec<Target> {
    let target = |spec: TensorSpec| {
        let rotated = ["q_proj.", "k_proj."]
            .iter()
            .any(|part| spec.name.contains(part));
        let norm = spec.name.contains("norm.");
        Target {
            source: source_name(&spec.name, model.form.around),
            interleaved: (rotated && family.interleaved).then_some(model.head),
            offset: if norm && family.plus_one { -1.0 } else { 0.0 },
            spec,
        }
    };
    model.tensors().into_iter().map(target).collect()
}

fn source_name(name: &str, around: bool) -> String {
    let (module, kind) = name
        .rsplit_once('.')
        .expect("every tensor is a weight or a bias");
    let (block, part) = match module
        .strip_prefix("model.layers.")
        .and_then(|rest| rest.split_once('.'))
    {
        Some((layer, part)) => (format!("blk.{layer}."), part),
        None => (String::new(), module),
    };
    let own: &[(&str, &str)] = if around { &AROUND } else { &[] };
    let known = own.iter().chain(&NAMES).find(|(theirs, _)| *theirs == part);
    format!(
        "{block}{}.{kind}",
        known.expect("every tensor has a GGUF name").1
    )
}

/// Index in llama.cpp's head of row `row` of a Hugging Face head.
pub(super) fn interleaved_row(row: usize, head: usize) -> usize {
    2 * (row % (head / 2)) + row / (head / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: Architecture = Architecture {
        form: &crate::architecture::LLAMA,
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
        let meant = Llama3Scaling {
            factor: 32.0,
            original: 8192,
        };
        let mut divisors: Vec<f32> = meant
            .divisors(MODEL.theta, 64)
            .into_iter()
            .map(|d| d as f32)
            .collect();
        assert_eq!(scaling_of(&MODEL, &divisors).unwrap(), meant);
        divisors[14] *= 1.01;
        assert!(scaling_of(&MODEL, &divisors).is_err());
        assert!(scaling_of(&MODEL, &divisors[1..]).is_err());
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(check(&MODEL, 11).is_ok());
        assert!(
            check(
                &Architecture {
                    heads: 3,
                    kv_heads: 2,
                    ..MODEL
                },
                11
            )
            .is_err()
        );
        assert!(check(&Architecture { head: 63, ..MODEL }, 11).is_err());
        assert!(
            check(
                &Architecture {
                    layers: 1 << 30,
                    ..MODEL
                },
                11
            )
            .is_err()
        );
    }
}
