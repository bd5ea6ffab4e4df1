//! Data that only charts need: percentile curves, the course of windows, hosts and workers one by
//! one. Derived on request, since most answers do not need it. Must not know how anything is drawn.

mod places;
mod timeline;

pub use places::Spot;
pub use timeline::{Slice, Timeline};

use contract::histogram::LatencyHistogram;
use contract::id::Arm;
use contract::metric::Metric;
use stats::summary::quantiles;

use super::replicates::Replicates;
use super::trials::Round;
use super::{Findings, Measure};

/// The chart data of one cell.
#[derive(Clone, Debug)]
pub struct Picture {
    /// One entry for each metric that has values.
    pub curves: Vec<Curve>,
    /// The course of the measured windows by arm, averaged over its trials; empty if the parts kept
    /// neither slices nor all requests.
    pub timelines: Vec<(Arm, Timeline)>,
    /// The primary measure on every host, by name.
    pub hosts: Vec<Spot>,
    /// The primary measure in every slot.
    pub workers: Vec<Spot>,
}

/// A metric's distribution under each arm, over all rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Metric.
    pub metric: Metric,
    /// For each arm: quantiles and their values in nanoseconds, as far as enough values lie beyond.
    pub lines: Vec<(Arm, Vec<(f64, f64)>)>,
}

/// Metrics that get a curve.
const CURVES: [Metric; 3] = [Metric::E2e, Metric::Ttft, Metric::Itl];

/// Quantiles that every curve includes if it reaches that far: the commonly used ones.
const NAMED: [f64; 6] = [0.25, 0.9, 0.95, 0.99, 0.999, 0.9999];

/// Points of a curve each time 1−q halves.
const FINENESS: u32 = 8;

/// One picture for each cell, in the order of [`Findings::cells`].
#[must_use]
pub fn pictures(findings: &Findings) -> Vec<Picture> {
    let primary = Measure::ALL
        .into_iter()
        .find(|measure| measure.is(findings.plan.primary));
    let primary = primary.expect("every primary is a measure");
    let least = findings.plan.validity.thresholds().hide_below;
    let picture = |cell: &super::Cell| {
        let rounds = findings.trials.rounds(cell.index);
        let replicates = Replicates::of(&rounds, findings.plan.windows);
        Picture {
            curves: CURVES
                .into_iter()
                .filter_map(|metric| curve(metric, &rounds, least))
                .collect(),
            timelines: timeline::of(&rounds),
            hosts: places::hosts(primary, &replicates, cell.places.as_ref()),
            workers: places::workers(primary, &replicates, cell.places.as_ref()),
        }
    };
    findings.cells.iter().map(picture).collect()
}

fn curve(metric: Metric, rounds: &[&Round], least: u64) -> Option<Curve> {
    let line = |arm| Some((arm, points(&merged(metric, arm, rounds), least)?));
    let lines: Vec<_> = Arm::ALL.into_iter().filter_map(line).collect();
    (!lines.is_empty()).then_some(Curve { metric, lines })
}

fn merged(metric: Metric, arm: Arm, rounds: &[&Round]) -> LatencyHistogram {
    let mut all = LatencyHistogram::default();
    rounds
        .iter()
        .filter_map(|round| round.arms.get(&arm))
        .for_each(|trial| all.add(trial.histograms.get(metric)));
    all
}

/// Points from the least value to the quantile beyond which `least` values lie, evenly spaced in ln
/// 1/(1−q); `None` if that is not even the median.
fn points(histogram: &LatencyHistogram, least: u64) -> Option<Vec<(f64, f64)>> {
    let exact = histogram.exact();
    let last = 1.0 - least.max(1) as f64 / exact.count.max(1) as f64;
    if last < 0.5 {
        return None;
    }
    let beyond = |step: u32| 1.0 - 0.5_f64.powf(f64::from(step) / f64::from(FINENESS));
    let mut qs: Vec<f64> = (0..).map(beyond).take_while(|q| *q < last).collect();
    qs.extend(NAMED.into_iter().filter(|q| *q < last));
    qs.push(last);
    qs.sort_by(f64::total_cmp);
    let values = quantiles(histogram.buckets(), &qs)?;
    // Interpolation extends to the edges of a bucket; the exact extremes lie inside.
    let inside = |ns: f64| ns.clamp(exact.min as f64, exact.max as f64);
    Some(qs.into_iter().zip(values.into_iter().map(inside)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_end_where_too_few_values_lie_beyond() {
        let mut histogram = LatencyHistogram::default();
        (1..=1000).for_each(|ms| histogram.record_ns(ms * 1_000_000));
        let points = points(&histogram, 10).expect("enough values");
        let (first, last) = (points[0], points[points.len() - 1]);
        assert_eq!((first.0, first.1), (0.0, 1e6));
        assert!(
            (last.0 - 0.99).abs() < 1e-12 && (last.1 / 990e6 - 1.0).abs() < 1e-3,
            "{last:?}"
        );
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1));
        assert_eq!(super::points(&histogram, 501), None);
    }
}
