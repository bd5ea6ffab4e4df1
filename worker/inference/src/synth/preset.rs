//! The named architectures of synthetic models.

use std::str::FromStr;

use super::SynthError;
use crate::architecture::{Architecture, LLAMA, Llama3Scaling, Scaling};

/// A named architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Two layers, under 1 MB: for tests.
    Tiny,
    /// The same with an untied head and Llama 3's rotary scaling.
    TinyLlama3,
    /// Nine million parameters: larger than the caches, but quick to make.
    Nine,
    /// The architecture of SmolLM2-135M.
    SmolLm2,
}

impl FromStr for Preset {
    type Err = SynthError;

    fn from_str(name: &str) -> Result<Self, SynthError> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| SynthError::UnknownPreset {
                name: name.to_owned(),
            })
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

    pub(super) fn architecture(self) -> Architecture {
        match self {
            Self::Tiny => TINY,
            // An original context so short that it affects the frequencies of a head of 32.
            Self::TinyLlama3 => Architecture {
                tied: false,
                scaling: Some(Scaling::Llama3(Llama3Scaling {
                    factor: 8.0,
                    original: 64,
                })),
                ..TINY
            },
            Self::Nine => NINE,
            Self::SmolLm2 => SMOLLM2,
        }
    }
}

const TINY: Architecture = Architecture {
    form: &LLAMA,
    layers: 2,
    hidden: 128,
    heads: 4,
    kv_heads: 2,
    head: 32,
    inner: 256,
    vocabulary: 512,
    context: 2048,
    theta: 10_000.0,
    epsilon: 1e-5,
    tied: true,
    scaling: None,
};

const NINE: Architecture = Architecture {
    layers: 9,
    hidden: 256,
    head: 64,
    inner: 768,
    vocabulary: 8192,
    context: 4096,
    ..TINY
};

const SMOLLM2: Architecture = Architecture {
    layers: 30,
    hidden: 576,
    heads: 9,
    kv_heads: 3,
    inner: 1536,
    vocabulary: 49_152,
    context: 8192,
    theta: 100_000.0,
    ..NINE
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_found_by_name_only() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse::<Preset>().unwrap(), preset);
        }
        let error = "huge".parse::<Preset>().unwrap_err().to_string();
        assert!(error.contains("huge") && error.contains("smollm2-135m"));
    }

    #[test]
    fn parameters_are_what_the_names_promise() {
        let parameters = |preset: Preset| -> usize {
            preset
                .architecture()
                .tensors()
                .iter()
                .map(|spec| spec.shape.iter().product::<usize>())
                .sum()
        };
        assert_eq!(parameters(Preset::SmolLm2), 134_515_008);
        assert_eq!(parameters(Preset::Nine), 9_179_904);
    }
}
