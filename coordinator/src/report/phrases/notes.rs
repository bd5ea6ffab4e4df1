//! Unusual workers and hosts, and changes of the host over the rounds. Must not decide anything:
//! the verdict rests on all of them together.

use stats::compare::Estimate;

use super::changes::{Of, change, interval, level};
use super::servers;
use super::words::{count, cut};
use crate::compare::{Cell, MetricComparison, Signals, SlotEffects, SlotOrHost};

/// Greatest length of a host name.
const NAME: usize = 24;

/// Sentences about unusual places and times.
pub(crate) fn notes(cell: &Cell) -> Vec<String> {
    let mut notes = Vec::from_iter(servers::chunks(cell));
    let Some(primary) = cell.primary() else {
        return notes;
    };
    notes.extend(signals(&cell.signals, primary));
    if let Some(places) = &cell.places {
        notes.extend(odd(places, primary));
        notes.extend(sample(places, primary));
    }
    notes
}

fn said(of: Of, alpha: f64, found: &Estimate) -> String {
    let (change, range) = (change(of, found.delta), interval(of, &found.ci));
    format!("{change} ({} interval {range})", level(alpha))
}

/// A place with its host's name, truncated.
pub(crate) fn place(place: &SlotOrHost) -> String {
    match place.slot {
        Some(slot) => format!("{}, slot {slot}", cut(&place.host, NAME)),
        None => cut(&place.host, NAME),
    }
}

fn odd(places: &SlotEffects, metric: &MetricComparison) -> Option<String> {
    let odd = places.odd.as_ref()?;
    let (label, of) = (metric.measure.label(), Of(metric.measure, places.scale));
    let said = |found| said(of, metric.alpha, found);
    let here = places.slots.iter().find(|slot| slot.place == odd.place)?;
    let which = match places.slots.len() {
        2 => "the two workers disagree, and it is unknown which of them is the outlier:",
        _ => "one worker differs from the others:",
    };
    let without = odd.without.as_ref().map_or_else(String::new, |rest| {
        format!("; without it {label} is {}", said(rest))
    });
    Some(format!(
        "{which} on {} {label} is {}{without}; check that host before you trust the result",
        place(&odd.place),
        said(&here.effect)
    ))
}

fn sample(places: &SlotEffects, metric: &MetricComparison) -> Option<String> {
    let sample = places.sample.as_ref()?;
    let (label, level) = (metric.measure.label(), level(metric.alpha));
    let of = Of(metric.measure, places.scale);
    Some(format!(
        "the verdict holds for these {}; with hosts as a sample, {label} is {} ({level} interval {}), and \
         the effect has an SD of {:.2}\u{a0}% between hosts",
        count(places.hosts.len() as u64, "host"),
        change(of, sample.delta),
        interval(of, &sample.ci),
        100.0 * sample.between
    ))
}

fn signals(signals: &Signals, metric: &MetricComparison) -> Vec<String> {
    let label = metric.measure.label();
    let mut notes = Vec::new();
    if let Some(trend) = &signals.drift {
        let change = change(metric, trend.slope);
        notes.push(format!(
            "DRIFT: {label} of the baseline moved during the run, {change} from round to round \
             (Mann–Kendall, p = {:.3}); balanced order removes this from the answer; a quieter host would \
             narrow the interval",
            trend.p
        ));
    }
    if signals.first_round.is_some() {
        notes.push(format!(
            "the first round of the baseline differs from the others in {label}: use a longer warm-up"
        ));
    }
    if let Some(correction) = &signals.correlated {
        let done = match correction.inflation > 1.0 {
            true => format!("the interval was widened by {:.2}", correction.inflation),
            false => "the interval was left as it is".to_owned(),
        };
        notes.push(format!(
            "neighbouring rounds are correlated in {label} (r₁ = {:.2}): {done}; leave more time between \
             rounds",
            correction.lag1
        ));
    }
    notes
}
