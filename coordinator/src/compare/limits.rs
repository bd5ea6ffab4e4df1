//! How near an arm's load came to what its generator can do, and how far its hosts' clocks moved.
//! It must not know what follows from that.

use std::collections::BTreeMap;

use super::part_summary::PartSummary;
use super::trials::Trial;

/// Of the slot that comes nearest: its requests a second over all trials ÷ its least floor. `None`
/// where no floor was measured.
pub(super) fn floor_share(trials: &[&Trial]) -> Option<f64> {
    let mut slots: BTreeMap<u32, (f64, f64, f64)> = BTreeMap::new();
    for part in parts(trials) {
        let Some(floor) = part.usage.floor else {
            continue;
        };
        let slot = slots
            .entry(part.place.slot)
            .or_insert((0.0, 0.0, f64::INFINITY));
        slot.0 += part.outcomes.ended() as f64;
        slot.1 += part.usage.wall.as_secs_f64();
        slot.2 = slot.2.min(floor);
    }
    let ran = slots.values().filter(|(_, wall, _)| *wall > 0.0);
    ran.map(|(requests, wall, floor)| requests / wall / floor)
        .reduce(f64::max)
}

/// (highest − lowest) ÷ lowest of the host whose clock moved most. `None` where no kernel told.
pub(super) fn frequency_range(trials: &[&Trial]) -> Option<f64> {
    let mut hosts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for part in parts(trials) {
        let Some((low, high)) = part.usage.cpu_khz_low.zip(part.usage.cpu_khz_high) else {
            continue;
        };
        let host = hosts.entry(&part.origin.hostname).or_insert((u64::MAX, 0));
        *host = (host.0.min(low), host.1.max(high));
    }
    let moved = |(low, high): &(u64, u64)| high.saturating_sub(*low) as f64 / (*low).max(1) as f64;
    hosts.values().map(moved).reduce(f64::max)
}

fn parts<'a>(trials: &'a [&Trial]) -> impl Iterator<Item = &'a PartSummary> {
    trials.iter().flat_map(|trial| &trial.parts)
}
