//! How punctually the generator sends on this machine: Poisson arrivals through the real driver and
//! pacer, on an engine that answers at once, with the processor time of waiting. Must not know how
//! the pacer waits.

use std::time::Duration;

use contract::metric::Metric;

use super::Case;
use crate::load::arrival::Arrivals;
use crate::measure::Clock;
use crate::os;
use crate::stream::{Purpose, Stream};

/// Lateness of sending, and its processor time.
#[derive(Clone, Copy, Debug)]
pub struct Pacing {
    /// Mean requests per second.
    pub rate: f64,
    /// Requests sent.
    pub requests: u64,
    /// Median lateness, nanoseconds.
    pub p50_ns: u64,
    /// 99th percentile, nanoseconds.
    pub p99_ns: u64,
    /// Largest, nanoseconds.
    pub max_ns: u64,
    /// Requests sent per second ÷ requests offered per second.
    pub achieved: f64,
    /// Processor time of the driver's thread ÷ elapsed time, 0..1.
    pub driver_share: f64,
}

impl Pacing {
    /// Sends for about `seconds` at `rate` requests per second. `None` if requests were lost.
    #[must_use]
    pub fn measure(rate: f64, seconds: f64) -> Option<Self> {
        os::sharpen_timers();
        let requests = (rate * seconds).ceil().clamp(1.0, 1e7) as u32;
        let case = Case {
            requests,
            in_flight: requests,
            output_tokens: 1,
        };
        let last = poisson(rate).nth(requests as usize - 1)?;
        let phase = case.phase(Arrivals::fixed(poisson(rate).take(requests as usize)));
        let (clock, cpu) = (Clock::monotonic(), os::thread_cpu());
        let began = clock.now();
        let measured = case.offer(phase)?;
        let (wall, cpu) = (clock.now() - began, os::thread_cpu().saturating_sub(cpu));
        let lateness = measured.histograms.get(Metric::Lateness);
        Some(Self {
            rate,
            requests: lateness.exact().count,
            p50_ns: lateness.buckets().value_at_quantile(0.5),
            p99_ns: lateness.buckets().value_at_quantile(0.99),
            max_ns: lateness.exact().max,
            achieved: last.as_secs_f64() / measured.wall.as_secs_f64().max(1e-9),
            driver_share: cpu.as_secs_f64() / wall.as_secs_f64().max(1e-9),
        })
    }
}

/// Intended times with exponential gaps, the same in every call.
fn poisson(rate: f64) -> impl Iterator<Item = Duration> + Send {
    let mut stream = Stream::new(0, Purpose::Floor, 0);
    let mut at = 0.0;
    std::iter::repeat_with(move || {
        at -= (1.0 - stream.uniform()).ln() / rate;
        Duration::from_secs_f64(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_offered_is_sent_and_counted() {
        let pacing = Pacing::measure(1e6, 0.002).unwrap();
        assert_eq!(pacing.requests, 2000);
        assert!(
            pacing.p50_ns <= pacing.p99_ns && pacing.p99_ns <= pacing.max_ns + pacing.max_ns / 500
        );
        assert!(pacing.driver_share > 0.0);
    }

    #[test]
    fn gaps_have_the_rate_asked_for_and_the_scatter_of_chance() {
        let at: Vec<f64> = poisson(1000.0)
            .take(100_001)
            .map(|at| at.as_secs_f64())
            .collect();
        let gaps: Vec<f64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / 1e5;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 1e5;
        assert!((mean * 1e3 - 1.0).abs() < 0.02, "{mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "{variance}");
    }
}
