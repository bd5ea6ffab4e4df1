//! `worker floor`: what the generator itself can do on this machine, measured by driving an engine that does no work
//! through the whole measuring path on one thread. A load beyond it says more about the generator than about an
//! engine. It must not know sessions or variants, and it prints nothing.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use contract::identity::VERSION;
use contract::metric::Metric;
use contract::spec::Share;
use serde_json::{Value, json};

use crate::engine::{self, EngineEvent, EngineRequest};
use crate::load::arrival::Arrivals;
use crate::load::control::Control;
use crate::load::driver::{Bench, DriveEnd, Driver};
use crate::load::inbox::Inbox;
use crate::load::phase::{Phase, PhaseKind};
use crate::load::stop::Stop;
use crate::measure::{Clock, Measured, Plan, Recorder};

/// Name of the JSON's shape; another shape gets another number.
const FORMAT: &str = "worker-floor/1";

/// The only share there is.
const WHOLE: Share = Share { index: 0, of: 1 };

/// What the generator can do on one core with an engine that answers at once.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// Requests of one token each, per second, 64 in flight.
    pub requests_per_second: f64,
    /// Token events per second, in answers of 64 tokens, 64 in flight.
    pub tokens_per_second: f64,
    /// Median of the whole request's latency with one in flight, all of it the generator's.
    pub added_latency: Duration,
    /// Recording one token, nanoseconds, without the hand-over between threads.
    pub record_ns: f64,
}

/// A closed loop on the null engine.
#[derive(Clone, Copy)]
struct Case {
    requests: u32,
    in_flight: u32,
    output_tokens: u32,
}

/// Measures; takes less than a second in an optimised build. `None` where the driver was disturbed so that requests
/// timed out.
#[must_use]
pub fn measure() -> Option<Floor> {
    let many = Case { requests: 100_000, in_flight: 64, output_tokens: 1 }.drive()?;
    let long = Case { requests: 6_000, in_flight: 64, output_tokens: 64 }.drive()?;
    let lone = Case { requests: 20_000, in_flight: 1, output_tokens: 1 }.drive()?;
    let e2e = lone.histograms.get(Metric::E2e).buckets().value_at_quantile(0.5);
    let rate = |count: u64, of: &Measured| count as f64 / of.wall.as_secs_f64().max(1e-9);
    Some(Floor {
        requests_per_second: rate(many.outcomes.ok, &many),
        tokens_per_second: rate(long.output_tokens, &long),
        added_latency: Duration::from_nanos(e2e),
        record_ns: record(),
    })
}

/// Time of one token in the recorder alone.
fn record() -> f64 {
    let tokens = 100_000;
    let clock = Clock::monotonic();
    let plan = Case { requests: 1, in_flight: 1, output_tokens: tokens }.plan(Duration::ZERO);
    let mut recorder = Recorder::new(plan);
    recorder.sent(0, 1, Duration::ZERO, Duration::ZERO);
    let before = clock.now();
    for token in 0..tokens {
        recorder.event(before, EngineEvent::Token { index: 0, token });
    }
    (clock.now() - before).as_nanos() as f64 / f64::from(tokens)
}

impl Case {
    fn plan(self, start: Duration) -> Plan {
        let Self { requests, in_flight, output_tokens } = self;
        Plan { share: WHOLE, requests, in_flight, output_tokens, timeout: Duration::from_secs(60), start }
    }

    fn phase(self) -> Phase {
        let request = |index| EngineRequest { index, prompt: vec![1], max_new_tokens: self.output_tokens };
        Phase {
            kind: PhaseKind::Measured,
            requests: (0..self.requests).map(request).collect(),
            arrivals: Arrivals::closed(self.in_flight),
            stop: Stop::Requests(self.requests.into()),
            plan: self.plan(Duration::ZERO),
        }
    }

    fn drive(self) -> Option<Measured> {
        let (clock, inbox, control) = (Clock::monotonic(), Inbox::default(), Control::new());
        let events = (self.in_flight * (self.output_tokens + 2)) as usize;
        let mut engine = engine::null(inbox.sink(&clock), events);
        let bench = Bench { engine: &mut *engine, inbox: &inbox, clock: &clock, control: &control };
        let phase = self.phase();
        let start = clock.now();
        let mut driver = Driver::new(bench, phase, start);
        let done = driver.run(&mut |_| ()) == DriveEnd::Done;
        let measured = driver.into_recorder().finish();
        (done && measured.outcomes.ok == u64::from(self.requests)).then_some(measured)
    }
}

impl Floor {
    /// The figures for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "format": FORMAT, "version": VERSION,
            "requests_per_second": self.requests_per_second, "tokens_per_second": self.tokens_per_second,
            "added_latency_ns": u64::try_from(self.added_latency.as_nanos()).unwrap_or(u64::MAX),
            "record_ns": self.record_ns,
        })
    }
}

impl Display for Floor {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<34}{:>14.0}", "requests/s, 64 in flight", self.requests_per_second)?;
        writeln!(f, "{:<34}{:>14.0}", "token events/s, 64 in flight", self.tokens_per_second)?;
        writeln!(f, "{:<34}{:>14.2}", "added latency p50, µs", self.added_latency.as_secs_f64() * 1e6)?;
        writeln!(f, "{:<34}{:>14.1}", "recording a token, ns", self.record_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_goes_through_the_whole_path() {
        let measured = Case { requests: 500, in_flight: 7, output_tokens: 3 }.drive().unwrap();
        assert_eq!((measured.outcomes.ok, measured.output_tokens), (500, 1500));
        for (metric, count) in [(Metric::E2e, 500), (Metric::Itl, 1000), (Metric::Lateness, 500)] {
            assert_eq!(measured.histograms.get(metric).exact().count, count, "{}", metric.name());
        }
    }
}
