//! Chooses the next token from logits: greedily, or drawn with the request's own seed, so that the
//! draw depends on nothing else. Must not know batches or the cache.

use std::cmp::Ordering;

/// How a request chooses its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Sampling {
    /// The largest logit; the lowest token id among equal ones.
    #[default]
    Greedy,
    /// A seeded draw.
    Seeded {
        /// Seed of this request's random stream.
        seed: u64,
        /// Divisor of the logits; above 0.
        temperature: f32,
        /// Number of most likely tokens to draw from; 0 for all.
        top_k: usize,
        /// Draws only from the most likely tokens that together reach this probability; in (0, 1].
        top_p: f32,
    },
}

impl Sampling {
    /// Whether the numbers are in range.
    pub(crate) fn is_valid(&self) -> bool {
        match *self {
            Self::Greedy => true,
            Self::Seeded {
                temperature, top_p, ..
            } => temperature > 0.0 && temperature.is_finite() && top_p > 0.0 && top_p <= 1.0,
        }
    }

    /// The random stream of a request; greedy requests never draw from it.
    pub(crate) fn stream(&self) -> SplitMix {
        match *self {
            Self::Greedy => SplitMix(0),
            Self::Seeded { seed, .. } => SplitMix(seed),
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }
}

/// Draws tokens; owns the scratch for drawing.
pub(crate) struct Sampler {
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    pub(crate) fn new(vocab: usize) -> Self {
        Self {
            candidates: Vec::with_capacity(vocab),
        }
    }

    /// Draws a token; `None` when a logit is not finite.
    pub(crate) fn draw(
        &mut self,
        logits: &[f32],
        temperature: f32,
        top_k: usize,
        top_p: f32,
        stream: &mut SplitMix,
    ) -> Option<u32> {
        if logits.iter().any(|logit| !logit.is_finite()) {
            return None;
        }
        self.rank(logits, top_k);
        let total = self.weigh(temperature);
        let kept = self.nucleus(total * top_p);
        let mut rest = stream.uniform() * kept;
        let chosen = self.candidates.iter().find(|(weight, _)| {
            rest -= weight;
            rest < 0.0
        });
        chosen.or(self.candidates.last()).map(|&(_, token)| token)
    }

    /// The candidates in descending order of logit, at most `top_k`.
    fn rank(&mut self, logits: &[f32], top_k: usize) {
        self.candidates.clear();
        self.candidates
            .extend(logits.iter().zip(0..).map(|(&logit, token)| (logit, token)));
        if top_k > 0 && top_k < self.candidates.len() {
            self.candidates.select_nth_unstable_by(top_k - 1, falling);
            self.candidates.truncate(top_k);
        }
        self.candidates.sort_unstable_by(falling);
    }

    /// Replaces logits by unnormalised probabilities and returns their sum.
    fn weigh(&mut self, temperature: f32) -> f32 {
        let top = self.candidates[0].0;
        for (value, _) in &mut self.candidates {
            *value = ((*value - top) / temperature).exp();
        }
        self.candidates.iter().map(|(weight, _)| weight).sum()
    }

    /// Drops the candidates after the one that reaches `mass`; returns the probability kept.
    fn nucleus(&mut self, mass: f32) -> f32 {
        let mut sum = 0.0;
        for index in 0..self.candidates.len() {
            sum += self.candidates[index].0;
            if sum >= mass {
                self.candidates.truncate(index + 1);
                break;
            }
        }
        sum
    }
}

/// Descending by logit, then ascending by token, so that the order is total.
fn falling(a: &(f32, u32), b: &(f32, u32)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(seed: u64, temperature: f32, top_k: usize, top_p: f32, count: usize) -> Vec<u32> {
        let logits = [0.0, 3.0, 1.0, 2.0, -1.0];
        let mut stream = SplitMix(seed);
        let mut sampler = Sampler::new(logits.len());
        (0..count)
            .map(|_| {
                sampler
                    .draw(&logits, temperature, top_k, top_p, &mut stream)
                    .unwrap()
            })
            .collect()
    }

    #[test]
    fn the_same_seed_draws_the_same_and_another_seed_differs() {
        assert_eq!(draws(1, 1.0, 0, 1.0, 50), draws(1, 1.0, 0, 1.0, 50));
        assert_ne!(draws(1, 1.0, 0, 1.0, 50), draws(2, 1.0, 0, 1.0, 50));
    }

    #[test]
    fn top_k_top_p_and_temperature_narrow_the_choice() {
        let tokens = |list: Vec<u32>| list.into_iter().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(tokens(draws(3, 1.0, 0, 1.0, 2000)).len(), 5);
        assert_eq!(tokens(draws(3, 1.0, 2, 1.0, 2000)), [1, 3].into());
        assert_eq!(tokens(draws(3, 1.0, 0, 0.7, 2000)), [1, 3].into());
        assert_eq!(tokens(draws(3, 0.01, 0, 1.0, 200)), [1].into());
    }

    #[test]
    fn frequencies_follow_the_probabilities() {
        let ones = draws(9, 1.0, 2, 1.0, 4000)
            .into_iter()
            .filter(|&token| token == 1)
            .count();
        // e³ / (e³ + e²) = 0.731; four standard deviations are 0.028.
        assert!((ones as f32 / 4000.0 - 0.731).abs() < 0.028);
    }

    #[test]
    fn logits_that_are_not_finite_are_refused() {
        let mut sampler = Sampler::new(2);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(
                sampler.draw(&[0.0, bad], 1.0, 0, 1.0, &mut SplitMix(1)),
                None
            );
        }
        assert!(
            sampler
                .draw(&[0.0, 1.0], 1.0, 0, 1.0, &mut SplitMix(1))
                .is_some()
        );
    }
}
