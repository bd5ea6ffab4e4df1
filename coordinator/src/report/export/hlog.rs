//! HdrHistogram's interval log (format 1.3): one line for each trial and metric, its slots merged,
//! tagged `scenario/arm/variant/metric`, values in nanoseconds. Owns the tag; the library owns the
//! format.

use std::time::{Duration, SystemTime};

use contract::metric::Metric;
use contract::text;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::{ExportError, Item, Selection};
use crate::compare::Findings;

/// The format gives the maximum of each line in milliseconds.
const NS_PER_MS: f64 = 1e6;

pub(super) fn render(
    findings: &Findings,
    items: &[Item<'_>],
    metric: Option<Metric>,
) -> Result<Vec<u8>, ExportError> {
    let header = &findings.record.header;
    let began = SystemTime::UNIX_EPOCH + items.first().map_or(Duration::ZERO, |item| item.began);
    let (mut bytes, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut builder = IntervalLogWriterBuilder::new();
    builder
        .add_comment(&format!(
            "[pgo-benchmarks {} run {}]",
            text::line(&header.tool_version, text::NAME),
            header.run
        ))
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("[values are nanoseconds; one line a trial and metric, all slots merged]")
        .add_comment(
            "[trials of a block are laid end to end before the block's end, which is what is stored]",
        )
        .with_start_time(began)
        .with_base_time(began)
        .with_max_value_divisor(NS_PER_MS);
    let mut log = builder.begin_log_with(&mut bytes, &mut serializer)?;
    let first = items.first().map_or(Duration::ZERO, |item| item.began);
    for item in items {
        for metric in Selection::metrics(metric) {
            let histogram = item.trial.histograms.get(metric);
            if !histogram.is_empty() {
                let tag = tag(item, metric);
                let tag = Tag::new(&tag).expect("the tag has no comma, space or line end");
                log.write_histogram(
                    histogram.buckets(),
                    item.began - first,
                    item.trial.wall,
                    Some(tag),
                )?;
            }
        }
    }
    Ok(bytes)
}

/// The tag of a line. Characters that would end a tag are replaced.
fn tag(item: &Item<'_>, metric: Metric) -> String {
    let plain = |c: char| {
        if c.is_whitespace() || text::is_harmful(c) || c == ',' || c == '/' {
            '_'
        } else {
            c
        }
    };
    let named = |name: &str| {
        text::line(name, text::NAME)
            .chars()
            .map(plain)
            .collect::<String>()
    };
    let (scenario, variant) = (named(item.scenario), named(item.variant));
    format!("{scenario}/{}/{variant}/{}", item.arm, metric.name())
}
