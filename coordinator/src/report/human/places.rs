//! What single workers and hosts show, and what the rounds say of the host over time. Must not
//! decide anything: the verdict rests on all of them together.

use stats::compare::{Estimate, Scale};

use super::page::Page;
use super::table::{Table, cut};
use super::words::{Unit, change, change_of, count, interval_of, level, plain_level};
use crate::compare::{Cell, MetricComparison, Place, PlaceEffect, Places, Signals};

/// Longest name of a host in the table.
const NAME: usize = 24;

/// Prints the table of workers and hosts.
pub(super) fn table(page: &mut Page, cell: &Cell) {
    let (Some(places), Some(primary)) = (&cell.places, cell.primary()) else {
        return;
    };
    page.gap();
    page.line(&format!("  {} worker by worker", primary.measure.label()));
    effects(primary, &places.slots).print(page);
    if !places.hosts.is_empty() {
        page.gap();
        page.line(&format!("  {} host by host", primary.measure.label()));
        effects(primary, &places.hosts).print(page);
    }
}

fn effects(metric: &MetricComparison, places: &[PlaceEffect]) -> Table {
    let level = format!("{} interval, %", plain_level(metric.alpha));
    let mut table = Table::new(["place", "change, %", &level]);
    for PlaceEffect {
        place,
        effect,
        scale,
    } in places
    {
        let of = (metric.measure, *scale);
        let (change, interval) = (
            change_of(of, effect.delta, Unit::InHeading),
            interval_of(of, &effect.ci, Unit::InHeading),
        );
        table.row([name(place), change, interval]);
    }
    table
}

fn name(place: &Place) -> String {
    match place.slot {
        Some(slot) => format!("{}, slot {slot}", cut(&place.host, NAME)),
        None => cut(&place.host, NAME),
    }
}

/// Sentences about what stands out, of places and of time.
pub(in crate::report) fn notes(cell: &Cell) -> Vec<String> {
    let Some(primary) = cell.primary() else {
        return Vec::new();
    };
    let mut notes = signals(&cell.signals, primary);
    if let Some(places) = &cell.places {
        notes.extend(odd(places, primary));
        notes.extend(sample(places, primary));
    }
    notes
}

fn said(metric: &MetricComparison, scale: Scale, estimate: &Estimate) -> String {
    let of = (metric.measure, scale);
    let (change, range) = (
        change_of(of, estimate.delta, Unit::Said),
        interval_of(of, &estimate.ci, Unit::Said),
    );
    format!("{change} ({} interval {range})", level(metric.alpha))
}

fn odd(places: &Places, metric: &MetricComparison) -> Option<String> {
    let odd = places.odd.as_ref()?;
    let label = metric.measure.label();
    let here = places.slots.iter().find(|slot| slot.place == odd.place)?;
    let which = match places.slots.len() {
        2 => "the two workers disagree, and it is unknown which of them is the outlier:",
        _ => "one worker differs from the others:",
    };
    let without = odd.without.as_ref().map_or_else(String::new, |rest| {
        format!(
            "; without it {label} is {}",
            said(metric, places.scale, rest)
        )
    });
    Some(format!(
        "{which} on {} {label} is {}{without}; check that host before you trust the result",
        name(&odd.place),
        said(metric, places.scale, &here.effect)
    ))
}

fn sample(places: &Places, metric: &MetricComparison) -> Option<String> {
    let sample = places.sample.as_ref()?;
    let (label, level) = (metric.measure.label(), level(metric.alpha));
    Some(format!(
        "the verdict holds for these {}; with hosts as a sample, {label} is {} ({level} interval {}), and \
         the effect has an SD of {:.2}\u{a0}% between hosts",
        count(places.hosts.len() as u64, "host"),
        change_of((metric.measure, places.scale), sample.delta, Unit::Said),
        interval_of((metric.measure, places.scale), &sample.ci, Unit::Said),
        100.0 * sample.between
    ))
}

fn signals(signals: &Signals, metric: &MetricComparison) -> Vec<String> {
    let label = metric.measure.label();
    let mut notes = Vec::new();
    if let Some(trend) = &signals.drift {
        let change = change(metric, trend.slope, Unit::Said);
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
