//! The generator of synthetic weights. Uses only integers and exact sums, so that no platform's
//! mathematical library can change the result of a seed.

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
pub(super) struct Random(u64);

impl Random {
    /// A separate stream for each tensor, by FNV-1a of the name, so that one preset's tensors do
    /// not depend on another's.
    pub(super) fn for_tensor(seed: u64, name: &str) -> Self {
        let hash = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(name.bytes().fold(
            0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            hash,
        ))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Mean 0, variance 1, bounded by ±2√3: the sum of four uniform 16-bit numbers, scaled.
    pub(super) fn normal(&mut self) -> f32 {
        const UNIT: f32 = 1.0 / 37_837.227; // 65536 · √(4/12)
        let bits = self.next();
        let sum = (0..4)
            .map(|part| (bits >> (16 * part) & 0xffff) as i32)
            .sum::<i32>()
            - 2 * 65_535;
        sum as f32 * UNIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_mean_zero_and_variance_one() {
        let mut random = Random::for_tensor(1, "x");
        let draws: Vec<_> = (0..100_000).map(|_| f64::from(random.normal())).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
    }

    #[test]
    fn seeds_and_names_give_streams_of_their_own() {
        let first = |seed, name| Random::for_tensor(seed, name).next();
        assert_eq!(first(1, "a"), first(1, "a"));
        assert_ne!(first(1, "a"), first(2, "a"));
        assert_ne!(first(1, "a"), first(1, "b"));
    }
}
