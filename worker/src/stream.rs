//! Seeded random streams, one for each purpose and index, all split from a recorded seed: more
//! draws from one never change another. Must not know what is drawn.

/// Purpose of a stream. The numbers are part of every recorded result: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sentences of a prompt; indexed by request.
    Prompt = 1,
    /// Whether a simulated request fails; indexed by request.
    Fate = 2,
    /// Tokens that a simulated engine answers; indexed by request.
    Token = 3,
    /// Durations of simulated steps; indexed by slot and arm.
    Noise = 4,
    /// Prompts of a warm-up; indexed by request.
    WarmUp = 5,
    /// Times of an open loop's requests; indexed by share.
    Arrival = 6,
    /// Kind and lengths of a request; indexed by request.
    Kind = 7,
    /// Sentences of a shared prefix; indexed by kind of request (upper half) and group (lower).
    Prefix = 8,
    /// Times of an open loop's requests before its window; indexed by share.
    RunIn = 9,
    /// Position in a prompt file at which a round begins.
    File = 10,
    /// Sentences of a trace's block; indexed by its id.
    Block = 11,
    /// Arrivals for measuring pacing.
    Floor = 60,
    /// Outcome and token times of a referee's requests; indexed by request.
    Referee = 61,
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
#[derive(Clone, Debug)]
pub struct Stream(u64);

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Stream {
    /// The stream of a purpose and index under a seed.
    #[must_use]
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let purposed = finish(seed.wrapping_add(GOLDEN.wrapping_mul(purpose as u64)));
        Self(finish(
            purposed.wrapping_add(GOLDEN.wrapping_mul(index.wrapping_add(1))),
        ))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        finish(self.0)
    }

    /// Uniform in `0..1`, 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform below `n` by the multiply-shift map; its bias is below `n / 2^64`.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// Standard normal (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(seed: u64, purpose: Purpose, index: u64) -> u64 {
        Stream::new(seed, purpose, index).bits()
    }

    #[test]
    fn streams_differ_by_seed_purpose_and_index_and_repeat_otherwise() {
        let base = first(7, Purpose::Prompt, 0);
        assert_eq!(base, first(7, Purpose::Prompt, 0));
        for other in [
            first(8, Purpose::Prompt, 0),
            first(7, Purpose::Fate, 0),
            first(7, Purpose::Prompt, 1),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn draws_have_the_moments_they_claim() {
        let mut stream = Stream::new(1, Purpose::Noise, 0);
        let normal: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let mean = normal.iter().sum::<f64>() / 1e5;
        let variance = normal.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
        assert!((0..1000).all(|_| stream.below(7) < 7 && stream.uniform() < 1.0));
    }
}
