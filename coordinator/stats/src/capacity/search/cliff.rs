//! A jump: all is well at one rung, and a quarter or more of the requests violate the objective at
//! the next. A curve through it would have a capacity that is no more than the place of the jump.

use std::collections::BTreeMap;

use super::{Outcome, Purpose, Search, Step, baseline, end};

/// Share of violations from which a rung has broken down.
const BROKEN: f64 = 0.25;
/// Rungs between both sides, at most, before the one in the middle is probed.
const APART: u32 = 2;
/// Windows on each side.
const WINDOWS: u32 = 4;

impl Search {
    /// The probe that narrows a jump, or the end at it; `None` where there is none.
    pub(super) fn cliff(&self) -> Option<Step> {
        let shares = self.shares();
        let (&pass, _) = shares.iter().rev().find(|(_, side)| side.within)?;
        let (&fail, side) = shares.range(pass + 1..).next()?;
        let above_broken = shares
            .range(fail..)
            .all(|(_, side)| side.worst >= BROKEN && side.mildest >= BROKEN / 2.0);
        let below_within = shares.range(..=pass).all(|(_, side)| side.within);
        let sure = side.windows >= WINDOWS && shares[&pass].windows >= WINDOWS;
        if !(above_broken && below_within && fail - pass <= APART) {
            return None;
        }
        if fail - pass > 1 {
            return Some(self.probe(Purpose::Bracket, pass + 1));
        }
        if !sure {
            let thin = if side.windows < WINDOWS { fail } else { pass };
            return Some(self.probe(Purpose::Bracket, thin));
        }
        Some(*end(Outcome::Cliff { pass, fail }))
    }

    /// What is known of each rung, over the baseline's windows.
    fn shares(&self) -> BTreeMap<u32, Side> {
        let mut sums: BTreeMap<u32, Sum> = BTreeMap::new();
        for seen in self
            .seen
            .iter()
            .filter(|s| s.probe.purpose != Purpose::Level)
        {
            for window in baseline(&seen.windows) {
                let entry = sums.entry(seen.probe.at);
                let (windows, mildest, sum) = entry.or_insert((0, f64::INFINITY, Vec::new()));
                let worst = window.counts.iter().map(|c| c.share()).fold(0.0, f64::max);
                (*windows, *mildest) = (*windows + 1, mildest.min(worst));
                sum.resize(window.counts.len(), (0, 0));
                for (sum, count) in sum.iter_mut().zip(&window.counts) {
                    *sum = (sum.0 + count.violated, sum.1 + count.of);
                }
            }
        }
        let allowed = &self.settings.question.allowed;
        sums.into_iter()
            .map(|(rung, (windows, mildest, sums))| {
                let shares = sums.iter().map(|(k, n)| *k as f64 / (*n).max(1) as f64);
                let within = shares
                    .clone()
                    .zip(allowed)
                    .all(|(share, allowed)| share <= *allowed);
                let worst = shares.fold(0.0, f64::max);
                (
                    rung,
                    Side {
                        windows,
                        within,
                        worst,
                        mildest,
                    },
                )
            })
            .collect()
    }
}

/// Windows of a rung, the greatest share of the best of them, and the sums for each objective.
type Sum = (u32, f64, Vec<(u64, u64)>);

/// One rung.
struct Side {
    windows: u32,
    /// Every objective holds.
    within: bool,
    /// Greatest share of violations over the objectives, all windows together.
    worst: f64,
    /// The same of the best window.
    mildest: f64,
}
