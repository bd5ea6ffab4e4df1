//! The order of the arms: balanced random orders of a comparison's blocks (docs/method.md). Owns
//! [`Arm`] and [`ArmOrder`]; must not know hosts, times or results.

use crate::rng::{Rng, Seed};

/// A variant's role in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arm {
    /// The baseline.
    A,
    /// The candidate.
    B,
    /// The baseline again: the control.
    A2,
}

/// The arms of one block in the order in which they run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ArmOrder(Vec<Arm>);

/// Whether a comparison has the control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArmSet {
    /// A and B.
    Two,
    /// A, B and A2.
    Three,
}

impl Arm {
    /// The arm's name in reports and records: `A`, `B`, `A2`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::A2 => "A2",
        }
    }
}

impl ArmOrder {
    /// The arms in the order they run.
    #[must_use]
    pub fn arms(&self) -> &[Arm] {
        &self.0
    }

    /// The 0-based position of an arm, or `None` if the block does not run it.
    #[must_use]
    pub fn position(&self, arm: Arm) -> Option<usize> {
        self.0.iter().position(|&a| a == arm)
    }

    /// The orders of `rounds` blocks, the same for the same seed.
    ///
    /// Two arms: equal numbers of AB and BA (one more of either, drawn, if `rounds` is odd),
    /// shuffled. Three arms: shuffled sets of the six permutations; in an incomplete last set B's
    /// mean position is exactly the middle (B runs in the middle, or equally often first and last),
    /// and A and A2 run first equally often, as far as the number allows.
    #[must_use]
    pub fn balanced(arms: ArmSet, rounds: usize, seed: Seed) -> Vec<Self> {
        let mut rng = seed.rng();
        match arms {
            ArmSet::Two => two_arms(rounds, &mut rng),
            ArmSet::Three => three_arms(rounds, &mut rng),
        }
    }
}

fn two_arms(rounds: usize, rng: &mut Rng) -> Vec<ArmOrder> {
    let odd_one = usize::from(rng.flip());
    let mut orders: Vec<ArmOrder> = (0..rounds)
        .map(|k| {
            if (k + odd_one).is_multiple_of(2) {
                [Arm::A, Arm::B]
            } else {
                [Arm::B, Arm::A]
            }
        })
        .map(|arms| ArmOrder(arms.to_vec()))
        .collect();
    rng.shuffle(&mut orders);
    orders
}

fn three_arms(rounds: usize, rng: &mut Rng) -> Vec<ArmOrder> {
    let mut orders = Vec::with_capacity(rounds + 5);
    while orders.len() < rounds {
        orders.extend(set(rng, (rounds - orders.len()).min(6)));
    }
    orders
}

/// `size` ≤ 6 different permutations, shuffled.
fn set(rng: &mut Rng, size: usize) -> Vec<ArmOrder> {
    let flip = rng.flip();
    let places: &[(usize, bool)] = match size {
        1 => &[(1, false)],
        2 => &[(0, false), (2, true)],
        3 => &[(0, true), (1, false), (2, true)],
        4 => &[(0, false), (1, false), (1, true), (2, true)],
        5 => &[(0, false), (0, true), (1, false), (2, false), (2, true)],
        _ => &[
            (0, false),
            (0, true),
            (1, false),
            (1, true),
            (2, false),
            (2, true),
        ],
    };
    let mut orders: Vec<ArmOrder> = places
        .iter()
        .map(|&(b, control)| with_b_at(b, control ^ flip))
        .collect();
    rng.shuffle(&mut orders);
    orders
}

fn with_b_at(place: usize, control_first: bool) -> ArmOrder {
    let mut arms = if control_first {
        vec![Arm::A2, Arm::A]
    } else {
        vec![Arm::A, Arm::A2]
    };
    arms.insert(place, Arm::B);
    ArmOrder(arms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(order: &ArmOrder, arm: Arm) -> i64 {
        order.position(arm).map_or(0, |p| p as i64)
    }

    #[test]
    fn two_arms_run_equally_often_first() {
        for rounds in 0..30 {
            let orders = ArmOrder::balanced(ArmSet::Two, rounds, Seed(rounds as u64));
            let b_first = orders.iter().filter(|o| place(o, Arm::B) == 0).count();
            assert_eq!(orders.len(), rounds);
            assert!(
                b_first == rounds / 2 || b_first == rounds.div_ceil(2),
                "{b_first} of {rounds}"
            );
        }
    }

    #[test]
    fn three_arms_keep_b_in_the_middle_on_average() {
        for rounds in 0..40 {
            let orders = ArmOrder::balanced(ArmSet::Three, rounds, Seed(99));
            let lean: i64 = orders.iter().map(|o| place(o, Arm::B) - 1).sum();
            let control: i64 = orders
                .iter()
                .map(|o| place(o, Arm::A2) - place(o, Arm::A))
                .sum();
            assert_eq!((orders.len(), lean), (rounds, 0));
            let unavoidable = if matches!(rounds % 6, 1 | 5) { 2 } else { 0 };
            assert_eq!(control.abs(), unavoidable, "{rounds} rounds");
        }
    }

    #[test]
    fn each_full_set_holds_all_six_permutations() {
        let orders = ArmOrder::balanced(ArmSet::Three, 12, Seed(5));
        for set in orders.chunks(6) {
            let distinct: std::collections::HashSet<_> = set.iter().collect();
            assert_eq!(distinct.len(), 6);
        }
    }

    #[test]
    fn orders_follow_the_seed_and_nothing_else() {
        let draw = |seed| ArmOrder::balanced(ArmSet::Three, 10, Seed(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    /// Counter-check: fixed ABAB is what balancing must avoid, and the first arm must really vary.
    #[test]
    fn first_place_is_drawn() {
        let first: Vec<Arm> = (0..200)
            .map(|s| ArmOrder::balanced(ArmSet::Two, 10, Seed(s))[0].arms()[0])
            .collect();
        let b = first.iter().filter(|&&a| a == Arm::B).count();
        assert!((70..130).contains(&b), "B first in {b} of 200");
    }
}
