//! Finds the neighbourhood of the capacity in few probes. Owns the posterior over the rungs; must
//! not know rates, counts or what follows.
//!
//! State s of 0..=n is "exactly the s lowest rungs pass". A probe at rung m that passes multiplies
//! the mass of s > m by p and the rest by 1 − p; one that fails, the other way round (Horstein 1963,
//! with p from the margin: Φ(|m|), at least .55 and at most .9). The next probe is the rung that
//! splits the mass most evenly.

use crate::student::normal_cdf;

/// Least and greatest confidence in one probe.
const CONFIDENCE: (f64, f64) = (0.55, 0.9);
/// Share of the mass that must be in the neighbourhood.
const ENOUGH: f64 = 0.9;

/// Mass outside of the range in which the capacity is expected.
const OUTSIDE: f64 = 0.05;

/// The posterior of the number of rungs that pass.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Posterior {
    mass: Vec<f64>,
}

/// What navigation knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearing {
    /// Probe this rung next.
    Probe(u32),
    /// The capacity is near this rung.
    Near(u32),
    /// Even the lowest rung fails.
    Below,
    /// Even the highest rung passes.
    Above,
}

impl Posterior {
    /// Equal mass on all states from `from` to `to` passing rungs, of `rungs` rungs, and a little on the
    /// others.
    #[must_use]
    pub(super) fn uniform(rungs: u32, from: u32, to: u32) -> Self {
        let to = to.min(rungs).max(from);
        let inside = f64::from(to - from + 1);
        let outside = f64::from(rungs + 1) - inside;
        let mass = (0..=rungs)
            .map(|s| match (from..=to).contains(&s) {
                true => (1.0 - OUTSIDE) / inside,
                false => OUTSIDE / outside,
            })
            .collect();
        let mut posterior = Self { mass };
        posterior.scale();
        posterior
    }

    /// Takes in a probe at a rung; a negative margin passes.
    pub(super) fn update(&mut self, rung: u32, margin: f64) {
        let p = normal_cdf(margin.abs()).clamp(CONFIDENCE.0, CONFIDENCE.1);
        for (s, mass) in (0..).zip(&mut self.mass) {
            let agrees = (s > rung) == (margin < 0.0);
            *mass *= if agrees { p } else { 1.0 - p };
        }
        self.scale();
    }

    /// Where to go, if the neighbourhood is `width` rungs wide.
    #[must_use]
    pub(super) fn bearing(&self, width: u32) -> Bearing {
        let last = self.mass.len() - 1;
        if self.mass[0] >= ENOUGH {
            return Bearing::Below;
        }
        if self.mass[last] >= ENOUGH {
            return Bearing::Above;
        }
        let (low, high) = (
            self.quantile(0.5 - ENOUGH / 2.0),
            self.quantile(0.5 + ENOUGH / 2.0),
        );
        if high - low <= width && low > 0 && (high as usize) < last {
            return Bearing::Near(self.quantile(0.5) - 1);
        }
        Bearing::Probe(self.splitting_rung())
    }

    /// The rung that is most likely the last to pass, when probes have run out.
    #[must_use]
    pub(super) fn best(&self) -> u32 {
        self.quantile(0.5).saturating_sub(1)
    }

    fn quantile(&self, share: f64) -> u32 {
        let mut sum = 0.0;
        for (s, mass) in (0..).zip(&self.mass) {
            sum += mass;
            if sum >= share {
                return s;
            }
        }
        u32::try_from(self.mass.len() - 1).unwrap_or(u32::MAX)
    }

    fn splitting_rung(&self) -> u32 {
        let (mut sum, mut best, mut least) = (0.0, 0, f64::INFINITY);
        for (rung, mass) in (0..).zip(&self.mass[..self.mass.len() - 1]) {
            sum += mass;
            let off = (sum - 0.5f64).abs();
            if off < least {
                (best, least) = (rung, off);
            }
        }
        best
    }

    fn scale(&mut self) {
        let sum: f64 = self.mass.iter().sum();
        self.mass.iter_mut().for_each(|mass| *mass /= sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(rungs: u32, passing: u32) -> (Bearing, u32) {
        let mut posterior = Posterior::uniform(rungs, 0, rungs);
        for probes in 0..60 {
            match posterior.bearing(3) {
                Bearing::Probe(rung) => {
                    posterior.update(rung, if rung < passing { -2.0 } else { 2.0 });
                }
                found => return (found, probes),
            }
        }
        panic!("no end");
    }

    #[test]
    fn finds_every_rung_in_few_probes() {
        for passing in 3..197 {
            let (found, probes) = walk(200, passing);
            let Bearing::Near(rung) = found else {
                panic!("{passing}: {found:?}");
            };
            assert!(
                rung.abs_diff(passing - 1) <= 2 && probes <= 16,
                "{passing}: {rung} in {probes}"
            );
        }
    }

    /// A range that was expected wrongly is left.
    #[test]
    fn leaves_the_range_it_was_given() {
        let mut posterior = Posterior::uniform(200, 20, 60);
        for _ in 0..40 {
            match posterior.bearing(3) {
                Bearing::Probe(rung) => posterior.update(rung, if rung < 150 { -2.0 } else { 2.0 }),
                Bearing::Near(rung) => return assert!(rung.abs_diff(149) <= 2, "{rung}"),
                other => panic!("{other:?}"),
            }
        }
        panic!("no end");
    }

    #[test]
    fn says_when_the_range_ends() {
        assert_eq!(walk(50, 0).0, Bearing::Below);
        assert_eq!(walk(50, 50).0, Bearing::Above);
    }
}
