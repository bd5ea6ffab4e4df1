//! The primary measure for each slot and host: whether one differs from the others, and what the
//! answer is without it (docs/method.md). Slots of one host share its noise and are not replicates,
//! so nothing here affects the verdict.

use std::collections::BTreeSet;

use stats::compare::{Estimate, Paired, Sample, Scale, Settings, odd_one, sample_of_hosts};

use super::measure::{Measure, split};
use super::part_summary::PartSummary;
use super::replicates::Replicates;
use super::trials::{Round, Trial};

/// One slot or host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotOrHost {
    /// Host name.
    pub host: String,
    /// Slot over the whole fleet, or in a duet pair of slots; `None` for the host as a whole.
    pub slot: Option<u32>,
}

/// B against the baseline in one place.
#[derive(Clone, Debug)]
pub struct SlotEffect {
    /// The host or slot.
    pub place: SlotOrHost,
    /// The estimate.
    pub effect: Estimate,
    /// Scale of the difference.
    pub scale: Scale,
}

/// A place that differs from the others.
#[derive(Clone, Debug)]
pub struct OddSlot {
    /// The place. Of only two places either could be the odd one; this is the first.
    pub place: SlotOrHost,
    /// Its difference minus that of the others.
    pub contrast: Estimate,
    /// p of the contrast after Holm's correction over the places.
    pub adjusted_p: f64,
    /// The answer without it; `None` if the others give none.
    pub without: Option<Estimate>,
}

/// The primary measure over the places of a fleet.
#[derive(Clone, Debug)]
pub struct SlotEffects {
    /// Each slot.
    pub slots: Vec<SlotEffect>,
    /// Each host, if there are several.
    pub hosts: Vec<SlotEffect>,
    /// The place that differs, if one does.
    pub odd: Option<OddSlot>,
    /// The hosts as a sample, if there are at least five.
    pub sample: Option<Sample>,
    /// Scale of all differences; on a linear scale every place has its own unit.
    pub scale: Scale,
}

/// Compares all places. `None` with a single slot, and if a slot has no value in some round.
pub(super) fn places(
    measure: Measure,
    rounds: &Replicates<'_>,
    within: f64,
    settings: &Settings,
) -> Option<SlotEffects> {
    let slots = all(rounds.windows(), |part| Some(part.share));
    if slots.len() < 2 {
        return None;
    }
    let scale = scale(measure, rounds.windows(), &slots);
    let paired = paired(measure, scale, rounds, &slots)?;
    let hosts = all(rounds.windows(), |_| None);
    let several = hosts.len() > 1;
    let by_host = if several {
        self::paired(measure, scale, rounds, &hosts)?
    } else {
        Vec::new()
    };
    let odd = odd_one(&paired, scale.limit(within), settings)
        .ok()?
        .map(|odd| {
            let place = slots[odd.place].clone();
            let without = paired_over(measure, scale, rounds, |part| !place.holds(part));
            let without = without.and_then(|rest| Estimate::of(&rest, settings).ok());
            OddSlot {
                place,
                contrast: odd.contrast,
                adjusted_p: odd.adjusted_p,
                without,
            }
        });
    Some(SlotEffects {
        scale,
        odd,
        sample: sample_of_hosts(&by_host, settings),
        slots: effects(scale, slots, &paired, settings)?,
        hosts: if several {
            effects(scale, hosts, &by_host, settings)?
        } else {
            Vec::new()
        },
    })
}

/// Every place that took part.
pub(super) fn all(
    rounds: &[&Round],
    slot: impl Fn(&PartSummary) -> Option<u32>,
) -> Vec<SlotOrHost> {
    let parts = rounds
        .iter()
        .flat_map(|round| round.arms.values())
        .flat_map(|trial| &trial.parts);
    let places: BTreeSet<SlotOrHost> = parts
        .map(|part| SlotOrHost {
            host: part.origin.hostname.clone(),
            slot: slot(part),
        })
        .collect();
    places.into_iter().collect()
}

/// One scale for all places: linear if some place has zero in some round.
fn scale(measure: Measure, rounds: &[&Round], places: &[SlotOrHost]) -> Scale {
    let of = |place: &SlotOrHost| {
        let (baseline, candidate) = split(rounds, |trial| {
            value_at(measure, trial, |part| place.holds(part))
        });
        Scale::of(&baseline, &candidate)
    };
    places
        .iter()
        .map(of)
        .find(|scale| !scale.is_log())
        .unwrap_or(Scale::Log)
}

fn paired(
    measure: Measure,
    scale: Scale,
    rounds: &Replicates<'_>,
    places: &[SlotOrHost],
) -> Option<Vec<Paired>> {
    places
        .iter()
        .map(|place| paired_over(measure, scale, rounds, |part| place.holds(part)))
        .collect()
}

fn paired_over(
    measure: Measure,
    scale: Scale,
    rounds: &Replicates<'_>,
    here: impl Fn(&PartSummary) -> bool,
) -> Option<Paired> {
    let value = |trial: &Trial| value_at(measure, trial, &here);
    // Each slot has its own share of the load, so zero is compared with the slot's own mean.
    let scale = if scale.is_log() {
        scale
    } else {
        let (baseline, candidate) = split(rounds.windows(), value);
        Scale::linear(&baseline, &candidate)
    };
    let blocks = rounds.costs(measure, scale, value)?;
    Some(Paired::effect(&blocks))
}

pub(super) fn value_at(
    measure: Measure,
    trial: &Trial,
    here: impl Fn(&PartSummary) -> bool,
) -> Option<f64> {
    let parts: Vec<&PartSummary> = trial.parts.iter().filter(|part| here(part)).collect();
    measure.of_parts(&parts)
}

fn effects(
    scale: Scale,
    places: Vec<SlotOrHost>,
    paired: &[Paired],
    settings: &Settings,
) -> Option<Vec<SlotEffect>> {
    let effect = |(place, paired)| {
        Some(SlotEffect {
            place,
            effect: Estimate::of(paired, settings).ok()?,
            scale,
        })
    };
    places.into_iter().zip(paired).map(effect).collect()
}

impl SlotOrHost {
    /// Whether a part was measured in this place.
    pub(super) fn holds(&self, part: &PartSummary) -> bool {
        self.host == part.origin.hostname && self.slot.is_none_or(|slot| slot == part.share)
    }
}
