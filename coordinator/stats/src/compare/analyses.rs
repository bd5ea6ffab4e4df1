//! The analyses of a run, planned before it, so that a clear answer need not wait for the last round
//! (docs/method.md). Owns when they happen and their levels; must not know what is analysed.

use super::LEAST_ROUNDS;
use super::settings::Settings;
use super::spending::{Sides, Spending};

/// Error of all analyses of a run together: two-sided for FASTER and SLOWER, one-sided at either
/// limit for SAME.
const ALPHA: f64 = 0.05;

/// The same for several analyses of few rounds. Levels of normal statistics are used for t, whose
/// values at successive analyses are less alike with few degrees of freedom: with 0.05, three
/// analyses of ten rounds err in 5.6 of 100 (10,000 simulated).
const ALPHA_OF_FEW: f64 = 0.044;

/// Rounds from which this makes no difference.
const MANY_ROUNDS: u32 = 16;

/// FASTER and SLOWER spend late, like O'Brien and Fleming: the last analysis keeps nearly all.
const DIFFERENCE: Spending = Spending {
    alpha: ALPHA,
    gamma: -4.0,
};

/// SAME spends early: with nothing to find, a run should end as soon as its interval is narrow
/// enough. The last analysis then has a lower level, which matters to differences near the tolerance.
const EQUALITY: Spending = Spending {
    alpha: ALPHA,
    gamma: 1.0,
};

/// One analysis: how many rounds it sees, and its own levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Analysis {
    /// Rounds done when it happens.
    pub rounds: u32,
    /// Two-sided level of its interval, for FASTER and SLOWER.
    pub alpha: f64,
    /// One-sided level at either limit, for SAME.
    pub alpha_same: f64,
}

/// All analyses of a run, in order; the last sees all rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Analyses(Vec<Analysis>);

impl Analysis {
    /// The settings of its estimates.
    #[must_use]
    pub fn settings(self) -> Settings {
        Settings {
            alpha: self.alpha,
            alpha_same: self.alpha_same,
            ..Settings::default()
        }
    }

    const fn even(rounds: u32, alpha: f64) -> Self {
        Self {
            rounds,
            alpha,
            alpha_same: alpha,
        }
    }
}

impl Analyses {
    /// A single analysis after the last round, with the whole error.
    #[must_use]
    pub fn at_end(rounds: u32) -> Self {
        Self(vec![Analysis::even(rounds, ALPHA)])
    }

    /// One interim analysis and the last: .005 and .048 (O'Brien and Fleming), which together keep
    /// 5 % if the interim analysis is half-way.
    #[must_use]
    pub fn one_interim(at: u32, rounds: u32) -> Self {
        Self(vec![
            Analysis::even(at, 0.005),
            Analysis::even(rounds, 0.048),
        ])
    }

    /// Analyses at growing distances, until one decides or `rounds` are done: after six rounds,
    /// then after a quarter more each time. Their levels follow from the shares of `rounds` that
    /// they see.
    #[must_use]
    pub fn until_decided(rounds: u32) -> Self {
        let at = rounds_of_analyses(rounds);
        let shares: Vec<f64> = at
            .iter()
            .map(|&seen| f64::from(seen) / f64::from(rounds.max(1)))
            .collect();
        let alpha = if at.len() > 1 && rounds < MANY_ROUNDS {
            ALPHA_OF_FEW
        } else {
            ALPHA
        };
        let levels =
            |spending: Spending, sides| Spending { alpha, ..spending }.levels(sides, &shares);
        let difference = levels(DIFFERENCE, Sides::Two);
        let equality = levels(EQUALITY, Sides::One);
        let levels = difference.into_iter().zip(equality);
        let analysis = |(rounds, (alpha, alpha_same))| Analysis {
            rounds,
            alpha,
            alpha_same,
        };
        Self(at.into_iter().zip(levels).map(analysis).collect())
    }

    /// In order of rounds.
    #[must_use]
    pub fn list(&self) -> &[Analysis] {
        &self.0
    }

    /// The analysis that sees all rounds.
    #[must_use]
    pub fn last(&self) -> Analysis {
        *self.0.last().expect("every run has an analysis at its end")
    }
}

/// 6, 8, 10, 13, 17, 22, … and `rounds`.
fn rounds_of_analyses(rounds: u32) -> Vec<u32> {
    let least = u32::try_from(LEAST_ROUNDS).expect("a handful");
    let next = |at: &u32| Some(at + at.div_ceil(4));
    let mut at: Vec<u32> = std::iter::successors(Some(least), next)
        .take_while(|at| *at < rounds)
        .collect();
    at.push(rounds);
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(analyses: &Analyses) -> Vec<u32> {
        analyses.list().iter().map(|one| one.rounds).collect()
    }

    #[test]
    fn analyses_come_at_growing_distances_and_at_the_end() {
        assert_eq!(rounds(&Analyses::until_decided(18)), [6, 8, 10, 13, 17, 18]);
        assert_eq!(rounds(&Analyses::until_decided(6)), [6]);
        assert_eq!(rounds(&Analyses::until_decided(3)), [3]);
        assert_eq!(rounds(&Analyses::at_end(10)), [10]);
        assert_eq!(rounds(&Analyses::one_interim(6, 10)), [6, 10]);
    }

    /// A run that has room for one analysis is a run of fixed length.
    #[test]
    fn one_analysis_has_the_whole_error() {
        let only = Analyses::until_decided(6).last();
        assert!((only.alpha - 0.05).abs() < 1e-9 && (only.alpha_same - 0.05).abs() < 1e-9);
    }

    /// An early analysis must be surer of a difference than of equality, and the last analysis keeps
    /// most of the error for a difference.
    #[test]
    fn the_error_for_differences_is_kept_for_the_end() {
        let all = Analyses::until_decided(40);
        let list = all.list();
        assert!(list.iter().all(|one| one.alpha_same > 0.005));
        assert!(
            list[0].alpha < 0.001 && list[0].alpha_same > 0.01,
            "{list:?}"
        );
        assert!(all.last().alpha > 0.035, "{list:?}");
    }
}
