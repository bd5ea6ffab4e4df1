//! The primary measure in each round on every host and in every slot, from that place's own
//! requests. [`places`](super::super::places) derives what follows from it.

use super::super::places::{SlotEffect, SlotEffects, SlotOrHost, all, value_at};
use super::super::replicates::{Replicates, RoundValues};
use crate::compare::Measure;

/// One host, or one slot.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The host or slot.
    pub place: SlotOrHost,
    /// Values of its own requests in each round.
    pub rounds: Vec<RoundValues>,
    /// B against A in this place alone; `None` if nothing can be compared.
    pub effect: Option<SlotEffect>,
}

/// Every host.
pub(super) fn hosts(
    measure: Measure,
    rounds: &Replicates<'_>,
    known: Option<&SlotEffects>,
) -> Vec<Spot> {
    let known = known.map_or(&[][..], |places| &places.hosts);
    all(rounds.windows(), |_| None)
        .into_iter()
        .map(|place| spot(measure, rounds, known, place))
        .collect()
}

/// Every slot.
pub(super) fn workers(
    measure: Measure,
    rounds: &Replicates<'_>,
    known: Option<&SlotEffects>,
) -> Vec<Spot> {
    let known = known.map_or(&[][..], |places| &places.slots);
    let slots = all(rounds.windows(), |part| Some(part.share));
    slots
        .into_iter()
        .map(|place| spot(measure, rounds, known, place))
        .collect()
}

fn spot(
    measure: Measure,
    rounds: &Replicates<'_>,
    known: &[SlotEffect],
    place: SlotOrHost,
) -> Spot {
    let rounds = rounds.values(measure, |trial| {
        value_at(measure, trial, |part| place.holds(part))
    });
    let effect = known.iter().find(|effect| effect.place == place).cloned();
    Spot {
        place,
        rounds,
        effect,
    }
}
