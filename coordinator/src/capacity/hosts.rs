//! What the requests of each host say of the capacity of the fleet: the load of all hosts at which
//! those of one host reach the limit. Owns the comparison of hosts; must not know their facts.

use std::collections::BTreeMap;

use contract::id::Arm;
use contract::part::Part;
use contract::run::BlockDone;
use stats::capacity::{Count, Estimate, Gain, GainQuestion, Interval, Search, Window, gain};
use stats::compare::holm;
use stats::order::Arm as Side;

use super::Tally;
use crate::plan::Objective;
use crate::schedule;

/// Error at which a host is called odd.
const ERROR: f64 = 0.05;

/// A host of a fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSeen {
    /// Its name.
    pub name: String,
    /// The capacity of the fleet if all hosts were as this one; in ln load.
    pub estimate: Interval,
    /// ln(this host ÷ the others together), in the same windows.
    pub over_others: Interval,
    /// p of no difference; over more than two hosts after Holm's correction.
    pub p: f64,
    /// Whether it differs from the others, by more than the tolerance.
    pub odd: bool,
}

/// Counts by block, arm and host.
#[derive(Debug, Default)]
pub(super) struct HostCounts {
    /// By cell, round, attempt, arm; then by host.
    noted: BTreeMap<(u32, u32, u32, Arm), BTreeMap<String, Tally>>,
    /// By probe, in order, and arm.
    seen: Vec<BTreeMap<Arm, BTreeMap<String, Tally>>>,
}

impl HostCounts {
    pub(super) fn note(&mut self, part: &Part, objectives: &[Objective]) {
        let key = part.place.key;
        let key = (key.cell, key.round, part.place.attempt.0, key.arm);
        let hosts = self.noted.entry(key).or_default();
        let host = hosts.entry(part.origin.hostname.clone()).or_default();
        host.add(&Tally::of(part, objectives));
    }

    /// The next probe is this block.
    pub(super) fn done(&mut self, block: &BlockDone) {
        let of = |arm: &Arm| {
            let key = (block.cell, block.round, block.attempt.0, *arm);
            (*arm, self.noted.remove(&key).unwrap_or_default())
        };
        let arms = block.order.iter().map(of).collect();
        self.seen.push(arms);
    }

    /// Each host, if there are several. `tolerance` is the relative difference that does not matter.
    pub(super) fn hosts(&self, search: &Search, tolerance: f64) -> Vec<HostSeen> {
        let arms = self.seen.iter().flat_map(BTreeMap::values);
        let mut names: Vec<String> = arms.flat_map(BTreeMap::keys).cloned().collect();
        names.sort();
        names.dedup();
        if names.len() < 2 {
            return Vec::new();
        }
        let question = GainQuestion {
            tolerance,
            confirmed: true,
            adjusted_p: None,
        };
        let estimate = |name: &String| {
            let of = |at: usize, window: &Window| self.windows(at, window, name);
            let estimate = search.with_windows(of).estimate()?;
            let gain = gain(&estimate, &question)?;
            Some((name.clone(), estimate, gain))
        };
        let all: Vec<_> = names.iter().filter_map(estimate).collect();
        let p: Vec<f64> = all.iter().map(|(.., gain)| gain.p).collect();
        let seen = |((name, estimate, gain), p): ((String, Estimate, Gain), f64)| {
            let below = gain.ratio.centre > 0.0;
            let differs = p <= ERROR && gain.ratio.centre.abs() > gain.limit;
            HostSeen {
                name,
                estimate: estimate.baseline,
                over_others: Interval {
                    centre: -gain.ratio.centre,
                    half: gain.ratio.half,
                },
                p,
                // Of two hosts that differ, the one that carries less is named.
                odd: differs && (below || names.len() > 2),
            }
        };
        // Two hosts are one question, asked from both sides.
        let adjusted = if p.len() > 2 { holm(&p) } else { p };
        all.into_iter().zip(adjusted).map(seen).collect()
    }

    /// A window of the baseline as two: that of one host, as the baseline, and that of the others, as
    /// the candidate. They share the slope, so that a host without violations is placed by it.
    fn windows(&self, at: usize, window: &Window, host: &str) -> Vec<Window> {
        let arms = self.seen.get(at);
        let of = |arm: &Arm| schedule::arm_of(*arm) == window.arm;
        let hosts = arms.and_then(|arms| arms.iter().find(|(arm, _)| of(arm)));
        let Some((_, hosts)) = hosts.filter(|_| window.arm != Side::B) else {
            return Vec::new();
        };
        let sum = |own: bool| {
            let mut sum = Tally::default();
            let of = hosts.iter().filter(|(name, _)| (*name == host) == own);
            of.for_each(|(_, tally)| sum.add(tally));
            sum.counts
        };
        let part = |arm: Side, counts: Vec<Count>| Window {
            arm,
            counts,
            ..window.clone()
        };
        let parts = [(Side::A, sum(true)), (Side::B, sum(false))];
        let measured = parts.into_iter().filter(|(_, counts)| !counts.is_empty());
        measured.map(|(arm, counts)| part(arm, counts)).collect()
    }
}
