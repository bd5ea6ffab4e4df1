//! Converts workers, hosts and changes of the host over the rounds for the document.

use super::metrics::{at_95, interval};
use crate::compare::{self, SlotEffect};
use crate::report::document as doc;

pub(super) fn places(places: &compare::SlotEffects, alpha: f64) -> doc::SlotEffects {
    let interval = |ci| interval(ci, alpha);
    let effect = |found: &SlotEffect| effect(found, alpha);
    doc::SlotEffects {
        slots: places.slots.iter().map(&effect).collect(),
        hosts: places.hosts.iter().map(&effect).collect(),
        odd: places.odd.as_ref().map(|odd| doc::Odd {
            host: odd.place.host.clone(),
            slot: odd.place.slot,
            contrast: odd.contrast.delta,
            contrast_ci: interval(odd.contrast.ci),
            contrast_ci95: at_95(interval(odd.contrast.ci)),
            adjusted_p: odd.adjusted_p,
            without: odd.without.as_ref().map(|rest| rest.delta),
            without_ci: odd.without.as_ref().map(|rest| interval(rest.ci)),
            without_ci95: odd
                .without
                .as_ref()
                .and_then(|rest| at_95(interval(rest.ci))),
        }),
        sample: places.sample.as_ref().map(|sample| doc::HostSample {
            delta: sample.delta,
            ci: interval(sample.ci),
            ci95: at_95(interval(sample.ci)),
            se: sample.se,
            df: sample.df,
            between: sample.between,
            within: sample.within,
        }),
    }
}

fn effect(found: &SlotEffect, alpha: f64) -> doc::SlotEffect {
    let ci = interval(found.effect.ci, alpha);
    doc::SlotEffect {
        host: found.place.host.clone(),
        slot: found.place.slot,
        delta: found.effect.delta,
        ci,
        ci95: at_95(ci),
    }
}

pub(super) fn signals(signals: &compare::Signals) -> doc::Signals {
    doc::Signals {
        drift_slope: signals.drift.map(|trend| trend.slope),
        drift_p: signals.drift.map(|trend| trend.p),
        first_round_score: signals.first_round.filter(|score| score.is_finite()),
        lag1: signals.correlated.map(|correction| correction.lag1),
        inflation: signals.correlated.map(|correction| correction.inflation),
    }
}
