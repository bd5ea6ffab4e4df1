//! Drives one phase of load, and maps its failures.

use std::time::Duration;

use contract::message::{Failure, FailureKind};
use contract::part::{Outcomes, StopCause, Usage};
use contract::spec::Assignment;

use super::{METER_LEAD, NoResult, Ran};
use crate::engine::WindowStart;
use crate::load::driver::{DriveEnd, Driver, Mark};
use crate::load::phase::PhaseError;
use crate::load::stop::Reason;
use crate::measure::{self, Meter, Wake};
use crate::os;
use crate::os::family::Family;
use crate::stream::{Purpose, Stream};

/// From before the start instant until every request has ended, with the counters read around it.
pub(super) fn drive(
    mut driver: Driver<'_>,
    start: Duration,
    engine: Option<&Family>,
    on_started: &mut dyn FnMut(),
) -> Result<Ran, NoResult> {
    os::sharpen_timers();
    let clock = driver.clock().clone();
    if !driver.wait_until(Wake::After(start.saturating_sub(METER_LEAD))) {
        return Err(NoResult::Cancelled);
    }
    let frequency = measure::frequency(&clock);
    let mut before = Meter::read(&clock, engine);
    if !driver.wait_until(Wake::Exactly(start)) {
        return Err(NoResult::Cancelled);
    }
    let mut start_late = Duration::ZERO;
    let end = driver.run(&mut |mark, now| match mark {
        Mark::Began => {
            start_late = now.saturating_sub(start);
            on_started();
        }
        Mark::Opens => before = Meter::read(&clock, engine),
    });
    let after = Meter::read(&clock, engine);
    let frequency = measure::span(frequency, measure::frequency(&clock));
    let settled = driver.settle();
    let stopped = match end {
        DriveEnd::Failed(reason) => reason.cause().ok_or(NoResult::Failed(reason))?,
        DriveEnd::Cancelled if settled => return Err(NoResult::Cancelled),
        DriveEnd::Cancelled | DriveEnd::Done => StopCause::AsPlanned,
    };
    if !settled {
        return Err(NoResult::Failed(Reason::Stuck));
    }
    let sent = driver.sent();
    let measured = driver.into_recorder().finish();
    let usage = Usage {
        cpu_khz_low: frequency.map(|f| f.low_khz),
        cpu_khz_high: frequency.map(|f| f.high_khz),
        ..after.since(&before, measured.wall)
    };
    Ok(Ran {
        measured,
        sent,
        stopped,
        start_late,
        usage,
    })
}

/// Outcomes and tokens of simulated requests are the same for every arm; the noise differs for each
/// slot and arm.
pub(super) fn window_start(assignment: &Assignment, at: Duration) -> WindowStart {
    let stream = u64::from(assignment.slot) << 8 | u64::from(assignment.arm().number());
    let noise_seed = Stream::new(assignment.seed, Purpose::Noise, stream).bits();
    WindowStart {
        at,
        requests_seed: assignment.seed,
        noise_seed,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn bad_assignment(error: PhaseError) -> Failure {
    Failure {
        kind: FailureKind::BadAssignment,
        message: format!("failed to {error}"),
    }
}

/// The error of a warm-up without a single answer.
pub(super) fn unanswered(outcomes: &Outcomes, complaint: Option<String>) -> Failure {
    let cause = if outcomes.timed_out == outcomes.planned {
        "raise the scenario's `timeout`"
    } else {
        "look at the worker's standard error"
    };
    let complaint = complaint.map_or_else(String::new, |said| format!("; {said}"));
    let message = format!(
        "none of {} warm-up requests was answered ({} refused, {} failed, {} cut off, {} timed out): \
         {cause}, or try fewer requests at once{complaint}",
        outcomes.planned,
        outcomes.refused,
        outcomes.failed,
        outcomes.disconnected,
        outcomes.timed_out
    );
    Failure {
        kind: FailureKind::Engine,
        message,
    }
}

/// Adds the engine's own reason if the failure is the engine's.
pub(super) fn broken(reason: Reason, complaint: Option<String>) -> Failure {
    let kind = match reason {
        // It would fail in the same way again.
        Reason::NotFinite => FailureKind::ModelInvalid,
        _ => FailureKind::Engine,
    };
    let message = match (reason, complaint) {
        (Reason::EngineDown, Some(complaint)) => complaint,
        _ => reason.to_string(),
    };
    Failure { kind, message }
}
