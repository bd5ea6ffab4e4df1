//! Sentences about profiles.

use super::words::{count, percent};
use crate::build::{HotFunction, ProfileReport};

/// Number of functions that are named; `--output json` has more.
pub(crate) const HOT: usize = 5;

/// A profile in one sentence.
pub(crate) fn profile_line(report: &ProfileReport) -> String {
    let overlap = report.overlap_percent.map_or_else(String::new, |overlap| {
        format!(", its halves agree by {}", percent(overlap / 100.0))
    });
    let lost = match (report.missing, report.mismatched) {
        (0, 0) => String::new(),
        (missing, other) => {
            format!(", {missing} functions without a profile, {other} that changed since")
        }
    };
    format!(
        "{} of {} functions ran, {} counts from {}{overlap}{lost}",
        report.covered,
        report.functions,
        report.total_count,
        count(report.raw_files.into(), "raw profile")
    )
}

/// A function and its share of all counts.
pub(crate) fn hot_line(hot: &HotFunction) -> String {
    format!("{:>5.1}\u{a0}%  {}", 100.0 * hot.share, hot.name)
}
