//! Changes and their intervals as text: "4.1 % lower", "−5.0 … −3.2 %". Owns the signs: sentences
//! say "lower" or "higher"; intervals and columns have signs, which a page explains once
//! ([`SIGNS`]). Must not know the position of a figure on the page.

use contract::metric::Direction;
use stats::compare::{Interval, Reference, Scale};

use super::words::{NBSP, percent, points, tolerance, value};
use crate::compare::{Measure, MetricComparison};
use crate::history::AcrossLine;

/// The subject of a change: a measure, and the scale on which its costs were compared.
#[derive(Clone, Copy)]
pub(crate) struct Of(pub(crate) Measure, pub(crate) Scale);

impl From<&MetricComparison> for Of {
    fn from(metric: &MetricComparison) -> Self {
        Self(metric.measure, metric.scale)
    }
}

impl From<&AcrossLine> for Of {
    fn from(line: &AcrossLine) -> Self {
        Self(line.measure, line.scale)
    }
}

/// The direction that is better.
pub(crate) fn better(metric: &MetricComparison) -> &'static str {
    match metric.measure.direction() {
        Direction::LowerIsBetter => "lower is better",
        Direction::HigherIsBetter => "higher is better",
    }
}

/// The meaning of the signs of changes and intervals; shown once on a page.
pub(crate) const SIGNS: &str = "in changes and intervals − is lower and + is higher; − is faster for times, + is \
                                faster for rates";

/// A change of a measure: "4.1 % lower".
pub(crate) fn change(of: impl Into<Of>, delta: f64) -> String {
    let Of(measure, scale) = of.into();
    let change = measure.change(scale, delta);
    side(change).map_or_else(unchanged, |side| format!("{}{NBSP}{side}", percent(change)))
}

/// The same in a column of per cents: "−4.1".
pub(crate) fn change_in_column(of: impl Into<Of>, delta: f64) -> String {
    let Of(measure, scale) = of.into();
    let change = measure.change(scale, delta);
    side(change).map_or_else(unchanged, |_| signed(change))
}

/// An interval of changes: "−5.0 … −3.2 %".
pub(crate) fn interval(of: impl Into<Of>, interval: &Interval) -> String {
    range(of.into(), interval).map_or_else(unchanged, |range| format!("{range}{NBSP}%"))
}

/// The same in a column of per cents.
pub(crate) fn interval_in_column(of: impl Into<Of>, interval: &Interval) -> String {
    range(of.into(), interval).unwrap_or_else(unchanged)
}

/// None if both ends are shown as zero.
fn range(Of(measure, scale): Of, interval: &Interval) -> Option<String> {
    let [one, other] = [interval.low, interval.high].map(|end| measure.change(scale, end));
    let (low, high) = (signed(one.min(other)), signed(one.max(other)));
    side(one)
        .or(side(other))
        .map(|_| format!("{low}{NBSP}…{NBSP}{high}"))
}

fn unchanged() -> String {
    format!("no{NBSP}change")
}

/// A change in per cent with its sign: "−3.5", "+2.5", "0".
fn signed(change: f64) -> String {
    let sign = match side(change) {
        None => "",
        Some(_) if change < 0.0 => "−",
        Some(_) => "+",
    };
    format!("{sign}{}", points(change))
}

/// The word for a change's sign; none if it is shown as zero.
fn side(change: f64) -> Option<&'static str> {
    (points(change) != "0").then_some(if change < 0.0 { "lower" } else { "higher" })
}

/// What a change is relative to, if a value is zero; `None` for ratios.
pub(crate) fn share_of(measure: Measure, scale: Scale) -> Option<String> {
    match scale {
        Scale::Log => None,
        Scale::Linear { unit, of } => {
            let whose = match of {
                Reference::Baseline => "the baseline",
                Reference::Candidate => "the candidate (the baseline is zero in every round)",
            };
            let mean = value(measure, unit);
            Some(format!(
                "zero in some rounds: changes are shares of {mean}, the mean of {whose}"
            ))
        }
        Scale::Zero => Some("zero in every round of every arm".to_owned()),
    }
}

/// The confidence level of an interval: α = 0.05 is "95 %".
pub(crate) fn level(alpha: f64) -> String {
    tolerance(1.0 - alpha)
}

/// The same where lines are not wrapped: in table headings and in other tools' documents.
pub(crate) fn plain_level(alpha: f64) -> String {
    level(alpha).replace(NBSP, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_signs_and_columns_leave_out_the_per_cent() {
        let scale = Scale::Linear {
            unit: 1.0,
            of: Reference::Baseline,
        };
        let of = || Of(Measure::RequestsPerSecond, scale);
        let said = |low, high| interval(of(), &Interval { low, high }).replace(NBSP, " ");
        let column = |low, high| interval_in_column(of(), &Interval { low, high });
        assert_eq!(said(-0.025, 0.035), "−3.5 … +2.5 %");
        assert_eq!(column(-0.025, 0.035).replace(NBSP, " "), "−3.5 … +2.5");
        assert_eq!(said(0.0, 0.5), "−50.0 … 0 %");
        assert_eq!(said(0.0, 0.00001), "no change");
    }
}
