//! `worker generator-limit`: the limit of the generator on this machine, measured by driving an
//! engine that does no work through the whole measuring path on one thread. A load beyond it says
//! more about the generator than about an engine. Must not know sessions or variants, and prints
//! nothing.

mod pacing;
mod report;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use contract::metric::Metric;
use contract::spec::{Objectives, Share};

use crate::engine::{self, Ending, EngineEvent, EngineRequest};
use crate::load::arrival::Arrivals;
use crate::load::control::Control;
use crate::load::driver::{Bench, DriveEnd, Driver};
use crate::load::inbox::Inbox;
use crate::load::phase::{Phase, PhaseKind};
use crate::load::requests::{DIFFERENT, Requests};
use crate::measure::{Asked, Clock, Due, Measured, Recorder, RecordingPlan};
pub use pacing::Pacing;
pub use report::Report;

/// The only share.
const WHOLE: Share = Share { index: 0, of: 1 };

/// Limits of the generator on one core with an engine that answers at once.
#[derive(Clone, Debug)]
pub struct GeneratorLimit {
    /// Requests of one token each, per second, 64 in flight.
    pub requests_per_second: Spread,
    /// Token events per second, in answers of 64 tokens, 64 in flight.
    pub tokens_per_second: Spread,
    /// Median latency of a whole request with one in flight, caused entirely by the generator,
    /// nanoseconds.
    pub added_latency_ns: Spread,
    /// Time to record one event without the hand-over between threads, nanoseconds: sends, starts,
    /// tokens and ends of answers of 64 tokens, with every histogram that an end fills.
    pub record_ns: Spread,
    /// The same for answers of one token, where every fourth event is an end.
    pub record_short_ns: Spread,
}

/// Repetitions of one figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Middle one, or the mean of the middle two.
    pub median: f64,
    /// Smallest.
    pub least: f64,
    /// Largest.
    pub most: f64,
}

/// A closed loop on the null engine.
#[derive(Clone, Copy)]
struct Case {
    requests: u32,
    in_flight: u32,
    output_tokens: u32,
}

/// The figures of one repetition, in the order of [`GeneratorLimit`]'s fields.
type Once = [f64; 5];

/// Measures everything this many times, at least once, alternating. A repetition takes about 60 ms
/// in an optimised build on a dedicated processor. `None` if the driver was disturbed so that
/// requests timed out.
#[must_use]
pub fn measure(repeats: usize) -> Option<GeneratorLimit> {
    let once: Vec<Once> = (0..repeats.max(1))
        .map(|_| repetition())
        .collect::<Option<_>>()?;
    let of = |figure: usize| Spread::of(once.iter().map(|figures| figures[figure]).collect());
    Some(GeneratorLimit {
        requests_per_second: of(0),
        tokens_per_second: of(1),
        added_latency_ns: of(2),
        record_ns: of(3),
        record_short_ns: of(4),
    })
}

fn repetition() -> Option<Once> {
    let many = Case {
        requests: 100_000,
        in_flight: 64,
        output_tokens: 1,
    }
    .drive()?;
    let long = Case {
        requests: 6_000,
        in_flight: 64,
        output_tokens: 64,
    }
    .drive()?;
    let lone = Case {
        requests: 20_000,
        in_flight: 1,
        output_tokens: 1,
    }
    .drive()?;
    let e2e = lone
        .histograms
        .get(Metric::E2e)
        .buckets()
        .value_at_quantile(0.5);
    Some([
        rate(many.outcomes.ok, &many),
        rate(long.output_tokens, &long),
        e2e as f64,
        record(Case {
            requests: 1_500,
            in_flight: 1,
            output_tokens: 64,
        }),
        record(Case {
            requests: 25_000,
            in_flight: 1,
            output_tokens: 1,
        }),
    ])
}

/// Requests of one token each, per second, 64 in flight: only the first figure, in about 2 ms of an
/// optimised build.
#[must_use]
pub fn requests_per_second() -> Option<f64> {
    let case = Case {
        requests: 10_000,
        in_flight: 64,
        output_tokens: 1,
    };
    case.drive()
        .map(|measured| rate(measured.outcomes.ok, &measured))
}

fn rate(count: u64, of: &Measured) -> f64 {
    count as f64 / of.wall.as_secs_f64().max(1e-9)
}

/// Time of an event in the recorder alone, nanoseconds. The instants are spread over many buckets,
/// like those of a real engine.
fn record(case: Case) -> f64 {
    let clock = Clock::monotonic();
    let mut recorder = Recorder::new(case.plan(Duration::ZERO));
    let mut at = Duration::ZERO;
    let mut bits = 1u32;
    let before = clock.now();
    for index in 0..case.requests {
        let asked = Asked {
            prompt_tokens: 1,
            output_tokens: case.output_tokens,
        };
        recorder.sent(
            index,
            asked,
            Due {
                intended: at,
                possible: at,
            },
            at,
        );
        recorder.event(at, EngineEvent::Started { index });
        for token in 0..case.output_tokens {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            at += Duration::from_nanos(u64::from(bits >> 8));
            recorder.event(at, EngineEvent::Token { index, token });
        }
        recorder.event(
            at,
            EngineEvent::Ended {
                index,
                ending: Ending::Finished,
            },
        );
    }
    let events = f64::from(case.requests) * f64::from(case.output_tokens + 3);
    (clock.now() - before).as_nanos() as f64 / events
}

impl Case {
    fn plan(self, start: Duration) -> RecordingPlan {
        let Self {
            requests,
            in_flight,
            output_tokens,
        } = self;
        let (timeout, objectives) = (Duration::from_secs(60), Objectives::default());
        RecordingPlan {
            share: WHOLE,
            requests,
            run_in: 0,
            compared: requests,
            in_flight,
            output_tokens,
            timeout,
            objectives,
            start,
            ends: None,
        }
    }

    fn phase(self, arrivals: Arrivals) -> Phase {
        let prompt: Arc<[u32]> = [1].into();
        let request = |index| {
            let (prompt, max_new_tokens) = (prompt.clone(), self.output_tokens);
            Ok::<_, Infallible>(
                EngineRequest {
                    index,
                    prompt,
                    max_new_tokens,
                }
                .into(),
            )
        };
        let Ok(requests) = Requests::prepare(self.requests, 0, WHOLE, DIFFERENT, request);
        Phase {
            arrivals,
            ..Phase::simple(PhaseKind::Measured, requests, self.plan(Duration::ZERO))
        }
    }

    fn drive(self) -> Option<Measured> {
        self.offer(self.phase(Arrivals::closed(self.in_flight)))
    }

    /// Drives a phase of this case; `None` if not every request was answered.
    fn offer(self, phase: Phase) -> Option<Measured> {
        let (clock, inbox, control) = (Clock::monotonic(), Inbox::default(), Control::new());
        let events = (self.in_flight * (self.output_tokens + 2)) as usize;
        let mut engine = engine::null(inbox.sink(&clock), events);
        let bench = Bench {
            engine: &mut *engine,
            inbox: &inbox,
            clock: &clock,
            control: &control,
        };
        let start = clock.now();
        let mut driver = Driver::new(bench, phase, start);
        let done = driver.run(&mut |_, _| ()) == DriveEnd::Done;
        let measured = driver.into_recorder().finish();
        (done && measured.outcomes.ok == u64::from(self.requests)).then_some(measured)
    }
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (least, most) = (values[0], values[values.len() - 1]);
        let median = f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]);
        Self {
            median,
            least,
            most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Case = Case {
        requests: 500,
        in_flight: 7,
        output_tokens: 3,
    };

    #[test]
    fn every_request_goes_through_the_whole_path() {
        let measured = SMALL.drive().unwrap();
        assert_eq!((measured.outcomes.ok, measured.output_tokens), (500, 1500));
        for (metric, count) in [
            (Metric::E2e, 500),
            (Metric::Itl, 1000),
            (Metric::Lateness, 500),
        ] {
            assert_eq!(
                measured.histograms.get(metric).exact().count,
                count,
                "{}",
                metric.name()
            );
        }
    }

    #[test]
    fn a_loop_that_lost_answers_has_no_limit() {
        let mut phase = SMALL.phase(Arrivals::closed(7));
        phase.plan.timeout = Duration::ZERO;
        assert!(SMALL.offer(phase).is_none());
    }

    #[test]
    fn repetitions_have_a_middle_and_two_ends() {
        assert_eq!(
            Spread::of(vec![3.0, 1.0, 9.0]),
            Spread {
                median: 3.0,
                least: 1.0,
                most: 9.0
            }
        );
        assert_eq!(Spread::of(vec![3.0, 1.0]).median, 2.0);
    }
}
