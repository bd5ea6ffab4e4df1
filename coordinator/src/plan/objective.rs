//! Objectives of a capacity: their text, and their limit. Must not know how violations are counted.

use std::fmt;
use std::str::FromStr;

use contract::metric::Metric;
use serde::{Deserialize, Serialize};

/// One condition on the long run, such as `ttft.p99<500ms` or `errors<0.1%`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Objective {
    /// What is limited.
    pub of: Limited,
    /// Share of requests that may violate it.
    pub allowed: f64,
}

/// What an objective limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// A time of each request; a failed request violates it.
    Time {
        /// Which.
        metric: Metric,
        /// Its limit, nanoseconds.
        limit_ns: u64,
    },
    /// Requests that are not answered.
    Errors,
}

/// Times that each request has once.
const METRICS: [Metric; 3] = [Metric::Ttft, Metric::Tpot, Metric::E2e];

/// Units of a limit, and their nanoseconds.
const UNITS: [(&str, f64); 4] = [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)];

/// Why a text is no objective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no objective: write one as `ttft.p99<500ms`, `tpot.p95<50ms`, `e2e.p99<2s` or `errors<0.1%`"
)]
pub struct NoObjective(String);

impl FromStr for Objective {
    type Err = NoObjective;

    fn from_str(text: &str) -> Result<Self, NoObjective> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        parsed(&plain).ok_or_else(|| NoObjective(text.to_owned()))
    }
}

fn parsed(text: &str) -> Option<Objective> {
    let (left, right) = text.split_once('<')?;
    let within = |share: f64| (share > 0.0 && share < 1.0).then_some(share);
    if left == "errors" {
        let allowed = within(right.strip_suffix('%')?.parse::<f64>().ok()? / 100.0)?;
        return Some(Objective {
            of: Limited::Errors,
            allowed,
        });
    }
    let (name, quantile) = left.split_once(".p")?;
    let metric = METRICS.into_iter().find(|metric| metric.name() == name)?;
    // `p99.9`, and `p999` for the same.
    let percent: f64 = match quantile.parse().ok()? {
        percent if percent < 100.0 => percent,
        // `p100` would otherwise be read as p10.
        _ if !quantile.bytes().all(|digit| digit == b'9') => return None,
        digits => digits / 10f64.powi(i32::try_from(quantile.len()).ok()? - 2),
    };
    let unit = right.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = right.split_at(unit);
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let limit = number.parse::<f64>().ok()? * factor;
    let allowed = within((100.0 - percent) / 100.0)?;
    (1.0..3.6e12).contains(&limit).then_some(Objective {
        of: Limited::Time {
            metric,
            limit_ns: limit.round() as u64,
        },
        allowed,
    })
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of {
            Limited::Errors => write!(f, "errors<{}%", rounded(self.allowed * 100.0)),
            Limited::Time { metric, limit_ns } => {
                let fits = |factor: &f64| (limit_ns as f64 / factor).fract() == 0.0;
                let (unit, factor) = UNITS
                    .into_iter()
                    .rev()
                    .find(|(_, factor)| fits(factor) || limit_ns as f64 / factor >= 10.0)
                    .unwrap_or(UNITS[0]);
                let percent = rounded(100.0 - self.allowed * 100.0);
                write!(
                    f,
                    "{}.p{percent}<{}{unit}",
                    metric.name(),
                    limit_ns as f64 / factor
                )
            }
        }
    }
}

/// Without the last digits, which are those of the subtraction.
fn rounded(percent: f64) -> f64 {
    (percent * 1e9).round() / 1e9
}

impl TryFrom<String> for Objective {
    type Error = NoObjective;

    fn try_from(text: String) -> Result<Self, NoObjective> {
        text.parse()
    }
}

impl From<Objective> for String {
    fn from(objective: Objective) -> Self {
        objective.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_go_both_ways() {
        for text in [
            "ttft.p99<500ms",
            "tpot.p95<50ms",
            "e2e.p99.9<2s",
            "errors<0.1%",
            "ttft.p50<1500us",
        ] {
            let objective: Objective = text.parse().unwrap();
            let again: Objective = objective.to_string().parse().unwrap();
            assert_eq!(objective, again, "{text} {objective}");
        }
        let same: [Objective; 2] =
            ["ttft.p999 < 0.5s", "ttft.p99.9<500ms"].map(|t| t.parse().unwrap());
        assert_eq!(same[0].to_string(), same[1].to_string());
        assert!((same[0].allowed - 0.001).abs() < 1e-12);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "ttft<500ms",
            "ttft.p99>500ms",
            "ttft.p99<500",
            "ttft.p100<1s",
            "ttft.p990<1s",
            "ttft.p0x<1s",
            "itl.p99<1ms",
            "errors<0%",
            "errors<1",
            "errors<100%",
            "ttft.p99<0ms",
            "ttft.p99<-1ms",
        ] {
            assert!(text.parse::<Objective>().is_err(), "{text}");
        }
    }
}
