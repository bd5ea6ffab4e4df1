//! The primary measure in each round on every host and in every slot, from that place's own
//! requests. [`places`](super::super::places) derives what follows from it.

use super::super::metrics::RoundValues;
use super::super::part_summary::PartSummary;
use super::super::places::{SlotEffect, SlotEffects, SlotOrHost, all};
use super::super::trials::Round;
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
pub(super) fn hosts(measure: Measure, rounds: &[&Round], known: Option<&SlotEffects>) -> Vec<Spot> {
    let known = known.map_or(&[][..], |places| &places.hosts);
    all(rounds, |_| None)
        .into_iter()
        .map(|place| spot(measure, rounds, known, place))
        .collect()
}

/// Every slot.
pub(super) fn workers(
    measure: Measure,
    rounds: &[&Round],
    known: Option<&SlotEffects>,
) -> Vec<Spot> {
    let known = known.map_or(&[][..], |places| &places.slots);
    let slots = all(rounds, |part| Some(part.share));
    slots
        .into_iter()
        .map(|place| spot(measure, rounds, known, place))
        .collect()
}

fn spot(measure: Measure, rounds: &[&Round], known: &[SlotEffect], place: SlotOrHost) -> Spot {
    let of_round = |round: &&Round| {
        let value = |(at, arm)| {
            let trial = round.arms.get(arm)?;
            let own: Vec<&PartSummary> = trial
                .parts
                .iter()
                .filter(|part| place.holds(part))
                .collect();
            Some((*arm, at, measure.of_parts(&own)?))
        };
        RoundValues {
            round: round.index,
            values: round.order.iter().enumerate().filter_map(value).collect(),
        }
    };
    let rounds = rounds.iter().map(of_round).collect();
    let effect = known.iter().find(|effect| effect.place == place).cloned();
    Spot {
        place,
        rounds,
        effect,
    }
}
