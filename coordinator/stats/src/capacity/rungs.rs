//! The rates that a search may probe: a ladder of rungs at a fixed ratio, fixed before the run. Must
//! not know which rung is probed next.

/// Rates at a fixed ratio from the lowest to the highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rungs {
    lowest: f64,
    ratio: f64,
    count: u32,
}

impl Rungs {
    /// Rungs from `lowest` to the first at or above `highest`, each `ratio` times the one below.
    /// `None` if `lowest` is not positive, `highest` not above it, or `ratio` not above one.
    #[must_use]
    pub fn new(lowest: f64, highest: f64, ratio: f64) -> Option<Self> {
        let sound = lowest > 0.0 && highest > lowest && highest.is_finite() && ratio > 1.0;
        let steps = ((highest / lowest).ln() / ratio.ln() - 1e-9).ceil();
        (sound && steps < 1e6).then(|| Self {
            lowest,
            ratio,
            count: steps as u32 + 1,
        })
    }

    /// Number of rungs, at least two.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Rate of a rung, in the unit of the lowest.
    #[must_use]
    pub fn rate(&self, rung: u32) -> f64 {
        self.lowest * self.ratio.powi(i32::try_from(rung).unwrap_or(i32::MAX))
    }

    /// ln rate of a rung.
    #[must_use]
    pub fn x(&self, rung: u32) -> f64 {
        self.lowest.ln() + self.step() * f64::from(rung)
    }

    /// ln of the ratio.
    #[must_use]
    pub fn step(&self) -> f64 {
        self.ratio.ln()
    }

    /// The rung nearest to a value of ln rate, within the ladder.
    #[must_use]
    pub fn nearest(&self, x: f64) -> u32 {
        self.within(((x - self.lowest.ln()) / self.step()).round())
    }

    /// The highest rung at or below a value of ln rate; the lowest if there is none.
    #[must_use]
    pub fn at_most(&self, x: f64) -> u32 {
        self.within(((x - self.lowest.ln()) / self.step() + 1e-9).floor())
    }

    /// A rung moved by a number of rungs, within the ladder.
    #[must_use]
    pub fn moved(&self, rung: u32, by: i32) -> u32 {
        rung.saturating_add_signed(by).min(self.count - 1)
    }

    fn within(&self, rung: f64) -> u32 {
        rung.clamp(0.0, f64::from(self.count - 1)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaches_both_ends() {
        let rungs = Rungs::new(1.0, 10.0, 1.03).unwrap();
        assert!(rungs.rate(rungs.count() - 1) >= 10.0 && rungs.rate(rungs.count() - 2) < 10.0);
        assert_eq!(rungs.nearest(rungs.x(17)), 17);
        assert_eq!(rungs.nearest(0.0), 0);
        assert_eq!(rungs.nearest(99.0), rungs.count() - 1);
        assert_eq!(rungs.at_most(rungs.x(5) + 0.9 * rungs.step()), 5);
        assert_eq!(rungs.moved(1, -2), 0);
    }

    #[test]
    fn refuses_what_is_no_range() {
        for (low, high, ratio) in [
            (0.0, 1.0, 1.03),
            (2.0, 1.0, 1.03),
            (1.0, 2.0, 1.0),
            (1.0, f64::INFINITY, 1.03),
        ] {
            assert_eq!(Rungs::new(low, high, ratio), None);
        }
    }
}
