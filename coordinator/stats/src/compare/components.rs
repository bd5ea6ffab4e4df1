//! Where the noise of a comparison comes from: what differs between rounds (processes and slow
//! drift) and what differs between the windows of one round. One-way analysis of variance of the
//! windows' differences (Kalibera and Jones 2013, "Rigorous benchmarking in reasonable time"). Must
//! not know what a window costs in seconds beyond the figures given.

use super::block::LEAST_ROUNDS;
use super::power::rounds_needed;
use super::settings::Settings;

/// Standard deviations of B against the baseline, in log ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Components {
    /// Between rounds, with the windows' share removed; 0 if the rounds differ no more than their
    /// windows explain.
    pub between: f64,
    /// Between the windows of a round.
    pub within: f64,
    /// Rounds that this is from.
    pub rounds: usize,
    /// Windows of each.
    pub windows: usize,
}

/// A design with so many windows a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    /// Windows of a round.
    pub windows: u32,
    /// Standard deviation of a round.
    pub deviation: f64,
    /// Rounds until a difference of the tolerance is found with the required power; `None` beyond a
    /// million.
    pub rounds: Option<u64>,
    /// Seconds of these rounds.
    pub seconds: Option<f64>,
}

impl Components {
    /// From the differences of each round's windows. `None` for fewer than two rounds, fewer than
    /// two windows, or rounds of unequal size.
    #[must_use]
    pub fn of(rounds: &[Vec<f64>]) -> Option<Self> {
        let windows = rounds.first()?.len();
        let even = rounds.iter().all(|round| round.len() == windows);
        if rounds.len() < 2 || windows < 2 || !even {
            return None;
        }
        let (r, w) = (rounds.len() as f64, windows as f64);
        let means: Vec<f64> = rounds
            .iter()
            .map(|round| round.iter().sum::<f64>() / w)
            .collect();
        let all = means.iter().sum::<f64>() / r;
        let among = w * means.iter().map(|mean| (mean - all).powi(2)).sum::<f64>() / (r - 1.0);
        let squares = rounds.iter().zip(&means);
        let inside = squares
            .flat_map(|(round, mean)| round.iter().map(move |d| (d - mean).powi(2)))
            .sum::<f64>()
            / (r * (w - 1.0));
        Some(Self {
            between: ((among - inside) / w).max(0.0).sqrt(),
            within: inside.sqrt(),
            rounds: rounds.len(),
            windows,
        })
    }

    /// Standard deviation of a round of so many windows: √(σ_b² + σ_w²/W).
    #[must_use]
    pub fn deviation(&self, windows: u32) -> f64 {
        (self.between.powi(2) + self.within.powi(2) / f64::from(windows)).sqrt()
    }

    /// What finding a difference of `target` takes with so many windows, if a round costs `start`
    /// seconds and `window` seconds for each window.
    #[must_use]
    pub fn design(
        &self,
        windows: u32,
        (start, window): (f64, f64),
        target: f64,
        settings: &Settings,
    ) -> Design {
        let deviation = self.deviation(windows);
        // A single window leaves the order of the arms to the covariate.
        let lost = if windows == 1 { 2 } else { 1 };
        let rounds = rounds_needed(deviation / target, lost, settings)
            .map(|rounds| rounds.max(LEAST_ROUNDS as u64));
        Design {
            windows,
            deviation,
            rounds,
            seconds: rounds.map(|rounds| rounds as f64 * (start + f64::from(windows) * window)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Rng, Seed};

    #[test]
    fn two_rounds_by_hand() {
        // Means 2 and 6: among = 2·(4 + 4)/1 = 16; inside = (1 + 1 + 1 + 1)/2 = 2.
        let found = Components::of(&[vec![1.0, 3.0], vec![5.0, 7.0]]).unwrap();
        assert!((found.within - 2.0_f64.sqrt()).abs() < 1e-12);
        assert!((found.between - 7.0_f64.sqrt()).abs() < 1e-12);
        assert!((found.deviation(1) - 3.0).abs() < 1e-12);
        // Rounds that differ less than their windows explain.
        let none = Components::of(&[vec![1.0, 3.0], vec![1.0, 3.0]]).unwrap();
        assert_eq!(none.between, 0.0);
        for wrong in [
            vec![vec![1.0, 2.0]],
            vec![vec![1.0], vec![2.0]],
            vec![vec![1.0, 2.0], vec![1.0]],
            vec![],
        ] {
            assert_eq!(Components::of(&wrong), None);
        }
    }

    fn normal(rng: &mut Rng) -> f64 {
        (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0
    }

    #[test]
    fn on_average_the_variances_are_the_true_ones() {
        for (between, within) in [(0.02, 0.01), (0.01, 0.02)] {
            let run = |seed: u64| {
                let mut rng = Seed(seed).rng();
                let rounds: Vec<Vec<f64>> = (0..8)
                    .map(|_| {
                        let process = between * normal(&mut rng);
                        (0..4)
                            .map(|_| process + within * normal(&mut rng))
                            .collect()
                    })
                    .collect();
                let found = Components::of(&rounds).unwrap();
                (found.between.powi(2), found.within.powi(2))
            };
            let (b, w) = (0..2000)
                .map(run)
                .fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            assert!((b / 2000.0 / between.powi(2) - 1.0).abs() < 0.1, "{b}");
            assert!((w / 2000.0 / within.powi(2) - 1.0).abs() < 0.05, "{w}");
        }
    }

    #[test]
    fn windows_pay_where_they_are_the_noise_and_not_where_processes_are() {
        let settings = Settings::default();
        let seconds = |between, within, windows| {
            let noise = Components {
                between,
                within,
                rounds: 8,
                windows: 4,
            };
            let design = noise.design(windows, (6.0, 2.0), 0.02, &settings);
            design.seconds.unwrap()
        };
        assert!(seconds(0.005, 0.04, 8) < 0.7 * seconds(0.005, 0.04, 1));
        assert!(seconds(0.04, 0.005, 8) > seconds(0.04, 0.005, 1));
        // Never fewer rounds than an answer needs.
        assert!((seconds(0.0001, 0.0001, 1) - 48.0).abs() < 1e-9);
    }
}
