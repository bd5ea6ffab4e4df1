//! The scaling law: throughput over the number in flight, and where it peaks. Owns the choice of the
//! model and its bands; must not know what the levels were.
//!
//! N/X = θ₀ + θ₁(N − 1) + θ₂N(N − 1) with θ ≥ 0: σ = θ₁/θ₀ and κ = θ₂/θ₀ are contention and coherence
//! of the universal scalability law (Gunther 1993); κ = 0 is Amdahl's, σ = κ = 0 linear. The model is
//! the simplest whose error on levels left out, one at a time, is within one standard error of the
//! least.

use super::linear::least_squares;
use super::step_law::Level;
use crate::rng::Seed;

/// Fewest levels, and the least range of the number in flight, for a law.
const LEVELS: (usize, f64) = (6, 8.0);
/// Draws of the bands.
const DRAWS: usize = 400;
/// Beyond this multiple of the greatest level nothing is predicted.
const REACH: f64 = 2.0;

/// Which law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Model {
    /// X grows in proportion.
    Linear,
    /// X approaches a limit.
    Amdahl,
    /// X has a peak.
    Universal,
}

/// A fitted law.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// The chosen model.
    pub model: Model,
    /// θ₀, θ₁, θ₂, seconds.
    pub theta: [f64; 3],
    /// The greatest level.
    pub greatest: f64,
    /// θ of each draw: levels resampled by their own scatter.
    draws: Vec<[f64; 3]>,
}

/// Why there is no law.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLaw {
    /// Fewer than six levels, or levels less than eightfold apart.
    TooFew,
    /// The levels scatter about every model by more than their own scatter: they have another form.
    Misfit,
}

/// A prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Throughput.
    pub centre: f64,
    /// Its 95 % band.
    pub band: (f64, f64),
    /// Whether it lies beyond the levels measured.
    pub extrapolated: bool,
}

/// Fits the law.
///
/// # Errors
/// When the levels do not carry one.
pub fn scaling(levels: &[Level], seed: Seed) -> Result<Scaling, NoLaw> {
    let greatest = levels.iter().map(|l| l.in_flight).fold(0.0, f64::max);
    let least = levels
        .iter()
        .map(|l| l.in_flight)
        .fold(f64::INFINITY, f64::min);
    let mut distinct: Vec<f64> = levels.iter().map(|l| l.in_flight).collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    if distinct.len() < LEVELS.0 || greatest < LEVELS.1 * least {
        return Err(NoLaw::TooFew);
    }
    let model = simplest(levels);
    let theta = fit(levels, model).ok_or(NoLaw::TooFew)?;
    if misfits(levels, &theta) {
        return Err(NoLaw::Misfit);
    }
    // The bands are those of the fullest model: what the levels could not show may still be there.
    let full = fit(levels, Model::Universal).ok_or(NoLaw::TooFew)?;
    let mut rng = seed.rng();
    let mut normal = || {
        let radius = (-2.0 * (1.0 - rng.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * rng.unit()).cos()
    };
    let draws = (0..DRAWS)
        .filter_map(|_| {
            let drawn: Vec<Level> = levels
                .iter()
                .map(|level| Level {
                    throughput: throughput(&full, level.in_flight) * (level.cv * normal()).exp(),
                    ..*level
                })
                .collect();
            fit(&drawn, Model::Universal)
        })
        .collect();
    Ok(Scaling {
        model,
        theta,
        greatest,
        draws,
    })
}

impl Scaling {
    /// Contention σ and coherence κ.
    #[must_use]
    pub fn sigma_kappa(&self) -> (f64, f64) {
        (self.theta[1] / self.theta[0], self.theta[2] / self.theta[0])
    }

    /// The number in flight of the greatest throughput, √((1 − σ)/κ); `None` if no peak was seen:
    /// κ = 0 in more than 2.5 % of the draws.
    #[must_use]
    pub fn peak(&self) -> Option<f64> {
        let none = self.draws.iter().filter(|theta| theta[2] <= 0.0).count();
        let (sigma, kappa) = self.sigma_kappa();
        let seen = none as f64 <= 0.025 * self.draws.len() as f64;
        (seen && kappa > 0.0).then(|| ((1.0 - sigma).max(0.0) / kappa).sqrt())
    }

    /// Throughput at a number in flight; `None` beyond twice the greatest level.
    #[must_use]
    pub fn at(&self, in_flight: f64) -> Option<Prediction> {
        if in_flight > REACH * self.greatest {
            return None;
        }
        let mut drawn: Vec<f64> = self
            .draws
            .iter()
            .map(|t| throughput(t, in_flight))
            .collect();
        drawn.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (share * (drawn.len().max(1) - 1) as f64).round() as usize;
            drawn.get(index).copied().unwrap_or(f64::NAN)
        };
        Some(Prediction {
            centre: throughput(&self.theta, in_flight),
            band: (at(0.025), at(0.975)),
            extrapolated: in_flight > self.greatest,
        })
    }
}

fn throughput(theta: &[f64; 3], n: f64) -> f64 {
    n / (theta[0] + theta[1] * (n - 1.0) + theta[2] * n * (n - 1.0))
}

/// The simplest model whose mean squared error on levels left out is within one standard error of
/// the least.
fn simplest(levels: &[Level]) -> Model {
    let errors = |model: Model| -> Vec<f64> {
        (0..levels.len())
            .map(|out| {
                let rest: Vec<Level> = (0..)
                    .zip(levels)
                    .filter(|(i, _)| *i != out)
                    .map(|(_, l)| *l)
                    .collect();
                let level = levels[out];
                fit(&rest, model).map_or(f64::INFINITY, |theta| {
                    let off = (throughput(&theta, level.in_flight) / level.throughput).ln();
                    (off / level.cv.max(1e-6)).powi(2)
                })
            })
            .collect()
    };
    let models = [Model::Linear, Model::Amdahl, Model::Universal];
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let tables = models.map(errors);
    let best = tables.iter().min_by(|a, b| mean(a).total_cmp(&mean(b)));
    let limit = best.map_or(f64::INFINITY, |best| {
        let (centre, n) = (mean(best), best.len() as f64);
        let squares: f64 = best.iter().map(|e| (e - centre).powi(2)).sum();
        centre + (squares / (n * (n - 1.0))).sqrt()
    });
    let within = models
        .into_iter()
        .zip(&tables)
        .find(|(_, errors)| mean(errors) <= limit);
    within.map_or(Model::Universal, |(model, _)| model)
}

/// Least squares with θ ≥ 0: of all sets of terms, the feasible one of least error.
fn fit(levels: &[Level], model: Model) -> Option<[f64; 3]> {
    let free: &[usize] = match model {
        Model::Linear => &[],
        Model::Amdahl => &[1],
        Model::Universal => &[1, 2],
    };
    let times: Vec<f64> = levels.iter().map(|l| l.in_flight / l.throughput).collect();
    let weight = |(l, t): (&Level, &f64)| (t * l.cv.max(1e-6)).powi(-2);
    let weights: Vec<f64> = levels.iter().zip(&times).map(weight).collect();
    let term = |k: usize, n: f64| [1.0, n - 1.0, n * (n - 1.0)][k];
    (0..1usize << free.len())
        .filter_map(|set| {
            let terms: Vec<usize> = std::iter::once(0)
                .chain(
                    (0..)
                        .zip(free)
                        .filter(|(bit, _)| set >> bit & 1 == 1)
                        .map(|(_, k)| *k),
                )
                .collect();
            let row = |l: &Level| terms.iter().map(|k| term(*k, l.in_flight)).collect();
            let rows: Vec<Vec<f64>> = levels.iter().map(row).collect();
            let (found, _) = least_squares(&rows, &times, &weights)?;
            let mut theta = [0.0; 3];
            terms
                .iter()
                .zip(&found)
                .for_each(|(k, value)| theta[*k] = *value);
            let off = |((l, t), w): ((&Level, &f64), &f64)| {
                w * (t - l.in_flight / throughput(&theta, l.in_flight)).powi(2)
            };
            let error: f64 = levels.iter().zip(&times).zip(&weights).map(off).sum();
            (theta.iter().all(|t| *t >= 0.0) && theta[0] > 0.0).then_some((error, theta))
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, theta)| theta)
}

/// Whether the residuals are, in the quadratic mean, more than three of the levels' own deviations.
fn misfits(levels: &[Level], theta: &[f64; 3]) -> bool {
    let off = |l: &Level| (l.throughput / throughput(theta, l.in_flight)).ln() / l.cv.max(1e-6);
    let squares: f64 = levels.iter().map(|level| off(level).powi(2)).sum();
    (squares / levels.len() as f64).sqrt() > 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

    fn levels(theta: [f64; 3], cv: f64, seed: u64) -> Vec<Level> {
        let mut rng = Seed(seed).rng();
        COUNTS
            .iter()
            .map(|n| {
                let z: f64 = (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0;
                Level {
                    in_flight: *n,
                    throughput: throughput(&theta, *n) * (cv * z).exp(),
                    cv,
                }
            })
            .collect()
    }

    /// A level held out lies in its band in about 95 % of the seeds. Its own scatter comes on top.
    #[test]
    fn bands_cover_the_law() {
        let theta = [0.02, 0.001, 2e-6];
        let truth = throughput(&theta, 200.0);
        let covered = (0..200)
            .filter(|seed| {
                let law = scaling(&levels(theta, 0.02, *seed), Seed(*seed)).unwrap();
                let at = law.at(200.0).unwrap();
                at.extrapolated && (at.band.0..=at.band.1).contains(&truth)
            })
            .count();
        assert!((170..=200).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn takes_the_simplest_model() {
        let most = |theta: [f64; 3], model: Model| {
            let chosen = |seed: &u64| scaling(&levels(theta, 0.01, *seed), Seed(1)).unwrap().model;
            (0..100).filter(|seed| chosen(seed) == model).count()
        };
        assert!(most([0.02, 0.0, 0.0], Model::Linear) > 85);
        assert!(most([0.02, 0.001, 0.0], Model::Amdahl) > 85);
        assert!(most([0.02, 0.001, 1e-5], Model::Universal) > 85);
    }

    #[test]
    fn finds_the_peak_and_says_where_there_is_none() {
        let law = scaling(&levels([0.02, 0.001, 1e-5], 0.005, 3), Seed(1)).unwrap();
        assert!((law.peak().unwrap() / (0.95f64 / 5e-4).sqrt() - 1.0).abs() < 0.1);
        let flat = scaling(&levels([0.02, 0.001, 0.0], 0.005, 3), Seed(1)).unwrap();
        assert_eq!(flat.peak(), None);
        assert_eq!(flat.at(257.0), None, "beyond twice the greatest level");
    }

    #[test]
    fn refuses_few_levels_and_levels_of_another_form() {
        let few = &levels([0.02, 0.001, 0.0], 0.01, 1)[..5];
        assert_eq!(scaling(few, Seed(1)).err(), Some(NoLaw::TooFew));
        let mut broken = levels([0.02, 0.001, 0.0], 0.005, 1);
        for level in &mut broken[..4] {
            level.throughput *= 0.5;
        }
        assert_eq!(scaling(&broken, Seed(1)).err(), Some(NoLaw::Misfit));
    }
}
