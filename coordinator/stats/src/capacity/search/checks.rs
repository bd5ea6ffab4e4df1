//! Makes sure that lower rates pass and higher ones fail: the curve is believed to rise, and some do
//! not.

use super::{Outcome, Purpose, Search, Seen, Step, end};

/// Rates to check, as shares of the rate that navigation ended at, in order.
const SHARES: [f64; 5] = [0.5, 0.7, 0.85, 1.25, 1.6];
/// A rung contradicts when it did so this often in succession,
const IN_SUCCESSION: usize = 3;
/// and the mean of these margins is at least this far on the wrong side: a share twice or half the
/// allowed one.
const CLEARLY: f64 = std::f64::consts::LN_2;

impl Search {
    /// The next check, or the end because a lower rate fails or a higher one passes; `None` once
    /// none contradicts.
    pub(super) fn check_other_rates(&self, centre: u32) -> Option<Step> {
        let rungs = &self.settings.rungs;
        let mut targets: Vec<u32> = SHARES
            .iter()
            .map(|share| rungs.nearest(rungs.x(centre) + share.ln()))
            .filter(|rung| *rung != centre)
            .collect();
        targets.dedup();
        targets
            .into_iter()
            .find_map(|rung| self.check(rung, rung < centre))
    }

    fn check(&self, rung: u32, should_pass: bool) -> Option<Step> {
        let here = |seen: &&Seen| seen.probe.at == rung && seen.probe.purpose == Purpose::Check;
        let seen: Vec<&Seen> = self.seen.iter().filter(here).collect();
        // Positive on the wrong side. What the generator itself delayed contradicts nothing.
        let off = |seen: &&Seen| match should_pass {
            true => self.margin(seen),
            false => -self.margin(seen),
        };
        let wrong: Vec<f64> = seen.iter().map(off).collect();
        let last = seen.last().zip(wrong.last());
        if last.is_some_and(|(seen, off)| seen.limited || *off < 0.0) {
            return None;
        }
        if wrong.len() < IN_SUCCESSION {
            return Some(self.probe(Purpose::Check, rung));
        }
        let mean = wrong.iter().sum::<f64>() / wrong.len() as f64;
        (mean >= CLEARLY).then(|| *end(self.not_monotone()))
    }

    /// The lowest rung whose probes failed more often than they passed, and the highest below it.
    fn not_monotone(&self) -> Outcome {
        let mut sums = std::collections::BTreeMap::<u32, i32>::new();
        for seen in self
            .seen
            .iter()
            .filter(|s| s.probe.purpose != Purpose::Level)
        {
            *sums.entry(seen.probe.at).or_default() += if self.margin(seen) < 0.0 { 1 } else { -1 };
        }
        let fail = sums
            .iter()
            .find(|(_, sum)| **sum < 0)
            .map(|(rung, _)| *rung);
        let fail = fail.unwrap_or(0);
        let pass = sums.range(..fail).next_back().map(|(rung, _)| *rung);
        Outcome::NotMonotone { pass, fail }
    }
}
