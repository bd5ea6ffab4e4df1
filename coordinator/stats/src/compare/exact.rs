//! The exact check of the primary interval: sign-flip for two arms; with the control, permutation
//! of B's label among the three arms of each round (docs/method.md). Owns enumeration and draws;
//! must not know intervals. A p value counts assignments whose |sum| reaches the observed one; sums
//! that differ by less than 1e-12 of the scale count as equal.
//!
//! If the estimate uses the order covariate, so does the check (Freedman and Lane 1983): the slope
//! of the order under "the labels do not matter" is removed from the costs, the rest is permuted,
//! and the statistic of every assignment is the estimate's own, R·δ̂. Without the covariate, a
//! strong drift is noise to the check but not to the interval, and the two disagree about real
//! differences (`tests/method/exact.rs`).

use super::block::{Paired, RoundCosts, Slope};
use crate::rng::Seed;

/// Greatest number of rounds for which two-arm runs are enumerated (2^R).
pub const ENUMERATED_SIGNS: usize = 16;
/// Greatest number of rounds for which three-arm runs are enumerated (3^R).
pub const ENUMERATED_LABELS: usize = 10;
/// Random assignments drawn if there are too many to enumerate.
pub const DRAWS: u64 = 20_000;

/// Result of the exact check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PermutationTest {
    /// Two-sided p of the hypothesis that the labels do not matter.
    pub p: f64,
    /// How it was computed.
    pub method: Method,
    /// Number of evaluated assignments whose |R·δ̂| reaches the observed one.
    pub hits: u64,
    /// Number of evaluated assignments: all, or the draws.
    pub of: u64,
    /// Cost for each position in the order that was removed before permuting, fitted as if labels
    /// did not matter; `None` if the estimate does not use the covariate.
    pub gamma: Option<f64>,
}

impl PermutationTest {
    /// The least p that this number of assignments can give: the observed one always counts, and of
    /// signs also its mirror image.
    #[must_use]
    pub fn least(&self) -> f64 {
        match self.method {
            Method::AllSigns => 2.0 / self.of as f64,
            Method::AllLabels => 1.0 / self.of as f64,
            Method::DrawnSigns(draws) | Method::DrawnLabels(draws) => 1.0 / (1.0 + draws as f64),
        }
    }
}

/// Which assignments were evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// All 2^R signs.
    AllSigns,
    /// All 3^R labels.
    AllLabels,
    /// This many seeded draws of signs; p = (1 + hits)/(1 + draws).
    DrawnSigns(u64),
    /// This many seeded draws of labels; p = (1 + hits)/(1 + draws).
    DrawnLabels(u64),
}

/// The check that fits the blocks: labels if every block has the control, otherwise signs; with the
/// order covariate if the estimate uses it. Without any block p is 1. The draws come from `seed`
/// and can be replayed.
#[must_use]
pub fn permutation_test(blocks: &[RoundCosts], seed: Seed) -> PermutationTest {
    let slope = Slope::of(&Paired::effect(blocks));
    check(blocks, slope.as_ref(), seed)
}

/// The check without the order covariate: [`permutation_test`] before it had the covariate, and
/// still if the estimate has none.
#[must_use]
pub fn plain_permutation_test(blocks: &[RoundCosts], seed: Seed) -> PermutationTest {
    check(blocks, None, seed)
}

/// Sign-flip test of differences that are symmetric about zero under the null hypothesis.
#[must_use]
pub fn sign_flip(differences: &[f64], seed: Seed) -> PermutationTest {
    let rounds: Vec<[f64; 2]> = differences.iter().map(|&d| [d, -d]).collect();
    test(&rounds, ENUMERATED_SIGNS, seed).answer(Method::AllSigns, Method::DrawnSigns, None)
}

fn check(blocks: &[RoundCosts], slope: Option<&Slope>, seed: Seed) -> PermutationTest {
    let gamma = slope.map(|_| order_slope(blocks));
    let left = |cost: f64, position: f64| cost - gamma.unwrap_or(0.0) * position;
    let weight = |round: usize| slope.map_or(1.0, |slope| slope.weights[round]);
    match blocks
        .iter()
        .map(|block| candidates(block, left))
        .collect::<Option<Vec<_>>>()
    {
        Some(mut rounds) => {
            let weighed = |(round, row): (usize, &mut [f64; 3])| {
                row.iter_mut().for_each(|d| *d *= weight(round));
            };
            rounds.iter_mut().enumerate().for_each(weighed);
            test(&rounds, ENUMERATED_LABELS, seed).answer(
                Method::AllLabels,
                Method::DrawnLabels,
                gamma,
            )
        }
        None => {
            let difference = |(round, block): (usize, &RoundCosts)| {
                let d = left(block.b.cost, block.b.position) - left(block.a.cost, block.a.position);
                weight(round) * d
            };
            let differences: Vec<f64> = blocks.iter().enumerate().map(difference).collect();
            PermutationTest {
                gamma,
                ..sign_flip(&differences, seed)
            }
        }
    }
}

/// Least squares of cost on position within each round, over all its arms: the slope of the order
/// if labels do not matter.
fn order_slope(blocks: &[RoundCosts]) -> f64 {
    let (mut products, mut squares) = (0.0, 0.0);
    for block in blocks {
        let seats: Vec<_> = [Some(block.a), Some(block.b), block.a2]
            .into_iter()
            .flatten()
            .collect();
        let n = seats.len() as f64;
        let place = seats.iter().map(|seat| seat.position).sum::<f64>() / n;
        let cost = seats.iter().map(|seat| seat.cost).sum::<f64>() / n;
        for seat in seats {
            products += (seat.position - place) * (seat.cost - cost);
            squares += (seat.position - place).powi(2);
        }
    }
    if squares > 0.0 {
        products / squares
    } else {
        0.0
    }
}

/// The round's difference if B's label were on B (first, the observed one), on A or on A2.
fn candidates(block: &RoundCosts, left: impl Fn(f64, f64) -> f64) -> Option<[f64; 3]> {
    let of = |seat: crate::compare::ArmCost| left(seat.cost, seat.position);
    let (a, b, a2) = (of(block.a), of(block.b), of(block.a2?));
    let against = |one: f64, two: f64, three: f64| one - 0.5 * (two + three);
    Some([against(b, a, a2), against(a, b, a2), against(a2, a, b)])
}

/// Number of hits, and the assignments counted.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Count {
    hits: u64,
    of: u64,
    drawn: bool,
}

impl Count {
    /// Hits ÷ all assignments; for draws (1 + hits)/(1 + draws), because the observed assignment
    /// counts too.
    fn p(self) -> f64 {
        let one = if self.drawn { 1.0 } else { 0.0 };
        (one + self.hits as f64) / (one + self.of as f64)
    }

    fn answer(self, all: Method, drawn: fn(u64) -> Method, gamma: Option<f64>) -> PermutationTest {
        let method = if self.drawn { drawn(self.of) } else { all };
        PermutationTest {
            p: self.p(),
            method,
            hits: self.hits,
            of: self.of,
            gamma,
        }
    }
}

fn test<const K: usize>(rounds: &[[f64; K]], enumerated: usize, seed: Seed) -> Count {
    let observed: f64 = rounds.iter().map(|r| r[0]).sum();
    let scale: f64 = rounds.iter().map(|r| r[0].abs()).sum();
    let bar = observed.abs() - 1e-12 * scale;
    if rounds.len() <= enumerated {
        let of = (K as u64).pow(rounds.len() as u32);
        return Count {
            hits: count(rounds, 0.0, bar),
            of,
            drawn: false,
        };
    }
    let mut rng = seed.rng();
    let hits = (0..DRAWS)
        .filter(|_| rounds.iter().map(|r| r[rng.below(K)]).sum::<f64>().abs() >= bar)
        .count();
    Count {
        hits: hits as u64,
        of: DRAWS,
        drawn: true,
    }
}

/// Number of assignments of the remaining rounds whose |sum| reaches the bar.
fn count<const K: usize>(rounds: &[[f64; K]], sum: f64, bar: f64) -> u64 {
    match rounds.split_first() {
        None => u64::from(sum.abs() >= bar),
        Some((round, rest)) => round.iter().map(|d| count(rest, sum + d, bar)).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::ArmCost;

    fn blocks(rng_seed: u64, rounds: usize, effect: f64) -> Vec<RoundCosts> {
        let mut rng = Seed(rng_seed).rng();
        let mut seat = |position, effect| ArmCost {
            cost: effect + 0.02 * rng.unit(),
            position,
        };
        (0..rounds)
            .map(|_| RoundCosts {
                a: seat(0.0, 0.0),
                b: seat(1.0, effect),
                a2: Some(seat(2.0, 0.0)),
            })
            .collect()
    }

    fn two_arms(blocks: &[RoundCosts]) -> Vec<RoundCosts> {
        blocks
            .iter()
            .map(|b| RoundCosts { a2: None, ..*b })
            .collect()
    }

    /// The simplest possible enumeration: every number from 0 to K^R − 1, digit by digit.
    fn brute_force(rounds: &[Vec<f64>]) -> f64 {
        let base = rounds[0].len() as u64;
        let all = base.pow(rounds.len() as u32);
        let sum = |assignment: u64| -> f64 {
            let digit = |r: usize| (assignment / base.pow(r as u32)) % base;
            (0..rounds.len())
                .map(|r| rounds[r][digit(r) as usize])
                .sum()
        };
        let bar = sum(0).abs() - 1e-13;
        (0..all).filter(|&k| sum(k).abs() >= bar).count() as f64 / all as f64
    }

    #[test]
    fn sign_flip_equals_brute_force() {
        for rounds in 1..=8 {
            for effect in [0.0, 0.005, 0.05] {
                let blocks = two_arms(&blocks(rounds as u64, rounds, effect));
                let rows: Vec<Vec<f64>> = blocks
                    .iter()
                    .map(|b| b.b.cost - b.a.cost)
                    .map(|d| vec![d, -d])
                    .collect();
                let found = permutation_test(&blocks, Seed(0));
                assert_eq!(
                    (found.p, found.method),
                    (brute_force(&rows), Method::AllSigns)
                );
            }
        }
    }

    #[test]
    fn labels_equal_brute_force() {
        for rounds in 1..=7 {
            let blocks = blocks(40 + rounds as u64, rounds, 0.006);
            let row = |b: &RoundCosts| {
                let v = [b.b.cost, b.a.cost, b.a2.unwrap().cost];
                (0..3)
                    .map(|k| 1.5 * (v[k] - v.iter().sum::<f64>() / 3.0))
                    .collect::<Vec<_>>()
            };
            let rows: Vec<_> = blocks.iter().map(row).collect();
            assert_eq!(
                permutation_test(&blocks, Seed(0)).p,
                brute_force(&rows),
                "{rounds} rounds"
            );
        }
    }

    #[test]
    fn least_p_is_two_assignments() {
        assert_eq!(sign_flip(&[0.1; 5], Seed(0)).p, 2.0 / 32.0);
        assert_eq!(sign_flip(&[0.1; 6], Seed(0)).p, 2.0 / 64.0);
        assert_eq!(sign_flip(&[0.0; 6], Seed(0)).p, 1.0);
    }

    #[test]
    fn draws_agree_with_enumeration_and_repeat() {
        let sixteen: Vec<f64> = two_arms(&blocks(3, 16, 0.002))
            .iter()
            .map(|b| b.b.cost - b.a.cost)
            .collect();
        let exact = sign_flip(&sixteen, Seed(1)).p;
        let rows: Vec<[f64; 2]> = sixteen.iter().map(|&d| [d, -d]).collect();
        let count = test(&rows, 0, Seed(1));
        let drawn = count.p();
        assert_eq!((count.of, count.drawn), (DRAWS, true));
        assert!(
            (drawn - exact).abs() < 4.0 * (exact * (1.0 - exact) / 20_000.0).sqrt(),
            "{drawn} {exact}"
        );
        assert_eq!(test(&rows, 0, Seed(1)), count);
        assert_ne!(test(&rows, 0, Seed(2)), count);
    }

    #[test]
    fn a_clear_effect_is_found_and_noise_is_not() {
        assert!(permutation_test(&blocks(9, 10, 0.1), Seed(0)).p < 1e-3);
        assert!(permutation_test(&blocks(9, 10, 0.0), Seed(0)).p > 0.05);
        assert_eq!(
            permutation_test(&blocks(9, 30, 0.1), Seed(0)).method,
            Method::DrawnLabels(DRAWS)
        );
    }
}
