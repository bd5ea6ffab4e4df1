//! Maps values to positions on a chart, in per cent of its side, and chooses the labelled values.
//! Owns rounding of ticks; must not know what is drawn.

use crate::compare::Measure;
use crate::report::phrases::words::NBSP;

/// What the numbers of a scale are, for its labels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds, labelled in a suitable unit.
    Time,
    /// Shares of 1 as signed per cents.
    Change,
    /// Plain numbers.
    Number,
}

/// A linear or logarithmic range.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    log: bool,
    unit: Unit,
}

/// A label beside a chart.
#[derive(Clone)]
pub(crate) struct Tick {
    /// Per cent from the left, or from the top.
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// Ratio of values above which the scale is logarithmic.
const WIDE: f64 = 30.0;

impl Scale {
    /// From the least to the greatest value with some margin; logarithmic if the ratio is large.
    pub(crate) fn around(values: impl Iterator<Item = f64>, unit: Unit) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
            (l.min(v), h.max(v))
        });
        if low > high {
            return Self::straight(0.0, 1.0, unit);
        }
        if low > 0.0 && high / low > WIDE {
            return Self {
                low: low / 1.2,
                high: high * 1.2,
                log: true,
                unit,
            };
        }
        // Without a minimum margin, a single value or rounding noise would fill the chart.
        let air = (0.07 * (high - low))
            .max(0.01 * high.abs().max(low.abs()))
            .max(f64::MIN_POSITIVE);
        Self::straight(low - air, high + air, unit)
    }

    /// From zero to slightly more than the greatest value.
    pub(crate) fn from_zero(values: impl Iterator<Item = f64>, unit: Unit) -> Self {
        let high = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        Self::straight(0.0, if high > 0.0 { 1.06 * high } else { 1.0 }, unit)
    }

    /// Exactly this range, linear.
    pub(crate) fn straight(low: f64, high: f64, unit: Unit) -> Self {
        Self {
            low,
            high,
            log: false,
            unit,
        }
    }

    /// Per cent of the way from low to high; below 0 or above 100 outside the range.
    pub(crate) fn at(&self, value: f64) -> f64 {
        if self.log {
            let value = value.max(f64::MIN_POSITIVE);
            return 100.0 * (value / self.low).ln() / (self.high / self.low).ln();
        }
        100.0 * (value - self.low) / (self.high - self.low)
    }

    /// Per cent from the top, for vertical axes.
    pub(crate) fn down(&self, value: f64) -> f64 {
        100.0 - self.at(value)
    }

    /// Whether a value is inside the range.
    pub(crate) fn shows(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// About `wanted` labels of a horizontal axis, from the left.
    pub(crate) fn along(&self, wanted: usize) -> Vec<Tick> {
        self.labelled(wanted, |value| self.at(value))
    }

    /// About `wanted` labels of a vertical axis.
    pub(crate) fn up(&self, wanted: usize) -> Vec<Tick> {
        self.labelled(wanted, |value| self.down(value))
    }

    fn labelled(&self, wanted: usize, place: impl Fn(f64) -> f64) -> Vec<Tick> {
        let (values, step) = if self.log {
            self.decades(wanted)
        } else {
            self.steps(wanted)
        };
        let largest = values
            .iter()
            .fold(0.0_f64, |most, value| most.max(value.abs()));
        let label = |value: f64| {
            // On a logarithmic scale each decade has its own unit; equal steps share one.
            let size = if self.log { value } else { largest };
            self.unit.label(value, size, step.unwrap_or(value))
        };
        values
            .iter()
            .map(|value| Tick {
                at: place(*value),
                label: label(*value),
            })
            .collect()
    }

    /// Equal steps of 1, 2 or 5.
    fn steps(&self, wanted: usize) -> (Vec<f64>, Option<f64>) {
        let raw = (self.high - self.low) / wanted.max(1) as f64;
        let size = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0]
            .into_iter()
            .find(|m| m * size >= raw)
            .unwrap_or(10.0)
            * size;
        // A limit that is a multiple of the step gets a label, whatever the division rounds to.
        let first = (self.low / step - 1e-9).ceil() as i64;
        let last = (self.high / step + 1e-9).floor() as i64;
        (
            (first..=last).map(|n| n as f64 * step).collect(),
            Some(step),
        )
    }

    /// 1, 2 and 5 of each decade; only 1 if that is too many.
    fn decades(&self, wanted: usize) -> (Vec<f64>, Option<f64>) {
        let (first, last) = (
            self.low.log10().floor() as i32,
            self.high.log10().ceil() as i32,
        );
        let all = |heads: &[f64]| -> Vec<f64> {
            let values =
                (first..=last).flat_map(|n| heads.iter().map(move |head| head * 10_f64.powi(n)));
            values.filter(|value| self.shows(*value)).collect()
        };
        let fine = all(&[1.0, 2.0, 5.0]);
        (
            if fine.len() > wanted + 2 {
                all(&[1.0])
            } else {
                fine
            },
            None,
        )
    }
}

impl Unit {
    /// The unit of a measure's values.
    pub(crate) fn of(measure: Measure) -> Self {
        match measure {
            Measure::Quantile(..) | Measure::CpuPerToken => Self::Time,
            Measure::TokensPerSecond
            | Measure::RequestsPerSecond
            | Measure::GoodputPerSecond
            | Measure::Capacity
            | Measure::Concurrency => Self::Number,
        }
    }

    /// `value` with the digits that `step` needs, in the unit that fits `size`.
    fn label(self, value: f64, size: f64, step: f64) -> String {
        let (scale, name) = match self {
            Self::Number => {
                let units = [(1e6, "M"), (1e4, "k")];
                let unit = units.into_iter().find(|(least, _)| size.abs() >= *least);
                unit.map_or((1.0, ""), |(least, name)| {
                    (if name == "k" { 1e3 } else { least }, name)
                })
            }
            Self::Change => (0.01, "%"),
            Self::Time => {
                let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
                units
                    .into_iter()
                    .find(|(scale, _)| size.abs() >= *scale)
                    .unwrap_or((1.0, "ns"))
            }
        };
        let text = format!("{:.*}", decimals(step / scale), (value / scale).abs());
        let sign = match (self, value) {
            (_, v) if v < 0.0 => "−",
            (Self::Change, v) if v > 0.0 => "+",
            _ => "",
        };
        let space = if name.is_empty() {
            String::new()
        } else {
            format!("{NBSP}{name}")
        };
        if value == 0.0 {
            format!("0{space}")
        } else {
            format!("{sign}{text}{space}")
        }
    }
}

/// Decimals that show a step of this size exactly, at most four.
fn decimals(step: f64) -> usize {
    let exact = |digits: &usize| {
        let shifted = step.abs() * 10_f64.powi(i32::try_from(*digits).unwrap_or(0));
        (shifted - shifted.round()).abs() < 1e-6 * shifted.max(1e-9)
    };
    (0..4).find(exact).unwrap_or(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<String> {
        ticks
            .iter()
            .map(|tick| tick.label.replace(NBSP, " "))
            .collect()
    }

    #[test]
    fn ticks_are_round_and_share_a_unit() {
        let scale = Scale::straight(380e6, 1.12e9, Unit::Time);
        assert_eq!(
            labels(&scale.along(4)),
            ["0.4 s", "0.6 s", "0.8 s", "1.0 s"]
        );
        let scale = Scale::straight(-0.031, 0.012, Unit::Change);
        assert_eq!(labels(&scale.along(4)), ["−2 %", "0 %"]);
        assert_eq!(
            labels(&Scale::straight(0.0, 0.6, Unit::Number).along(3)),
            ["0", "0.2", "0.4", "0.6"]
        );
        assert_eq!(
            labels(&Scale::straight(0.0, 45e3, Unit::Number).along(3)),
            ["0 k", "20 k", "40 k"]
        );
    }

    #[test]
    fn wide_ranges_are_logarithmic_and_each_decade_has_its_unit() {
        let scale = Scale::around([2e5, 3e8].into_iter(), Unit::Time);
        assert_eq!(labels(&scale.along(4)), ["1 ms", "10 ms", "100 ms"]);
        assert!((scale.at(2e5 / 1.2)).abs() < 1e-9 && (scale.at(3.6e8) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_flat_series_lies_in_the_middle() {
        let scale = Scale::around([5.0, 5.0].into_iter(), Unit::Number);
        assert!((scale.at(5.0) - 50.0).abs() < 1e-9);
        let nothing = Scale::around(std::iter::empty(), Unit::Number);
        assert!(nothing.at(0.5).is_finite());
    }
}
