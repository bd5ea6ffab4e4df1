//! Seeded random numbers with independent streams for each purpose. Owns the generator used by
//! schedules and resampling; must not know what the numbers are for, nor ever take entropy from the
//! system.
//!
//! A [`Seed`] is 64 bits. A child seed is `mix(seed ⊕ fnv1a64(purpose))` or `mix(seed + (n+1)·φ)`
//! with `mix` the finaliser of SplitMix64 (Steele, Lea, Flood 2014) and φ = 0x9E3779B97F4A7C15. The
//! stream of a seed is xoshiro256++ (Blackman, Vigna 2019) whose four words are the first four
//! outputs of SplitMix64. `scripts/recompute.py` has the same generator, so that every draw can be
//! replayed elsewhere.

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// The root of a tree of random streams; recorded with the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

/// One stream of random numbers.
#[derive(Debug, Clone)]
pub struct Rng {
    state: [u64; 4],
}

impl Seed {
    /// The independent child seed of a named purpose (`"order"`, `"arrivals"`, …).
    #[must_use]
    pub fn child(self, purpose: &str) -> Self {
        Self(mix(self.0 ^ fnv1a(purpose)))
    }

    /// The independent child seed of the `index`th of several equals (worker, round, draw).
    #[must_use]
    pub fn nth(self, index: u64) -> Self {
        Self(mix(self
            .0
            .wrapping_add(GOLDEN.wrapping_mul(index.wrapping_add(1)))))
    }

    /// The stream of this seed, from its beginning.
    #[must_use]
    pub fn rng(self) -> Rng {
        let word = |k: u64| mix(self.0.wrapping_add(GOLDEN.wrapping_mul(k)));
        Rng {
            state: [word(1), word(2), word(3), word(4)],
        }
    }
}

impl Rng {
    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A uniform number in [0, 1) with 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A uniform index in `0..bound` without bias (Lemire 2019: multiply, reject the uneven rest).
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "an index below zero does not exist");
        let bound = bound as u64;
        let uneven = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(bound);
            if wide as u64 >= uneven {
                return (wide >> 64) as usize;
            }
        }
    }

    /// A fair coin.
    pub fn flip(&mut self) -> bool {
        self.next_u64() >> 63 == 1
    }

    /// Shuffles in place; every order is equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(FNV_OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SplitMix64 from seed 0 is published as e220a8397b1dcdaf, 6e789e6aa1b965f4, 06c45d188009454f,
    /// ….
    #[test]
    fn words_are_those_of_splitmix64() {
        let rng = Seed(0).rng();
        assert_eq!(
            rng.state,
            [
                0xe220_a839_7b1d_cdaf,
                0x6e78_9e6a_a1b9_65f4,
                0x06c4_5d18_8009_454f,
                0xf88b_b8a8_724c_81ec
            ]
        );
    }

    /// The first outputs of the authors' xoshiro256++ from the state 1, 2, 3, 4.
    #[test]
    fn stream_is_xoshiro256_plus_plus() {
        let mut rng = Rng {
            state: [1, 2, 3, 4],
        };
        let first: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        assert_eq!(
            first,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
    }

    #[test]
    fn streams_split_by_purpose_and_index_differ_and_repeat() {
        let seed = Seed(42);
        assert_ne!(seed.child("order"), seed.child("arrivals"));
        assert_ne!(seed.nth(0), seed.nth(1));
        assert_ne!(seed.nth(0), seed);
        assert_eq!(
            seed.child("order").rng().next_u64(),
            seed.child("order").rng().next_u64()
        );
    }

    #[test]
    fn sibling_streams_are_uncorrelated() {
        let (mut a, mut b) = (Seed(7).nth(0).rng(), Seed(7).nth(1).rng());
        let n = 20_000;
        let sum: f64 = (0..n).map(|_| (a.unit() - 0.5) * (b.unit() - 0.5)).sum();
        let correlation = sum / f64::from(n) * 12.0;
        assert!(
            correlation.abs() < 4.0 / f64::from(n).sqrt(),
            "correlation {correlation}"
        );
    }

    #[test]
    fn every_permutation_is_equally_likely() {
        let mut rng = Seed(3).rng();
        let mut seen = std::collections::BTreeMap::<[u8; 3], u32>::new();
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            rng.shuffle(&mut items);
            *seen.entry(items).or_default() += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|&n| (860..1140).contains(&n)), "{seen:?}");
    }
}
