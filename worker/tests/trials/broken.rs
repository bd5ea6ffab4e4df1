//! How the driver reacts if an engine fails or does not release its requests.

use std::time::Duration;

use contract::spec::Shape;
use worker::engine::{
    Counters, Engine, EngineError, EngineEvent, EngineRequest, Simulated, StepSink, WindowStart,
};
use worker::load::control::Control;
use worker::load::driver::{Bench, DriveEnd, Driver};
use worker::load::files::Files;
use worker::load::inbox::Inbox;
use worker::load::phase::Phase;
use worker::load::stop::Reason;
use worker::measure::{Clock, Recorder};

use super::rig::{MS, scenario, whole};

/// Accepts requests and never answers.
struct Mute {
    sink: Box<dyn StepSink>,
    breaks_at: Option<Duration>,
    down: bool,
}

impl Engine for Mute {
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError> {
        if self.down {
            return Err(EngineError::Down);
        }
        batch.clear();
        Ok(())
    }

    fn cancel(&mut self, _: u32) {}

    fn begin_window(&mut self, _: WindowStart) {}

    fn counters(&self) -> Counters {
        Counters::default()
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        Ok(text.bytes().map(u32::from).collect())
    }

    fn simulated(&mut self) -> Option<&mut dyn Simulated> {
        Some(self)
    }
}

impl Simulated for Mute {
    fn next_at(&self) -> Option<Duration> {
        self.breaks_at
    }

    fn advance(&mut self, now: Duration) {
        if self.breaks_at.is_some_and(|at| at <= now) {
            (self.breaks_at, self.down) = (None, true);
            self.sink.happened(&[EngineEvent::Down]);
        }
    }
}

/// Drives a phase on a mute engine: how it ended, whether the engine settled, and what was
/// recorded.
fn drive(shape: Shape, breaks_at: Option<Duration>, down: bool) -> (DriveEnd, bool, Recorder) {
    let (clock, inbox, control) = (Clock::simulated(), Inbox::default(), Control::new());
    let mut engine = Mute {
        sink: inbox.sink(&clock),
        breaks_at,
        down,
    };
    let work = whole(scenario(shape));
    let files = Files::open(&work).expect("there are none");
    let phase = Phase::measured(&work, &engine, &files).expect("bytes are tokens");
    let bench = Bench {
        engine: &mut engine,
        inbox: &inbox,
        clock: &clock,
        control: &control,
    };
    let mut driver = Driver::new(bench, phase, clock.now());
    let end = driver.run(&mut |_, _| ());
    let settled = driver.settle();
    (end, settled, driver.into_recorder())
}

#[test]
fn a_breakdown_fails_the_phase_and_all_that_was_in_flight() {
    let loops = Shape::ClosedLoop {
        concurrency: 4,
        requests: Some(10),
    };
    for (shape, failed) in [(Shape::Burst { requests: 10 }, 10), (loops, 4)] {
        let (end, settled, recorder) = drive(shape, Some(5 * MS), false);
        assert_eq!((end, settled), (DriveEnd::Failed(Reason::EngineDown), true));
        assert_eq!(recorder.outcomes().failed, failed);
    }
}

#[test]
fn an_engine_that_is_down_already_is_noticed_when_sending() {
    let (end, settled, recorder) = drive(Shape::Burst { requests: 10 }, None, true);
    assert_eq!((end, settled), (DriveEnd::Failed(Reason::EngineDown), true));
    assert_eq!(recorder.outcomes().failed, 10);
}

#[test]
fn an_engine_that_never_answers_times_every_request_out_and_does_not_settle() {
    let (end, settled, recorder) = drive(Shape::Burst { requests: 10 }, None, false);
    assert_eq!((end, settled), (DriveEnd::Done, false));
    assert_eq!(recorder.outcomes().timed_out, 10);
}
