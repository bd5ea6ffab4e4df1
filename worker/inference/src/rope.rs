//! Rotary position embedding: the frequencies of a model and the cosine and sine rows of a
//! position, computed in the order of the reference implementation (f32 frequencies, f32 angle).
//! Must not know heads.

use crate::config::{RopeScaling, RopeSettings};

/// Inverse frequencies, one for each pair of rotated elements, and the factor of cosines and sines.
#[derive(Debug, Clone)]
pub(crate) struct Rope {
    frequencies: Vec<f32>,
    factor: f32,
}

impl Rope {
    pub(crate) fn new(settings: &RopeSettings) -> Self {
        let (pairs, width) = (settings.width / 2, settings.width as f64);
        let plain = |pair: usize| 1.0 / settings.theta.powf(2.0 * pair as f64 / width);
        let frequencies = (0..pairs)
            .map(|pair| scaled(plain(pair), pair, settings) as f32)
            .collect();
        let factor = match settings.scaling {
            RopeScaling::Yarn { attention, .. } => attention as f32,
            _ => 1.0,
        };
        Self {
            frequencies,
            factor,
        }
    }

    /// Pairs of elements that are rotated.
    pub(crate) fn pairs(&self) -> usize {
        self.frequencies.len()
    }

    /// Writes the cosines and sines of `position`; both rows have one element for each pair.
    pub(crate) fn fill(&self, position: u32, cosines: &mut [f32], sines: &mut [f32]) {
        for ((frequency, cosine), sine) in self.frequencies.iter().zip(cosines).zip(sines) {
            let (s, c) = (position as f32 * frequency).sin_cos();
            (*sine, *cosine) = (s * self.factor, c * self.factor);
        }
    }
}

/// One inverse frequency, scaled.
fn scaled(frequency: f64, pair: usize, settings: &RopeSettings) -> f64 {
    match settings.scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear { factor } => frequency / factor,
        RopeScaling::Llama3 {
            factor,
            low,
            high,
            original,
        } => {
            let wavelength = std::f64::consts::TAU / frequency;
            if wavelength < original / high {
                frequency
            } else if wavelength > original / low {
                frequency / factor
            } else {
                let smooth = (original / wavelength - low) / (high - low);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        }
        RopeScaling::Yarn {
            factor,
            original,
            fast,
            slow,
            truncate,
            ..
        } => {
            let width = settings.width as f64;
            // The pair with this number of rotations over the original context.
            let at = |rotations: f64| {
                width * (original / (rotations * std::f64::consts::TAU)).ln()
                    / (2.0 * settings.theta.ln())
            };
            let (mut first, mut last) = (at(fast), at(slow));
            if truncate {
                (first, last) = (first.floor(), last.ceil());
            }
            let (first, mut last) = (first.max(0.0), last.min(width - 1.0));
            if first == last {
                last += 0.001;
            }
            let divided = ((pair as f64 - first) / (last - first)).clamp(0.0, 1.0);
            frequency / factor * divided + frequency * (1.0 - divided)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLAMA3: RopeScaling = RopeScaling::Llama3 {
        factor: 32.0,
        low: 1.0,
        high: 4.0,
        original: 8192.0,
    };

    fn of(frequency: f64, scaling: RopeScaling) -> f64 {
        scaled(frequency, 0, &with(scaling))
    }

    fn with(scaling: RopeScaling) -> RopeSettings {
        RopeSettings {
            theta: 10_000.0,
            scaling,
            width: 64,
        }
    }

    #[test]
    fn llama3_keeps_high_divides_low_and_ramps_between() {
        assert_eq!(of(1.0, LLAMA3), 1.0);
        let low = 2.0 * std::f64::consts::PI / 10_000.0;
        assert_eq!(of(low, LLAMA3), low / 32.0);
        let middle = 2.0 * std::f64::consts::PI / 4000.0;
        let ramped = of(middle, LLAMA3);
        assert!(ramped < middle && ramped > middle / 32.0);
        assert_eq!(of(low, RopeScaling::None), low);
        assert_eq!(of(low, RopeScaling::Linear { factor: 4.0 }), low / 4.0);
    }

    #[test]
    fn yarn_keeps_the_first_pairs_divides_the_last_and_multiplies_cosines() {
        let yarn = RopeScaling::Yarn {
            factor: 4.0,
            original: 2048.0,
            fast: 32.0,
            slow: 1.0,
            truncate: true,
            attention: 1.25,
        };
        let (plain, stretched) = (Rope::new(&with(RopeScaling::None)), Rope::new(&with(yarn)));
        assert_eq!(plain.frequencies[0], stretched.frequencies[0]);
        assert_eq!(plain.frequencies[31] / 4.0, stretched.frequencies[31]);
        let middle = plain.frequencies[14] / stretched.frequencies[14];
        assert!(middle > 1.0 && middle < 4.0, "{middle}");
        let (mut cosines, mut sines) = ([0.0; 32], [0.0; 32]);
        stretched.fill(0, &mut cosines, &mut sines);
        assert_eq!((cosines[0], sines[0]), (1.25, 0.0));
    }
}
