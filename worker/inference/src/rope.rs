//! Rotary position embedding: the frequencies of a model and the cosine/sine rows of a position, computed in
//! the order the reference implementation uses (f32 frequencies, f32 angle). It must not know about heads.

use crate::config::{Config, RopeScaling};

/// Inverse frequencies, one per pair of head elements.
#[derive(Debug, Clone)]
pub(crate) struct Rope {
    frequencies: Vec<f32>,
}

impl Rope {
    pub(crate) fn new(config: &Config) -> Self {
        let width = config.head_dim as f64;
        let frequencies = (0..config.head_dim / 2)
            .map(|pair| 1.0 / config.rope_theta.powf(2.0 * pair as f64 / width))
            .map(|frequency| scaled(frequency, config.rope_scaling) as f32)
            .collect();
        Self { frequencies }
    }

    /// Writes the cosines and sines of `position`; both rows have half a head's elements.
    pub(crate) fn fill(&self, position: u32, cosines: &mut [f32], sines: &mut [f32]) {
        for ((frequency, cosine), sine) in self.frequencies.iter().zip(cosines).zip(sines) {
            (*sine, *cosine) = (position as f32 * frequency).sin_cos();
        }
    }
}

/// Llama 3's stretching of one inverse frequency (Hugging Face `_compute_llama3_parameters`).
fn scaled(frequency: f64, scaling: RopeScaling) -> f64 {
    let RopeScaling::Llama3 { factor, low, high, original } = scaling else {
        return frequency;
    };
    let wavelength = 2.0 * std::f64::consts::PI / frequency;
    if wavelength < original / high {
        frequency
    } else if wavelength > original / low {
        frequency / factor
    } else {
        let smooth = (original / wavelength - low) / (high - low);
        (1.0 - smooth) * frequency / factor + smooth * frequency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLAMA3: RopeScaling = RopeScaling::Llama3 { factor: 32.0, low: 1.0, high: 4.0, original: 8192.0 };

    #[test]
    fn llama3_keeps_high_divides_low_and_ramps_between() {
        assert_eq!(scaled(1.0, LLAMA3), 1.0);
        let low = 2.0 * std::f64::consts::PI / 10_000.0;
        assert_eq!(scaled(low, LLAMA3), low / 32.0);
        let middle = 2.0 * std::f64::consts::PI / 4000.0;
        let ramped = scaled(middle, LLAMA3);
        assert!(ramped < middle && ramped > middle / 32.0);
        assert_eq!(scaled(low, RopeScaling::None), low);
    }
}
