//! HdrHistogram's percentile distribution (`.hgrm`), for its plotter: one arm and metric of one
//! scenario, all selected rounds merged, milliseconds. Owns the text; the library computes the
//! steps.

use contract::histogram::{DIGITS, LatencyHistogram};
use contract::id::Arm;
use contract::metric::Metric;

use super::{ExportError, Item, Selection};

/// Steps each time the distance to 100 % halves, as in the Java tools.
const TICKS: u32 = 5;
const NS_PER_MS: f64 = 1e6;

pub(super) fn render(items: &[Item<'_>], selection: &Selection) -> Result<Vec<u8>, ExportError> {
    let metric = selection.metric.unwrap_or(Metric::E2e);
    let (cell, arm) = subject(items, selection);
    let mut merged = LatencyHistogram::default();
    let mine = items
        .iter()
        .filter(|item| (item.cell, item.arm) == (cell, arm));
    mine.for_each(|item| merged.add(item.trial.histograms.get(metric)));
    if merged.is_empty() {
        return Err(ExportError::NoValues {
            metric: metric.name(),
            wanted: selection.words(),
        });
    }
    Ok(text(&merged).into_bytes())
}

/// The first candidate's last scenario, and its arm B unless the selection says otherwise.
fn subject(items: &[Item<'_>], selection: &Selection) -> (u32, Arm) {
    let scenario = items
        .iter()
        .max_by_key(|item| item.cell)
        .map(|item| item.scenario);
    let here = || items.iter().filter(|item| Some(item.scenario) == scenario);
    let cell = here().map(|item| item.cell).min().unwrap_or(0);
    let has_b = here().any(|item| item.cell == cell && item.arm == Arm::B);
    (
        cell,
        selection.arm.unwrap_or(if has_b { Arm::B } else { Arm::A }),
    )
}

fn text(histogram: &LatencyHistogram) -> String {
    let buckets = histogram.buckets();
    let digits = usize::from(DIGITS);
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    let mut seen = 0;
    let mut last = String::new();
    for step in buckets.iter_quantiles(TICKS) {
        seen += step.count_since_last_iteration();
        let (value, q) = (
            step.value_iterated_to() as f64 / NS_PER_MS,
            step.quantile_iterated_to(),
        );
        let beyond = if q < 1.0 {
            format!(" {:>14.2}", 1.0 / (1.0 - q))
        } else {
            String::new()
        };
        let line = format!("{value:>12.digits$} {q:>2.12} {seen:>10}{beyond}\n");
        // The iterator returns the last step twice.
        if line != last {
            text.push_str(&line);
        }
        last = line;
    }
    let (mean, deviation) = (buckets.mean() / NS_PER_MS, buckets.stdev() / NS_PER_MS);
    let (max, count) = (buckets.max() as f64 / NS_PER_MS, buckets.len());
    text.push_str(&format!(
        "#[Mean    = {mean:>12.digits$}, StdDeviation   = {deviation:>12.digits$}]\n"
    ));
    text.push_str(&format!(
        "#[Max     = {max:>12.digits$}, Total count    = {count:>12}]\n"
    ));
    let (count, half) = (buckets.buckets(), 2 * 10_u64.pow(DIGITS.into()));
    text.push_str(&format!(
        "#[Buckets = {count:>12}, SubBuckets     = {:>12}]\n",
        half.next_power_of_two()
    ));
    text
}
