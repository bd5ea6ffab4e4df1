//! The figures of `worker generator-limit` as a table and as a JSON document. Must not know how
//! they were measured.

use std::fmt::{self, Display, Formatter};

use contract::identity::VERSION;
use serde_json::{Value, json};

use super::{GeneratorLimit, Pacing, Spread};

/// Version of the JSON's shape; another shape gets another number.
const FORMAT: &str = "worker-floor/2";

/// All results.
#[derive(Clone, Debug)]
pub struct Report {
    /// The generator's limits.
    pub limit: GeneratorLimit,
    /// Number of repetitions.
    pub repeats: usize,
    /// Punctuality of sending, if requested.
    pub pacing: Option<Pacing>,
}

impl Report {
    /// The figures for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let GeneratorLimit {
            requests_per_second,
            tokens_per_second,
            added_latency_ns,
            record_ns,
            record_short_ns,
        } = &self.limit;
        json!({
            "format": FORMAT, "version": VERSION, "repeats": self.repeats,
            "requests_per_second": spread(requests_per_second), "tokens_per_second": spread(tokens_per_second),
            "added_latency_ns": spread(added_latency_ns),
            "record_ns": spread(record_ns), "record_short_ns": spread(record_short_ns),
            "pacing": self.pacing.as_ref().map(pacing),
        })
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let limit = &self.limit;
        writeln!(
            f,
            "{:<36}{:>12}{:>12}{:>12}",
            format!("of {}", self.repeats),
            "median",
            "least",
            "most"
        )?;
        line(
            f,
            "requests/s, 64 in flight",
            &limit.requests_per_second,
            1.0,
            0,
        )?;
        line(
            f,
            "token events/s, 64 in flight",
            &limit.tokens_per_second,
            1.0,
            0,
        )?;
        line(f, "added latency p50, µs", &limit.added_latency_ns, 1e-3, 2)?;
        line(
            f,
            "recording an event, ns, 64 tokens",
            &limit.record_ns,
            1.0,
            1,
        )?;
        line(
            f,
            "recording an event, ns, 1 token",
            &limit.record_short_ns,
            1.0,
            1,
        )?;
        let Some(Pacing {
            rate,
            requests,
            p50_ns,
            p99_ns,
            max_ns,
            achieved,
            driver_share,
        }) = self.pacing
        else {
            return Ok(());
        };
        let micros = |ns: u64| ns as f64 / 1e3;
        writeln!(
            f,
            "\n{requests} requests at {rate}/s, Poisson: {:.3} % of the rate achieved",
            achieved * 100.0
        )?;
        writeln!(
            f,
            "lateness p50 {:.1} µs, p99 {:.1} µs, max {:.1} µs; the driver took {:.1} % of a core",
            micros(p50_ns),
            micros(p99_ns),
            micros(max_ns),
            driver_share * 100.0
        )
    }
}

fn line(
    f: &mut Formatter<'_>,
    name: &str,
    spread: &Spread,
    unit: f64,
    digits: usize,
) -> fmt::Result {
    let [median, least, most] =
        [spread.median, spread.least, spread.most].map(|value| value * unit);
    writeln!(
        f,
        "{name:<36}{median:>12.digits$}{least:>12.digits$}{most:>12.digits$}"
    )
}

fn spread(spread: &Spread) -> Value {
    json!({ "median": spread.median, "least": spread.least, "most": spread.most })
}

fn pacing(pacing: &Pacing) -> Value {
    json!({
        "rate": pacing.rate, "requests": pacing.requests, "achieved": pacing.achieved,
        "lateness_p50_ns": pacing.p50_ns, "lateness_p99_ns": pacing.p99_ns, "lateness_max_ns": pacing.max_ns,
        "driver_share": pacing.driver_share,
    })
}
