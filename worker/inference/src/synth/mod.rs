//! Writes synthetic models: real architectures with seeded random weights and a working byte-level
//! tokenizer, for tests and for machines without access to a model. Speed does not depend on the
//! values. The bytes depend only on preset and seed. Must not know the engine.

mod preset;
mod random;
mod words;

use std::io;
use std::path::{Path, PathBuf};

pub use self::preset::Preset;
use self::random::Random;
use crate::architecture::{Architecture, Ends};
use crate::directory::{ModelDir, Precision, TensorSpec};

/// Values drawn and written at a time.
const CHUNK: usize = 1 << 16;

/// Summary of what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynthSummary {
    /// Tensors written.
    pub tensors: usize,
    /// Values in them.
    pub parameters: u64,
    /// Tokens in the tokenizer.
    pub vocabulary: usize,
}

/// Why a synthetic model cannot be made. Messages continue "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// No preset of this name.
    #[error("find a preset {name}; there are tiny, tiny-llama3, 9m, smollm2-135m")]
    UnknownPreset {
        /// The given name.
        name: String,
    },
    /// The directory cannot be written.
    #[error("write the model directory {}", path.display())]
    Target {
        /// The directory.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Writes the preset's model as BF16 into the new directory `target`.
///
/// # Errors
/// [`SynthError::Target`] when the directory is not empty or cannot be written.
pub fn write(preset: Preset, seed: u64, target: &Path) -> Result<SynthSummary, SynthError> {
    let model = preset.architecture();
    let specs = model.tensors();
    fill(&model, &specs, seed, target).map_err(|source| SynthError::Target {
        path: target.to_owned(),
        source,
    })?;
    Ok(SynthSummary {
        tensors: specs.len(),
        parameters: specs.iter().map(|spec| spec.elements() as u64).sum(),
        vocabulary: model.vocabulary,
    })
}

fn fill(model: &Architecture, specs: &[TensorSpec], seed: u64, target: &Path) -> io::Result<()> {
    let dir = ModelDir::begin(target)?;
    let ends = Ends {
        bos: Some(1),
        eos: Some(2),
    };
    dir.write_json(
        "config.json",
        &model.config(Precision::Bf16.torch_dtype(), ends),
    )?;
    let vocabulary = words::vocabulary(model.vocabulary);
    dir.write(
        "tokenizer.json",
        vocabulary.to_json().to_string().as_bytes(),
    )?;
    let mut writer = dir.tensors(specs, Precision::Bf16)?;
    let mut values = Vec::with_capacity(CHUNK);
    for spec in specs {
        let mut random = Random::for_tensor(seed, &spec.name);
        let total = spec.elements();
        for first in (0..total).step_by(CHUNK) {
            values.clear();
            values.extend((0..CHUNK.min(total - first)).map(|_| draw(spec, &mut random)));
            writer.push(&values)?;
        }
    }
    writer.finish()?;
    dir.commit()
}

/// Matrices: variance 1 / columns, so that signals keep their magnitude through the layers. Norms:
/// near 1 but not 1, so that an omitted norm weight is noticed.
fn draw(spec: &TensorSpec, random: &mut Random) -> f32 {
    match spec.shape.as_slice() {
        [_, columns] => random.normal() / (*columns as f32).sqrt(),
        _ => 1.0 + 0.1 * random.normal(),
    }
}

#[cfg(test)]
mod tests {
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
        let (a, b, c) = (
            files(Preset::Tiny, 7),
            files(Preset::Tiny, 7),
            files(Preset::Tiny, 8),
        );
        assert_eq!(a, b);
        assert_eq!(a[..2], c[..2]);
        assert_ne!(a[2], c[2]);
    }

    /// Fixed values, so that a change of the generator is noticed: fixtures depend on it.
    #[test]
    fn the_weights_are_the_ones_the_fixtures_were_made_from() {
        let bytes = &files(Preset::Tiny, 1)[2];
        let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
        let data = file
            .tensor("model.layers.1.self_attn.k_proj.weight")
            .unwrap()
            .data();
        assert_eq!(data[..8], [192, 188, 12, 62, 156, 61, 229, 60]);
    }

    #[test]
    fn tiny_is_under_a_megabyte() {
        assert!(files(Preset::Tiny, 1).iter().map(Vec::len).sum::<usize>() < 1_000_000);
        assert!(
            files(Preset::TinyLlama3, 1)
                .iter()
                .map(Vec::len)
                .sum::<usize>()
                < 1_000_000
        );
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
}
