//! The values that a search may probe: a ladder of rungs, fixed before the run. Rates have a fixed
//! ratio; numbers in flight are whole. Must not know which rung is probed next.

/// Values from the lowest to the highest, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Rungs {
    values: Vec<f64>,
    whole: bool,
}

impl Rungs {
    /// Rungs from `lowest` to the first at or above `highest`, each `ratio` times the one below.
    /// `None` if `lowest` is not positive, `highest` not above it, or `ratio` not above one.
    #[must_use]
    pub fn new(lowest: f64, highest: f64, ratio: f64) -> Option<Self> {
        let sound = lowest > 0.0 && highest > lowest && highest.is_finite() && ratio > 1.0;
        let steps = ((highest / lowest).ln() / ratio.ln() - 1e-9).ceil();
        (sound && steps < 1e5).then(|| Self {
            values: (0..=steps as i32)
                .map(|rung| lowest * ratio.powi(rung))
                .collect(),
            whole: false,
        })
    }

    /// Whole numbers from `lowest` to `highest`: each is the one below times `ratio`, rounded, and
    /// at least one more. `None` if there are fewer than two.
    #[must_use]
    pub fn whole(lowest: u32, highest: u32, ratio: f64) -> Option<Self> {
        let sound = lowest > 0 && highest > lowest && ratio > 1.0;
        let next = |n: &u32| {
            let more = (f64::from(*n) * ratio).round().min(f64::from(highest)) as u32;
            (*n < highest).then(|| more.max(n + 1))
        };
        sound.then(|| Self {
            values: std::iter::successors(Some(lowest), next)
                .map(f64::from)
                .collect(),
            whole: true,
        })
    }

    /// Whether the values are whole numbers in flight, and not rates.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.whole
    }

    /// Number of rungs, at least two.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    /// Value of a rung, in the unit of the lowest; that of the highest beyond it.
    #[must_use]
    pub fn rate(&self, rung: u32) -> f64 {
        self.values[(rung as usize).min(self.values.len() - 1)]
    }

    /// ln of the value of a rung.
    #[must_use]
    pub fn x(&self, rung: u32) -> f64 {
        self.rate(rung).ln()
    }

    /// ln of the ratio of the next rung to this one; at the highest, of this one to the one below.
    #[must_use]
    pub fn gap(&self, rung: u32) -> f64 {
        let low = rung.min(self.count() - 2);
        self.x(low + 1) - self.x(low)
    }

    /// The rung nearest to a logarithm of a value, within the ladder.
    #[must_use]
    pub fn nearest(&self, x: f64) -> u32 {
        let below = self.at_most(x);
        let above = self.moved(below, 1);
        match (self.x(above) - x).abs() < (self.x(below) - x).abs() {
            true => above,
            false => below,
        }
    }

    /// The highest rung at or below a logarithm of a value; the lowest if there is none.
    #[must_use]
    pub fn at_most(&self, x: f64) -> u32 {
        let within = self.values.partition_point(|value| value.ln() <= x + 1e-9);
        u32::try_from(within.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    /// A rung moved by a number of rungs, within the ladder.
    #[must_use]
    pub fn moved(&self, rung: u32, by: i32) -> u32 {
        rung.saturating_add_signed(by).min(self.count() - 1)
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
        assert_eq!(rungs.at_most(rungs.x(5) + 0.9 * rungs.gap(5)), 5);
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

    /// One by one while the ratio is less than a step of one, then by the ratio.
    #[test]
    fn whole_numbers_ascend_by_one_at_least() {
        let rungs = Rungs::whole(1, 100, 1.03).unwrap();
        let values: Vec<f64> = (0..rungs.count()).map(|r| rungs.rate(r)).collect();
        assert_eq!(values[..3], [1.0, 2.0, 3.0]);
        assert_eq!(values.last(), Some(&100.0));
        let steps = values.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(steps.clone().all(|step| step >= 1.0 && step.fract() == 0.0));
        assert!(steps.clone().any(|step| step >= 2.0), "the ratio counts");
        assert_eq!(rungs.at_most(3.9f64.ln()), 2);
        assert_eq!(rungs.nearest(3.9f64.ln()), 3);
        assert!((rungs.gap(0) - 2.0f64.ln()).abs() < 1e-12);
        assert!(rungs.are_whole() && !Rungs::new(1.0, 2.0, 1.03).unwrap().are_whole());
        for (low, high) in [(0, 5), (5, 5), (6, 5)] {
            assert_eq!(Rungs::whole(low, high, 1.03), None);
        }
    }
}
