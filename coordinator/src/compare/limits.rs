//! How close an arm's load came to the generator limit, and how much its hosts' processor frequency
//! moved. Must not know what follows from that.

use std::collections::BTreeMap;

use super::part_summary::PartSummary;
use super::trials::Trial;

/// Greatest share of the generator limit over the slots: a slot's requests per second over all
/// trials ÷ its lowest measured limit. `None` if no limit was measured.
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

/// (highest − lowest) ÷ lowest frequency of the host where it moved most. `None` if no kernel
/// reported it.
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
